"""Items that came after the training, on a hand-made run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from graph_store.properties import PropertyCondition
from graph_store.store import NodeFilter
from kgrec.ensemble.new_items import find_neighbours
from kgrec.ensemble.settings import ColdItemSettings
from kgrec.errors import InputError, NotFoundError
from kgrec.lookup import NewItem, Run
from kgrec.lookup.new_items import WithNewItems, read_new_items
from tests.lookup.small import SmallModel

DARK = NewItem("films:dark", "Dark City. scifi", "Dark City")
AMELIE = NewItem("films:amelie", "Amélie. romance", "Amélie")


@pytest.fixture(scope="module")
def run() -> Run:
    return Run(WithNewItems(SmallModel(), [DARK, AMELIE]))


def keys(found: object) -> list[str]:
    return [line.key for line in found]  # type: ignore[attr-defined]


def test_a_new_item_is_ranked_by_its_text_and_the_others_as_before(run: Run) -> None:
    history = ["books:dune", "books:neuro"]
    found = run.recommend(history=history, domain="films")
    assert len(found) == 7
    assert {"films:dark"} < set(keys(found)[:4])
    assert keys(found).index("films:amelie") >= 4
    plain = Run(SmallModel()).recommend(history=history, domain="films")
    assert [(line.key, line.score) for line in found if line.key in keys(plain)] == [
        (line.key, line.score) for line in plain
    ]
    assert {line.key: line.title for line in found}["films:dark"] == "Dark City"


def test_users_keep_their_histories(run: Run) -> None:
    alone = Run(SmallModel())
    for user in ("ann", "eve", "shop:ann"):
        found = [line for line in run.recommend(user, domain="films", k=9)
                 if line.key not in (DARK.key, AMELIE.key)]  # fmt: skip
        plain = alone.recommend(user, domain="films", k=9)
        assert [(line.key, line.score) for line in found] == [
            (line.key, line.score) for line in plain
        ]


def test_filters_lists_and_reasons_hold_for_new_items(run: Run) -> None:
    ask = {"history": ["books:emma"], "domain": "films", "k": 2}
    assert "films:amelie" not in keys(
        run.recommend(**ask, where=NodeFilter(deny=["films:amelie"]), min_new=1.0)  # type: ignore[arg-type]
    )
    assert set(keys(run.recommend(**ask, min_new=1.0))) == {DARK.key, AMELIE.key}  # type: ignore[arg-type]
    told = run.explain("Dark City", history=["books:neuro"])
    assert told.reasons[0].path.startswith("liked books:neuro 'Neuromancer' -NEAR")
    assert "films:dark" in keys(run.similar("books:neuro", domain="films"))


def test_a_new_item_in_a_history_stands_for_the_nearest_known_one(run: Run) -> None:
    found = run.recommend(history=["films:dark"], domain="books", k=2)
    assert set(keys(found)) == {"books:dune", "books:neuro"}
    assert "films:dark" not in keys(run.recommend(history=["films:dark"], domain="films"))


def test_a_new_item_has_no_properties_and_known_ones_keep_theirs() -> None:
    model = SmallModel()
    prices = pl.DataFrame({"price": [float(at) for at in range(model.snapshot.num_items)]})
    priced = SmallModel(replace(model.snapshot, item_properties=prices))
    snapshot = WithNewItems(priced, [DARK, AMELIE]).snapshot
    price_of = dict(
        zip(snapshot.item_keys.tolist(), snapshot.item_properties["price"], strict=True)
    )
    wanted = dict(zip(model.snapshot.item_keys.tolist(), prices["price"], strict=True))
    assert price_of == wanted | {DARK.key: None, AMELIE.key: None}
    where = NodeFilter(properties=[PropertyCondition("price", ">=", 0)])
    found = Run(WithNewItems(priced, [DARK, AMELIE])).recommend(
        history=["books:dune"], domain="films", where=where
    )
    assert set(keys(found)) == {key for key in wanted if key.startswith("films:")}


def test_what_the_run_knows_is_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "kgrec")
    model = WithNewItems(SmallModel(), [NewItem("films:tron", "x"), DARK])
    assert model.snapshot.num_items == 10
    assert "1 of 2 new items are known to the run already" in caplog.text


def test_a_new_item_without_text_or_of_no_domain_is_refused() -> None:
    with pytest.raises(InputError, match="the new item 'films:x' has no text"):
        NewItem("films:x", " ")
    with pytest.raises(NotFoundError, match="no domain 'filmes'.*'films'"):
        WithNewItems(SmallModel(), [NewItem("filmes:x", "x")])
    with pytest.raises(InputError, match="the new item 'films:dark' is given twice"):
        WithNewItems(SmallModel(), [DARK, DARK])


def test_new_items_are_read_from_a_table(tmp_path: Path) -> None:
    file = tmp_path / "new.csv"
    file.write_text("key,title,text\nfilms:a,A,About a\nfilms:b,B,\n", encoding="utf-8")
    assert read_new_items(file) == [
        NewItem("films:a", "About a", "A"), NewItem("films:b", "B", "B"),
    ]  # fmt: skip
    (tmp_path / "bare.txt").write_text("films:a\n", encoding="utf-8")
    with pytest.raises(InputError, match="has no column 'text' or 'title'"):
        read_new_items(tmp_path / "bare.txt")


def test_a_new_item_is_made_of_the_liked_items_nearest_in_text() -> None:
    known = np.array([[1, 0], [0.8, 0.6], [0, 1], [1, 0], [0, 0]], np.float32)
    likes = np.array([5, 3, 2, 0, 9])  # the fourth is not liked, the fifth has no text
    settings = ColdItemSettings(neighbours=2, exponent=1.0)
    found = find_neighbours(np.array([[1, 0]], np.float32), known, likes, settings)
    assert found.new.toarray()[0] == pytest.approx([1 / 1.8, 0.8 / 1.8, 0, 0, 0])
    assert found.sampled.tolist() == [0, 1, 2]
    assert found.sample.toarray()[0] == pytest.approx([0, 1, 0, 0, 0])  # never of itself
