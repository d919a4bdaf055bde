"""Puts the scores of several domains on one scale, so that one list can hold the best of each.

In:   a trained model.
Out:  for each domain the score that is 0 on the common scale and the width that is 1: the mean,
      over some users of the run, of their hundredth score and of what the first is above it.

The scale is the domain's and not the user's, so a user who is better served by one domain gets more
of it. docs/decisions/domains-are-compared-by-their-top.md has the figures.
"""

from __future__ import annotations

import numpy as np

from kgrec.ranking.topk import top_k_of_products
from kgrec.trained import TrainedModel

__all__ = ["ScoreScales"]

_USERS = 64
"""Users whose scores are measured."""
_PLACE = 100


class ScoreScales:
    """Measures each domain once, when it is first asked for beside another."""

    def __init__(self, model: TrainedModel) -> None:
        self._model = model
        self._measured: dict[int, tuple[float, float]] = {}

    def of(self, domain: int) -> tuple[float, float]:
        """The score that counts 0, and the difference of scores that counts 1.

        Args:
            domain: Number of the domain.
        """
        if domain not in self._measured:
            self._measured[domain] = self._measure(domain)
        return self._measured[domain]

    def _measure(self, domain: int) -> tuple[float, float]:
        interactions = self._model.interactions
        active = np.flatnonzero(np.diff(interactions.liked.indptr))
        items = self._model.item_vectors(domain)
        if not len(active) or not len(items):
            return 0.0, 1.0
        some = active[np.linspace(0, len(active) - 1, min(_USERS, len(active))).astype(np.int64)]
        users = self._model.user_vectors(interactions.histories(some), domain)
        _, score = top_k_of_products(users, items, min(_PLACE, len(items)))
        low = float(score[:, -1].mean())
        return low, max(float(score[:, 0].mean()) - low, 1e-9)
