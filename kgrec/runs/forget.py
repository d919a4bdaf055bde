"""Takes a user's account out of a finished run.

In:   a run folder and a user's key.
Out:  the folder without the account's row of vectors, its interactions and its key.

Weights stay: they hold what all users taught together, and no row of anyone's. The run's own
fingerprint goes on naming the graph that it was trained on.

New files are first written aside, with the manifest that lists them, and come into force when
that folder gets its final name. From then on the change is only carried out: file by file, the
manifest last. A call that was cut off before leaves the run as it was; one that was cut off
after is finished by the next call, and until then the run does not open. Calls from several
processes follow one another.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from graph_store.snapshot import Snapshot, save_snapshot
from kgrec.errors import NotFoundError
from kgrec.runs.checksums import FORGETTING, MANIFEST, file_names, listed
from kgrec.runs.folder import TrainedRun, is_finished, open_locked, open_run, write_manifest
from kgrec.runs.lock import changing

__all__ = ["forget_user", "without_user"]

_DONE = "forgotten.json"
"""Names the user and the count, for the call that finishes a change which was cut off."""


def forget_user(run: Path, key: str) -> int:
    """Take the account ``key`` out of the run folder; return how many interactions went.

    A call that was cut off is finished first, whomever it was about.

    Args:
        run: The run folder, which is changed in place.
        key: Key of the account.

    Raises:
        NotFoundError: The run knows no such account, or there is no such run.
        RunError: The run is unfinished or damaged.
    """
    if not is_finished(run):
        open_run(run)  # says what is missing
    with changing(run):
        finished = _carry_out(run)
        if finished is not None and finished[0] == key:
            return finished[1]
        opened = open_locked(run)
        if key not in opened.snapshot.user_keys:
            raise NotFoundError(f"{run}: the run knows no user {key!r}")
        interactions = _prepare(opened, key)
        _carry_out(run)
        return interactions


def without_user(snapshot: Snapshot, key: str) -> Snapshot:
    """The same graph without one account, its interactions and its links to other accounts.

    Args:
        snapshot: The graph, which is not changed.
        key: Key of an account of it.

    Raises:
        IndexError: The graph has no such account.
    """
    gone = int(np.flatnonzero(snapshot.user_keys == key)[0])
    kept = snapshot.keep(snapshot.user != gone)
    links = snapshot.same_as[:, (snapshot.same_as != gone).all(axis=0)]
    return replace(
        kept,
        user_keys=np.delete(snapshot.user_keys, gone),
        user=_closed_up(kept.user, gone),
        same_as=_closed_up(links, gone),
    )


def _closed_up(numbers: NDArray[np.int32], gone: int) -> NDArray[np.int32]:
    return (numbers - (numbers > gone)).astype(np.int32)


def _prepare(run: TrainedRun, key: str) -> int:
    """Write aside all files that change; return how many interactions are left out."""
    aside, partial = run.path / FORGETTING, run.path / f"{FORGETTING}.partial"
    shutil.rmtree(partial, ignore_errors=True)  # of a call that was cut off
    before, left = run.snapshot, without_user(run.snapshot, key)
    save_snapshot(left, partial / "graph")
    _write_user_vectors(run, left, partial / "vectors")
    facts = {name: value for name, value in run.manifest.items() if name != "files"}
    write_manifest(partial, facts, run.manifest["files"] | listed(partial))
    interactions = len(before.user) - len(left.user)
    done = {"user": key, "interactions": interactions}
    (partial / _DONE).write_text(json.dumps(done), encoding="utf-8")
    partial.replace(aside)
    return interactions


def _carry_out(run: Path) -> tuple[str, int] | None:
    """Move what was written aside into place; whom that was about, None where there is nothing."""
    aside, partial = run / FORGETTING, run / f"{FORGETTING}.partial"
    if not aside.is_dir():
        return None
    done = json.loads((aside / _DONE).read_text(encoding="utf-8"))
    waiting = [name for name in file_names(aside) if name != _DONE]
    for name in [*waiting, *([MANIFEST] if (aside / MANIFEST).exists() else [])]:
        (aside / name).replace(run / name)
    shutil.rmtree(partial, ignore_errors=True)
    aside.replace(partial)  # in one step; what is left of the folder is ignored
    shutil.rmtree(partial)
    return done["user"], done["interactions"]


def _write_user_vectors(run: TrainedRun, left: Snapshot, folder: Path) -> None:
    """Rows lie as the snapshot's users do."""
    folder.mkdir(parents=True)
    matrix = np.load(run.files.checked("vectors/users.npy"), allow_pickle=False)
    kept = matrix[np.isin(run.snapshot.user_keys, left.user_keys)]
    np.save(folder / "users.npy", np.ascontiguousarray(kept), allow_pickle=False)
    keys = [str(key) for key in left.user_keys]
    pl.DataFrame({"key": keys}).write_parquet(folder / "users.parquet")
