"""Implicit-feedback alternating least squares (iALS), and fold-in of people it never saw.

In:   a sparse matrix of likes ``[P, I]``.
Out:  item factors ``[I, R]``, and person factors ``[B, R]`` for any histories.

The objective is that of Hu, Koren and Volinsky, "Collaborative filtering for implicit
feedback datasets" (ICDM 2008), confidence ``1 + alpha`` on a like and 1 elsewhere; the
alternating solves are done by the library ``implicit``. Nothing here maps between domains.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from implicit.als import AlternatingLeastSquares
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

__all__ = ["als_item_factors", "fold_in"]


def als_item_factors(
    likes: sp.csr_matrix,
    *,
    rank: int,
    regularization: float,
    alpha: float,
    iterations: int = 15,
    seed: int = 0,
    threads: int = 0,
) -> NDArray[np.float32]:
    """Item factors ``[I, rank]`` of ``likes [P, I]``; an item nobody likes has a zero row.

    Args:
        likes: Ones where a person likes an item.
        rank: Width of the factors.
        regularization: Weight of the squared norm of every factor.
        alpha: Extra confidence in a like.
        iterations: Alternations.
        seed: Of the first factors.
        threads: 0 for all cores.
    """
    rank = min(rank, max(1, min(likes.shape) - 1))
    model = AlternatingLeastSquares(
        factors=rank, regularization=regularization, alpha=1.0, iterations=iterations,
        random_state=seed, num_threads=threads, use_gpu=False, calculate_training_loss=False,
    )  # fmt: skip
    weighted = (likes * np.float32(1.0 + alpha)).tocsr().astype(np.float32)
    with threadpool_limits(1, "blas"):  # implicit warns, rightly, of two pools that fight
        model.fit(weighted, show_progress=False)
    factors = np.array(model.item_factors, dtype=np.float32)
    factors[np.asarray(likes.getnnz(axis=0)) == 0] = 0.0
    return factors


def fold_in(
    histories: sp.csr_matrix,
    item_factors: NDArray[np.float32],
    *,
    regularization: float,
    alpha: float,
    block: int = 4096,
) -> NDArray[np.float32]:
    """Person factors ``[B, R]`` of ``histories [B, I]``, given the items' ``[I, R]``.

    One regularised least-squares solve a person: the half step of ALS with items held still.
    """
    rank = item_factors.shape[1]
    gram = item_factors.T @ item_factors + regularization * np.eye(rank, dtype=np.float32)
    sums = np.asarray(histories @ item_factors) * np.float32(1.0 + alpha)  # [B, R]
    out = np.zeros((histories.shape[0], rank), dtype=np.float32)
    upper = np.triu_indices(rank)
    outer_width = len(upper[0])
    # Outer products of items, once per block of people that needs them, as a sparse product.
    for start in range(0, histories.shape[0], block):
        rows = histories[start : start + block]
        used = np.unique(rows.indices)
        if not len(used):
            continue
        left, right = item_factors[used][:, upper[0]], item_factors[used][:, upper[1]]
        outer = np.asarray(rows[:, used] @ (left * right))  # [b, R (R + 1) / 2]
        system = np.empty((rows.shape[0], rank, rank), dtype=np.float32)
        system[:, upper[0], upper[1]] = outer.reshape(-1, outer_width)
        system[:, upper[1], upper[0]] = outer
        system = gram + np.float32(alpha) * system
        out[start : start + block] = np.linalg.solve(
            system, sums[start : start + block][:, :, None]
        )[:, :, 0]
    return out
