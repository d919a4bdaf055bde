"""The leading spectrum of the graph of users and items.

In:   a sparse matrix of likes ``[P, I]``.
Out:  right singular vectors of its degree-normalised form: one row an item.

This is the low-pass part of the graph that LightGCN's propagation approaches; see Shen et
al., "How powerful is graph convolution for recommendation?" (CIKM 2021). Nothing here is
learned.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.solvers.kept import remembered

__all__ = ["item_spectrum", "leading_directions", "normalized"]


def normalized(likes: sp.csr_matrix, *, item_power: float = 0.5) -> sp.csr_matrix:
    """``D_p^-1/2 likes D_i^-item_power``, with degrees of users ``D_p`` and of items ``D_i``.

    Args:
        likes: ``[P, I]``.
        item_power: Exponent of an item's number of likes by which its column is divided; 0.5 is the
            symmetric normalisation of LightGCN, 0 leaves columns as they are.

    Returns:
        ``[P, I]``; empty rows and columns stay empty.
    """
    users = np.maximum(np.asarray(likes.sum(axis=1)).ravel(), 1.0)
    items = np.maximum(np.asarray(likes.sum(axis=0)).ravel(), 1.0)
    scaled = sp.diags(users**-0.5) @ likes @ sp.diags(items**-item_power)
    return sp.csr_matrix(scaled, dtype=np.float32)


def item_spectrum(
    likes: sp.csr_matrix, *, rank: int, seed: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The leading spectrum of the normalised graph.

    Args:
        likes: ``[P, I]``.
        rank: Number of directions, at most the lower number of rows and columns minus one.
        seed: Seed of the randomised solver.

    Returns:
        Right singular vectors ``[I, rank]`` and singular values ``[rank]``, largest first.
    """
    return leading_directions(normalized(likes), rank=rank, seed=seed)


@remembered
def leading_directions(
    matrix: sp.csr_matrix, *, rank: int, seed: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The leading singular vectors of any sparse matrix.

    By a randomised range finder with four power steps (Halko, Martinsson and Tropp, 2011).

    Args:
        matrix: ``[P, I]``.
        rank: Number of directions, at most the lower number of rows and columns minus one.
        seed: Seed of the random start.

    Returns:
        Right singular vectors ``[I, rank]`` and singular values ``[rank]``, largest first.
    """
    from sklearn.utils.extmath import randomized_svd  # a second to import, and not to answer

    rank = min(rank, max(1, min(matrix.shape) - 1))
    _, values, vectors = randomized_svd(matrix, n_components=rank, n_iter=4, random_state=seed)
    return np.ascontiguousarray(vectors.T, dtype=np.float32), values.astype(np.float32)
