"""Columns of a catalogue that become properties of items."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from graph_store.duckdb.store import EmbeddedStore
from graph_store.errors import BadRowsError
from graph_store.properties import PropertyType
from graph_store.schema import Label
from loaders import BadSourceError, ItemProperty, SourceOptions, ingest, open_source
from loaders.item_properties import read_declarations, read_values
from loaders.summary import IngestSummary

GIVEN = ["price=cost:number", "language=lang:text", "published=date:time"]
CATALOGUE = {
    "item": ["a", "b", "c"],
    "title": ["A", "B", "C"],
    "cost": ["9.50", "", "1e3"],
    "lang": ["en", " fr ", ""],
    "date": ["1951-02-03", "", "2023-01-05T12:00:00Z"],
}
EXPECTED = [
    ("shop:a", "en", 9.5, -596_764_800),
    ("shop:b", "fr", None, None),
    ("shop:c", None, 1000.0, 1_672_920_000),
]


@pytest.fixture
def store(tmp_path: Path) -> Any:
    with EmbeddedStore(tmp_path / "g.duckdb") as store:
        yield store


def read(
    store: EmbeddedStore, *paths: Path, given: list[str] = GIVEN, **options: Any
) -> IngestSummary:
    chosen = SourceOptions(domain="shop", item_properties=read_declarations(given))
    return ingest(open_source(paths, options=chosen), store, **options)


def properties(store: EmbeddedStore) -> list[Any]:
    found = store.read_nodes(Label.ITEM)
    return found.select("key", "language", "price", "published").rows()


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_every_layout_gives_the_same_properties(
    store: EmbeddedStore, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / f"items.{kind}"
    if kind == "csv":
        pl.DataFrame(CATALOGUE).write_csv(path)
    elif kind == "jsonl":
        rows = pl.DataFrame(CATALOGUE).to_dicts()
        rows[0]["cost"], rows[2]["cost"] = 9.5, 1000
        lines = [{name: v for name, v in row.items() if v != ""} for row in rows]
        path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    else:
        pl.DataFrame({**CATALOGUE, "cost": [9.5, None, 1000.0]}).write_parquet(path)
    summary = read(store, path)
    assert properties(store) == EXPECTED
    assert summary.rows_rejected == 0
    assert store.item_properties()["published"] is PropertyType.TIME


def test_dates_and_whole_numbers_of_parquet_are_read_as_they_are(
    store: EmbeddedStore, tmp_path: Path
) -> None:
    frame = {"item": [1, 2], "title": ["A", "B"], "cost": [3, None], "lang": [7, 8],
             "date": [date(1970, 1, 2), None]}  # fmt: skip
    pl.DataFrame(frame).write_parquet(tmp_path / "items.parquet")
    read(store, tmp_path / "items.parquet")
    assert properties(store) == [("shop:1", "7", 3.0, 86_400), ("shop:2", "8", None, None)]


def test_a_value_that_is_none_of_its_type_is_a_reject_with_the_reason(
    store: EmbeddedStore, tmp_path: Path
) -> None:
    rows = {
        "item": ["a", "b", "c", "d"], "title": ["A", "B", "C", "D"],
        "cost": ["cheap", "2", "3", "inf"], "lang": ["en", "x" * 1_001, "en", "en"],
        "date": ["2020-01-01", "2020-01-01", "soon", "2020-01-01"],
    }  # fmt: skip
    pl.DataFrame(rows).write_csv(tmp_path / "items.csv")
    summary = read(store, tmp_path / "items.csv", max_rejects=1)
    assert summary.rejected == {
        "item property language is longer than 1,000 characters": 1,
        "item property price is no number": 2,
        "item property published is no time: time is neither a Unix time nor a date such as "
        "2023-01-05T12:00:00Z": 1,
    }


def test_a_new_price_is_what_a_daily_load_writes(store: EmbeddedStore, tmp_path: Path) -> None:
    first, second = tmp_path / "monday.csv", tmp_path / "tuesday.csv"
    frame = pl.DataFrame(CATALOGUE)
    frame.write_csv(first)
    frame.with_columns(cost=pl.Series(["8.00", "", "1000"])).drop("date").write_csv(second)
    read(store, first)
    summary = read(store, second, given=GIVEN[:2])
    assert (summary.written, summary.nodes["Item"]) == (1, 3)
    assert properties(store)[0] == ("shop:a", "en", 8.0, -596_764_800)
    assert read(store, second, given=GIVEN[:2]).already_ingested_at is not None


def test_of_two_catalogues_the_last_value_that_is_there_stands(
    store: EmbeddedStore, tmp_path: Path
) -> None:
    log = pl.DataFrame({"user": ["u"], "item": ["z"], "cost": ["5"]})
    log.write_csv(tmp_path / "log.csv")
    pl.DataFrame(CATALOGUE).write_csv(tmp_path / "one.csv")
    two = {"item": ["a", "b"], "title": ["A", "B"], "cost": ["", "7"]}
    pl.DataFrame(two).write_csv(tmp_path / "two.csv")
    read(store, tmp_path / "log.csv", tmp_path / "one.csv", tmp_path / "two.csv")
    found = {row[0]: row[2] for row in properties(store)}
    assert found == {"shop:a": 9.5, "shop:b": 7.0, "shop:c": 1000.0, "shop:z": None}


def test_a_column_that_no_catalogue_has_is_told(store: EmbeddedStore, tmp_path: Path) -> None:
    pl.DataFrame({"user": ["u"], "item": ["z"], "cost": ["5"]}).write_csv(tmp_path / "log.csv")
    with pytest.raises(BadSourceError, match="price=cost:number: no file of items in the source"):
        read(store, tmp_path / "log.csv", given=GIVEN[:1])


def test_a_property_of_another_type_is_refused_before_anything_is_read(
    store: EmbeddedStore, tmp_path: Path
) -> None:
    pl.DataFrame(CATALOGUE).write_csv(tmp_path / "items.csv")
    store.declare_item_properties({"price": PropertyType.TEXT})
    with pytest.raises(BadRowsError, match="'price' is a text in this graph, got it as a number"):
        read(store, tmp_path / "items.csv")
    assert store.read_nodes(Label.ITEM).is_empty()


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (["price"], "must look like NAME=COLUMN:TYPE with a type of number, text, time, got 'pric"),
        (["price=cost"], "must look like NAME=COLUMN:TYPE"),
        (["price=cost:money"], "must look like NAME=COLUMN:TYPE"),
        (["title=cost:text"], "cannot be called 'title'"),
        (["price=a:text", "price=b:text"], "price is given twice"),
        (["price=a:text", "Price=b:text"], "differs from 'price' in upper and lower case only"),
    ],
)
def test_a_declaration_that_cannot_be_meant_is_one_sentence(
    given: list[str], sentence: str
) -> None:
    with pytest.raises(BadSourceError, match=f"--item-property.*{sentence}"):
        read_declarations(given)


def test_a_column_name_may_hold_colons_and_equals_signs() -> None:
    found = read_declarations(["price=shop:eur=:number"])
    assert found == {"price": ItemProperty("shop:eur=", PropertyType.NUMBER)}


def test_formats_of_a_fixed_layout_take_no_properties() -> None:
    options = SourceOptions(item_properties=read_declarations(GIVEN))
    with pytest.raises(BadSourceError, match="sample has no use for --item-property"):
        open_source(format="sample", options=options)


def test_a_type_that_cannot_hold_the_property_is_told(store: EmbeddedStore, tmp_path: Path) -> None:
    frame = pl.DataFrame({"item": ["a"], "title": ["A"], "cost": [True]})
    frame.write_parquet(tmp_path / "items.parquet")
    with pytest.raises(BadSourceError, match="'cost' holds truth values where a number belongs"):
        read(store, tmp_path / "items.parquet", given=GIVEN[:1])


def test_the_future_and_days_before_1970_are_times() -> None:
    values = pl.Series(["2099-01-01", "1850-01-01", "1951", ""])
    found = read_values(values, PropertyType.TIME)
    assert found.values.to_list()[:2] == [4_070_908_800, -3_786_825_600]
    assert [fault is None for fault in found.faults.to_list()] == [True, True, False, True]
