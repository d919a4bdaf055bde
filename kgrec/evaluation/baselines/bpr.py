"""BPR matrix factorisation on the merged matrix, with fold-in.

In:   likes.  Out: item factors and biases.

Rendle et al., "BPR: Bayesian personalized ranking from implicit feedback" (UAI 2009), by the
library ``implicit``. BPR itself has no way to fold a person in; here it is one weighted
least-squares step on the item factors, as in ALS.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph_store.snapshot import Snapshot
from kgrec.evaluation.baselines.base import Baseline
from kgrec.evaluation.recommender import OnProgress
from kgrec.solvers.als import fold_in

__all__ = ["BPR"]


class BPR(Baseline):
    """Factors learned by stochastic steps on pairs of items."""

    name = "BPR"
    trials: ClassVar = tuple(
        {"rank": rank, "iterations": iterations, "bias": bias}
        for rank in (64, 128)
        for iterations in (100, 300)
        for bias in (1.0, 0.3, 0.0)
    )

    def __init__(
        self,
        *,
        rank: int = 64,
        iterations: int = 100,
        bias: float = 1.0,
        learning_rate: float = 0.05,
        regularization: float = 0.01,
    ) -> None:
        self.rank = rank
        self.iterations = iterations
        self.bias = bias
        """Weight of an item's own bias beside the person's part."""
        self.learning_rate = learning_rate
        self.regularization = regularization

    def _learn(self, train: Snapshot, seed: int, on_progress: OnProgress) -> None:
        from implicit.bpr import BayesianPersonalizedRanking

        model = BayesianPersonalizedRanking(
            factors=self.rank,
            learning_rate=self.learning_rate,
            regularization=self.regularization,
            iterations=self.iterations,
            random_state=seed,
            num_threads=1,  # threads race, and a race has no seed
            use_gpu=False,
        )
        model.fit(self.log.liked, show_progress=False)
        # implicit keeps an item's bias in the last column.
        self._items = np.ascontiguousarray(model.item_factors[:, :-1], dtype=np.float32)
        self._bias = np.asarray(model.item_factors[:, -1], dtype=np.float32)

    def score(self, histories: sp.csr_matrix, domain: int) -> NDArray[np.float32]:
        """Folded-in person times item factors, plus the item's bias."""
        self._check(domain)
        items = self.log.items_of(domain)
        people = fold_in(histories, self._items, regularization=1.0, alpha=10.0)
        return people @ self._items[items].T + np.float32(self.bias) * self._bias[items]
