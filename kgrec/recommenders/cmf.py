"""CMF: the matrices of both sides factorised together, people having the same factors in both.

In:   likes.  Out: item factors of both sides; a person is folded in from their history.

Singh and Gordon, "Relational learning via collective matrix factorization" (KDD 2008), with the
logistic link. It has no way to take in a new person, who here is one weighted least-squares step
on the item factors, as for BPR.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from pydantic import Field, NonNegativeFloat, NonNegativeInt
from torch import nn

from kgrec.data.histories import Histories
from kgrec.recommenders.base import Scores
from kgrec.recommenders.two_domains import (
    Network,
    Side,
    TwoDomains,
    TwoDomainsSettings,
    Views,
)
from kgrec.solvers.als import fold_in

__all__ = ["CMF", "CMFSettings"]


class CMFSettings(TwoDomainsSettings):
    """Settings of :class:`CMF`."""

    source_weight: float = Field(default=0.5, ge=0.0, le=1.0)
    """Weight of the source side's likes in the loss, between 0 and 1."""
    epochs: NonNegativeInt = 30
    """Passes over the likes."""
    decay: NonNegativeFloat = 1e-1
    """Weight of the mean squared length of all factors."""


class CMF(TwoDomains[CMFSettings]):
    """One table of people, one of items a side."""

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

    def _model(self, source: Side, target: Side) -> Network:
        return _Factors(source, target, self.settings.dim, self.settings.decay)

    def score(self, users: Histories, domain: int) -> Scores:
        """Folded-in person times item factors."""
        self._require_fitted(domain)
        fitted = self._fitted[domain]
        items = np.zeros((users.num_items, self.settings.dim), np.float32)
        items[fitted.source.items], items[fitted.target.items] = fitted.items
        people = fold_in(users.items, items, regularization=1.0, alpha=10.0)
        return np.asarray(people @ fitted.items[1].T, dtype=np.float32)


class _Factors(Network):
    def __init__(self, source: Side, target: Side, dim: int, decay: float) -> None:
        super().__init__()
        sizes = (source.likes.shape[0], len(source.items), len(target.items))
        self.people, self.source, self.target = (
            nn.Parameter(torch.randn(size, dim) * 0.1) for size in sizes
        )
        self.decay = decay

    def forward(self) -> Views:
        tables = (self.people, self.source, self.target)
        penalty = sum(table.square().sum(dim=1).mean() for table in tables)
        return Views((self.people, self.people), (self.source, self.target), self.decay * penalty)
