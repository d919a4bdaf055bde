"""EMCDR on iALS factors: one factor space a side, and a linear map between them.

In:   likes.  Out: source and target item factors, and a ridge map of person factors.

Man et al., "Cross-domain recommendation: an embedding and mapping approach" (IJCAI 2017),
in its linear form; sources are all domains but the target, factorised together. The map is
learned on people who are active on both sides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph_store.snapshot import Snapshot
from kgrec.evaluation.baselines.base import Baseline, with_offset
from kgrec.evaluation.baselines.factors import (
    AlsSettings,
    FactorCache,
    both_sides,
    person_factors,
)
from kgrec.evaluation.recommender import OnProgress
from kgrec.solvers.ridge import ridge

__all__ = ["EMCDR"]


@dataclass(frozen=True)
class _Side:
    source: NDArray[np.float32]  # [I, R], zero rows in the target domain
    target: NDArray[np.float32]  # [I_d, R]
    map: NDArray[np.float32]  # [R + 1, R]


class EMCDR(Baseline):
    """Maps source factors to target factors linearly."""

    name = "EMCDR (iALS, linear)"
    trials: ClassVar = tuple(
        {"rank": rank, "regularization": regularization, "alpha": alpha, "strength": strength}
        for rank, regularization, alpha in (
            (64, 1.0, 10.0),
            (128, 1.0, 10.0),
            (128, 10.0, 10.0),
            (128, 10.0, 40.0),
            (128, 50.0, 40.0),
            (256, 10.0, 40.0),
        )  # fmt: skip
        for strength in (10.0, 1.0, 100.0)
    )

    def __init__(
        self,
        *,
        rank: int = 64,
        regularization: float = 1.0,
        alpha: float = 10.0,
        strength: float = 10.0,
        cache: FactorCache | None = None,
    ) -> None:
        self.settings = AlsSettings(rank, regularization, alpha)
        self.strength = strength
        self._cache = cache or FactorCache(2)

    def _learn(self, train: Snapshot, seed: int, on_progress: OnProgress) -> None:
        self._sides: dict[int, _Side] = {}
        for done, domain in enumerate(self._targets):
            on_progress(done / len(self._targets), "factors of both sides")
            sides = both_sides(self.log, domain, self.settings, self._cache, seed=seed)
            both, source, target = sides.people, sides.source, sides.target
            if len(both):
                before = person_factors(sides.source_likes[both], source, self.settings)
                after = person_factors(sides.target_likes[both], target, self.settings)
                mapping = ridge(with_offset(before), after, strength=self.strength)
            else:  # nobody to learn a map from: no opinion
                mapping = np.zeros((source.shape[1] + 1, target.shape[1]), np.float32)
            self._sides[domain] = _Side(source, target, mapping)

    def score(self, histories: sp.csr_matrix, domain: int) -> NDArray[np.float32]:
        """Mapped source factors times target item factors; target history is not used."""
        self._check(domain)
        side = self._sides[domain]
        source = self.log.outside(histories, domain)
        people = person_factors(source, side.source, self.settings)
        mapped = with_offset(people) @ side.map
        return np.asarray(mapped @ side.target.T, dtype=np.float32)
