"""Tables, JSON and files of results."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from kgrec.cli import output, progress
from kgrec.errors import InputError, NotFoundError

FRAME = pl.DataFrame({"item": ["a", "b"], "score": [0.5, None], "count": [1234, 5]})


@pytest.mark.parametrize(
    ("name", "read"),
    [("x.parquet", pl.read_parquet), ("x.csv", pl.read_csv), ("x.jsonl", pl.read_ndjson)],
)
def test_a_file_is_written_in_the_form_of_its_ending(tmp_path: Path, name: str, read) -> None:  # type: ignore[no-untyped-def]
    output.deliver(FRAME, out=tmp_path / name)
    assert read(tmp_path / name).equals(FRAME)
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_an_unknown_ending_is_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"must end in one of .parquet, .csv, .jsonl, got 'x.xls'"):
        output.check_out(tmp_path / "x.xls")


def test_a_folder_that_is_missing_is_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="there is no folder"):
        output.check_out(tmp_path / "none" / "x.csv")


def test_json_rows_hold_nulls_and_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    output.deliver(FRAME, as_json=True)
    rows = json.loads(capsys.readouterr().out)
    assert rows == [
        {"item": "a", "score": 0.5, "count": 1234},
        {"item": "b", "score": None, "count": 5},
    ]


def test_a_table_aligns_numbers_right_and_is_not_cut_in_a_pipe(
    capsys: pytest.CaptureFixture[str],
) -> None:
    title = "long " * 60
    output.print_table(["title", "count"], [(title, 5), ("b", 1234)])
    lines = capsys.readouterr().out.splitlines()
    assert title.strip() in lines[2]
    assert lines[2].endswith("    5")
    assert lines[3].endswith("1,234")


def test_brackets_in_a_title_are_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_table(["title"], [["[bold] claims"]])
    assert "[bold] claims" in capsys.readouterr().out


def test_json_takes_dataclasses_paths_and_arrays(capsys: pytest.CaptureFixture[str]) -> None:
    @dataclass
    class Pair:
        path: Path
        values: object

    output.print_json(Pair(Path("a"), np.array([1, 2])))
    assert json.loads(capsys.readouterr().out) == {"path": "a", "values": [1, 2]}


def test_without_a_terminal_each_stage_is_one_line_when_it_is_done(
    capsys: pytest.CaptureFixture[str],
) -> None:
    progress.configure()
    with progress.reporting() as report:
        for done in range(1, 4):
            report("items", done, 3)
        report("items", 3, 3)
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "items: 3 of 3\n"


def test_quiet_shows_no_progress(capsys: pytest.CaptureFixture[str]) -> None:
    progress.configure(quiet=True)
    with progress.reporting() as report:
        report("items", 3, 3)
    progress.configure()
    assert capsys.readouterr().err == ""
