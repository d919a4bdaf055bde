"""CMF: the matrices of both sides factorised together, with the same user factors in both.

In:   likes.  Out: item factors of both sides; a user is folded in from the history.

Singh and Gordon, "Relational learning via collective matrix factorization" (KDD 2008), with the
logistic link. It has no way to take in a new user, who here is one weighted least-squares step on
the item factors, as for BPR.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field, NonNegativeFloat, NonNegativeInt

from kgrec.data.histories import Histories
from kgrec.recommenders.sides import Side
from kgrec.recommenders.two_domains import TwoDomains, TwoDomainsSettings
from kgrec.solvers.als import fold_in
from kgrec.vectors import Vectors

if TYPE_CHECKING:
    from kgrec.recommenders.networks.two_domains import Network

__all__ = ["CMF", "CMFSettings"]


class CMFSettings(TwoDomainsSettings):
    """Settings of :class:`CMF`."""

    source_weight: float = Field(default=0.5, ge=0.0, le=1.0)
    """Weight of the source side in the loss, 0 to 1; the target side has the rest."""
    epochs: NonNegativeInt = 30
    """Number of passes over the likes of both sides in training."""
    decay: NonNegativeFloat = 1e-1
    """Weight in the loss of the mean squared norm of all factors; more keeps factors smaller."""


class CMF(TwoDomains[CMFSettings]):
    """Factorises both sides with one table of users and one table of items for each side."""

    name = "CMF"
    settings_class: ClassVar = CMFSettings
    trials: ClassVar = tuple(
        {"source_weight": weight, "epochs": epochs, "decay": decay}
        for weight in (0.5, 0.2)
        for epochs in (30, 60)
        for decay in (1e-1, 3e-1, 1e-2)
    )

    @property
    def source_weight(self) -> float:
        """Weight of the source side's likes in the loss, between 0 and 1."""
        return self.settings.source_weight

    def _network(self, sides: tuple[Side, Side]) -> Network:
        from kgrec.recommenders.networks.cmf import Factors

        return Factors(sides, self.settings.dim, self.settings.decay)

    def user_vectors(self, users: Histories, domain: int) -> Vectors:
        """``[B, D]`` folded in from the history on both sides."""
        (source, target), learned = self.sides(domain), self.learned[domain]
        items = np.zeros((users.num_items, self.settings.dim), np.float32)
        items[source.items], items[target.items] = learned["source"], learned["items"]
        return Vectors(fold_in(users.items, items, regularization=1.0, alpha=10.0))
