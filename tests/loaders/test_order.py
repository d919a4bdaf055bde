"""The order of a log reaches the graph and the histories read from it."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from loaders import BadSourceError
from tests.loaders.worlds import Loaded, load, rejected, write_jsonl, write_text

HEADER = "user,item,time"
DAY = 1_600_000_000


def write(path: Path, *rows: tuple[object, ...], header: str = HEADER) -> Path:
    return write_text(path, [header, *(",".join(map(str, row)) for row in rows)])


def load_log(path: Path, **options: object) -> Loaded:
    return load(path, domain="d", **options)  # type: ignore[arg-type]


def test_rows_with_times_are_in_order_of_time_however_they_lie(tmp_path: Path) -> None:
    rows = [
        ("ann", item, DAY + second) for item, second in (("c", 3), ("a", 1), ("d", 4), ("b", 2))
    ]
    assert load_log(write(tmp_path / "log.csv", *rows)).history("ann") == ["a", "b", "c", "d"]


def test_rows_without_times_are_in_the_order_of_the_log(tmp_path: Path) -> None:
    rows = [("ann", "c"), ("bob", "a"), ("ann", "a"), ("ann", "d"), ("bob", "c"), ("ann", "b")]
    graph = load_log(write(tmp_path / "log.csv", *rows, header="user,item"))
    assert graph.history("ann") == ["c", "a", "d", "b"]
    assert graph.history("bob") == ["a", "c"]


def test_ties_in_time_keep_the_order_of_the_log(tmp_path: Path) -> None:
    rows = [("ann", item, DAY) for item in "cadb"]
    graph = load_log(write(tmp_path / "log.csv", *rows, ("ann", "x", DAY - 1), ("ann", "y", "")))
    assert graph.history("ann") == ["y", "x", "c", "a", "d", "b"]


def test_files_follow_each_other_by_name_whatever_order_they_are_given_in(tmp_path: Path) -> None:
    first = write(tmp_path / "a.csv", ("ann", "z"), ("ann", "y"), header="user,item")
    second = write_jsonl(tmp_path / "b.jsonl", [{"user": "ann", "item": one} for one in "xa"])
    found = [
        load(*paths, domain="d", store=tmp_path / f"{n}.duckdb").history("ann")
        for n, paths in enumerate([(first, second), (second, first)])
    ]
    assert found == [["z", "y", "x", "a"]] * 2


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_a_column_can_say_the_order(tmp_path: Path, suffix: str) -> None:
    frame = pl.DataFrame({"user": ["ann"] * 4, "item": [*"abcd"], "place": [30, -1, 2, 11]})
    path = tmp_path / f"log.{suffix}"
    {"csv": frame.write_csv, "jsonl": frame.write_ndjson, "parquet": frame.write_parquet}[suffix](
        path
    )
    graph = load_log(path, columns={"order": "place"})
    assert graph.history("ann") == [*"bcda"]
    assert graph.with_order["order"].to_list() == [30, -1, 2, 11]


def test_a_column_of_order_decides_ties_in_time_and_which_of_two_events_is_the_last(
    tmp_path: Path,
) -> None:
    path = write(
        tmp_path / "log.csv",
        ("ann", "a", DAY, 9, 5),
        ("ann", "b", DAY, 7, 5),
        ("ann", "a", DAY, 8, 1),
        ("ann", "c", DAY - 5, 20, 5),
        header="user,item,time,n,rating",
    )
    graph = load_log(path, columns={"order": "n"})
    assert graph.history("ann") == ["c", "b", "a"]
    assert graph.one(target="d:a")["weight"] == 1.0  # of the row with n=9, the last by order


def test_a_column_named_order_is_not_taken_for_one_without_a_map(tmp_path: Path) -> None:
    path = write(tmp_path / "log.csv", ("ann", "a", "A7"), ("ann", "b", "A1"),
                 header="user,item,order")  # fmt: skip
    assert load_log(path).history("ann") == ["a", "b"]


def test_rows_whose_order_is_no_whole_number_are_left_aside(tmp_path: Path) -> None:
    path = write(
        tmp_path / "log.csv",
        ("ann", "a", " 2 "), ("ann", "b", "first"), ("ann", "c", ""), ("ann", "d", "1.5"),
        ("ann", "e", "1"), ("ann", "f", "1.0e1"), ("ann", "g", 2**62 + 1), ("ann", "h", 2**62),
        header="user,item,n",
    )  # fmt: skip
    graph = load_log(path, columns={"order": "n"}, rejects_path=tmp_path / "rejects.jsonl")
    assert graph.history("ann") == [*"eafhg"]
    reason = "no order (a whole number belongs there)"
    assert rejected(tmp_path / "rejects.jsonl") == [("log.csv", line, reason) for line in (3, 4, 5)]


def test_an_order_of_fractions_in_parquet_is_judged_like_text(tmp_path: Path) -> None:
    frame = {"user": ["a"] * 4, "item": [*"wxyz"], "n": [3.0, 2.5, float("nan"), 1.0]}
    pl.DataFrame(frame).write_parquet(tmp_path / "log.parquet")
    graph = load_log(tmp_path / "log.parquet", columns={"order": "n"})
    assert graph.history("a") == ["z", "w"]
    assert graph.summary.rows_rejected == 2
    pl.DataFrame({"user": ["a"], "item": ["b"], "n": [[1]]}).write_parquet(tmp_path / "l.parquet")
    with pytest.raises(BadSourceError, match="'n' holds lists of .* where a whole number belongs"):
        load_log(tmp_path / "l.parquet", columns={"order": "n"})


def test_repeated_events_keep_their_number_and_the_first_and_last_time(tmp_path: Path) -> None:
    rows = [("ann", "a", DAY + 5), ("ann", "b", DAY + 3), ("ann", "a", DAY + 1), ("ann", "a", "")]
    graph = load_log(write(tmp_path / "log.csv", *rows))
    assert graph.with_order.select("target", "count", "first_at", "at", "order").rows() == [
        ("d:a", 3, DAY + 1, DAY + 5, 0),
        ("d:b", 1, DAY + 3, DAY + 3, 1),
    ]
    assert graph.history("ann") == ["b", "a"]


def test_every_event_can_be_kept(tmp_path: Path) -> None:
    rows = [("ann", "a", DAY + 5), ("ann", "b", DAY + 3), ("ann", "a", DAY + 1), ("ann", "a", "")]
    rows += [("ann", "a", DAY + 5), ("ann", "a", "")]
    graph = load_log(write(tmp_path / "log.csv", *rows), keep_events=True)
    assert graph.history("ann") == ["a", "a", "a", "b", "a", "a"]
    assert graph.with_order.select("target", "event", "at", "order").rows() == [
        ("d:a", "#1", None, 3),
        ("d:a", "#2", None, 5),
        ("d:a", f"@{DAY + 1}", DAY + 1, 2),
        ("d:a", f"@{DAY + 5}", DAY + 5, 0),
        ("d:a", f"@{DAY + 5}#2", DAY + 5, 4),
        ("d:b", f"@{DAY + 3}", DAY + 3, 1),
    ]
    assert set(graph.with_order["count"]) == {1}
    assert graph.snapshot.kinds == ("interaction",)


def test_a_log_that_has_grown_names_its_old_events_as_before(tmp_path: Path) -> None:
    store, rows = tmp_path / "g.duckdb", [("ann", "a", DAY), ("ann", "a", DAY), ("ann", "a", "")]
    load_log(write(tmp_path / "log.csv", *rows), store=store, keep_events=True)
    grown = write(tmp_path / "log.csv", *rows, ("ann", "a", DAY + 9), ("ann", "a", DAY))
    graph = load_log(grown, store=store, keep_events=True)
    assert len(graph.with_order) == 5
    assert graph.history("ann") == ["a"] * 5
    assert graph.summary.written == 2


def test_events_with_an_id_keep_it_where_every_event_is_kept(tmp_path: Path) -> None:
    path = write(
        tmp_path / "log.csv",
        ("ann", "a", "17"), ("ann", "a", "17"), ("ann", "a", ""), ("ann", "a", "18"),
        header="user,item,event_id",
    )  # fmt: skip
    graph = load_log(path, keep_events=True)
    assert graph.with_order.select("event", "count", "order").rows() == [
        ("#1", 1, 2), ("17", 2, 1), ("18", 1, 3),
    ]  # fmt: skip


def test_keeping_every_event_is_another_source_for_the_ledger(tmp_path: Path) -> None:
    path, store = write(tmp_path / "log.csv", ("ann", "a", DAY)), tmp_path / "g.duckdb"
    load_log(path, store=store)
    assert load_log(path, store=store, keep_events=True).summary.already_ingested_at is None
