"""Item neighbours: what is liked together with what the person likes.

In:   likes.  Out: per target item its nearest items, as a sparse matrix ``[I, I_d]``.

Cosine of the items' likes with shrinkage, the sum over the person's history: Sarwar et al.,
"Item-based collaborative filtering recommendation algorithms" (WWW 2001); shrinkage after
Bell and Koren (2007). Item pairs are counted by a sparse product, in blocks of target items,
so nothing dense of items by items is held.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph_store.snapshot import Snapshot
from kgrec.evaluation.baselines.base import Baseline, columns_of
from kgrec.evaluation.recommender import OnProgress
from kgrec.ranking.topk import blocks

__all__ = ["ItemKNN"]

_BLOCK = 2048


class ItemKNN(Baseline):
    """Sums shrunk cosines to the nearest ``neighbours`` of each target item."""

    name = "item-kNN"
    trials: ClassVar = tuple(
        {"neighbours": neighbours, "shrinkage": shrinkage, "popularity": popularity}
        for neighbours in (200, 1000)
        for shrinkage in (10.0, 0.0, 100.0)
        for popularity in (0.5, 0.25, 0.0)
    )

    def __init__(
        self, *, neighbours: int = 200, shrinkage: float = 10.0, popularity: float = 0.5
    ) -> None:
        self.neighbours = neighbours
        self.shrinkage = shrinkage
        self.popularity = popularity
        """Power of the target item's count that its cosines are divided by; 0.5 is the cosine."""

    def _learn(self, train: Snapshot, seed: int, on_progress: OnProgress) -> None:
        likes = self.log.liked
        counts = np.asarray(likes.sum(axis=0)).ravel()
        norms = np.sqrt(np.maximum(counts, 1.0))
        left = likes.T.tocsr()
        self._similar: dict[int, sp.csr_matrix] = {}
        for domain in self._targets:
            items = self.log.items_of(domain)
            columns = columns_of(likes, items)
            parts = []
            for part in blocks(len(items), _BLOCK):
                together = (left @ columns[:, part]).tocoo()
                row, col = together.row, together.col
                target = items[part][col]
                scale = norms[row] * np.maximum(counts[target], 1.0) ** self.popularity
                value = together.data / (scale + self.shrinkage)
                value[row == target] = 0.0  # an item is no neighbour of its own
                parts.append(_nearest(value, row, col, self.neighbours, together.shape))
                on_progress(part.stop / max(len(items), 1), "counting neighbours")
            self._similar[domain] = (
                sp.hstack(parts).tocsr() if parts else sp.csr_matrix((len(counts), 0))
            )

    def score(self, histories: sp.csr_matrix, domain: int) -> NDArray[np.float32]:
        """Sum of the similarities between each target item and the history."""
        self._check(domain)
        return np.asarray((histories @ self._similar[domain]).toarray(), dtype=np.float32)


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
