"""LightGCN: ids whose vectors flow over the graph of people and items, without weights.

In:   likes, of all domains or of the target alone.  Out: item vectors.

He et al., "LightGCN: simplifying and powering graph convolution network for recommendation"
(SIGIR 2020); loss and inductive reading of people as in
:mod:`kgrec.recommenders.propagation`. On the target alone a strict cold person has no
history at all, so that everybody gets the same list.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
import scipy.sparse as sp

from kgrec.data.histories import Histories
from kgrec.recommenders.base import Scores
from kgrec.recommenders.propagation import Propagation, PropagationSettings

if TYPE_CHECKING:
    from torch import nn

__all__ = ["LightGCN", "LightGCNSettings"]


class LightGCNSettings(PropagationSettings):
    """Settings of :class:`LightGCN`."""

    target_only: bool = False
    """Whether only likes of the target domain are read."""


class LightGCN(Propagation[LightGCNSettings]):
    """One learned vector a person and an item."""

    settings_class: ClassVar = LightGCNSettings
    trials: ClassVar = (
        {"temperature": 0.15, "epochs": 20},
        {"temperature": 0.1, "epochs": 20},
        {"temperature": 0.25, "epochs": 20},
        {"temperature": 0.15, "epochs": 40},
    )

    @property
    def name(self) -> str:  # type: ignore[override]
        """Says which likes are read."""
        return "LightGCN (target only)" if self.target_only else "LightGCN"

    @property
    def target_only(self) -> bool:
        """Whether only likes of the target domain are read."""
        return self.settings.target_only

    def _first(self) -> nn.Module:
        import torch

        people, items = self._num_people, self.data.liked.shape[1]
        dim = self.settings.dim

        class Tables(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.people = torch.nn.Parameter(torch.randn(people, dim) * 0.1)
                self.items = torch.nn.Parameter(torch.randn(items, dim) * 0.1)

            def forward(self) -> tuple[torch.Tensor, torch.Tensor]:
                return self.people, self.items

        return Tables()

    def score(self, users: Histories, domain: int) -> Scores:
        """As in the base class; without a history, the items nearest to all people together."""
        scores = super().score(users, domain)
        empty = np.flatnonzero(np.abs(scores).sum(axis=1) == 0)
        if len(empty):
            everyone = sp.csr_matrix(self.data.liked.sum(axis=0), dtype=np.float32)
            scores[empty] = super().score(Histories.of_matrix(everyone), domain)
        return scores
