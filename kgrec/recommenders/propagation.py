"""The common part of LightGCN and AlphaRec: item vectors that are propagated over the graph.

In:   likes, and first vectors that a subclass chooses.
Out:  two vectors an item: what a history is pooled from, and what is ranked.

A user is what their items pass to them: no id is learned that scoring needs, so users whom training
did not see are scored alike. Training is :mod:`kgrec.recommenders.networks.propagation`; what is
here needs arrays only.

Shapes: B users   I items   I_d items of a domain   P users of the interactions   D width
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar, TypeVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import NonNegativeInt, PositiveFloat, PositiveInt

from kgrec.data.histories import Histories
from kgrec.recommenders.base import BaseVectorRecommender, OnProgress, RecommenderSettings
from kgrec.vectors import Vectors

if TYPE_CHECKING:
    from kgrec.recommenders.networks.propagation import First

__all__ = ["Propagation", "PropagationSettings"]


class PropagationSettings(RecommenderSettings):
    """Settings of every :class:`Propagation`."""

    dim: PositiveInt = 64
    """Number of dimensions of a user's and an item's vector."""
    layers: NonNegativeInt = 2
    """Number of propagation steps over the graph; with more, items farther apart get alike."""
    epochs: NonNegativeInt = 20
    """Number of passes over all likes in training."""
    temperature: PositiveFloat = 0.15
    """Divides cosines in the softmax loss; the lower, the more the hardest negatives count."""
    learning_rate: PositiveFloat = 1e-2
    """Step size of Adam."""
    batch: PositiveInt = 16_384
    """Number of likes in one training step; fewer need less memory and more steps."""
    negatives: PositiveInt = 1024
    """Number of randomly drawn items that each liked item of a step is compared with."""


P = TypeVar("P", bound=PropagationSettings)


class Propagation(BaseVectorRecommender[P]):
    """A subclass gives ``_first``, the first vectors that training starts from."""

    arrays: ClassVar = ("read", "items")

    read: NDArray[np.float32]  # [I, D] what an item passes to a user, summed over layers
    items: NDArray[np.float32]  # [I, D] unit rows that are ranked
    _degree: NDArray[np.float32]  # [I] likes, at least 1

    @property
    def target_only(self) -> bool:
        """Whether only likes of the target domain are read."""
        return False

    def _first(self, users: int) -> First:
        """First vectors for training on the likes of ``users`` users."""
        raise NotImplementedError

    def _prepare(self) -> None:
        likes = np.asarray(self.data.liked.sum(axis=0)).ravel()
        self._degree = np.maximum(likes, 1.0).astype(np.float32)

    def _fit(self, seed: int, on_progress: OnProgress) -> None:
        from kgrec.recommenders.networks.propagation import train
        from kgrec.recommenders.networks.seeded import seeded_training

        shape = (self.data.liked.shape[1], self.settings.dim)
        self.read, self.items = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        given = self.settings
        with seeded_training(seed):
            for likes, chosen in self._parts():
                read, items = train(
                    partial(self._first, likes.shape[0]), likes,
                    layers=given.layers, temperature=given.temperature, epochs=given.epochs,
                    learning_rate=given.learning_rate, batch=given.batch,
                    negatives=given.negatives, seed=seed, on_progress=on_progress,
                )  # fmt: skip
                self.read[chosen], self.items[chosen] = read[chosen], items[chosen]

    def _parts(self) -> list[tuple[sp.csr_matrix, NDArray[np.int64]]]:
        """Likes that are trained on together, and the items whose vectors that gives."""
        if not self.target_only:
            return [(self.data.liked, np.arange(self.data.liked.shape[1]))]
        parts = []
        for domain in self.targets:
            likes = self._inside(self.data.liked, domain)
            parts.append((likes[np.diff(likes.indptr) > 0].tocsr(), self.data.items_of(domain)))
        return [part for part in parts if part[0].nnz]  # without likes vectors stay zero

    def _inside(self, histories: sp.csr_matrix, domain: int) -> sp.csr_matrix:
        """The part of ``histories [B, I]`` that lies in the domain."""
        inside = histories - self.data.outside(histories, domain)
        inside.eliminate_zeros()
        return sp.csr_matrix(inside)

    def user_vectors(self, users: Histories, domain: int) -> Vectors:
        """``[B, D]``: what flows to each user from the items of the history, over all layers."""
        return Vectors(self._received(users.items, domain))

    def _received(self, histories: sp.csr_matrix, domain: int) -> NDArray[np.float32]:
        if self.target_only:
            histories = self._inside(histories, domain)
        lengths = np.maximum(np.diff(histories.indptr), 1)
        weights = sp.diags(lengths**-0.5) @ histories @ sp.diags(self._degree**-0.5)
        return np.asarray(weights @ self.read, dtype=np.float32)

    def item_vectors(self, domain: int) -> Vectors:
        """``[I_d, D]`` unit rows."""
        return Vectors(self.items[self.data.items_of(domain)])
