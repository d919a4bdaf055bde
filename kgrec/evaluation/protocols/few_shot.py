"""Few-shot: the users of a strict cold split with some target rows shown.

In:   the snapshot and a number of shots.
Out:  the strict cold split with longer histories and fewer positives.

The rows are shown when users are scored, not in training: so one trained model stands for
all points of a curve. For a curve the users and the positives must be the same at every
point, so only users with more than ``LARGEST`` liked target rows take part, and the rows
that are ever shown are positives at no point.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph_store.snapshot import Snapshot
from kgrec.data.interactions import Interactions
from kgrec.errors import InputError
from kgrec.evaluation.protocols.strict_cold import strict_cold_user
from kgrec.evaluation.split import Cases, Split

__all__ = ["LARGEST", "SHOTS", "few_shot"]

SHOTS = (0, 1, 2, 3, 5)
"""Points of the curve."""

LARGEST = max(SHOTS)


def few_shot(snapshot: Snapshot, *, target: int, shots: int, fold: int = 0, seed: int = 0) -> Split:
    """Show ``shots`` target rows of each user, drawn by the seed; more shots add to fewer.

    Args:
        snapshot: The whole graph as columns.
        target: Number of the target domain.
        shots: Number of target rows shown of each user, up to ``LARGEST``.
        fold: Which of the five disjoint folds of test users, 0 to 4.
        seed: Seed of all draws.

    Raises:
        InputError: ``shots`` is negative or larger than ``LARGEST``.
    """
    if not 0 <= shots <= LARGEST:
        raise InputError(f"shots must be 0 to {LARGEST}, got {shots}")
    cold = strict_cold_user(snapshot, target=target, fold=fold, seed=seed)
    return replace(
        cold,
        protocol="few-shot",
        settings={**cold.settings, "shots": shots},
        validation=_with_shots(cold.validation, snapshot, shots, seed),
        test=_with_shots(cold.test, snapshot, shots, seed + 1),
    )


def _with_shots(cases: Cases, snapshot: Snapshot, shots: int, seed: int) -> Cases:
    cases = cases.only(np.flatnonzero(np.diff(cases.positives.indptr) > LARGEST))
    rng = np.random.default_rng(seed)
    shown, held = [], []
    for row in range(len(cases)):
        liked = cases.positives.indices[
            cases.positives.indptr[row] : cases.positives.indptr[row + 1]
        ]
        order = rng.permutation(np.sort(liked))
        shown.append(np.sort(order[:shots]))
        held.append(np.sort(order[LARGEST:]))
    added = _rows(shown, cases.positives.shape)
    interactions = Interactions.of(snapshot)
    user = np.searchsorted(snapshot.user_keys, cases.users)
    everything = interactions.histories(interactions.row_of_account[user])
    return replace(
        cases,
        shown=everything.among(_union(cases.shown_items, added)),
        positives=_rows(held, cases.positives.shape),
        # Rows never shown at this point are no candidates either: same ranking at every point.
        known=_union(cases.known, cases.positives - _rows(held, cases.positives.shape)),
    )


def _rows(items: list[NDArray[np.int64]], shape: tuple[int, int]) -> sp.csr_matrix:
    indptr = np.cumsum([0, *(len(row) for row in items)])
    indices = np.concatenate(items) if items else np.zeros(0, dtype=np.int64)
    return sp.csr_matrix(
        (np.ones(len(indices), np.float32), indices, indptr), shape=(len(items), shape[1])
    )


def _union(left: sp.csr_matrix, right: sp.csr_matrix) -> sp.csr_matrix:
    both: sp.csr_matrix = (left + right).tocsr()
    both.eliminate_zeros()
    both.data[:] = 1.0
    both.sort_indices()
    return both
