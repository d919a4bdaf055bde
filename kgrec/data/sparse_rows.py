"""Rows of sparse matrices scaled or thinned out without a product: lookups do it many times each.

In:   a matrix in rows, and numbers for its rows or a mask of its columns.
Out:  another one.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

__all__ = ["picked_columns", "scaled_rows", "with_columns"]


def scaled_rows(matrix: sp.csr_matrix, by: NDArray[np.floating]) -> sp.csr_matrix:
    """Every row of ``matrix [N, M]`` times its number in ``by [N]``.

    Example:
        >>> scaled_rows(sp.csr_matrix([[1.0, 2.0], [3.0, 0.0]]), np.array([2.0, 0.5])).toarray()
        array([[2. , 4. ],
               [1.5, 0. ]])
    """
    data = matrix.data * np.repeat(by, np.diff(matrix.indptr)).astype(matrix.dtype, copy=False)
    return sp.csr_matrix((data, matrix.indices, matrix.indptr), shape=matrix.shape)


def picked_columns(matrix: sp.csr_matrix, columns: NDArray[np.integer]) -> sp.csr_matrix:
    """``[N, len(columns)]`` some columns of ``matrix [N, M]``; ``columns`` ascends.

    Example:
        >>> picked_columns(sp.csr_matrix([[1.0, 2.0, 3.0]]), np.array([0, 2])).toarray()
        array([[1., 3.]])
    """
    place = np.searchsorted(columns, matrix.indices)
    stays = np.append(columns, -1)[place] == matrix.indices
    before = np.concatenate(([0], np.cumsum(stays)))  # entries that stay before each one
    parts = (matrix.data[stays], place[stays], before[matrix.indptr].astype(matrix.indptr.dtype))
    return sp.csr_matrix(parts, shape=(matrix.shape[0], len(columns)))


def with_columns(matrix: sp.csr_matrix, kept: NDArray[np.bool_]) -> sp.csr_matrix:
    """``matrix [N, M]`` with the columns outside of ``kept [M]`` emptied; no zeros are stored.

    Example:
        >>> with_columns(sp.csr_matrix([[1.0, 2.0]]), np.array([False, True])).toarray()
        array([[0., 2.]])
    """
    stays = kept[matrix.indices] & (matrix.data != 0)
    before = np.concatenate(([0], np.cumsum(stays)))  # entries that stay before each one
    starts = before[matrix.indptr].astype(matrix.indptr.dtype)
    parts = (matrix.data[stays], matrix.indices[stays], starts)
    return sp.csr_matrix(parts, shape=matrix.shape)
