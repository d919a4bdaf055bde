"""Item-kNN: items that are liked together with the items of a history.

In:   likes.  Out: for each target item its most similar items, as a sparse matrix ``[I, I_d]``.

Cosines of the items' likes with shrinkage, summed over the user's history: Sarwar et al.,
"Item-based collaborative filtering recommendation algorithms" (WWW 2001); shrinkage after Bell and
Koren, "Improved neighborhood-based collaborative filtering" (KDD Cup and Workshop 2007). Pairs of
items are counted by a sparse product in blocks of target items, so no dense matrix of items by
items is held.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import NonNegativeFloat, PositiveInt

from kgrec.data.histories import Histories
from kgrec.ranking.topk import blocks
from kgrec.recommenders.base import BaseVectorRecommender, OnProgress, RecommenderSettings, State
from kgrec.recommenders.matrices import columns_of, only_sparse
from kgrec.vectors import Vectors

__all__ = ["ItemKNN", "ItemKNNSettings"]

_BLOCK = 2048


class ItemKNNSettings(RecommenderSettings):
    """Settings of :class:`ItemKNN`."""

    neighbours: PositiveInt = 200
    """Number of most similar items kept for each target item; more reach rarer items, and need
    memory in proportion."""
    shrinkage: NonNegativeFloat = 10.0
    """Number added to the product of the norms by which common likes are divided; the more, the
    less pairs of items with few likes count."""
    divisor_exponent: NonNegativeFloat = 0.5
    """Exponent of a target item's number of likes in the divisor: 0.5 is the cosine; lower values
    rank popular items higher."""


class ItemKNN(BaseVectorRecommender[ItemKNNSettings]):
    """Sums shrunk cosines to the nearest ``neighbours`` of each target item."""

    name = "item-kNN"
    settings_class: ClassVar = ItemKNNSettings
    trials: ClassVar = tuple(
        {"neighbours": neighbours, "shrinkage": shrinkage, "divisor_exponent": exponent}
        for neighbours in (200, 1000)
        for shrinkage in (10.0, 0.0, 100.0)
        for exponent in (0.5, 0.25, 0.0)
    )

    def _fit(self, seed: int, on_progress: OnProgress) -> None:
        likes = self.data.liked
        counts = np.asarray(likes.sum(axis=0)).ravel()
        norms = np.sqrt(np.maximum(counts, 1.0))
        left = likes.T.tocsr()
        self._similar: dict[int, sp.csr_matrix] = {}
        for domain in self.targets:
            items = self.data.items_of(domain)
            columns = columns_of(likes, items)
            parts = []
            for part in blocks(len(items), _BLOCK):
                together = (left @ columns[:, part]).tocoo()
                row, col = together.row, together.col
                target = items[part][col]
                exponent = self.settings.divisor_exponent
                scale = norms[row] * np.maximum(counts[target], 1.0) ** exponent
                value = together.data / (scale + self.settings.shrinkage)
                value[row == target] = 0.0  # an item is no neighbour of its own
                parts.append(_nearest(value, row, col, self.settings.neighbours, together.shape))
                on_progress(part.stop / max(len(items), 1), "counting neighbours")
            self._similar[domain] = (
                sp.hstack(parts).tocsr() if parts else sp.csr_matrix((len(counts), 0))
            )

    def user_vectors(self, users: Histories, domain: int) -> Vectors:
        """``[B, I]`` the histories."""
        return only_sparse(users.items)

    def item_vectors(self, domain: int) -> Vectors:
        """``[I_d, I]`` similarities of each target item to all items."""
        return only_sparse(self._similar[domain].T)

    def state(self) -> State:
        """Similarities of each domain, as places and values."""
        state: State = {}
        for domain, similar in self._similar.items():
            places = similar.tocoo()
            state[f"places.{domain}"] = np.stack([places.row, places.col])
            state[f"similar.{domain}"] = places.data
        return state

    def _restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        items = self.data.liked.shape[1]
        self._similar = {
            domain: sp.csr_matrix(
                (state[f"similar.{domain}"], state[f"places.{domain}"]),
                shape=(items, len(self.data.items_of(domain))),
            )
            for domain in self.targets
        }


def _nearest(
    value: NDArray[np.float32],
    row: NDArray[np.int64],
    col: NDArray[np.int64],
    keep: int,
    shape: tuple[int, int],
) -> sp.csc_matrix:
    """The ``keep`` largest values of each column; equal ones by row, lower first."""
    order = np.lexsort((row, -value, col))
    col = col[order]
    start = np.searchsorted(col, np.arange(shape[1]))
    place = np.arange(len(col)) - start[col]
    chosen = (place < keep) & (value[order] > 0)
    kept = order[chosen]
    return sp.csc_matrix((value[kept], (row[kept], col[chosen])), shape=shape, dtype=np.float32)
