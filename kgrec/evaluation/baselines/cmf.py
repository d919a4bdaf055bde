"""CMF: the matrices of both sides factorised together, people having the same factors in both.

In:   likes.  Out: item factors of both sides; a person is folded in from their history.

Singh and Gordon, "Relational learning via collective matrix factorization" (KDD 2008), with the
logistic link. It has no way to take in a new person, who here is one weighted least-squares step
on the item factors, as for BPR.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import nn

from kgrec.evaluation.baselines.two_domains import Network, Side, TwoDomains, Views
from kgrec.solvers.als import fold_in

__all__ = ["CMF"]


class CMF(TwoDomains):
    """One table of people, one of items a side."""

    name = "CMF"
    trials: ClassVar = tuple(
        {"source_weight": weight, "epochs": epochs, "decay": decay}
        for weight in (0.5, 0.2)
        for epochs in (30, 60)
        for decay in (1e-1, 3e-1, 1e-2)
    )

    def __init__(
        self,
        *,
        dim: int = 64,
        source_weight: float = 0.5,
        epochs: int = 30,
        decay: float = 1e-1,
        learning_rate: float = 1e-2,
        batch: int = 16_384,
    ) -> None:
        super().__init__(dim=dim, epochs=epochs, learning_rate=learning_rate, batch=batch)
        self.source_weight = source_weight
        self.decay = decay
        """Weight of the mean squared length of all factors."""

    def _model(self, source: Side, target: Side) -> Network:
        return _Factors(source, target, self.dim, self.decay)

    def score(self, histories: sp.csr_matrix, domain: int) -> NDArray[np.float32]:
        """Folded-in person times item factors."""
        self._check(domain)
        fitted = self._fitted[domain]
        items = np.zeros((histories.shape[1], self.dim), np.float32)
        items[fitted.source.items], items[fitted.target.items] = fitted.items
        people = fold_in(histories, items, regularization=1.0, alpha=10.0)
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
