"""A training that was cut off ends as if it had not been; the same seed gives the same vectors."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from graph_store.snapshot import save_snapshot
from kgrec.config import Settings
from kgrec.errors import InputError, RunError
from kgrec.progress import Event
from kgrec.runs.scorer import Scorer
from kgrec.training import fit, train
from tests.training.worlds import planted_snapshot, small_world, tiny

SNAPSHOT = planted_snapshot(small_world())
JOINT = (
    "text.tuning=lora",
    "text.learning_fraction=0.7",
    "text.refreshes=2",
    "train.epochs=4",
    "train.validation_fraction=0.3",
    "align.prototypes=0.1",
    "model.item_features=[text,spectrum,id]",
)


class CutOffError(Exception):
    """Stands for whatever ends a process."""


def cut_off_in(epoch: int) -> object:
    """A listener that ends the training in the middle of an epoch after ``epoch``."""

    def listen(event: Event) -> None:
        if event.stage == f"epoch {epoch + 1}":
            raise CutOffError

    return listen


def arrays_of(scorer: Scorer) -> dict[str, np.ndarray]:
    learned = scorer.joint_model
    arrays = {f"map{n}": m for n, m in enumerate(learned.bridge_maps)}
    arrays |= {
        f"{field.name}{n}": np.asarray(getattr(weights, field.name))
        for n, weights in enumerate(learned.domain_weights)
        for field in fields(weights)
    }
    return arrays | {
        "embeddings": learned.item_embeddings,
        "text": scorer.texts.vectors,
        "mean": scorer.texts.mean,
    }


def assert_same(first: Scorer, second: Scorer) -> None:
    left, right = arrays_of(first), arrays_of(second)
    assert left.keys() == right.keys()
    for name, array in left.items():
        assert np.array_equal(array, right[name]), name


@pytest.mark.parametrize("cut_after", [0, 1, 3])
def test_a_resumed_run_equals_an_uninterrupted_one(
    bert: Path, tmp_path: Path, cut_after: int
) -> None:
    settings = tiny(bert, *JOINT)
    whole = train(SNAPSHOT, settings, tmp_path / "whole", device="cpu")
    cut = tmp_path / "cut"
    with pytest.raises(CutOffError):
        train(SNAPSHOT, settings, cut, device="cpu", on_event=cut_off_in(cut_after))  # type: ignore[arg-type]
    torch.manual_seed(99)  # what the process drew in between plays no part
    resumed = train(SNAPSHOT, settings, cut, device="cpu", resume=True)
    assert_same(whole.scorer, resumed.scorer)
    histories = [(p / "history.jsonl").read_text() for p in (tmp_path / "whole", cut)]
    assert histories[0] == histories[1]
    for name in ("encoder/learned.safetensors", "weights.safetensors"):
        assert (whole.path / name).read_bytes() == (cut / name).read_bytes(), name
    assert not (cut / "checkpoint").exists()


def test_a_run_cut_off_twice_still_equals_an_uninterrupted_one(bert: Path, tmp_path: Path) -> None:
    settings = tiny(bert, "text.tuning=full", "train.epochs=4", "train.loss=bpr")
    whole = fit(SNAPSHOT, settings, device="cpu")
    for epoch in (1, 2):
        with pytest.raises(CutOffError):
            train(
                SNAPSHOT, settings, tmp_path / "run",
                device="cpu", resume=True, on_event=cut_off_in(epoch),  # type: ignore[arg-type]
            )  # fmt: skip
    resumed = train(SNAPSHOT, settings, tmp_path / "run", device="cpu", resume=True)
    assert_same(whole.scorer, resumed.scorer)


def test_the_same_seed_gives_the_same_vectors_and_another_seed_others(bert: Path) -> None:
    first, again, other = (
        fit(SNAPSHOT, tiny(bert, "text.tuning=lora", f"train.seed={seed}"), device="cpu").scorer
        for seed in (3, 3, 4)
    )
    assert_same(first, again)
    assert not np.allclose(first.item_embeddings, other.item_embeddings, atol=1e-3)


def test_a_finished_run_is_left_as_it_is(bert: Path, tmp_path: Path) -> None:
    settings = tiny(bert, "train.epochs=1")
    train(SNAPSHOT, settings, tmp_path / "run")
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "run").rglob("*")}
    train(SNAPSHOT, settings, tmp_path / "run", resume=True)
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "run").rglob("*")} == before


def test_a_folder_that_holds_something_is_not_written_into(bert: Path, tmp_path: Path) -> None:
    """A run has a folder ``graph``; resuming where there is no training would delete this one."""
    (tmp_path / "run/graph").mkdir(parents=True)
    (tmp_path / "run/graph/mine.txt").write_text("keep")
    for resume in (False, True):
        with pytest.raises(InputError, match="is not empty and holds no training"):
            train(SNAPSHOT, tiny(bert), tmp_path / "run", resume=resume)
    assert (tmp_path / "run/graph/mine.txt").read_text() == "keep"


def test_a_training_that_was_cut_off_is_not_begun_again_unless_asked(
    begun: tuple[Path, Settings],
) -> None:
    with pytest.raises(InputError, match="is not empty; choose another folder, or resume"):
        train(SNAPSHOT, begun[1], begun[0])


@pytest.fixture
def begun(bert: Path, tmp_path: Path) -> tuple[Path, Settings]:
    settings = tiny(bert, "train.epochs=2")
    with pytest.raises(CutOffError):
        train(SNAPSHOT, settings, tmp_path / "run", on_event=cut_off_in(1))  # type: ignore[arg-type]
    return tmp_path / "run", settings


def test_other_settings_are_refused_on_resume(begun: tuple[Path, Settings], bert: Path) -> None:
    with pytest.raises(RunError) as caught:
        train(SNAPSHOT, tiny(bert, "model.dim=8"), begun[0], resume=True)
    assert "was begun with model.dim=16, got 8; resume with the same settings" in str(caught.value)


def test_another_graph_is_refused_on_resume(begun: tuple[Path, Settings]) -> None:
    other = planted_snapshot(small_world(seed=5))
    with pytest.raises(RunError, match="was begun on another graph"):
        train(other, begun[1], begun[0], resume=True)


def test_a_checkpoint_of_another_version_is_refused(begun: tuple[Path, Settings]) -> None:
    file = begun[0] / "checkpoint" / "state.json"
    state = json.loads(file.read_text())
    for earlier in ({**state, "version": 1}, {n: v for n, v in state.items() if n != "version"}):
        file.write_text(json.dumps(earlier))
        with pytest.raises(RunError, match="begun by another kgrec .* version 1, .* reads 4"):
            train(SNAPSHOT, begun[1], begun[0], resume=True)


def test_a_half_written_checkpoint_does_not_count(begun: tuple[Path, Settings]) -> None:
    """A kill between the tensors and the state leaves the earlier checkpoint in force."""
    folder = begun[0] / "checkpoint"
    (folder / "epoch-2.safetensors").write_bytes(b"half")
    (folder / "state.json.partial").write_text("{")
    resumed = train(SNAPSHOT, begun[1], begun[0], resume=True, device="cpu")
    assert_same(fit(SNAPSHOT, begun[1], device="cpu").scorer, resumed.scorer)


def test_a_run_killed_by_the_system_and_resumed_equals_an_undisturbed_one(
    bert: Path, tmp_path: Path
) -> None:
    save_snapshot(SNAPSHOT, tmp_path / "snapshot")
    settings = tiny(bert, "text.tuning=lora", "train.epochs=40", "train.learning_rate=1e-3")
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump(settings.model_dump(mode="json")), encoding="utf-8")

    def command(out: Path, *more: str) -> list[str]:
        return [
            sys.executable, "-m", "kgrec", "train", "--snapshot", str(tmp_path / "snapshot"),
            "--config", str(config), "--out", str(out), "--device", "cpu", "--threads", "1", *more,
        ]  # fmt: skip

    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    undisturbed = subprocess.Popen(command(tmp_path / "whole"), **quiet)  # type: ignore[call-overload]
    killed = subprocess.Popen(command(tmp_path / "killed"), **quiet)  # type: ignore[call-overload]
    state = tmp_path / "killed" / "checkpoint" / "state.json"
    while not (state.is_file() and json.loads(state.read_text())["epoch"] >= 2):
        assert killed.poll() is None, "it ended before it could be killed"
        time.sleep(0.01)
    os.kill(killed.pid, signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    assert not (tmp_path / "killed" / "manifest.json").exists()
    resumed = subprocess.run(
        command(tmp_path / "killed", "--resume"), capture_output=True, text=True, check=False
    )
    assert resumed.returncode == 0, resumed.stderr
    assert undisturbed.wait() == 0
    for name in ("items", "users"):
        whole, again = (
            np.load(tmp_path / run / "vectors" / f"{name}.npy") for run in ("whole", "killed")
        )
        np.testing.assert_array_equal(whole, again)
