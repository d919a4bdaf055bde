"""``benchmarks/ablation.py``: what is trained once, and tables of rows that have unlike cells."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

from ablation import CONFIGS, main, print_tables, rows_of, trained_together  # noqa: E402

from graph_store.snapshot import save_snapshot  # noqa: E402
from kgrec.config import default_components, load_settings  # noqa: E402
from kgrec.evaluation.runner import run_benchmark  # noqa: E402
from kgrec.evaluation.settings import BenchmarkSettings  # noqa: E402
from tests.evaluation.planted import planted  # noqa: E402

FILES = sorted(CONFIGS.glob("*.yaml"))
ROWS = {
    name: config
    for name, config in rows_of(FILES).items()
    if name in {"default", "no random-walk", "text frozen", "no tags", "0 layers",
                "joint model alone"}
}  # fmt: skip


def test_each_config_of_the_ablation_is_the_default_with_one_thing_changed() -> None:
    assert len(FILES) == 27
    rows = {name: load_settings(config) for name, config in rows_of(FILES).items()}
    for name in default_components():
        assert rows[f"no {name}"] == load_settings("default", [f"components.{name}=null"]), name
    alone = [f"components.{name}=null" for name in default_components()]
    assert rows["joint model alone"] == load_settings("default", alone)
    without_text = [
        "text.tuning=frozen", "model.item_features=[spectrum,factors]", "align.text=0",
        "components.content=null", "cold_items.neighbours=0",
    ]  # fmt: skip
    assert rows["no text"] == load_settings("default", without_text)
    others = {
        name: settings
        for name, settings in rows.items()
        if name not in {"default", "no tags", "no text", "joint model alone"}
        and name not in {f"no {component}" for component in default_components()}
    }
    for name, settings in others.items():
        changed = {
            f"{group}.{key}"
            for group, values in settings.model_dump().items()
            if group != "positive_weight"
            for key, value in values.items()
            if value != rows["default"].model_dump()[group][key]
        }
        assert len(changed) == 1, (name, changed)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--linking", "100"], "--linking is called --overlapping-users now"),
        (["--rows", "no emcd"], "no row is named 'no emcd' (there are default, no tags, 0 layers,"),
    ],
)
def test_an_old_option_or_an_unknown_row_is_refused(
    options: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = ["ablation.py", "--data", str(tmp_path), "--out", str(tmp_path), *options]
    monkeypatch.setattr(sys, "argv", given)
    with pytest.raises(SystemExit):
        main()
    assert said in capsys.readouterr().err


def test_rows_of_one_training_are_made_one_after_the_other() -> None:
    assert trained_together(ROWS, [], has_tags=True) == [
        ["default", "joint model alone", "no random-walk"],
        ["no tags"], ["0 layers"], ["text frozen"],
    ]  # fmt: skip


def test_a_row_that_changes_nothing_here_is_the_default() -> None:
    works = trained_together(ROWS, ["text.tuning=frozen"], has_tags=False)
    assert works == [
        ["default", "no tags", "joint model alone", "no random-walk", "text frozen"], ["0 layers"],
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
