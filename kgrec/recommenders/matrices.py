"""Small operations on matrices that several recommenders share.

Shapes: N rows   F features
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.vectors import Vectors

__all__ = ["columns_of", "only_sparse", "sparse_from_state", "sparse_state", "with_offset"]


def columns_of(matrix: sp.csr_matrix, items: NDArray[np.int64]) -> sp.csr_matrix:
    """Some columns of a matrix, in the order given."""
    chosen: sp.csr_matrix = matrix.tocsc()[:, items].tocsr()
    chosen.sort_indices()
    return chosen


def only_sparse(matrix: sp.csr_matrix) -> Vectors:
    """The rows of a sparse matrix as vectors without dense columns."""
    rows = sp.csr_matrix(matrix)
    return Vectors(np.zeros((rows.shape[0], 0), np.float32), rows)


def sparse_state(name: str, matrix: sp.csr_matrix) -> dict[str, NDArray[Any]]:
    """The arrays of a sparse matrix by name, so that :func:`sparse_from_state` copies none.

    Args:
        name: What the names of the arrays begin with.
        matrix: Any sparse matrix of float32.
    """
    rows = sp.csr_matrix(matrix)
    rows.sort_indices()
    return {
        name: rows.data.astype(np.float32, copy=False),
        f"{name}.columns": rows.indices,
        f"{name}.starts": rows.indptr,
        f"{name}.width": np.array([rows.shape[1]], np.int64),
    }


def sparse_from_state(state: Mapping[str, NDArray[Any]], name: str) -> sp.csr_matrix:
    """The matrix whose :func:`sparse_state` this is; its arrays stay where they are, e.g. a file.

    Args:
        state: Arrays by name, among others.
        name: As it was given to :func:`sparse_state`.
    """
    starts = state[f"{name}.starts"]
    shape = (len(starts) - 1, int(state[f"{name}.width"][0]))
    matrix = sp.csr_matrix((state[name], state[f"{name}.columns"], starts), shape=shape, copy=False)
    matrix.has_sorted_indices = True
    matrix.has_canonical_format = True
    return matrix


def with_offset(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """``[N, F + 1]``: the same features and a column of ones."""
    return np.hstack([features, np.ones((len(features), 1), np.float32)])
