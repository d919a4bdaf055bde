"""What all contestants of a race get: one training log, and the users who are asked about.

In:   a split of strict cold users.
Out:  a folder with ``log.npz`` and the split itself; or what such a folder holds.

The log is merged over all domains. The validation users' rows in other domains are in it, as
are those of everybody else; their rows in the target domain are not.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Array = Any  # this file also runs where numpy is old


@dataclass(frozen=True)
class Course:
    """Rows are users, columns are items."""

    indptr: Array  # [P + 1]
    indices: Array  # [E] items, row after row
    num_items: int
    asked: Array  # [B] rows of the users asked about
    items: Array  # [I_d] columns of the target domain
    target: int
    seed: int

    @property
    def num_users(self) -> int:
        """P."""
        return len(self.indptr) - 1

    def pairs(self) -> tuple[Array, Array]:
        """Row and column of every like."""
        return np.repeat(np.arange(self.num_users), np.diff(self.indptr)), self.indices


def read_course(folder: Path) -> Course:
    """What :func:`write_course` wrote."""
    with np.load(folder / "log.npz") as held:
        return Course(
            indptr=held["indptr"], indices=held["indices"], num_items=int(held["num_items"]),
            asked=held["asked"], items=held["items"], target=int(held["target"]),
            seed=int(held["seed"]),
        )  # fmt: skip


def write_course(split: Any, liked: Any, asked: Array, folder: Path, *, seed: int) -> None:
    """Keep ``split`` and its log ``liked [P, I]`` where the workers find them."""
    from kgrec.evaluation.split import save_split

    if (liked[asked] != split.validation.shown_items).nnz:
        raise AssertionError("the rows of the log are not those of the users who are asked about")
    save_split(split, folder / "split")
    np.savez(
        folder / "log.npz",
        indptr=liked.indptr.astype(np.int64), indices=liked.indices.astype(np.int64),
        num_items=liked.shape[1], asked=asked, items=split.train.items_of(split.target),
        target=split.target, seed=seed,
    )  # fmt: skip
