"""Ctrl-C in the middle of an ingest, and the same command again."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.cli.command import kgrec

ROWS = 200_000


def test_ctrl_c_says_how_to_go_on_and_the_same_command_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    pl.DataFrame(
        {
            "user_id": rng.integers(0, 20_000, ROWS).astype(str),
            "item_id": rng.integers(0, 5_000, ROWS).astype(str),
            "domain": "books",
        }
    ).write_parquet(tmp_path / "interactions.parquet")

    command = ["ingest", "interactions.parquet", "--store", "g.duckdb"]
    with subprocess.Popen(
        [sys.executable, "-m", "kgrec", *command],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as running:  # fmt: skip
        assert running.stderr is not None
        for line in running.stderr:
            if line.startswith("nodes:User"):  # the relationships are still to come
                running.send_signal(signal.SIGINT)
                break
        rest = running.stderr.read()
    assert running.returncode == 130
    assert "the same command goes on where it stood" in rest
    assert "Traceback" not in rest

    assert kgrec(*command) == 0
    assert "written before the interruption" in capfd.readouterr().out

    assert kgrec(*command[:-1], "h.duckdb") == 0
    capfd.readouterr()
    for store in "gh":
        assert kgrec("snapshot", "--store", f"{store}.duckdb", "--out", store) == 0
    fingerprints = capfd.readouterr().out.split()
    assert len(fingerprints) == 2
    assert len(set(fingerprints)) == 1
