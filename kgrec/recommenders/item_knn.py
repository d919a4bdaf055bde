"""Item neighbours: what is liked together with what the person likes.

In:   likes.  Out: per target item its nearest items, as a sparse matrix ``[I, I_d]``.

Cosine of the items' likes with shrinkage, the sum over the user's history: Sarwar et al.,
"Item-based collaborative filtering recommendation algorithms" (WWW 2001); shrinkage after
Bell and Koren (2007). Item pairs are counted by a sparse product, in blocks of target items,
so nothing dense of items by items is held.
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
from kgrec.recommenders.base import (
    BaseVectorRecommender,
    OnProgress,
    RecommenderSettings,
    State,
    columns_of,
    only_sparse,
)
from kgrec.vectors import Vectors

__all__ = ["ItemKNN", "ItemKNNSettings"]

_BLOCK = 2048


class ItemKNNSettings(RecommenderSettings):
    """Settings of :class:`ItemKNN`."""

    neighbours: PositiveInt = 200
    """Nearest items that are kept of each target item."""
    shrinkage: NonNegativeFloat = 10.0
    """Added to the norm of each pair, so that pairs with few likes count less."""
    popularity: NonNegativeFloat = 0.5
    """Exponent of a target item's likes, by which cosines are divided; 0.5 is the cosine."""


class ItemKNN(BaseVectorRecommender[ItemKNNSettings]):
    """Sums shrunk cosines to the nearest ``neighbours`` of each target item."""

    name = "item-kNN"
    settings_class: ClassVar = ItemKNNSettings
    trials: ClassVar = tuple(
        {"neighbours": neighbours, "shrinkage": shrinkage, "popularity": popularity}
        for neighbours in (200, 1000)
        for shrinkage in (10.0, 0.0, 100.0)
        for popularity in (0.5, 0.25, 0.0)
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
                scale = norms[row] * np.maximum(counts[target], 1.0) ** self.settings.popularity
                value = together.data / (scale + self.settings.shrinkage)
                value[row == target] = 0.0  # an item is no neighbour of its own
                parts.append(_nearest(value, row, col, self.settings.neighbours, together.shape))
                on_progress(part.stop / max(len(items), 1), "counting neighbours")
            self._similar[domain] = (
                sp.hstack(parts).tocsr() if parts else sp.csr_matrix((len(counts), 0))
            )

    def user_vectors(self, users: Histories, domain: int) -> Vectors:
        """``[B, I]`` the history."""
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
