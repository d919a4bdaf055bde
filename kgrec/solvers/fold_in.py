"""Folds users into iALS factors by one small solve each, against a Gram matrix inverted once.

In:   item factors, and histories of any users.
Out:  user factors, which minimise the loss of iALS with the item factors held still.

A user with the items ``Y_u`` solves ``(G + alpha Y_u'Y_u) x = (1 + alpha) Y_u' 1`` with
``G = Y'Y + regularization I``. By Woodbury's identity that is

    x = (1 + alpha) G^-1 Y_u' (I + alpha Y_u G^-1 Y_u')^-1 1

a system as large as the user's number of items. Users of similar length are solved together; where
a user has more items than there are factors, the first form is solved.

Shapes: B users   I items   R factors   n items of a user
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

__all__ = ["FoldIn"]

_CELLS = 2**22
"""Most numbers that are gathered at once, so that memory does not grow with the users."""

_SHARED = 512
"""Up to so many different items in a call, products of all pairs are computed once."""

_INVERSE_ROWS = 16_384

Floats = NDArray[np.float32]


class FoldIn:
    """Item factors of which users are folded in; the Gram matrix is inverted at the first.

    Args:
        items: ``[I, R]`` factors; they are not copied.
        regularization: Weight of the squared norm of a user's factors.
        alpha: Confidence in a like beyond 1.
        within: ``[I]`` whether an item takes part; None: all do.
    """

    def __init__(
        self,
        items: Floats,
        *,
        regularization: float,
        alpha: float,
        within: NDArray[np.bool_] | None = None,
    ) -> None:
        self.items, self.within = items, within
        self.regularization, self.alpha = regularization, alpha

    @cached_property
    def inverse(self) -> NDArray[np.float64]:
        """``[R, R]`` inverse of ``Y'Y + regularization I``."""
        width = self.items.shape[1]
        gram = np.zeros((width, width))
        for start in range(0, len(self.items), _INVERSE_ROWS):
            rows = slice(start, start + _INVERSE_ROWS)
            some = self.items[rows]
            if self.within is not None:
                some = some if self.within[rows].all() else some[self.within[rows]]
            gram += some.T @ some
        found = np.linalg.inv(gram + self.regularization * np.eye(width))
        return np.asarray((found + found.T) / 2, dtype=np.float64)

    def users(self, histories: sp.csr_matrix) -> Floats:
        """``[B, R]`` factors of users; zero for those without items that take part.

        Args:
            histories: ``[B, I]``, non-zero where a user likes an item; values are not read.
        """
        number, width = histories.shape[0], self.items.shape[1]
        found = np.zeros((number, width), np.float32)
        row = np.repeat(np.arange(number), np.diff(histories.indptr))
        item = histories.indices
        if self.within is not None:
            inside = self.within[item]
            row, item = row[inside], item[inside]
        counts = np.bincount(row, minlength=number)
        if not counts.any() or not width:
            return found
        starts = np.cumsum(counts) - counts
        used, place = np.unique(item, return_inverse=True)  # [U], [nnz]
        factors = self.items[used].astype(np.float64)  # [U, R]
        mapped = factors @ self.inverse  # [U, R]
        shared = mapped @ factors.T if len(used) <= _SHARED else None  # [U, U]
        size = np.where(counts > 0, 2 ** np.ceil(np.log2(np.maximum(counts, 1))), 0).astype(int)
        for padded in np.unique(size[size > 0]):
            rows = np.flatnonzero(size == padded)
            longest = int(counts[rows].max())
            step = max(1, _CELLS // (longest * max(longest, width) + width * width))
            for start in range(0, len(rows), step):
                here = rows[start : start + step]
                column = np.arange(longest)
                there = column < counts[here, None]  # [b, n]
                at = place[np.where(there, starts[here, None] + column, 0)]  # [b, n]
                if longest > width:
                    found[here] = self._direct(factors, at, there)
                else:
                    found[here] = self._woodbury(factors, mapped, shared, at, there)
        return found

    def _woodbury(
        self,
        factors: NDArray[np.float64],
        mapped: NDArray[np.float64],
        shared: NDArray[np.float64] | None,
        at: NDArray[np.int64],
        there: NDArray[np.bool_],
    ) -> NDArray[np.float64]:
        """``[b, R]`` by systems of ``[n, n]``; padding becomes rows of the identity."""
        if shared is not None:
            pairs = shared[at[:, :, None], at[:, None, :]]  # [b, n, n]
        else:
            pairs = mapped[at] @ factors[at].transpose(0, 2, 1)
        pairs = pairs * (self.alpha * (there[:, :, None] & there[:, None, :]))
        pairs[:, np.arange(at.shape[1]), np.arange(at.shape[1])] += 1.0
        weight = np.linalg.solve(pairs, there[:, :, None].astype(np.float64))  # [b, n, 1]
        found: NDArray[np.float64] = (weight.transpose(0, 2, 1) @ mapped[at])[:, 0]
        return (1.0 + self.alpha) * found

    def _direct(
        self, factors: NDArray[np.float64], at: NDArray[np.int64], there: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """``[b, R]`` by systems of ``[R, R]``."""
        own = factors[at] * there[:, :, None]  # [b, n, R]
        gram = np.linalg.inv(self.inverse) + self.alpha * (own.transpose(0, 2, 1) @ own)
        summed = own.sum(axis=1)[:, :, None]
        found: NDArray[np.float64] = np.linalg.solve(gram, summed)[:, :, 0]
        return (1.0 + self.alpha) * found
