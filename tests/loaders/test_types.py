"""Parquet columns of types of which no id, rating or title can be made are one sentence."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from loaders import BadSourceError
from tests.loaders.worlds import load

PERSON = {"p": "x", "id": 1}


def test_texts_in_a_dictionary_are_texts(tmp_path: Path) -> None:
    columns = {"user": ["u "], "item": ["a"], "rating": ["4.5"], "time": ["2023-01-05T12:00Z"]}
    log = pl.DataFrame(columns).cast(pl.Categorical)
    log.write_parquet(tmp_path / "log.parquet")
    event = load(tmp_path / "log.parquet", domain="d").one(source="u")
    assert (event["weight"], event["at"]) == (0.9, 1_672_920_000)


def test_decimals_that_polars_does_not_know_are_one_sentence(tmp_path: Path) -> None:
    wide = pa.array([Decimal(1)], pa.decimal256(60, 2))
    pq.write_table(pa.table({"user": ["u"], "item": wide}), tmp_path / "log.parquet")
    with pytest.raises(BadSourceError, match=r"item: decimal256\(60, 2\)\); write it as text"):
        load(tmp_path / "log.parquet", domain="d")


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        (
            {"user": [PERSON], "item": ["a"]},
            "the column 'user' holds structs (p, id) where one text or number belongs (user)",
        ),
        ({"user": ["u"], "item": [["a"]]}, "'item' holds lists of texts where one text or number"),
        ({"user": ["u"], "item": [b"a"]}, "'item' holds bytes where one text or number belongs"),
        ({"user": [True], "item": ["a"]}, "'user' holds truth values where one text or number"),
        (
            {"user": ["u"], "item": ["a"], "rating": [True]},
            "'rating' holds truth values where a number belongs",
        ),
        (
            {"user": ["u"], "item": ["a"], "time": [["2020"]]},
            "'time' holds lists of texts where a time belongs",
        ),
        ({"item": ["a"], "title": [["A"]]}, "'title' holds lists of texts where one text"),
        (
            {"item": ["a"], "title": ["A"], "tags": [[PERSON]]},
            "'tags' holds lists of structs (p, id) where a text or a list of texts belongs (tags)",
        ),
        (
            {"item": ["a"], "title": ["A"], "description": [PERSON]},
            "'description' holds structs (p, id) where a text or a list of texts belongs",
        ),
    ],
)
def test_a_type_that_cannot_hold_a_field_is_one_sentence(
    tmp_path: Path, columns: dict[str, list[object]], sentence: str
) -> None:
    path = tmp_path / "data.parquet"
    pl.DataFrame(columns).write_parquet(path)
    with pytest.raises(BadSourceError) as error:
        load(path, domain="d")
    assert sentence in str(error.value)
    assert str(path) in str(error.value)


def test_lists_are_flattened_where_a_list_of_texts_belongs(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "item": ["1", "2"],
            "title": ["A", "B"],
            "description": [[["x", "y"], ["z"]], None],
            "tags": [[[["a"], ["b"]]], [[["c", None]], []]],
        }
    )
    frame.write_parquet(tmp_path / "items.parquet")
    graph = load(tmp_path / "items.parquet", domain="d")
    assert graph.items["d:1"]["text"] == "A\nx y z\na, b"
    assert graph.items["d:2"]["text"] == "B\nc"


def test_arrays_enums_and_decimals_are_read(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {"item": [7, 8], "title": ["A", "B"], "tags": [["x", "y"], ["x", "z"]]},
        schema={
            "item": pl.Decimal(10, 0),
            "title": pl.Enum(["A", "B"]),
            "tags": pl.Array(pl.String, 2),
        },
    )
    frame.write_parquet(tmp_path / "items.parquet")
    graph = load(tmp_path / "items.parquet", domain="d")
    assert graph.items["d:7"]["text"] == "A\nx, y"
