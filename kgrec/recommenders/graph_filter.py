"""Graph filters: likes are propagated over the normalised graph of users and items; nothing else.

In:   likes.  Out: a normalised matrix, and the leading spectrum of the graph.

:class:`GraphFilter` is GF-CF: one step over the graph plus an ideal low-pass filter; Shen et
al., "How powerful is graph convolution for recommendation?" (CIKM 2021). :class:`SVDFilter`
keeps the low-pass part alone, with tuned exponents of degrees; a truncated SVD as in Cremonesi,
Koren and Turrin's PureSVD (RecSys 2010), of the normalised matrix. All products are sparse or
of narrow factors.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import NonNegativeFloat, PositiveInt

from kgrec.data.histories import Histories
from kgrec.recommenders.base import (
    BaseVectorRecommender,
    OnProgress,
    RecommenderSettings,
    State,
)
from kgrec.recommenders.random_walk import RandomWalk, RandomWalkSettings
from kgrec.solvers.spectrum import item_spectrum
from kgrec.vectors import Vectors

__all__ = ["GraphFilter", "GraphFilterSettings", "SVDFilter", "SVDFilterSettings"]


class SVDFilterSettings(RecommenderSettings):
    """Settings of :class:`SVDFilter`."""

    rank: PositiveInt = 128
    """Number of leading singular vectors that are kept; more tell apart smaller groups of items."""
    history_exponent: NonNegativeFloat = 0.5
    """Exponent of a history item's number of likes, by which it is divided; higher values let the
    rare items of a history count more."""
    popularity_exponent: NonNegativeFloat = 0.5
    """Exponent of a target item's number of likes, by which its score is multiplied; lower values
    rank popular items lower."""


class SVDFilter(BaseVectorRecommender[SVDFilterSettings]):
    """Projects histories on the leading singular vectors of the merged graph."""

    name = "SVD filter"
    settings_class: ClassVar = SVDFilterSettings
    trials: ClassVar = tuple(
        {"rank": rank, "history_exponent": history, "popularity_exponent": popularity}
        for rank in (128, 64, 256, 512)
        for history, popularity in ((0.5, 0.5), (0.5, 0.0), (0.25, 0.25), (0.5, 0.25))
    )

    arrays = ("vectors",)

    vectors: NDArray[np.float32]  # [I, R]
    _degree: NDArray[np.float32]  # [I]

    def _prepare(self) -> None:
        degree = np.asarray(self.data.liked.sum(axis=0)).ravel()
        self._degree = np.maximum(degree, 1.0).astype(np.float32)

    def _fit(self, seed: int, on_progress: OnProgress) -> None:
        self.vectors, _ = item_spectrum(self.data.liked, rank=self.settings.rank, seed=seed)

    def user_vectors(self, users: Histories, domain: int) -> Vectors:
        """``(h / d^history_exponent) V``."""
        scaled = self.vectors * (self._degree**-self.settings.history_exponent)[:, None]
        return Vectors(np.asarray(users.items @ scaled, dtype=np.float32))

    def item_vectors(self, domain: int) -> Vectors:
        """``d^popularity_exponent V``."""
        items = self.data.items_of(domain)
        scale = self._degree[items] ** self.settings.popularity_exponent
        return Vectors(self.vectors[items] * scale[:, None])


class GraphFilterSettings(RecommenderSettings):
    """Settings of :class:`GraphFilter`."""

    rank: PositiveInt = 128
    """Number of leading singular vectors of the low-pass part."""
    low_pass: NonNegativeFloat = 0.3
    """Weight of the low-pass part, that of the one step over the graph being 1; 0 leaves it out."""
    popularity_exponent: NonNegativeFloat = 0.5
    """Exponent of a target item's number of likes, by which its score is multiplied; lower values
    rank popular items lower."""


class GraphFilter(BaseVectorRecommender[GraphFilterSettings]):
    """Adds one step over the graph and ``low_pass`` times its low-pass part."""

    name = "graph filter (GF-CF)"
    settings_class: ClassVar = GraphFilterSettings
    trials: ClassVar = tuple(
        {"rank": rank, "low_pass": low_pass, "popularity_exponent": popularity}
        for rank in (128, 256)
        for low_pass in (0.3, 0.0, 1.0)
        for popularity in (0.5, 0.25, 0.0)
    )

    _walk: RandomWalk
    _low_pass: SVDFilter

    def _prepare(self) -> None:
        given = self.settings
        self._walk = RandomWalk(
            RandomWalkSettings(
                history_exponent=1.0, popularity_exponent=given.popularity_exponent - 0.5
            )
        )
        self._low_pass = SVDFilter(
            SVDFilterSettings(
                rank=given.rank,
                history_exponent=0.5,
                popularity_exponent=given.popularity_exponent,
            )
        )
        self._walk.fit(self.data, domains=self.targets)

    def _fit(self, seed: int, on_progress: OnProgress) -> None:
        if self.settings.low_pass:
            self._low_pass.fit(self.data, seed=seed, domains=self.targets)

    def user_vectors(self, users: Histories, domain: int) -> Vectors:
        """``[B]`` rows: a step over the graph, and the low-pass part beside it."""
        step = self._walk.user_vectors(users, domain)
        if not self.settings.low_pass:
            return step
        by = np.full(len(users), self.settings.low_pass, np.float32)
        return Vectors.beside([step, self._low_pass.user_vectors(users, domain).scaled(by)])

    def item_vectors(self, domain: int) -> Vectors:
        """``[I_d]`` rows of both."""
        step = self._walk.item_vectors(domain)
        if not self.settings.low_pass:
            return step
        return Vectors.beside([step, self._low_pass.item_vectors(domain)])

    def state(self) -> State:
        """The singular vectors, unless ``low_pass`` is 0."""
        return self._low_pass.state() if self.settings.low_pass else {}

    def _restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        if self.settings.low_pass:
            self._low_pass = SVDFilter.from_state(self._low_pass.settings, state, self.data)
