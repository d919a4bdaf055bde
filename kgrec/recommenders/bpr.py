"""BPR matrix factorisation on the merged matrix, with fold-in.

In:   likes.  Out: item factors and biases.

Rendle et al., "BPR: Bayesian personalized ranking from implicit feedback" (UAI 2009), by the
library ``implicit``. BPR itself has no way to fold a user in; here that is one weighted
least-squares step on the item factors, as in ALS.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt

from kgrec.data.histories import Histories
from kgrec.recommenders.base import BaseVectorRecommender, OnProgress, RecommenderSettings
from kgrec.solvers.als import fold_in
from kgrec.vectors import Vectors

__all__ = ["BPR", "BPRSettings"]


class BPRSettings(RecommenderSettings):
    """Settings of :class:`BPR`."""

    rank: PositiveInt = 64
    """Number of factors of a user and of an item."""
    iterations: PositiveInt = 100
    """Number of passes over all likes in training."""
    bias: NonNegativeFloat = 1.0
    """Factor on an item's learned bias in its score, the inner product of factors having 1; lower
    values rank popular items lower, 0 ranks by factors alone."""
    learning_rate: PositiveFloat = 0.05
    """Step size of stochastic gradient descent."""
    regularization: NonNegativeFloat = 0.01
    """Weight of the squared norm of all factors in the loss; more where users have few likes."""


class BPR(BaseVectorRecommender[BPRSettings]):
    """Learns factors by stochastic steps on pairs of a liked item and another one."""

    name = "BPR"
    settings_class: ClassVar = BPRSettings
    trials: ClassVar = tuple(
        {"rank": rank, "iterations": iterations, "bias": bias}
        for rank in (64, 128)
        for iterations in (100, 300)
        for bias in (1.0, 0.3, 0.0)
    )

    arrays = ("items", "bias")

    items: NDArray[np.float32]  # [I, R]
    bias: NDArray[np.float32]  # [I]

    def _fit(self, seed: int, on_progress: OnProgress) -> None:
        from implicit.bpr import BayesianPersonalizedRanking

        model = BayesianPersonalizedRanking(
            factors=self.settings.rank,
            learning_rate=self.settings.learning_rate,
            regularization=self.settings.regularization,
            iterations=self.settings.iterations,
            random_state=seed,
            num_threads=1,  # threads race, and a race has no seed
            use_gpu=False,
        )
        model.fit(self.data.liked, show_progress=False)
        # implicit keeps an item's bias in the last column.
        self.items = np.ascontiguousarray(model.item_factors[:, :-1], dtype=np.float32)
        self.bias = np.asarray(model.item_factors[:, -1], dtype=np.float32)

    def user_vectors(self, users: Histories, domain: int) -> Vectors:
        """``[B, R + 1]`` the folded-in user and the factor on biases."""
        folded = fold_in(users.items, self.items, regularization=1.0, alpha=10.0)
        weight = np.full((len(users), 1), self.settings.bias, np.float32)
        return Vectors(np.hstack([folded, weight]))

    def item_vectors(self, domain: int) -> Vectors:
        """``[I_d, R + 1]`` factors and the item's bias."""
        items = self.data.items_of(domain)
        return Vectors(np.hstack([self.items[items], self.bias[items, None]]))
