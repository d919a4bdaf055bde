"""Ctrl-C in the middle of an ingest, and the same command again."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl

ROWS = 200_000


def test_ctrl_c_says_how_to_go_on_and_the_same_command_does(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pl.DataFrame(
        {
            "user_id": rng.integers(0, 20_000, ROWS).astype(str),
            "item_id": rng.integers(0, 5_000, ROWS).astype(str),
            "domain": "books",
        }
    ).write_parquet(tmp_path / "interactions.parquet")

    def kgrec(*args: str) -> list[str]:
        return [sys.executable, "-m", "kgrec", *args]

    command = kgrec("ingest", "interactions.parquet", "--store", "g.duckdb")
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stderr is not None
        for line in running.stderr:
            if line.startswith("nodes:User"):  # the relationships are still to come
                running.send_signal(signal.SIGINT)
                break
        rest = running.stderr.read()
    assert running.returncode == 130
    assert "the same command goes on where it stood" in rest
    assert "Traceback" not in rest

    again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert "written before the interruption" in again.stdout

    undisturbed = [*command[:-1], "h.duckdb"]
    subprocess.run(undisturbed, cwd=tmp_path, capture_output=True, check=True)
    fingerprints = {
        subprocess.run(
            kgrec("snapshot", "--store", f"{store}.duckdb", "--out", store),
            cwd=tmp_path, capture_output=True, text=True, check=True,
        ).stdout
        for store in "gh"
    }  # fmt: skip
    assert len(fingerprints) == 1
