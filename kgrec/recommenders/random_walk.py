"""Random walk: paths item - user - item of the graph of likes, divided by degrees on the way.

In:   likes.  Out: nothing but the likes, scaled; nothing is solved.

One step of LightGCN's propagation (He et al., SIGIR 2020), and the first term of GF-CF (Shen et
al., "How powerful is graph convolution for recommendation?", CIKM 2021). It distinguishes every
single item, which factors of low rank cannot.
"""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.data.histories import Histories
from kgrec.recommenders.base import (
    BaseVectorRecommender,
    OnProgress,
    RecommenderSettings,
    Scores,
)
from kgrec.recommenders.matrices import only_sparse
from kgrec.solvers.spectrum import normalized
from kgrec.vectors import Vectors

__all__ = ["RandomWalk", "RandomWalkSettings"]


class RandomWalkSettings(RecommenderSettings):
    """Settings of :class:`RandomWalk`."""

    history_exponent: float = 0.5
    """Exponent of a history item's number of likes, by which its paths are divided; higher values
    let the rare items of a history count more."""
    popularity_exponent: float = 0.0
    """Exponent of a target item's number of likes, by which its score is multiplied; values below 0
    rank popular items lower."""


class RandomWalk(BaseVectorRecommender[RandomWalkSettings]):
    """Follows paths from a history over users with the same items to their other items."""

    name = "random walk"
    settings_class: ClassVar = RandomWalkSettings
    trials: ClassVar = tuple(
        {"history_exponent": history, "popularity_exponent": popularity}
        for history in (0.5, 1.0, 0.0)
        for popularity in (0.0, -0.25, -0.5)
    )

    paths_add_up = True

    @cached_property
    def _likes(self) -> sp.csr_matrix:
        """``[P, I]`` divided by the root of a user's degree; a run that keeps paths needs none."""
        return normalized(self.data.liked, item_power=0.0)

    @cached_property
    def _degree(self) -> NDArray[np.float32]:
        likes = self.data.liked.getnnz(axis=0)  # [I]
        return np.asarray(np.maximum(likes, 1), dtype=np.float32)

    def _fit(self, seed: int, on_progress: OnProgress) -> None:
        """Nothing is learned: scores follow from the interactions alone."""

    def user_vectors(self, users: Histories, domain: int) -> Vectors:
        """``[B, P]`` weights of the paths from each history to each user."""
        scale = sp.diags(self._degree**-self.settings.history_exponent)
        return only_sparse(users.items @ scale @ self._likes.T)

    def dense_user_vectors(self, users: Histories, domain: int) -> Scores:
        """``[B, 0]``."""
        return np.zeros((len(users), 0), np.float32)

    def item_vectors(self, domain: int) -> Vectors:
        """``[I_d, P]`` who likes each item."""
        items = self.data.items_of(domain)
        likers = only_sparse(self._likes[:, items].T)
        return likers.scaled(self._degree[items] ** self.settings.popularity_exponent)
