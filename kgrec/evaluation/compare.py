"""Two benchmark runs side by side: what one gains over the other on the same users.

In:   the folders of two runs.
Out:  a row for each protocol, direction, fold and model that both have.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from kgrec.errors import InputError
from kgrec.evaluation.cells import read_cells
from kgrec.evaluation.evaluate import MAIN_MEASURE, counts_of
from kgrec.evaluation.results import read_results
from kgrec.evaluation.runner import CELLS
from kgrec.ranking.intervals import paired_difference

__all__ = ["compare"]


def compare(first: Path, second: Path) -> pl.DataFrame:
    """NDCG@10 of ``first`` minus that of ``second``, with intervals.

    Args:
        first: Folder of a benchmark.
        second: Folder of another benchmark of the same data.

    Returns:
        One row per cell that both have, with the difference, its interval and its p-value.

    Raises:
        NotFoundError: One of the folders holds no benchmark.
        InputError: They have no cell in common, or the cells are of different splits.
    """
    for folder in (first, second):
        read_results(folder)  # says so if there is none
    ours, theirs = read_cells(first / CELLS), read_cells(second / CELLS)
    rows = []
    for key in sorted(ours.keys() & theirs.keys()):
        a, b = ours[key], theirs[key]
        if a.head["split"] != b.head["split"]:
            raise InputError(
                f"{key.protocol} {key.direction} fold {key.fold} is a different split in the two "
                f"runs; only runs of the same data and seed can be compared"
            )
        both = a.users.join(b.users, on="user", suffix="_b", maintain_order="left")
        left, right = both[MAIN_MEASURE].to_numpy(), both[f"{MAIN_MEASURE}_b"].to_numpy()
        weights = counts_of(both, sampled=a.head.get("sampled") is not None)
        gap = paired_difference(left, right, weights=weights)
        rows.append(
            {
                "protocol": key.protocol, "direction": key.direction, "fold": key.fold,
                "model": key.model,
                "a": float(np.average(left, weights=weights)),
                "b": float(np.average(right, weights=weights)),
                "difference": gap.mean, "low": gap.low, "high": gap.high, "p": gap.p_value,
                "users": gap.users,
            }
        )  # fmt: skip
    if not rows:
        raise InputError(f"{first} and {second} have no finished cell in common")
    return pl.DataFrame(rows)
