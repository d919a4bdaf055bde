"""Takes a person's account out of a finished run.

In:   a run folder and a user's key.
Out:  the folder without the account's row of vectors, its interactions and its key.

Weights stay: they hold what all people taught together, and no row of anyone's. The run's own
fingerprint goes on naming the graph that it was trained on.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from graph_store.snapshot import Snapshot, save_snapshot
from kgrec.errors import NotFoundError
from kgrec.training.run_folder import open_run

__all__ = ["forget_user", "without_user"]


def forget_user(run: Path, key: str) -> int:
    """Take the account ``key`` out of the run folder; return how many interactions went.

    Raises:
        NotFoundError: The run knows no such account, or there is no such run.
        RunError: The run is unfinished or damaged.
    """
    graph, fresh, old = run / "graph", run / "graph.partial", run / "graph.old"
    if not graph.exists() and fresh.exists():  # an earlier call was cut off between two renames
        fresh.replace(graph)
    snapshot = open_run(run).snapshot
    if key not in snapshot.user_keys:
        raise NotFoundError(f"{run}: the run knows no user {key!r}")
    left = without_user(snapshot, key)
    _write_user_vectors(run / "vectors", snapshot, left)
    # The graph last and at one stroke: until then the account is found, and the call can be made
    # again after an interruption.
    for folder in (fresh, old):
        shutil.rmtree(folder, ignore_errors=True)
    save_snapshot(left, fresh)
    graph.replace(old)
    fresh.replace(graph)
    shutil.rmtree(old)
    return len(snapshot.user) - len(left.user)


def without_user(snapshot: Snapshot, key: str) -> Snapshot:
    """The same graph without one account, its interactions and its links to other accounts."""
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


def _write_user_vectors(folder: Path, before: Snapshot, left: Snapshot) -> None:
    """Rows lie as the snapshot's users do; a matrix that is short already is left as it is."""
    matrix = np.load(folder / "users.npy", allow_pickle=False)
    if len(matrix) == before.num_users:
        partial = folder / "users.npy.partial"
        with partial.open("wb") as file:
            kept = matrix[np.isin(before.user_keys, left.user_keys)]
            np.save(file, np.ascontiguousarray(kept), allow_pickle=False)
        partial.replace(folder / "users.npy")
    keys = [str(key) for key in left.user_keys]
    pl.DataFrame({"key": keys}).write_parquet(folder / "users.parquet")
