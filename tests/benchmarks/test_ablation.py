"""``benchmarks/ablation.py``: what is trained once, and tables of rows that have unlike cells."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

from ablation import print_tables, trained_together  # noqa: E402

from graph_store.snapshot import save_snapshot  # noqa: E402
from kgrec.evaluation.runner import run_benchmark  # noqa: E402
from kgrec.evaluation.settings import BenchmarkSettings  # noqa: E402
from tests.evaluation.planted import planted  # noqa: E402

ROWS = ("default", "no random-walk", "text frozen", "no tags", "0 layers", "joint model alone")


def test_rows_of_one_training_are_made_one_after_the_other() -> None:
    assert trained_together(ROWS, [], has_tags=True) == [
        ["default", "no random-walk", "joint model alone"],
        ["text frozen"], ["no tags"], ["0 layers"],
    ]  # fmt: skip


def test_a_row_that_changes_nothing_here_is_the_default() -> None:
    works = trained_together(ROWS, ["text.tuning=frozen"], has_tags=False)
    assert works == [
        ["default", "no random-walk", "text frozen", "no tags", "joint model alone"], ["0 layers"],
    ]  # fmt: skip


def test_a_table_leaves_out_rows_that_lack_its_split_or_a_fold(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def make(row: str, protocol: str, *folds: int) -> None:
        settings = BenchmarkSettings.model_validate(
            {"models": ["popularity"], "targets": ["b"], "protocols": [protocol], "folds": folds}
        )
        run_benchmark(planted(120), settings, tmp_path / row)

    make("default", "strict-cold", 0, 1)
    make("default", "cold-item", 0, 1)
    make("no-random-walk", "strict-cold", 0, 1)
    make("no-item-ridge", "strict-cold", 0)
    print_tables(tmp_path, ["default", "no random-walk", "no item-ridge"])
    tables = ("\n" + capsys.readouterr().out).split("\n\n")
    starts = [n for n, part in enumerate(tables) if " -> " in part]
    by_head = {tables[n].strip(): tables[n + 1] for n in starts}
    strict = by_head["strict-cold: a -> b, 24 users, folds [0, 1]"]
    assert "| no random-walk |" in strict
    assert "| +0.0000 [+0.0000, +0.0000] |" in strict
    assert "no item-ridge" not in strict
    assert len(by_head) == 3
    assert [head for head, table in by_head.items() if "no random-walk" in table] == [
        "strict-cold: a -> b, 24 users, folds [0, 1]"
    ]


@pytest.mark.slow
def test_processes_at_once_make_every_row(tmp_path: Path) -> None:
    save_snapshot(planted(120), tmp_path / "data")
    small = (
        "text.tuning=frozen", "model.item_features=[spectrum,factors]", "align.text=0",
        "model.dim=8", "model.spectrum_rank=4", "model.factor_rank=4", "train.epochs=1",
        "cold_items.neighbours=0",
    )  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(BENCHMARKS / "ablation.py"), "--jobs", "2",
         "--data", str(tmp_path / "data"), "--out", str(tmp_path / "out"), "--targets", "b",
         "--rows", "no random-walk", "text frozen", "0 layers",
         *(word for change in small for word in ("--set", change))],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    table = done.stdout[done.stdout.index("strict-cold: a -> b") :]
    for row in ("default", "no random-walk", "text frozen", "0 layers"):
        assert f"| {row} |" in table
    assert not (tmp_path / "out" / ".kept").exists()
