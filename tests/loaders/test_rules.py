"""Ratings to weights, words to text, any time to Unix seconds, events to relationships."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from loaders.checks import Rules, check
from loaders.records import add_text, rating_scale, text_hash
from loaders.times import TimeUnit
from tests.loaders.worlds import load, write_text

LIKED = 0.8


@pytest.mark.parametrize(
    ("ratings", "scale", "weights"),
    [
        (["8", "10"], 10, [LIKED, 1.0]),
        (["4", "5", "0"], 5, [LIKED, 1.0, 0.0]),
        (["80", "20"], 100, [LIKED, 0.2]),
        (["0.8", "1"], 1, [LIKED, 1.0]),
        (["", ""], None, [1.0, 1.0]),
        (["", "4"], 5, [1.0, LIKED]),
    ],
)
def test_the_scale_is_found_in_the_ratings(
    tmp_path: Path, ratings: list[str], scale: float | None, weights: list[float]
) -> None:
    rows = [f"u{n},i,{rating}" for n, rating in enumerate(ratings)]
    graph = load(write_text(tmp_path / "log.csv", ["user,item,rating", *rows]), domain="d")
    assert graph.interacted["weight"].to_list() == weights
    assert graph.summary.rating_max == scale


def test_a_scale_that_is_given_holds(tmp_path: Path) -> None:
    path = write_text(tmp_path / "log.csv", ["user,item,rating", "a,i,4", "b,i,7"])
    graph = load(path, domain="d", rating_max=5)
    assert graph.interacted.select("source", "weight").rows() == [("a", 0.8)]
    assert graph.summary.rejected == {"rating outside 0 to 5": 1}


def test_the_scale_covers_all_files_of_a_source(tmp_path: Path) -> None:
    first = write_text(tmp_path / "1.csv", ["user,item,rating", "a,i,4"])
    second = write_text(tmp_path / "2.csv", ["user,item,rating", "b,i,8"])
    assert load(first, second, domain="d").interacted["weight"].to_list() == [0.4, 0.8]


@pytest.mark.parametrize(("largest", "scale"), [(1.0, 1), (1.5, 5), (5.0, 5), (6.0, 10), (11, 100)])
def test_scales_at_their_borders(largest: float, scale: float) -> None:
    assert rating_scale(largest) == scale


def test_repeated_events_become_one_relationship_with_the_last_weight(tmp_path: Path) -> None:
    path = write_text(
        tmp_path / "log.csv",
        [
            "user,item,rating,time,kind",
            "ann,i,5,300,rating",
            "ann,i,2,900,rating",  # the last by time, though not by line
            "ann,i,4,600,rating",
            "ann,i,3,,rating",  # an unknown time is before every known one
            "ann,i,,100,view",
            "bob,i,1,,rating",
            "bob,i,4,,rating",  # without times the last line is the last event
        ],
    )
    graph = load(path, domain="d")
    assert graph.interacted.rows() == [
        ("ann", "d:i", "rating", 0.4, 4, 900),
        ("ann", "d:i", "view", 1.0, 1, 100),
        ("bob", "d:i", "rating", 0.8, 2, None),
    ]


def test_events_with_an_id_stay_apart_and_are_counted_once_each(tmp_path: Path) -> None:
    path = write_text(
        tmp_path / "log.csv",
        ["user,item,kind,event_id", "a,i,purchase,17", "a,i,purchase,18", "a,i,purchase,18"],
    )
    assert load(path, domain="d").interacted.select("kind", "count").rows() == [
        ("purchase#17", 1),
        ("purchase#18", 2),
    ]


def test_of_two_descriptions_what_was_said_last_stands(tmp_path: Path) -> None:
    path = write_text(
        tmp_path / "items.csv",
        ["item,title,description,tags", "1,Old,Long ago,a|b", "1,New,,", "1,,,c"],
    )
    graph = load(path, domain="d")
    assert graph.items["d:1"]["text"] == "New\nLong ago\nc"
    assert graph.tags == [("d:1", "c")]


def test_text_leaves_out_what_is_missing_and_its_hash_follows_it() -> None:
    frame = pl.DataFrame(
        {
            "title": ["T", None, " ", None],
            "description": [None, "D  d", None, None],
            "tags": [[], ["x", "y"], None, None],
        }
    )
    texts = add_text(frame)
    assert texts["text"].to_list() == ["T", "D d\nx, y", None, None]
    assert texts["text_hash"].to_list() == [text_hash("T"), text_hash("D d\nx, y"), None, None]
    # Kept in stores and caches: it must not change from one version to the next.
    assert text_hash("T") == "e632b7095b0bf32c"


@pytest.mark.parametrize(
    ("value", "unit", "seconds"),
    [
        ("1600000000", "auto", 1_600_000_000),
        ("1600000000.9", "s", 1_600_000_000),
        ("1600000000123", "ms", 1_600_000_000),
        ("2020-09-13T12:26:40Z", "auto", 1_600_000_000),
        ("2020-09-13 14:26:40+02:00", "iso", 1_600_000_000),
        ("2020-09-13T12:26:40.5", "iso", 1_600_000_000),
        ("2020-09-13", "auto", 1_599_955_200),
        (1_600_000_000, "auto", 1_600_000_000),
        (1_600_000_000_123, "ms", 1_600_000_000),
        (1_600_000_000.0, "s", 1_600_000_000),
        (datetime(2020, 9, 13, 12, 26, 40), "auto", 1_600_000_000),
        (datetime(2020, 9, 13, 12, 26, 40, tzinfo=UTC), "s", 1_600_000_000),
        (date(2020, 9, 13), "auto", 1_599_955_200),
        (None, "auto", None),
        ("", "ms", None),
    ],
)
def test_times_of_every_form_become_unix_seconds(
    value: object, unit: TimeUnit, seconds: int | None
) -> None:
    rows = pl.DataFrame({"line": [1], "user": ["u"], "item": ["i"], "time": [value]})
    good, bad = check("interactions", rows, Rules(latest=2 * 10**9, domain="d", time_unit=unit))
    assert bad.is_empty()
    assert good["at"].to_list() == [seconds]


@pytest.mark.parametrize(
    ("value", "unit", "reason"),
    [
        ("1600000000", "ms", "time of another unit than milliseconds (--time-unit s?)"),
        ("1600000000123", "s", "time of another unit than seconds (--time-unit ms?)"),
        ("1600000000", "iso", "time is not ISO 8601"),
        ("2020-09-13", "s", "time is no number of seconds"),
        ("2020-13-13", "auto", "time is neither Unix seconds nor ISO 8601"),
        ("inf", "s", "time is no number of seconds"),
        (datetime(2099, 1, 1), "auto", "time in the future"),
    ],
)
def test_a_time_of_another_unit_is_told(value: object, unit: TimeUnit, reason: str) -> None:
    rows = pl.DataFrame({"line": [1], "user": ["u"], "item": ["i"], "time": [value]})
    good, bad = check("interactions", rows, Rules(latest=2 * 10**9, domain="d", time_unit=unit))
    assert good.is_empty()
    assert bad["reason"].to_list() == [reason]


def test_numbers_are_ids_without_a_point() -> None:
    rows = pl.DataFrame({"line": [1, 2], "user": [1, 2], "item": [7.0, None]})
    good, bad = check("interactions", rows, Rules(latest=0, domain="d"))
    assert good.select("user", "item").rows() == [("1", "d:7")]
    assert bad["line"].to_list() == [2]
