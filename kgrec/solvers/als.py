"""Implicit-feedback alternating least squares (iALS), and fold-in of users it never saw.

In:   a sparse matrix of likes ``[P, I]``.
Out:  item factors ``[I, R]``, and user factors ``[B, R]`` for any histories.

The objective is that of Hu, Koren and Volinsky, "Collaborative filtering for implicit
feedback datasets" (ICDM 2008), confidence ``1 + alpha`` on a like and 1 elsewhere; the
alternating solves are done by the library ``implicit``. Nothing here maps between domains.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache
from typing import Any

import numpy as np
import scipy.sparse as sp
from implicit.als import AlternatingLeastSquares
from implicit.recommender_base import ModelFitError
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from kgrec.errors import TrainingError
from kgrec.solvers.fold_in import FoldIn
from kgrec.solvers.kept import remembered

__all__ = ["als_item_factors", "fold_in"]

_ALTERNATIONS = 15
_MORE_ALTERNATIONS = 6
"""Alternations when it starts from factors of nearly the same likes."""


@remembered
def als_item_factors(
    likes: sp.csr_matrix,
    *,
    rank: int,
    regularization: float,
    alpha: float,
    start: NDArray[np.float32] | None = None,
    seed: int = 0,
    threads: int = 0,
) -> NDArray[np.float32]:
    """Item factors of ``likes [P, I]`` by alternating least squares.

    Args:
        likes: Ones where a user likes an item.
        rank: Width of the factors.
        regularization: Weight of the squared norm of every factor.
        alpha: Extra confidence in a like.
        start: ``[I, rank]`` or narrower, item factors of nearly the same likes, to go on from:
            fewer than half of the alternations are then enough.
        seed: Seed of the first factors, or of those directions that ``start`` lacks.
        threads: 0 for all cores.

    Returns:
        ``[I, R]``, R being ``rank`` or, if that is less, the lower number of rows and columns minus
        one. An item that nobody likes has a zero row.

    Raises:
        TrainingError: A factor is NaN.
    """
    rank = min(rank, max(1, min(likes.shape) - 1))
    if start is not None and not start.any():
        start = None
    weighted = (likes * np.float32(1.0 + alpha)).tocsr().astype(np.float32)
    with _one_blas_thread():
        model = AlternatingLeastSquares(
            factors=rank, regularization=regularization, alpha=1.0,
            iterations=_ALTERNATIONS if start is None else _MORE_ALTERNATIONS,
            random_state=seed, num_threads=threads, use_gpu=False,
        )  # fmt: skip
        if start is not None:
            model.item_factors = _widened(start, rank, seed)
            model.user_factors = np.zeros((likes.shape[0], rank), np.float32)
        try:
            model.fit(weighted, show_progress=False)
        except ModelFitError as error:
            raise TrainingError(
                f"the factors of alternating least squares became NaN with alpha {alpha:g} and "
                f"regularization {regularization:g}; try a lower alpha "
                f"(model.factor_alpha, or alpha of a component)"
            ) from error
    factors = np.array(model.item_factors, dtype=np.float32)
    factors[np.asarray(likes.getnnz(axis=0)) == 0] = 0.0
    return factors


def _widened(start: NDArray[np.float32], rank: int, seed: int) -> NDArray[np.float32]:
    """``[I, rank]``: directions that are missing or all zero begin small, as in ``implicit``."""
    items = 0.01 * np.random.default_rng(seed).random((len(start), rank), dtype=np.float32)
    there = np.flatnonzero(start[:, :rank].any(axis=0))
    items[:, there] = start[:, there]
    return items


def fold_in(
    histories: sp.csr_matrix,
    item_factors: NDArray[np.float32],
    *,
    regularization: float,
    alpha: float,
) -> NDArray[np.float32]:
    """User factors ``[B, R]`` of ``histories [B, I]``, given the items' ``[I, R]``.

    The half step of ALS with the items held still; see :class:`~kgrec.solvers.fold_in.FoldIn`,
    which callers keep where more than one batch of users is folded into the same factors. Who has
    no history has zeros.

    Args:
        histories: ``[B, I]``, non-zero where a user likes an item.
        item_factors: ``[I, R]``.
        regularization: Weight of the squared norm of a user's factors.
        alpha: Confidence in a like beyond 1.
    """
    return FoldIn(item_factors, regularization=regularization, alpha=alpha).users(histories.tocsr())


def _one_blas_thread() -> AbstractContextManager[Any]:
    """``implicit`` warns, rightly, of two pools of threads that fight."""
    limited: AbstractContextManager[Any] = _libraries().limit(limits=1, user_api="blas")
    return limited


@cache
def _libraries() -> ThreadpoolController:
    """Looked up once: the search reads all that the process has mapped, milliseconds a time."""
    return ThreadpoolController()
