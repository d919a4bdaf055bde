"""The history of one user in a file: items, times and kinds, or one sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from graph_store.snapshot import NO_TIME
from kgrec.errors import InputError, NotFoundError
from kgrec.lookup import GivenHistory, Run
from kgrec.lookup.asked import Asker
from kgrec.lookup.history_files import read_history
from tests.lookup.small import SmallModel

FRAME = pl.DataFrame(
    {
        "item": ["films:tron", "Dune", "films:tron"],
        "time": ["2023-01-05T12:00:00Z", "1600000000", None],
        "kind": ["rating", "view", None],
    }
)
WRITERS: dict[str, Callable[[Path], object]] = {
    "csv": FRAME.write_csv,
    "tsv": lambda path: FRAME.write_csv(path, separator="\t"),
    "parquet": FRAME.write_parquet,
    "jsonl": FRAME.write_ndjson,
}


@pytest.mark.parametrize("suffix", WRITERS)
def test_a_table_gives_items_times_and_kinds(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"h.{suffix}"
    WRITERS[suffix](path)
    found = read_history(path)
    assert found.items == ["films:tron", "Dune", "films:tron"]
    assert found.times == [1_672_920_000, 1_600_000_000, None]
    assert found.kinds == ["rating", "view", None]


def test_a_text_file_gives_items_in_the_order_of_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "h.txt"
    path.write_text("films:tron\n\n Dune \nfilms:tron\n", encoding="utf-8")
    assert read_history(path) == GivenHistory(["films:tron", "Dune", "films:tron"])


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("h.csv", "item,time\na,1600000000\nb,2019\n", "row 2 has the time '2019'; write Unix"),
        ("h.csv", "item,time\na,1600000000\n,1600000000\n", "row 2 names no item"),
        ("h.csv", "key,time\na,1600000000\n", "no column 'item', it has key, time"),
        ("h.jsonl", '{"key": "a"}\n', "no texts or whole numbers under 'item', it has key"),
        ("h.jsonl", "item\n", "cannot be read as JSON Lines"),
        ("h.json", "[]", "is JSON"),
        ("h.txt", "\n", "names no item"),
    ],
)
def test_a_file_that_is_no_history_is_one_sentence(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_history(tmp_path / name)


def test_a_file_that_is_not_there_and_times_of_another_number_are_told(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="there is no file"):
        read_history(tmp_path / "h.jsonl")
    with pytest.raises(InputError, match="a history of 1 items needs as many times, got 2"):
        GivenHistory(["a"], times=[1, 2])


@pytest.mark.parametrize(
    ("given", "keys", "times", "kinds"),
    [
        (["films:tron", "Dune"], ["films:tron", "books:dune"], None, None),
        (GivenHistory(["films:tron", "Dune", "Emma"], [9, 5, None], ["rating", "view", None]),
         ["books:emma", "books:dune", "films:tron"], [NO_TIME, 5, 9], [-1, -1, 0]),
    ],
)  # fmt: skip
def test_a_history_reaches_the_scoring_in_order(
    given: object, keys: list[str], times: list[int] | None, kinds: list[int] | None
) -> None:
    run = Run(SmallModel())
    found = run._asked.read(Asker(history=given)).facts.histories  # type: ignore[arg-type]
    assert run.model.snapshot.item_keys[found.event_item].tolist() == keys
    for array, expected in ((found.event_time, times), (found.event_kind, kinds)):
        assert (None if array is None else array.tolist()) == expected
    assert found.has_order
    assert np.asarray(found.items.todense()).sum() == len(keys)


def test_the_order_of_a_history_does_not_disturb_models_without_order() -> None:
    run = Run(SmallModel())
    one = run.recommend(history=["books:dune", "films:tron"], domain="films", explain=True)
    two = run.recommend(
        history=GivenHistory(["films:tron", "books:dune"], [1, 2]), domain="films", explain=True
    )
    assert one.to_dicts() == two.to_dicts()
