"""Popularity: every user gets the items with most likes.

In:   likes.  Out: one number an item, the same for all users.

``among="overlap"`` counts only users who are active in the domain and in another one: they are
more like the users who are asked about. What every recommender has to beat; see Cremonesi, Koren
and Turrin, "Performance of recommender algorithms on top-N recommendation tasks" (RecSys 2010).
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from kgrec.data.histories import Histories
from kgrec.recommenders.base import BaseVectorRecommender, OnProgress, RecommenderSettings
from kgrec.vectors import Vectors

__all__ = ["Popularity", "PopularitySettings"]


class PopularitySettings(RecommenderSettings):
    """Settings of :class:`Popularity`."""

    among: Literal["all", "overlap"] = "all"
    """Whose likes are counted: those of all users, or only of overlapping users, who are active
    in the domain and in another one, as the users that cold-start lists are made for will be."""
    scale: Literal["count", "log"] = "count"
    """An item's score: its number of likes, or log(1 + likes) less the mean of that in its domain.
    The order of items is the same; as a component, `log` keeps a few items from dominating."""


class Popularity(BaseVectorRecommender[PopularitySettings]):
    """Counts likes of all users, or of overlapping users."""

    settings_class: ClassVar = PopularitySettings
    arrays = ("item_scores",)

    item_scores: NDArray[np.float32]  # [I], 0 in domains that it was not fitted for

    @property
    def name(self) -> str:  # type: ignore[override]
        """Says whose likes count."""
        return "popularity" if self.settings.among == "all" else "popularity (overlap)"

    def _fit(self, seed: int, on_progress: OnProgress) -> None:
        self.item_scores = np.zeros(self.data.liked.shape[1], np.float32)
        for domain in self.targets:
            likes = self.data.liked
            if self.settings.among == "overlap":
                likes = likes[self.data.overlapping(domain)]
            items = self.data.items_of(domain)
            counts = np.bincount(likes.indices, minlength=likes.shape[1])[items]
            if self.settings.scale == "log" and len(items):
                logs = np.log1p(counts)
                self.item_scores[items] = logs - logs.mean()
            else:
                self.item_scores[items] = counts

    def user_vectors(self, users: Histories, domain: int) -> Vectors:
        """``[B, 1]`` ones."""
        return Vectors(np.ones((len(users), 1), np.float32))

    def item_vectors(self, domain: int) -> Vectors:
        """``[I_d, 1]`` the item's score."""
        return Vectors(self.item_scores[self.data.items_of(domain), None])
