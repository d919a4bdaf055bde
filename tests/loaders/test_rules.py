"""Words to text, events to relationships; what was said last stands."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from loaders.records import add_text, text_hash
from tests.loaders.worlds import load, write_text


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
    graph = load(path, domain="d", time_unit="s")
    assert graph.with_order.rows() == [
        ("ann", "d:i", "rating", 0.4, 4, 900, 300, 1, ""),
        ("ann", "d:i", "view", 1.0, 1, 100, 100, 4, ""),
        ("bob", "d:i", "rating", 0.8, 2, None, None, 6, ""),
    ]


def test_events_with_an_id_stay_apart_and_are_counted_once_each(tmp_path: Path) -> None:
    path = write_text(
        tmp_path / "log.csv",
        ["user,item,kind,event_id", "a,i,purchase,17", "a,i,purchase,18", "a,i,purchase,18"],
    )
    assert load(path, domain="d").with_order.select("kind", "event", "count").rows() == [
        ("purchase", "17", 1),
        ("purchase", "18", 2),
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
