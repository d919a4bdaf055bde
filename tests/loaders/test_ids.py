"""Ids are the same text whatever a file holds them as, and no number that is none becomes one."""

from __future__ import annotations

import math
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from loaders.checks import Rules, check
from loaders.graph_builder import LIKE_MISSING
from loaders.ids import id_texts
from loaders.row_ids import TRIMMED
from tests.loaders.worlds import load, rejected, write_text

INEXACT = "is NaN, infinite, a fraction or too large to be exact"


@pytest.mark.parametrize(
    ("ids", "texts"),
    [
        (pl.Series([7, None]), ["7", None]),
        (pl.Series([2**64 - 1], dtype=pl.UInt64), ["18446744073709551615"]),
        (pl.Series([7.0, -0.0, 2.0**53 - 1]), ["7", "0", "9007199254740991"]),
        (pl.Series([math.nan, math.inf, 3.5, 2.0**53]), [None] * 4),
        (pl.Series([2.0**24 - 1, 2.0**24], dtype=pl.Float32), ["16777215", None]),
        (pl.Series([Decimal("3.00"), Decimal("3.50")]), ["3", None]),
        (pl.Series(["u1 ", "\u00a0u1\u3000", " ", "", None]), ["u1", "u1", None, None, None]),
        (pl.Series(["nan", "null"]), ["nan", "null"]),
        (pl.Series(["a "], dtype=pl.Categorical), ["a"]),
        (pl.Series([None]), [None]),
    ],
)
def test_ids_of_every_type(ids: pl.Series, texts: list[str | None]) -> None:
    assert id_texts(ids).to_list() == texts


def test_a_fraction_is_nobody_in_json_as_in_parquet(tmp_path: Path) -> None:
    rows = ['{"user": 7.0, "item": "1.5"}', '{"user": 3.5, "item": "a"}']
    reviews = '{"user_id": "u", "parent_asin": 1.5, "rating": 4.5, "timestamp": 1600000000000}'
    load(write_text(tmp_path / "log.jsonl", rows), domain="d", rejects_path=tmp_path / "r.jsonl")
    assert rejected(tmp_path / "r.jsonl") == [("log.jsonl", 2, f"user id {INEXACT}")]
    path = write_text(tmp_path / "Books.jsonl", [reviews])
    load(path, format="amazon-reviews", rejects_path=tmp_path / "reviews.jsonl")
    assert rejected(tmp_path / "reviews.jsonl") == [("Books.jsonl", 1, f"item id {INEXACT}")]


def test_json_nan_and_infinity_are_nobody(tmp_path: Path) -> None:
    path = write_text(
        tmp_path / "log.jsonl",
        [
            '{"user_id": NaN, "item_id": "a", "rating": 5}',
            '{"user_id": "u1", "item_id": -Infinity, "rating": 4}',
            '{"user_id": "u2", "item_id": "b", "rating": NaN}',
            '{"user_id": 1e300, "item_id": "b", "rating": 3}',
            '{"user_id": null, "item_id": "b", "rating": 3}',
            '{"user_id": 7.0, "item_id": "b", "rating": 3, "kind": NaN}',
        ],
    )
    graph = load(path, domain="books", rejects_path=tmp_path / "r.jsonl")
    assert [reason for _, _, reason in rejected(tmp_path / "r.jsonl")] == [
        f"user id {INEXACT}",
        f"item id {INEXACT}",
        "rating is no number",
        f"user id {INEXACT}",
        "no user id",
    ]
    assert graph.one(source="7")["kind"] == "rating"  # a kind that is NaN is missing
    assert "\ufdd0" not in (tmp_path / "r.jsonl").read_text(encoding="utf-8")


def test_floats_of_parquet_are_ids_only_where_they_are_exact(tmp_path: Path) -> None:
    users = [7.0, math.nan, None, 3.5, math.inf, 2.0**53]
    pl.DataFrame({"user": users, "item": [1.0] * 6, "event_id": [math.nan] * 6}).write_parquet(
        tmp_path / "log.parquet"
    )
    graph = load(tmp_path / "log.parquet", domain="d")
    assert graph.interacted.select("source", "target", "kind").rows() == [
        ("7", "d:1", "interaction")
    ]
    assert graph.summary.rejected == {"no user id": 1, f"user id {INEXACT}": 4}


def test_a_domain_that_is_no_exact_number_is_told() -> None:
    rows = pl.DataFrame({"line": [1, 2, 3], "item": ["a"] * 3, "domain": [1.0, 1.5, math.nan]})
    good, bad, _ = check("items", rows, Rules(latest=0))
    assert good["item"].to_list() == ["1:a"]
    assert bad["reason"].to_list() == [f"domain {INEXACT}", "no domain"]


def test_padding_is_trimmed_everywhere_and_counted(tmp_path: Path) -> None:
    log = write_text(
        tmp_path / "log.csv",
        ["user_id,item_id,domain,kind", "u1 ,\u3000a,books,view", "u1,a,books\t, view"],
    )
    items = write_text(tmp_path / "items.csv", ["item_id,domain,title", "a ,books,Alpha"])
    links = write_text(tmp_path / "links.csv", ["account_a,account_b", "u1 ,u2"])
    graph = load(log, items, links=[links])
    assert graph.users == ["u1", "u2"]
    assert graph.domains == ["books"]
    assert graph.items["books:a"]["title"] == "Alpha"
    assert graph.interacted.select("source", "target", "kind", "count").rows() == [
        ("u1", "books:a", "view", 2)
    ]
    assert graph.summary.remarks == {TRIMMED: 6}


def test_names_in_options_are_trimmed_as_ids_are(tmp_path: Path) -> None:
    path = write_text(tmp_path / "log.csv", ["user,item,rating", "u1,a,4"])
    options = {"domain": " books ", "platform": "shop ", "kind": " view"}
    graph = load(path, rating_scale={" books": 8}, **options)
    assert graph.interacted.select("source", "target", "kind", "weight").rows() == [
        ("shop:u1", "books:a", "view", 0.5)
    ]


def test_the_text_nan_is_an_id_and_the_summary_tells_of_it(tmp_path: Path) -> None:
    path = write_text(tmp_path / "log.csv", ["user,item", "nan,1", "NULL,2", "nancy,3"])
    graph = load(path, domain="d")
    assert graph.users == ["NULL", "nan", "nancy"]
    assert graph.summary.remarks == {LIKE_MISSING: 2}
