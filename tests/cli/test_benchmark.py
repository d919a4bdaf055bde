"""``kgrec benchmark``: a run on a small set, its table and JSON, a comparison."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from graph_store.snapshot import save_snapshot
from kgrec.cli.app import main
from tests.evaluation.planted import planted


@pytest.fixture
def data(tmp_path: Path) -> Path:
    save_snapshot(planted(120), tmp_path / "data")
    (tmp_path / "small.yaml").write_text("models: [popularity, item-knn]\ntargets: [b]\n")
    return tmp_path / "data"


def run(*args: str | Path) -> int:
    with pytest.raises(SystemExit) as exit_:
        main([str(arg) for arg in args])
    return int(exit_.value.code or 0)


def test_a_run_prints_its_table_and_writes_its_report(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, config = tmp_path / "out", tmp_path / "small.yaml"
    command = ("benchmark", "cold-start", "--config", config, "--data", data, "--out", out)
    assert run(*command) == 0
    told = capsys.readouterr()
    assert "strict-cold: a -> b" in told.out
    assert "item-kNN" in told.out
    assert (out / "report.html").is_file()
    assert run(*command, "--json") == 0
    content = json.loads(capsys.readouterr().out)
    assert {row["model"] for row in content["rows"]} == {"popularity", "item-knn"}
    assert run("benchmark", "compare", out, out, "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["difference"] for row in rows] == [0.0, 0.0]
    assert run("benchmark", "lead", out, "--model", "popularity", "--json") == 0
    direction, together = json.loads(capsys.readouterr().out)
    assert (direction["direction"], direction["baseline"]) == ("a -> b", "item-knn")
    assert direction["ratio"] == pytest.approx(direction["a"] / direction["b"])
    assert direction["low"] < direction["ratio"] < direction["high"] < 1
    assert together["ratio"] == pytest.approx(direction["ratio"])
    assert run("benchmark", "lead", out) == 2
    assert "has no strict-cold cell of kgrec" in capsys.readouterr().err


def test_a_missing_folder_and_a_wrong_config_have_their_exit_codes(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run("benchmark", "cold-start", "--data", tmp_path / "no", "--out", out) == 3
    assert "no folder" in capsys.readouterr().err
    code = run("benchmark", "cold-start", "--config", "none", "--data", data, "--out", out)
    assert code == 2
    assert run("benchmark", "compare", out, out) == 3
