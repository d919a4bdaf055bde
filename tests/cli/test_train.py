"""``kgrec train``: from a snapshot to a run folder, interrupted and resumed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from kgrec.cli.train import _components_in_force as components_in_force
from kgrec.cli.train import _in_words as in_words
from kgrec.config import default_components, resolve
from tests.cli.command import kgrec

QUICK = ("text.tuning=frozen", "train.epochs=3", "model.dim=16", "model.spectrum_rank=8",
         "model.factor_rank=8", "model.text_width=16")  # fmt: skip
SET = [word for setting in QUICK for word in ("--set", setting)]


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hundred users who like space or sea, in books and in films."""
    folder = tmp_path_factory.mktemp("graph")
    rng = np.random.default_rng(0)
    topics = ["space", "sea"] * 20
    rows = [
        {"user_id": f"u{user}", "item_id": str(item), "domain": domain}
        for user in range(100)
        for domain in ("books", "films")
        for item in rng.choice(np.arange(user % 2, 40, 2), 5, replace=False)
    ]
    items = [
        {"item_id": str(n), "domain": domain, "title": f"{topic} story", "categories": [topic]}
        for domain in ("books", "films")
        for n, topic in enumerate(topics)
    ]
    pl.DataFrame(rows).write_parquet(folder / "interactions.parquet")
    pl.DataFrame(items).write_parquet(folder / "items.parquet")
    files = (folder / "interactions.parquet", folder / "items.parquet")
    assert kgrec("ingest", *files, "--store", folder / "g.duckdb") == 0
    assert kgrec("snapshot", "--store", folder / "g.duckdb", "--out", folder / "s") == 0
    return folder / "s"


def test_train_writes_a_run_folder_and_says_what_each_epoch_brought(
    snapshot: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    capsys.readouterr()
    assert kgrec("train", "--snapshot", snapshot, "--out", run, "--json", *SET) == 0
    said = capsys.readouterr()
    result = json.loads(said.out)
    assert [row["epoch"] for row in result["history"]] == [0, 1, 2, 3]
    assert "epoch 3  loss" in said.err
    assert f"components: {', '.join(['gnn', *default_components()])}\n" in said.err
    manifest = json.loads((run / "manifest.json").read_text())
    assert result["manifest"].items() <= manifest.items()
    assert manifest["seconds"] > 0
    assert manifest["peak_rss_bytes"] > 0
    assert manifest["device"]
    domains = {row["domain"] for row in manifest["components"]}
    assert len(manifest["components"]) == 2 * len(domains) > 0
    assert {row["domain"] for row in manifest["serving"]} <= domains
    for row in manifest["serving"]:
        assert 0 < row["overlap"] <= row["among_candidates"] <= 1
        assert row["ndcg"] > 0
        assert row["exact_ndcg"] > 0
    assert list(manifest["components"][0]["contribution"]) == ["gnn", *default_components()]
    assert len((run / "history.jsonl").read_text().splitlines()) == 4


def test_a_config_with_components_of_its_own_says_which_of_the_default_are_missing() -> None:
    mine = {"model": "item-knn"}
    in_force, missing = components_in_force(resolve({"components": {"mine": mine, "ials": None}}))
    assert in_force == "components: gnn, mine"
    assert missing.startswith(
        "not among them, though the config default has them: emcdr, emcdr-narrow, ials, "
    )
    (added,) = components_in_force(resolve({}, ["components.mine.model=item-knn"]))
    assert added == f"components: gnn, {', '.join(default_components())}, mine"


def test_a_store_and_a_snapshot_give_the_same_run(
    snapshot: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    quick = [*SET, "--set", "train.epochs=1", "--device", "cpu"]
    store = snapshot.parent / "g.duckdb"
    assert kgrec("train", "--snapshot", snapshot, "--out", tmp_path / "a", *quick) == 0
    assert kgrec("train", "--store", store, "--out", tmp_path / "b", *quick) == 0
    histories = [(tmp_path / name / "history.jsonl").read_text() for name in "ab"]
    assert histories[0] == histories[1]
    said = capsys.readouterr().out
    assert "ndcg@10" in said
    assert "held out" in said
    assert "width of serving vectors" in said


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["--out", "r"], 2, "either by --store or by --snapshot"),
        (["--out", "r", "--snapshot", "s", "--store", "g"], 2, "either by --store or by"),
        (["--out", "r", "--snapshot", "none"], 3, "there is no folder none"),
        (["--out", "r", "--store", "none.duckdb"], 3, "none.duckdb"),
        (["--out", "full", "--snapshot", "s"], 2, "full is not an empty folder and holds no run"),
        (["--out", "full", "--snapshot", "s", "--resume"], 2, "holds no run; choose another"),
        (["--out", "cut", "--snapshot", "s"], 2, "choose another, or go on with --resume"),
        (["--out", "r", "--snapshot", "s", "--resume"], 3, "there is no run folder r"),
        (["--out", "r", "--snapshot", "s", "--set", "model.dims=3"], 2, "did you mean model.dim?"),
        (["--out", "r", "--snapshot", "s", "--set", "train.loss=mse"], 2, "softmax, bpr"),
        (["--out", "r", "--snapshot", "s", "--device", "gpu"], 2, "'auto', 'cpu', 'cuda'"),
        (["--out", "r", "--snapshot", "s", "--config", "tinny"], 2, "shipped config is named"),
    ],
)
def test_what_cannot_be_trained_is_refused_at_once(
    args: list[str],
    code: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cut/checkpoint").mkdir(parents=True)
    (tmp_path / "full").mkdir()
    (tmp_path / "full/note.txt").write_text("mine")
    assert kgrec("train", *args) == code
    assert said in capsys.readouterr().err
    assert not (tmp_path / "r").exists()


def test_a_catalogue_without_interactions_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "items.csv").write_text("item_id,domain,title\n1,books,Alpha\n2,books,Beta\n")
    store = tmp_path / "g.duckdb"
    assert kgrec("ingest", tmp_path / "items.csv", "--store", store) == 0
    capsys.readouterr()
    assert kgrec("train", "--store", store, "--out", tmp_path / "run") == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        "error: the graph holds no interactions (0 users, 2 items), so there is nothing to learn "
        "from; ingest a log of who did what with `kgrec ingest`\n"
    )
    assert not (tmp_path / "run").exists()


def test_ctrl_c_leaves_a_checkpoint_from_which_the_same_run_comes(
    snapshot: Path, tmp_path: Path
) -> None:
    quick = [*SET, "--device", "cpu"]
    command = ["train", "--snapshot", str(snapshot), *quick, "--out"]
    with subprocess.Popen(
        [sys.executable, "-m", "kgrec", *command, "cut"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as running:  # fmt: skip
        assert running.stderr is not None
        for line in running.stderr:
            if line.startswith("epoch 1"):
                running.send_signal(signal.SIGINT)
                break
        rest = running.stderr.read()
    assert running.returncode == 130
    assert "the same command with --resume goes on" in rest
    assert kgrec(*command, tmp_path / "cut", "--resume") == 0
    assert kgrec(*command, tmp_path / "whole") == 0
    histories = [(tmp_path / name / "history.jsonl").read_text() for name in ("cut", "whole")]
    assert histories[0] == histories[1]


def test_what_the_system_does_not_tell_is_unknown() -> None:
    assert in_words("peak_rss_bytes", None) == "unknown"
    assert in_words("peak_rss_bytes", 3 * 2**30) == "3.00 GiB"
