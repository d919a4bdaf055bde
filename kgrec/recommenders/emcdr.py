"""EMCDR on iALS factors: one factor space a domain or a side, and a linear map to the target.

In:   likes.  Out: source and target item factors, and a ridge map of user factors for each target.

Man et al., "Cross-domain recommendation: an embedding and mapping approach" (IJCAI 2017), in its
linear form. The map is learned on users who are active on both sides. Two options decide how far
this goes beyond the paper's two domains of strictly cold users:

    sources          "merged": all domains but the target are one matrix, as in the paper's pair;
                     "separate": each is factorised by itself, and the map reads them side by side
    own_history      whether a user's own history in the target domain, folded in, takes over from
                     the map as it grows

Of two domains the two kinds of sources differ in nothing but the random start of iALS.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import PositiveFloat

from kgrec.data.histories import Histories
from kgrec.data.interactions import Interactions, count_inside
from kgrec.recommenders.base import BaseVectorRecommender, OnProgress, State, ignore_progress
from kgrec.recommenders.factors import AlsSettings, both_sides, folding
from kgrec.recommenders.matrices import with_offset
from kgrec.solvers.domain_factors import DomainFactors
from kgrec.solvers.fold_in import FoldIn
from kgrec.solvers.ridge import ridge
from kgrec.vectors import Vectors

__all__ = ["EMCDR", "EMCDRSettings"]

Floats = NDArray[np.float32]


class EMCDRSettings(AlsSettings):
    """Settings of :class:`EMCDR`."""

    strength: PositiveFloat = 10.0
    """Regularization strength of the ridge map; the more, the nearer mapped users are to zero,
    which is better where few users overlap."""
    sources: Literal["merged", "separate"] = "merged"
    """Whether all other domains are factorised as one matrix, or each domain by itself; separate
    factors are quicker to solve where there are many domains."""
    own_history: bool = False
    """Whether a user's history in the target domain takes over from the map: n items there weigh
    n / (n + 1), the map the rest. Set it where warm users are scored too."""


class EMCDR(BaseVectorRecommender[EMCDRSettings]):
    """Maps source factors to target factors linearly."""

    name = "EMCDR (iALS, linear)"
    settings_class: ClassVar = EMCDRSettings
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

    target_factors: dict[int, Floats]  # of each target domain [I_d, R]
    source_factors: dict[int, Floats]  # of each target domain [I, R]; the same ones if separate
    maps: dict[int, Floats]  # of each target domain [F + 1, R]
    _foldings: dict[tuple[int, bool], FoldIn]
    _start: EMCDR | None = None

    def _prepare(self) -> None:
        self._foldings = {}

    def _fit(self, seed: int, on_progress: OnProgress) -> None:
        self.target_factors, self.source_factors, self.maps = {}, {}, {}
        if self.settings.sources == "separate":
            self._factorise_separately(seed)
        for done, domain in enumerate(self.targets):
            on_progress(done / len(self.targets), "factors of both sides")
            if self.settings.sources == "merged":
                before = self._start
                start = None
                if before is not None:
                    start = (before.source_factors[domain], before.target_factors[domain])
                sides = both_sides(self.data, domain, self.settings, seed=seed, start=start)
                self.source_factors[domain] = sides.source
                self.target_factors[domain] = sides.target
            self.maps[domain] = self._map(domain)
        self._start = None

    def _factorise_separately(self, seed: int) -> None:
        start = None if self._start is None else next(iter(self._start.source_factors.values()))
        solved = DomainFactors.solve(
            self.data, rank=self.settings.rank, regularization=self.settings.regularization,
            alpha=self.settings.alpha, seed=seed, start=start,
        )  # fmt: skip
        self._take_separate(solved.items)

    def _take_separate(self, items: Floats) -> None:
        for domain in self.targets:
            self.source_factors[domain] = items
            self.target_factors[domain] = items[self.data.items_of(domain)]

    def _map(self, domain: int) -> Floats:
        """``[F + 1, R]``; zeros, and so the score 0, where no user overlaps."""
        both = self.data.overlapping(domain)
        rows = self.data.liked[both]
        before = self._source_features(rows, domain)
        if not len(both):
            return np.zeros((before.shape[1], self.target_factors[domain].shape[1]), np.float32)
        return ridge(before, self._own_factors(rows, domain), strength=self.settings.strength)

    def _source_features(self, histories: sp.csr_matrix, domain: int) -> Floats:
        """``[B, F + 1]`` fold-in outside the domain, and a column of ones."""
        factors = self.source_factors[domain]
        if self.settings.sources == "merged":
            return with_offset(self._fold_in(histories, factors, domain, outside=True))
        others = [other for other in range(self.data.num_domains) if other != domain]
        ones = np.ones((histories.shape[0], 1), np.float32)
        return np.hstack([*(self._fold_in(histories, factors, other) for other in others), ones])

    def _own_factors(self, histories: sp.csr_matrix, domain: int) -> Floats:
        """``[B, R]`` fold-in of the part of the histories that lies in the domain."""
        if self.settings.sources == "separate":
            return self._fold_in(histories, self.source_factors[domain], domain)
        inside = histories[:, self.data.items_of(domain)].tocsr()
        return folding(self.target_factors[domain], self.settings).users(inside)

    def _fold_in(
        self, histories: sp.csr_matrix, factors: Floats, domain: int, *, outside: bool = False
    ) -> Floats:
        """``[B, R]`` by the items of one domain, or by those ``outside`` of it."""
        found = self._foldings.get((domain, outside))
        if found is None or found.items is not factors:
            within = (self.data.item_domain == domain) != outside
            found = folding(factors, self.settings, within=within)
            self._foldings[domain, outside] = found
        return found.users(histories)

    def user_vectors(self, users: Histories, domain: int) -> Vectors:
        """``[B, R]`` what the map makes of the other domains, and of the user's own history."""
        mapped = self._source_features(users.items, domain) @ self.maps[domain]
        if self.settings.own_history:
            inside = count_inside(users.items, self.data.item_domain, domain)
            own = (inside / (inside + 1.0)).astype(np.float32)[:, None]
            if own.any():
                mapped = (1 - own) * mapped + own * self._own_factors(users.items, domain)
        return Vectors(np.asarray(mapped, dtype=np.float32))

    def item_vectors(self, domain: int) -> Vectors:
        """``[I_d, R]`` target factors."""
        return Vectors(self.target_factors[domain])

    def refit(
        self, data: Interactions, *, seed: int = 0, on_progress: OnProgress = ignore_progress
    ) -> Self:
        """Go on from these factors; the maps are solved anew."""
        made = type(self)(self.settings)
        made._start = self
        return made.fit(data, seed=seed, on_progress=on_progress)

    def state(self) -> State:
        """Maps and factors of every target; factors once where all targets share them."""
        state: State = {f"map.{domain}": map_ for domain, map_ in self.maps.items()}
        if self.settings.sources == "separate":
            return state | {"factors": next(iter(self.source_factors.values()))}
        for domain in self.maps:
            state[f"source.{domain}"] = self.source_factors[domain]
            state[f"target.{domain}"] = self.target_factors[domain]
        return state

    def _restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        self.target_factors, self.source_factors = {}, {}
        self.maps = {domain: state[f"map.{domain}"] for domain in self.targets}
        if self.settings.sources == "separate":
            self._take_separate(state["factors"])
            return
        self.source_factors = {domain: state[f"source.{domain}"] for domain in self.targets}
        self.target_factors = {domain: state[f"target.{domain}"] for domain in self.targets}
