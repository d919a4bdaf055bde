"""Exact vectors of users and items, whose inner product is a score, in dense and sparse columns.

In:   a dense matrix, and a sparse one of the same rows where there is one.
Out:  :class:`Vectors`: rows can be picked, and two of them multiplied.

Factors and network outputs are dense and narrow; paths through the graph are sparse and as
wide as the number of users. Searching by both at once is known as hybrid search. Nothing here
knows what the columns mean.

Shapes: N rows   D dense columns   S sparse columns
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.data.sparse_rows import scaled_rows
from kgrec.errors import NotFiniteError

__all__ = ["Vectors"]


@dataclass(frozen=True)
class Vectors:
    """N rows of D dense and S sparse columns."""

    dense: NDArray[np.float32]
    """``[N, D]``."""
    sparse: sp.csr_matrix | None = None
    """``[N, S]``; None is the same as no columns."""

    def __len__(self) -> int:
        return len(self.dense)

    def __getitem__(self, rows: slice | NDArray[Any]) -> Vectors:
        """Some rows, by slice, mask or numbers."""
        return Vectors(self.dense[rows], None if self.sparse is None else self.sparse[rows])

    @cached_property
    def by_column(self) -> sp.csr_matrix:
        """``[S, N]`` the sparse columns as rows, as products read them; an error without any."""
        if self.sparse is None:
            raise ValueError("these vectors have no sparse columns")
        turned: sp.csr_matrix = self.sparse.T.tocsr()
        return turned

    def scaled(self, by: NDArray[np.float32]) -> Vectors:
        """Every row times its number in ``by [N]``."""
        sparse = None if self.sparse is None else scaled_rows(self.sparse, by)
        return Vectors(self.dense * by[:, None], sparse)

    @classmethod
    def beside(cls, parts: Sequence[Vectors]) -> Vectors:
        """The columns of all ``parts``, which have the same rows; products add up.

        Example:
            >>> ones = Vectors(np.ones((1, 2), np.float32))
            >>> Vectors.beside([ones, ones]).dense.shape
            (1, 4)
        """
        sparse = [part.sparse for part in parts if part.sparse is not None]
        return cls(
            np.hstack([part.dense for part in parts]),
            sp.csr_matrix(sp.hstack(sparse)) if len(sparse) > 1 else next(iter(sparse), None),
        )

    @classmethod
    def weighted_sum(cls, parts: Sequence[tuple[NDArray[np.float32], Vectors]]) -> Vectors:
        """Row by row the sum of ``parts``, each row times its weight; products add up likewise.

        Args:
            parts: Weights ``[N]`` and vectors of the same rows and columns; at least one.

        Example:
            >>> one, half = Vectors(np.ones((1, 2), np.float32)), np.full(1, 0.5, np.float32)
            >>> Vectors.weighted_sum([(half, one), (half, one)]).dense.tolist()
            [[1.0, 1.0]]
        """
        weighted = [vectors.scaled(by) for by, vectors in parts]
        sparse = [one.sparse for one in weighted if one.sparse is not None]
        return cls(
            np.sum([one.dense for one in weighted], axis=0, dtype=np.float32),
            sp.csr_matrix(sum(sparse[1:], start=sparse[0])) if sparse else None,
        )

    def finite(self, which: str) -> Vectors:
        """The same vectors; ``which`` says in an error whose they are.

        Raises:
            NotFiniteError: A value is NaN or infinite.
        """
        values = [self.dense] if self.sparse is None else [self.dense, self.sparse.data]
        if not all(np.isfinite(array).all() for array in values):
            raise NotFiniteError(
                f"the vectors {which} hold NaN or infinity, so nothing can be ranked; train anew"
            )
        return self

    def products(self, other: Vectors) -> NDArray[np.float32]:
        """``[N, M]`` inner products with the M rows of ``other``.

        Example:
            >>> one = Vectors(np.ones((1, 2), np.float32), sp.csr_matrix([[0.0, 3.0]]))
            >>> one.products(one).tolist()
            [[11.0]]
        """
        result: NDArray[np.float32] = self.dense @ other.dense.T
        if self.sparse is not None and other.sparse is not None:
            result = result + (self.sparse @ other.by_column).toarray()
        return np.asarray(result, dtype=np.float32)
