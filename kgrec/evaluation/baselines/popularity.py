"""Popularity: everybody gets what most people like.

In:   likes.  Out: the count of each item, the same for all people.

``among="overlap"`` counts only the people who are active in the target and in another
domain: they are more like the people who are asked about. What every recommender has to
beat; see Cremonesi, Koren and Turrin, "Performance of recommender algorithms on top-N
recommendation tasks" (RecSys 2010).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph_store.snapshot import Snapshot
from kgrec.evaluation.baselines.base import Baseline
from kgrec.evaluation.recommender import OnProgress

__all__ = ["Popularity"]


class Popularity(Baseline):
    """Counts likes of all people, or of overlapping people."""

    def __init__(self, *, among: Literal["all", "overlap"] = "all") -> None:
        self.among = among
        self.name = "popularity" if among == "all" else "popularity (overlap)"

    def _learn(self, train: Snapshot, seed: int, on_progress: OnProgress) -> None:
        self._counts: dict[int, NDArray[np.float32]] = {}
        for domain in self._targets:
            items, people = self.log.items_of(domain), slice(None)
            likes = self.log.liked
            if self.among == "overlap":
                likes = likes[self.log.overlapping(domain)]
            counts = np.asarray(likes[people].sum(axis=0)).ravel()
            self._counts[domain] = counts[items].astype(np.float32)

    def score(self, histories: sp.csr_matrix, domain: int) -> NDArray[np.float32]:
        """The same row for everybody."""
        self._check(domain)
        counts = self._counts[domain]
        return np.broadcast_to(counts, (histories.shape[0], len(counts))).copy()
