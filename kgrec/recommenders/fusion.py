"""Rank fusion: several recommenders vote by the places they give.

In:   recommenders.  Out: the sum of ``1 / (60 + place)`` over them.

Cormack, Clarke and Büttcher, "Reciprocal rank fusion outperforms Condorcet and individual rank
learning methods" (SIGIR 2009). Scores need not be comparable. The benchmark fuses the three
recommenders that did best on validation users.

A vote depends on the places of all items in a user's list. That is no inner product of a user's and
an item's vector, so this is no component of an ensemble, which weighs scores instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from kgrec.data.histories import Histories
from kgrec.data.interactions import Interactions
from kgrec.errors import InputError
from kgrec.recommenders.base import OnProgress, Recommender, Scores, ignore_progress

__all__ = ["RankFusion"]


class RankFusion:
    """Fits its members and adds up their votes."""

    def __init__(
        self, members: Sequence[Recommender], *, smoothing: float = 60.0, fitted: bool = False
    ) -> None:
        """Keep the members.

        Args:
            members: The recommenders that vote.
            smoothing: Added to every place; more lets the first places count less.
            fitted: Whether the members are fitted already and stay as they are.
        """
        self.members = list(members)
        self.smoothing = smoothing
        self.fitted = fitted
        self.name = "rank fusion"

    def fit(
        self,
        data: Interactions,
        *,
        seed: int = 0,
        domains: Sequence[int] | None = None,
        on_progress: OnProgress = ignore_progress,
    ) -> Self:
        """Fit every member."""
        if self.fitted:
            return self
        for number, member in enumerate(self.members):
            on_progress(number / len(self.members), f"fitting {member.name}")
            member.fit(data, seed=seed, domains=domains)
        on_progress(1.0, self.name)
        return self

    def score(self, users: Histories, domain: int) -> Scores:
        """Sums of reciprocal places; items of equal score have the last place among them.

        Raises:
            InputError: There is no member.
        """
        total: NDArray[np.float32] | None = None
        for member in self.members:
            votes = (1.0 / (self.smoothing + _places(member.score(users, domain)))).astype(
                np.float32
            )
            total = votes if total is None else total + votes
        if total is None:
            raise InputError("rank fusion needs at least one member")
        return total


def _places(scores: NDArray[np.float32]) -> NDArray[np.int64]:
    places = np.empty(scores.shape, dtype=np.int64)
    for row, line in enumerate(scores):
        ascending = np.sort(line)
        places[row] = len(line) - np.searchsorted(ascending, line, side="left")
    return places
