"""EASE: the linear item-item model of least squares with a zero diagonal, in closed form.

In:   likes.  Out: a dense matrix of the most liked items.

Steck, "Embarrassingly shallow autoencoders for sparse data" (WWW 2019). It inverts a dense
matrix of items by items, so it is fitted on the ``largest`` most liked items of all domains
together; the others score 0. For bigger catalogues see
:class:`~kgrec.recommenders.item_ridge.ItemRidge`.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import PositiveFloat, PositiveInt

from kgrec.data.histories import Histories
from kgrec.recommenders.base import BaseVectorRecommender, OnProgress, RecommenderSettings
from kgrec.recommenders.matrices import columns_of
from kgrec.vectors import Vectors

__all__ = ["EASE", "EASESettings"]


class EASESettings(RecommenderSettings):
    """Settings of :class:`EASE`."""

    strength: PositiveFloat = 100.0
    """Regularization strength, in likes: added to the diagonal of the items' co-occurrences. The
    more, the less items with few likes count."""
    largest: PositiveInt = 6000
    """Number of most liked items, of all domains together, that the dense item-item matrix covers;
    the others score 0. Memory grows with its square, 144 MB for 6000."""


class EASE(BaseVectorRecommender[EASESettings]):
    """Solves a linear autoencoder on the merged matrix in closed form."""

    name = "EASE"
    settings_class: ClassVar = EASESettings
    trials: ClassVar = tuple(
        {"strength": strength} for strength in (100.0, 30.0, 300.0, 1000.0, 3000.0)
    )

    arrays = ("items", "weights")

    items: NDArray[np.int64]  # the fitted items, ascending
    weights: NDArray[np.float32]  # [fitted items, fitted items]

    def _fit(self, seed: int, on_progress: OnProgress) -> None:
        counts = np.asarray(self.data.liked.sum(axis=0)).ravel()
        liked = np.flatnonzero(counts > 0)
        order = np.argsort(-counts[liked], kind="stable")
        self.items = np.sort(liked[order][: self.settings.largest])
        likes = columns_of(self.data.liked, self.items)
        gram = np.asarray((likes.T @ likes).toarray(), dtype=np.float32)
        gram[np.diag_indices(len(gram))] += self.settings.strength
        on_progress(0.3, "inverting")
        inverse = np.linalg.inv(gram)
        weights = -inverse / np.diag(inverse)
        weights[np.diag_indices(len(weights))] = 0.0
        self.weights = weights.astype(np.float32)

    def user_vectors(self, users: Histories, domain: int) -> Vectors:
        """``[B, K]`` the history among the fitted items times their weights to the domain's."""
        inside = self.data.item_domain[self.items] == domain
        found = columns_of(users.items, self.items) @ self.weights[:, inside]
        return Vectors(np.asarray(found, dtype=np.float32))

    def item_vectors(self, domain: int) -> Vectors:
        """``[I_d, K]`` one 1 a fitted item; zeros, and so the score 0, for the others."""
        targets = self.data.items_of(domain)
        inside = self.items[self.data.item_domain[self.items] == domain]
        vectors = np.zeros((len(targets), len(inside)), np.float32)
        vectors[np.searchsorted(targets, inside), np.arange(len(inside))] = 1.0
        return Vectors(vectors)
