"""LightGCN: ids whose vectors flow over the graph of people and items, without weights.

In:   likes, of all domains or of the target alone.  Out: item vectors.

He et al., "LightGCN: simplifying and powering graph convolution network for recommendation"
(SIGIR 2020); loss and inductive reading of people as in
:mod:`kgrec.evaluation.baselines.propagation`. On the target alone a strict cold person has no
history at all, so that everybody gets the same list.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph_store.snapshot import Snapshot
from kgrec.evaluation.baselines.propagation import Propagation

if TYPE_CHECKING:
    from torch import nn

__all__ = ["LightGCN"]


class LightGCN(Propagation):
    """One learned vector a person and an item."""

    trials: ClassVar = (
        {"temperature": 0.15, "epochs": 20},
        {"temperature": 0.1, "epochs": 20},
        {"temperature": 0.25, "epochs": 20},
        {"temperature": 0.15, "epochs": 40},
    )

    def __init__(
        self,
        *,
        target_only: bool = False,
        dim: int = 64,
        layers: int = 2,
        epochs: int = 20,
        temperature: float = 0.15,
        learning_rate: float = 1e-2,
        batch: int = 16_384,
    ) -> None:
        super().__init__(
            layers=layers, epochs=epochs, temperature=temperature,
            learning_rate=learning_rate, batch=batch,
        )  # fmt: skip
        self.target_only = target_only
        self.dim = dim
        self.name = "LightGCN (target only)" if target_only else "LightGCN"

    def _first(self, train: Snapshot) -> nn.Module:
        import torch

        people, items, dim = self._num_people, train.num_items, self.dim

        class Tables(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.people = torch.nn.Parameter(torch.randn(people, dim) * 0.1)
                self.items = torch.nn.Parameter(torch.randn(items, dim) * 0.1)

            def forward(self) -> tuple[torch.Tensor, torch.Tensor]:
                return self.people, self.items

        return Tables()

    def score(self, histories: sp.csr_matrix, domain: int) -> NDArray[np.float32]:
        """As in the base class; without a history, the items nearest to all people together."""
        scores = super().score(histories, domain)
        empty = np.flatnonzero(np.abs(scores).sum(axis=1) == 0)
        if len(empty):
            everyone = self.log.liked.sum(axis=0)
            scores[empty] = super().score(sp.csr_matrix(everyone, dtype=np.float32), domain)
        return scores
