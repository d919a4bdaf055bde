"""Taking an account out of a finished run."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import kgrec
from graph_store import load_snapshot
from kgrec.errors import NotFoundError, RunError
from kgrec.runs import TrainedRun, checksums, forget, open_run
from kgrec.runs.folder import open_locked
from kgrec.runs.forget import forget_user, without_user
from kgrec.runs.lock import changing
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


def test_a_run_answers_after_a_user_was_forgotten(run: Path, trained_world: TrainedWorld) -> None:
    keys = load_snapshot(run / "graph").user_keys
    forget_user(run, str(keys[0]))
    with kgrec.load(run) as opened:
        answer = opened.recommend(str(keys[1]), domain=trained_world.target, k=3)
        assert len(answer.to_frame()) == 3
        with pytest.raises(NotFoundError):
            opened.recommend(str(keys[0]), domain=trained_world.target, k=3)


def test_the_checksums_are_those_of_the_files_without_the_account(run: Path) -> None:
    forget_user(run, str(load_snapshot(run / "graph").user_keys[3]))
    assert open_run(run).files.check_all() > 0
    assert not list(run.glob("forgetting*"))


def test_a_call_that_is_cut_off_while_it_writes_aside_changes_nothing(run: Path) -> None:
    opened = open_run(run)
    key = str(opened.snapshot.user_keys[3])
    forget._prepare(opened, key)
    (run / "forgetting").replace(run / "forgetting.partial")  # the name that it has while written
    assert key in open_run(run).snapshot.user_keys
    assert forget_user(run, key) == int((opened.snapshot.user == 3).sum())
    assert key not in open_run(run).snapshot.user_keys
    assert not list(run.glob("forgetting*"))


def test_a_call_that_is_cut_off_while_it_moves_files_is_finished_by_the_next(
    run: Path, tmp_path: Path
) -> None:
    """After any number of files; until then the run does not open, and says what to do."""
    opened = open_run(run)
    key, other = (str(opened.snapshot.user_keys[n]) for n in (3, 4))
    count = forget._prepare(opened, key)
    names = [*checksums.file_names(run / "forgetting"), "manifest.json"]
    names.remove("forgotten.json")
    for moved in range(len(names) + 1):
        cut = Path(shutil.copytree(run, tmp_path / f"cut{moved}"))
        for name in names[:moved]:
            (cut / "forgetting" / name).replace(cut / name)
        with pytest.raises(RunError, match="a `kgrec forget` was cut off .*; run it again"):
            open_run(cut)
        if moved % 2:
            assert forget_user(cut, key) == count
        else:  # whomever the next call is about
            forget_user(cut, other)
            assert other not in open_run(cut).snapshot.user_keys
        assert key not in open_run(cut).snapshot.user_keys
        open_run(cut).files.check_all()


def test_links_to_a_forgotten_account_go_with_it(trained_world: TrainedWorld) -> None:
    from dataclasses import replace

    snapshot = load_snapshot(trained_world.run / "graph")
    linked = replace(snapshot, same_as=np.array([[0, 4], [3, 5]], dtype=np.int32))
    left = without_user(linked, str(snapshot.user_keys[3]))
    assert left.user_keys[left.same_as].tolist() == [
        [snapshot.user_keys[4]],
        [snapshot.user_keys[5]],
    ]


def in_another_thread(call: Callable[[], object]) -> threading.Thread:
    """A lock of the system keeps threads apart as it does processes, since each opens the file."""
    thread = threading.Thread(target=call)
    thread.start()
    thread.join(0.3)
    return thread


def test_two_calls_follow_one_another(run: Path) -> None:
    """Side by side, each would write the other's user back."""
    keys = [str(key) for key in open_run(run).snapshot.user_keys]
    with changing(run):
        other = in_another_thread(lambda: forget_user(run, keys[4]))
        assert other.is_alive(), "the second call must wait"
        forget._prepare(open_locked(run), keys[3])
        forget._carry_out(run)
    other.join()
    opened = open_run(run)
    assert opened.snapshot.user_keys.tolist() == [*keys[:3], *keys[5:]]
    opened.files.check_all()


def test_a_run_that_is_opened_while_a_user_is_deleted_opens_when_that_is_done(run: Path) -> None:
    key = str(open_run(run).snapshot.user_keys[3])
    opened: list[TrainedRun] = []
    with changing(run):
        forget._prepare(open_locked(run), key)
        (run / "forgetting/graph/users.parquet").replace(run / "graph/users.parquet")
        reader = in_another_thread(lambda: opened.append(open_run(run)))
        assert reader.is_alive()
        forget._carry_out(run)
    reader.join()
    assert key not in opened[0].snapshot.user_keys


def test_a_run_that_was_opened_before_a_user_was_deleted_reads_what_is_left(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checksums, "SMALL", 0)  # files are read when they are first used
    key = str(open_run(run).snapshot.user_keys[3])
    opened = open_run(run)
    forget_user(run, key)
    assert key not in opened.snapshot.user_keys


def test_a_folder_that_is_no_run_is_left_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no manifest.json"):
        forget_user(tmp_path, "ann")
    assert not list(tmp_path.iterdir())
