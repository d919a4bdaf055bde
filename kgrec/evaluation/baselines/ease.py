"""EASE: the best linear item-item model with a zero diagonal, in closed form.

In:   likes.  Out: a dense matrix of the most liked items.

Steck, "Embarrassingly shallow autoencoders for sparse data" (WWW 2019). It inverts a dense
matrix of items by items, so it is fitted on the ``largest`` most liked items of all domains
together; the others score 0. For bigger catalogues see
:class:`~kgrec.evaluation.baselines.ridge_items.ItemRidge`.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph_store.snapshot import Snapshot
from kgrec.evaluation.baselines.base import Baseline, columns_of
from kgrec.evaluation.recommender import OnProgress

__all__ = ["EASE"]


class EASE(Baseline):
    """Closed-form autoencoder on the merged matrix."""

    name = "EASE"
    trials: ClassVar = tuple(
        {"strength": strength} for strength in (100.0, 30.0, 300.0, 1000.0, 3000.0)
    )

    def __init__(self, *, strength: float = 100.0, largest: int = 6000) -> None:
        self.strength = strength
        self.largest = largest

    def _learn(self, train: Snapshot, seed: int, on_progress: OnProgress) -> None:
        counts = np.asarray(self.log.liked.sum(axis=0)).ravel()
        liked = np.flatnonzero(counts > 0)
        order = np.argsort(-counts[liked], kind="stable")
        self._items = np.sort(liked[order][: self.largest])
        likes = columns_of(self.log.liked, self._items)
        gram = np.asarray((likes.T @ likes).toarray(), dtype=np.float32)
        gram[np.diag_indices(len(gram))] += self.strength
        on_progress(0.3, "inverting")
        inverse = np.linalg.inv(gram)
        weights = -inverse / np.diag(inverse)
        weights[np.diag_indices(len(weights))] = 0.0
        self._weights = weights.astype(np.float32)

    def score(self, histories: sp.csr_matrix, domain: int) -> NDArray[np.float32]:
        """The history times the weights; 0 for items outside the fitted ones."""
        self._check(domain)
        targets = self.log.items_of(domain)
        inside = np.flatnonzero(self.log.item_domain[self._items] == domain)
        scores = np.zeros((histories.shape[0], len(targets)), dtype=np.float32)
        found = columns_of(histories, self._items) @ self._weights[:, inside]
        scores[:, np.searchsorted(targets, self._items[inside])] = found
        return scores
