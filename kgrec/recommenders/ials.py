"""iALS on the merged matrix: one factor space for the items of all domains.

In:   likes.  Out: item factors; a user is folded in from their history.

Hu, Koren and Volinsky, "Collaborative filtering for implicit feedback datasets" (ICDM 2008). How
it is tuned to be a fair baseline: Rendle et al., "Revisiting the performance of iALS on item
recommendation benchmarks" (RecSys 2022). It also learns from users who are active in one domain
only.
"""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import PositiveFloat

from kgrec.data.histories import Histories
from kgrec.data.interactions import Interactions
from kgrec.recommenders.base import BaseVectorRecommender, OnProgress, ignore_progress
from kgrec.recommenders.factors import AlsSettings, folding, item_factors
from kgrec.solvers.fold_in import FoldIn
from kgrec.vectors import Vectors

__all__ = ["IALS", "IALSSettings"]


class IALSSettings(AlsSettings):
    """Settings of :class:`IALS`."""

    regularization: PositiveFloat = 10.0
    """Weight of the squared norm of all factors in the loss; more where users have few likes."""


class IALS(BaseVectorRecommender[IALSSettings]):
    """Factorises all likes as one matrix by weighted least squares; users are folded in."""

    name = "iALS"
    settings_class: ClassVar = IALSSettings
    trials: ClassVar = tuple(
        {"rank": rank, "regularization": regularization, "alpha": alpha}
        for rank in (64, 128, 256)
        for regularization in (10.0, 50.0, 200.0)
        for alpha in (10.0, 40.0)
    )
    arrays = ("items",)

    items: NDArray[np.float32]  # [I, R]
    _start: NDArray[np.float32] | None = None
    _folding: FoldIn | None = None

    def _fit(self, seed: int, on_progress: OnProgress) -> None:
        self.items = item_factors(self.data.liked, self.settings, seed=seed, start=self._start)
        self._start = None

    def refit(
        self, data: Interactions, *, seed: int = 0, on_progress: OnProgress = ignore_progress
    ) -> Self:
        """Go on from these factors."""
        made = type(self)(self.settings)
        made._start = self.items
        return made.fit(data, seed=seed, on_progress=on_progress)

    def user_vectors(self, users: Histories, domain: int) -> Vectors:
        """``[B, R]`` fold-in of the whole history, the same for every domain."""
        if self._folding is None or self._folding.items is not self.items:
            self._folding = folding(self.items, self.settings)
        return Vectors(self._folding.users(users.items))

    def item_vectors(self, domain: int) -> Vectors:
        """``[I_d, R]`` factors."""
        return Vectors(self.items[self.data.items_of(domain)])
