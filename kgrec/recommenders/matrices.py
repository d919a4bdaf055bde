"""Small operations on matrices that several recommenders share.

Shapes: N rows   F features
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.vectors import Vectors

__all__ = ["columns_of", "only_sparse", "with_offset"]


def columns_of(matrix: sp.csr_matrix, items: NDArray[np.int64]) -> sp.csr_matrix:
    """Some columns of a matrix, in the order given."""
    chosen: sp.csr_matrix = matrix.tocsc()[:, items].tocsr()
    chosen.sort_indices()
    return chosen


def only_sparse(matrix: sp.csr_matrix) -> Vectors:
    """The rows of a sparse matrix as vectors without dense columns."""
    rows = sp.csr_matrix(matrix)
    return Vectors(np.zeros((rows.shape[0], 0), np.float32), rows)


def with_offset(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """``[N, F + 1]``: the same features and a column of ones."""
    return np.hstack([features, np.ones((len(features), 1), np.float32)])
