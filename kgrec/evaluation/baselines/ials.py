"""iALS on the merged matrix: one factor space for the items of all domains.

In:   likes.  Out: item factors; a person is folded in from their history.

Hu, Koren and Volinsky (ICDM 2008); that it must be tuned to be a fair baseline: Rendle et
al., "Revisiting the performance of iALS on item recommendation benchmarks" (RecSys 2022).
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph_store.snapshot import Snapshot
from kgrec.evaluation.baselines.base import Baseline
from kgrec.evaluation.baselines.factors import AlsSettings, FactorCache, person_factors
from kgrec.evaluation.recommender import OnProgress

__all__ = ["IALS"]


class IALS(Baseline):
    """Weighted least-squares factors with fold-in."""

    name = "iALS"
    trials: ClassVar = tuple(
        {"rank": rank, "regularization": regularization, "alpha": alpha}
        for rank in (64, 128, 256)
        for regularization in (10.0, 50.0, 200.0)
        for alpha in (10.0, 40.0)
    )

    def __init__(
        self,
        *,
        rank: int = 64,
        regularization: float = 10.0,
        alpha: float = 10.0,
        cache: FactorCache | None = None,
    ) -> None:
        self.settings = AlsSettings(rank, regularization, alpha)
        self._cache = cache or FactorCache(1)

    def _learn(self, train: Snapshot, seed: int, on_progress: OnProgress) -> None:
        self._items = self._cache.item_factors(self.log.liked, self.settings, seed=seed)

    def score(self, histories: sp.csr_matrix, domain: int) -> NDArray[np.float32]:
        """Products of person and item factors."""
        self._check(domain)
        people = person_factors(histories, self._items, self.settings)
        return people @ self._items[self.log.items_of(domain)].T
