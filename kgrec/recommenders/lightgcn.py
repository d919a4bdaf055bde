"""LightGCN: a learned vector a user and an item, propagated over the graph without weights.

In:   likes, of all domains or of the target domain alone.  Out: item vectors.

He et al., "LightGCN: simplifying and powering graph convolution network for recommendation" (SIGIR
2020); the loss, and how a user is read from a history, as in
:mod:`kgrec.recommenders.propagation`. Where only the target domain is read, a strictly cold user
has no history at all, and all such users get the same list.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
import scipy.sparse as sp

from kgrec.data.histories import Histories
from kgrec.recommenders.propagation import Propagation, PropagationSettings
from kgrec.vectors import Vectors

if TYPE_CHECKING:
    from kgrec.recommenders.networks.propagation import First

__all__ = ["LightGCN", "LightGCNSettings"]


class LightGCNSettings(PropagationSettings):
    """Settings of :class:`LightGCN`."""

    target_only: bool = False
    """Whether only likes of the target domain are read, as if the others were not there."""


class LightGCN(Propagation[LightGCNSettings]):
    """Learns one vector for each user and each item, and averages them over graph layers."""

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

    def _first(self, users: int) -> First:
        from kgrec.recommenders.networks.propagation import Tables

        return Tables(users, self.data.liked.shape[1], self.settings.dim)

    def user_vectors(self, users: Histories, domain: int) -> Vectors:
        """``[B, D]`` as in the base class; users without history get that of all likes together."""
        received = self._received(users.items, domain)
        empty = ~received.any(axis=1)
        if empty.any():
            everyone = sp.csr_matrix(self.data.liked.sum(axis=0), dtype=np.float32)
            received[empty] = self._received(everyone, domain)
        return Vectors(received)
