"""BiTGCF: a graph convolution on each side; after each layer users' vectors pass to the other side.

In:   likes.  Out: item vectors before each layer on both sides; a user is computed from a history.

Liu et al., "Cross domain recommendation via bi-directional transfer graph collaborative filtering
networks" (CIKM 2020). A user's first vector is what their items pass to them rather than a learned
one, so that everybody can be scored; a user who is new to the target domain takes there what
passes over from the source side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field, NonNegativeInt

from kgrec.data.histories import Histories
from kgrec.recommenders.bitgcf_layer import received, users_after
from kgrec.recommenders.sides import Side
from kgrec.recommenders.two_domains import TwoDomains, TwoDomainsSettings
from kgrec.vectors import Vectors

if TYPE_CHECKING:
    from kgrec.recommenders.networks.two_domains import Network

__all__ = ["BiTGCF", "BiTGCFSettings"]


class BiTGCFSettings(TwoDomainsSettings):
    """Settings of :class:`BiTGCF`."""

    layers: NonNegativeInt = 2
    """Number of layers of the graph convolution, each of which is followed by a transfer."""
    keep: float = Field(default=0.5, ge=0.0, le=1.0)
    """Fraction of a side's own vector in a transfer, 0 to 1; the paper's lambda, on both sides."""


class BiTGCF(TwoDomains[BiTGCFSettings]):
    """Convolves both sides and transfers between them, by degree and by a fixed fraction."""

    name = "BiTGCF"
    settings_class: ClassVar = BiTGCFSettings
    trials: ClassVar = tuple(
        {"keep": keep, "layers": layers, "epochs": epochs}
        for epochs in (20, 40)
        for layers in (2, 1)
        for keep in (0.5, 0.8, 0.2)
    )

    def _network(self, sides: tuple[Side, Side]) -> Network:
        from kgrec.recommenders.networks.bitgcf import TwoConvolutions

        given = self.settings
        return TwoConvolutions(sides, given.dim, given.layers, given.keep)

    def user_vectors(self, users: Histories, domain: int) -> Vectors:
        """``[B, D]``: the mean over layers of what a user is on the target side."""
        source, target = (side.read(users.items) for side in self.sides(domain))
        learned, read = self.learned[domain], (source, target)
        before = list(zip(learned["source"], learned["target"], strict=True))
        layers = [received(read, before[0])]
        for items in before[: self.settings.layers]:
            layers.append(users_after(np, read, layers[-1], items, self.settings.keep))
        return Vectors(np.mean([on_target for _, on_target in layers], axis=0, dtype=np.float32))
