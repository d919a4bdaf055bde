"""Conjugate gradients for the normal equations of a sparse matrix.

In:   a sparse matrix ``[P, I]`` and right sides ``[I, B]``.
Out:  solutions ``[I, B]``. The Gram matrix ``[I, I]`` is never formed.

Hestenes and Stiefel, "Methods of conjugate gradients for solving linear systems" (1952).
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

__all__ = ["solve_gram"]


def solve_gram(
    matrix: sp.csr_matrix,
    right: NDArray[np.float32],
    strength: float,
    *,
    tolerance: float = 1e-4,
    steps: int = 200,
) -> NDArray[np.float32]:
    """Solve ``(matrix' matrix + strength I) z = right`` by conjugate gradients.

    Args:
        matrix: ``[P, I]``.
        right: ``[I, B]``; each column is solved with step lengths of its own.
        strength: Added to the diagonal; above 0, so that there is one solution.
        tolerance: Norm of the residual, relative to that of ``right``, at which a column is done.
        steps: Most iterations; what is not within ``tolerance`` by then is returned as it is.

    Returns:
        ``z [I, B]``.
    """
    transposed = matrix.T.tocsr()
    solution = np.zeros_like(right, dtype=np.float32)
    residual = right.astype(np.float32).copy()
    direction = residual.copy()
    size = (residual**2).sum(axis=0)
    goal = tolerance**2 * np.maximum(size, 1e-30)
    for _ in range(steps):
        if (size <= goal).all():
            break
        pushed = transposed @ (matrix @ direction) + np.float32(strength) * direction
        along = (direction * pushed).sum(axis=0)
        step = np.where(size > goal, size / np.where(along > 0, along, 1.0), 0.0)
        solution += step.astype(np.float32) * direction
        residual -= step.astype(np.float32) * pushed
        renewed = (residual**2).sum(axis=0)
        turn = np.where(size > goal, renewed / np.where(size > 0, size, 1.0), 0.0)
        direction = residual + turn.astype(np.float32) * direction
        size = np.where(size > goal, renewed, size)
    return solution
