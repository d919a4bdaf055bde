"""Taking an account out of a finished run."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import kgrec
from graph_store import load_snapshot
from kgrec.errors import NotFoundError
from kgrec.training.forget import forget_user, without_user
from tests.trained_world import TrainedWorld


@pytest.fixture
def run(trained_world: TrainedWorld, tmp_path: Path) -> Path:
    """A run of its own, since the test changes it."""
    return Path(shutil.copytree(trained_world.run, tmp_path / "run"))


def test_a_forgotten_account_is_nowhere_in_the_run(run: Path) -> None:
    before = load_snapshot(run / "graph")
    key = str(before.user_keys[3])
    assert forget_user(run, key) == int((before.user == 3).sum())
    after = load_snapshot(run / "graph")
    assert key not in after.user_keys
    assert key not in pl.read_parquet(run / "vectors/users.parquet")["key"].to_list()
    for file in run.rglob("*"):
        if file.suffix in {".json", ".jsonl", ".yaml"}:
            assert key not in file.read_text(encoding="utf-8")
    with pytest.raises(NotFoundError, match=key):
        forget_user(run, key)


def test_the_others_keep_their_rows_and_their_vectors(run: Path) -> None:
    before = load_snapshot(run / "graph")
    matrix = np.load(run / "vectors/users.npy")
    forget_user(run, str(before.user_keys[3]))
    after = load_snapshot(run / "graph")
    names = before.user_keys[before.user]
    kept = before.user != 3
    assert (after.user_keys[after.user] == names[kept]).all()
    assert (after.item == before.item[kept]).all()
    assert (np.load(run / "vectors/users.npy") == np.delete(matrix, 3, axis=0)).all()


def test_a_run_answers_after_a_person_was_forgotten(run: Path, trained_world: TrainedWorld) -> None:
    keys = load_snapshot(run / "graph").user_keys
    forget_user(run, str(keys[0]))
    with kgrec.load(run) as opened:
        answer = opened.recommend(str(keys[1]), domain=trained_world.target, k=3)
        assert len(answer.to_frame()) == 3
        with pytest.raises(NotFoundError):
            opened.recommend(str(keys[0]), domain=trained_world.target, k=3)


def test_a_call_that_was_cut_off_between_vectors_and_graph_can_be_made_again(run: Path) -> None:
    before = load_snapshot(run / "graph")
    key = str(before.user_keys[3])
    whole = Path(shutil.copytree(run / "graph", run.parent / "graph"))
    forget_user(run, key)
    shutil.rmtree(run / "graph")
    whole.replace(run / "graph")  # the vectors are done, the graph is not
    forget_user(run, key)
    assert len(np.load(run / "vectors/users.npy")) == before.num_users - 1
    assert pl.read_parquet(run / "vectors/users.parquet").height == before.num_users - 1


def test_links_to_a_forgotten_account_go_with_it(trained_world: TrainedWorld) -> None:
    from dataclasses import replace

    snapshot = load_snapshot(trained_world.run / "graph")
    linked = replace(snapshot, same_as=np.array([[0, 4], [3, 5]], dtype=np.int32))
    left = without_user(linked, str(snapshot.user_keys[3]))
    assert left.user_keys[left.same_as].tolist() == [
        [snapshot.user_keys[4]],
        [snapshot.user_keys[5]],
    ]
