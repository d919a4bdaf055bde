"""The two sides of a cross-domain model: a target domain, and all other domains together.

In:   interactions and a target domain; histories over all items.
Out:  the likes of each side, and histories as the models of two domains read them.

Shapes: B users   P users of the interactions   I items of all domains   I_s items of a side
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.data.interactions import Interactions
from kgrec.recommenders.matrices import columns_of

__all__ = ["Read", "Side", "sides_of"]

A = TypeVar("A", bound=Any)
"""An array, or a tensor; what is read is in the same kind."""


@dataclass(frozen=True)
class Read(Generic[A]):
    """Histories of B users on one side, as a model reads them."""

    graph: Any
    """``[B, I_s]`` sparse ones, divided by the roots of the user's and the item's degree."""
    counts: A
    """``[B, 1]`` number of items in each history on this side."""


@dataclass(frozen=True)
class Side:
    """The target domain, or all other domains together."""

    items: NDArray[np.int64]
    """``[I_s]`` numbers among all items."""
    likes: sp.csr_matrix
    """``[P, I_s]`` ones."""

    @cached_property
    def whole(self) -> Read[NDArray[np.float32]]:
        """The histories of the P users of the interactions."""
        return self._read(self.likes)

    def read(self, histories: sp.csr_matrix) -> Read[NDArray[np.float32]]:
        """Any histories ``[B, I]`` over all items."""
        return self._read(columns_of(histories, self.items))

    @cached_property
    def _item_scale(self) -> sp.dia_matrix:
        degree = np.maximum(np.asarray(self.likes.sum(axis=0)).ravel(), 1.0)
        return sp.dia_matrix(sp.diags(degree**-0.5))

    def _read(self, inside: sp.csr_matrix) -> Read[NDArray[np.float32]]:
        counts = np.diff(inside.indptr).astype(np.float32)
        rows = sp.diags(np.maximum(counts, 1.0) ** -0.5) @ inside @ self._item_scale
        return Read(sp.csr_matrix(rows, dtype=np.float32), counts[:, None])


def sides_of(data: Interactions, domain: int) -> tuple[Side, Side]:
    """All other domains, and ``domain``; items without a like in the others are left out."""
    source = np.flatnonzero((data.item_domain != domain) & (data.liked.getnnz(axis=0) > 0))
    target = data.items_of(domain)
    return (
        Side(source, columns_of(data.liked, source)),
        Side(target, columns_of(data.liked, target)),
    )
