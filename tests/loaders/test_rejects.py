"""Rows that cannot be used are kept aside with file, line and reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import polars as pl
import pytest

from graph_store.open_store import open_store
from loaders import BadSourceError, SourceOptions, TooManyRejectsError, ingest, open_source
from tests.loaders.worlds import NOW, load, rejected, write_text

DAY = 86_400


def test_every_reason_is_told_with_its_line(tmp_path: Path) -> None:
    header = "user_id,item_id,domain,rating,timestamp"
    bad = {
        ",b1,books,4,1600000000": "no user id",
        "ann, ,books,4,1600000000": "no item id",
        "ann,b1,,4,1600000000": "no domain",
        "ann,b1,bo:oks,4,1600000000": "colon in the domain's name",
        "ann,b1,books,good,1600000000": "rating is no number",
        "ann,b1,books,nan,1600000000": "rating is no number",
        "ann,b1,books,-1,1600000000": "rating outside 0 to 5",
        "ann,b1,books,5.5,1600000000": "rating outside 0 to 5",
        f"ann,b1,books,4,{NOW + DAY + 1:.0f}": "time in the future",
        "ann,b1,books,4,2023": (
            "time is a bare year (write a date, or --time-unit s if it counts seconds)"
        ),
        "ann,b1,books,4,yesterday": (
            "time is neither a Unix time nor a date such as 2023-01-05T12:00:00Z"
        ),
        "ann,b1,books,4,300": (
            "time is a number before 1990 (--time-unit s, ms, us or ns takes it nevertheless)"
        ),
        "ann,b1,books,4,-5": "time before 1970",
        "ann\0,b1,books,4,1600000000": "user id holds a NUL",
        "ann,b1\0,books,4,1600000000": "item id holds a NUL",
        "ann,b1,books,4,1960-01-01": "time before 1970",
        "ann,b1,books,4": "4 fields instead of 5",
        "ann,b1,books,4,1600000000,x": "6 fields instead of 5",
        '"ann" lee,b1,books,4,1600000000': "text after a closing quote (--quote none?)",
        '"ann,b1,books,4,1600000000': "a quote that never closes (--quote none?)",
    }
    good = ["ann,b1,books,4,1600000000", f"bob,b1,books,,{NOW + DAY:.0f}"]
    path = tmp_path / "log.csv"
    lines = [header, good[0], "", *bad, good[1]]  # the blank line counts as a line, not as a row
    write_text(path, lines)
    with path.open("ab") as file:
        file.write(b"caf\xe9,b1,books,4,1600000000\n")
    graph = load(path, rejects_path=tmp_path / "rejects.jsonl", rating_scale=5)
    found = rejected(tmp_path / "rejects.jsonl")
    expected = [("log.csv", line, reason) for line, reason in enumerate(bad.values(), start=4)]
    assert sorted(found) == sorted(
        [*expected, ("log.csv", len(lines) + 1, "broken encoding (not utf-8; --encoding latin-1?)")]
    )
    assert graph.users == ["ann", "bob"]
    assert graph.summary.rows_read == len(bad) + 3
    assert graph.summary.rows_rejected == len(bad) + 1 == sum(graph.summary.rejected.values())
    assert graph.summary.rejected["rating is no number"] == 2


def test_json_lines_that_are_no_records_are_told(tmp_path: Path) -> None:
    path = write_text(
        tmp_path / "log.jsonl",
        [
            '{"user": "ann", "item": "1"}',
            '{"user": "ann", "item": ',
            '["ann", "1"]',
            '{"user": {"id": 1}, "item": "1"}',
            '{"user": true, "item": "1"}',
            '{"item": "1"}',
        ],
    )
    load(path, domain="d", rejects_path=tmp_path / "r.jsonl")
    assert rejected(tmp_path / "r.jsonl") == [
        ("log.jsonl", 2, "no JSON object"),
        ("log.jsonl", 3, "no JSON object"),
        ("log.jsonl", 4, "a list, an object or a truth value where one value belongs"),
        ("log.jsonl", 5, "a list, an object or a truth value where one value belongs"),
        ("log.jsonl", 6, "no user id"),
    ]


def test_rows_of_parquet_are_numbered_across_batches(tmp_path: Path) -> None:
    users = [f"u{n}" for n in range(150_000)]
    for place in (0, 70_000, 149_999):
        users[place] = ""
    frame = pl.DataFrame({"user": users}).with_columns(item=pl.lit("1"), domain=pl.lit("d"))
    frame.write_parquet(tmp_path / "log.parquet", row_group_size=40_000)
    load(tmp_path / "log.parquet", rejects_path=tmp_path / "r.jsonl")
    assert rejected(tmp_path / "r.jsonl") == [
        ("log.parquet", line, "no user id") for line in (1, 70_001, 150_000)
    ]


def test_rejects_never_replace_a_file_of_the_source(tmp_path: Path) -> None:
    path = write_text(tmp_path / "log.csv", ["user,item", "ann,1"])
    (tmp_path / "other.csv").symlink_to(path)
    for place in (path, tmp_path / "other.csv"):
        with pytest.raises(BadSourceError, match="a file of the source; name another .*--rejects"):
            load(path, domain="d", rejects_path=place)
    assert path.read_text(encoding="utf-8") == "user,item\nann,1\n"


@pytest.mark.parametrize("unit", ["ms", "us"])
def test_a_time_behind_the_year_9999_is_kept_aside(
    tmp_path: Path, unit: Literal["ms", "us"]
) -> None:
    far = pl.Series("time", [2**62]).cast(pl.Datetime(unit))
    pl.DataFrame({"user": ["u"], "item": ["a"], "time": far}).write_parquet(
        tmp_path / "log.parquet"
    )
    load(tmp_path / "log.parquet", domain="d", rejects_path=tmp_path / "r.jsonl")
    (line,) = (tmp_path / "r.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["reason"] == "time in the future"
    assert json.loads(json.loads(line)["row"])["time"] == str(2**62)


def test_lines_are_numbered_across_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loaders.lines.BLOCK_BYTES", 64)
    lines = ["user,item", *(f"u{n},{n}" if n % 100 else f"u{n}" for n in range(300))]
    path = write_text(tmp_path / "log.csv", lines)
    load(path, domain="d", rejects_path=tmp_path / "r.jsonl")
    assert [line for _, line, _ in rejected(tmp_path / "r.jsonl")] == [2, 102, 202]


def test_a_stray_quote_costs_one_line_only(tmp_path: Path) -> None:
    lines = ["user,item", '"u0,0', *(f"u{n},{n}" for n in range(1, 1500))]
    path = write_text(tmp_path / "log.csv", lines)
    graph = load(path, domain="d", rejects_path=tmp_path / "r.jsonl")
    assert rejected(tmp_path / "r.jsonl") == [
        ("log.csv", 2, "a quote that never closes (--quote none?)")
    ]
    assert len(graph.users) == 1499


def test_links_to_nobody_and_to_oneself_are_told(tmp_path: Path) -> None:
    path = write_text(tmp_path / "links.csv", ["account_a,account_b", "a,b", "a,", "c,c"])
    graph = load(path, rejects_path=tmp_path / "r.jsonl")
    assert graph.same_as == [("a", "b")]
    assert [(line, reason) for _, line, reason in rejected(tmp_path / "r.jsonl")] == [
        (3, "no account"),
        (4, "an account linked to itself"),
    ]


def test_too_many_rejects_stop_before_anything_is_written(tmp_path: Path) -> None:
    lines = ["user,item", *(f"u{n},{n}" for n in range(98)), ",1", ",2"]
    path = write_text(tmp_path / "log.csv", lines)
    options = SourceOptions(domain="d")
    with open_store(str(tmp_path / "g.duckdb")) as store:
        with pytest.raises(
            TooManyRejectsError,
            match=r"2 of 100 rows cannot be used.*log\.csv:100: no user id; log\.csv:101.*r\.jsonl",
        ):
            ingest(
                open_source([path], options=options),
                store,
                work_dir=tmp_path,
                rejects_path=tmp_path / "r.jsonl",
            )
        assert store.counts().nodes["User"] == 0
        assert len(rejected(tmp_path / "r.jsonl")) == 2
        summary = ingest(
            open_source([path], options=options), store, work_dir=tmp_path, max_rejects=0.02
        )
        assert store.counts().nodes["User"] == 98
    assert summary.rejected == {"no user id": 2}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["g.duckdb", "log.csv", "r.jsonl"]


def test_a_long_log_is_given_up_before_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loaders.rejects.JUDGED_FROM", 10)
    monkeypatch.setattr("loaders.lines.BLOCK_BYTES", 64)
    path = write_text(tmp_path / "log.csv", ["user,item", *[",1"] * 1000])
    with pytest.raises(TooManyRejectsError) as raised:
        load(path, domain="d", max_rejects=0.5)
    assert int(str(raised.value).split(" ", 1)[0]) < 100


def test_a_reject_shows_the_row(tmp_path: Path) -> None:
    path = write_text(tmp_path / "log.csv", ["user,item,rating", "ann,1,x", "ann,1"])
    load(path, domain="d", rejects_path=tmp_path / "r.jsonl")
    lines = (tmp_path / "r.jsonl").read_text().splitlines()
    assert json.loads(json.loads(lines[0])["row"]) == {"user": "ann", "item": "1", "rating": "x"}
    assert json.loads(lines[1])["row"] == "ann,1"


def test_a_second_start_replaces_the_rejects_of_the_first(tmp_path: Path) -> None:
    rejects = tmp_path / "r.jsonl"
    path = write_text(tmp_path / "log.csv", ["user,item", "ann,1", ",1"])
    for _ in range(2):
        load(path, domain="d", rejects_path=rejects, force=True)
        assert rejected(rejects) == [("log.csv", 3, "no user id")]


def test_rejects_of_another_ingest_stay_in_the_file(tmp_path: Path) -> None:
    """Two files of the same name, as a log of each day has; and a line without its end."""
    rejects = tmp_path / "r.jsonl"
    rejects.write_text('{"file": "old.csv", "line": 9}', encoding="utf-8")
    days = [
        write_text(tmp_path / day / "log.csv", ["user,item", "ann,1", *bad])
        for day, bad in (("monday", [",1"]), ("tuesday", ["bob,"]))
    ]
    jobs = [
        load(day, domain="d", store=tmp_path / "g.duckdb", rejects_path=rejects).summary.job
        for day in (*days, days[0])  # the third is known as finished
    ]
    load(days[0], domain="d", store=tmp_path / "g.duckdb", rejects_path=rejects, force=True)
    lines = [json.loads(line) for line in rejects.read_text(encoding="utf-8").splitlines()]
    assert [(line.get("job"), line["file"], line.get("reason")) for line in lines] == [
        (None, "old.csv", None),
        (jobs[1], "log.csv", "no item id"),
        (jobs[0], "log.csv", "no user id"),
    ]


def test_rejects_that_no_file_keeps_are_counted_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_text(tmp_path / "log.csv", ["user,item", "ann,1", ",1", ",2", "ann,"])
    summary = load(path, domain="d").summary
    assert summary.rejected == {"no item id": 1, "no user id": 2}
    (told,) = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert told == (
        "3 rows cannot be used and were left out (no user id: 2; no item id: 1); give ingest() a "
        "rejects_path, and it writes each of them there with its file, line and reason"
    )
    caplog.clear()
    load(path, domain="d", store=tmp_path / "h.duckdb", rejects_path=tmp_path / "r.jsonl")
    assert "left out" not in caplog.text
