"""CDRIB: vectors that tell what a user does on the other side, and as little else as possible.

In:   likes.  Out: a variational graph encoder for each side; a user is computed from a history.

Cao et al., "Cross-domain recommendation to cold-start users via variational information bottleneck"
(ICDE 2022): a noisy vector of a user's source history predicts their target likes and the other way
round, a divergence from the standard normal bounds what it carries, and a discriminator tells
whether two vectors are of one user. The encoder has one layer of the paper's (two hops), and a
user's first vector is what their items pass to them rather than a learned one, so that everybody
can be scored. Without noise, as when it scores, the encoder is linear in a history.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field, NonNegativeFloat

from kgrec.data.histories import Histories
from kgrec.recommenders.sides import Side
from kgrec.recommenders.two_domains import TwoDomains, TwoDomainsSettings
from kgrec.vectors import Vectors

if TYPE_CHECKING:
    from kgrec.recommenders.networks.two_domains import Network

__all__ = ["CDRIB", "CDRIBSettings"]


class CDRIBSettings(TwoDomainsSettings):
    """Settings of :class:`CDRIB`."""

    beta: NonNegativeFloat = 1e-3
    """Weight in the loss of the divergence from the standard normal; more keeps less of a user."""
    margin: NonNegativeFloat = 0.3
    """Amount by which the discriminator's probability of two vectors of one user, 0 to 1, must
    exceed that of vectors of two users before its loss is 0."""
    dropout: float = Field(default=0.3, ge=0.0, lt=1.0)
    """Fraction of an encoder's inputs that are dropped in training, 0 to below 1."""


class CDRIB(TwoDomains[CDRIBSettings]):
    """Encodes each side so that either encoder can stand in for the other."""

    name = "CDRIB"
    settings_class: ClassVar = CDRIBSettings
    trials: ClassVar = tuple(
        {"beta": beta, "epochs": epochs} for epochs in (20, 40) for beta in (1e-3, 1e-2, 1e-4)
    )

    def _network(self, sides: tuple[Side, Side]) -> Network:
        from kgrec.recommenders.networks.cdrib import Bottleneck

        given = self.settings
        return Bottleneck(sides, given.dim, given.beta, given.margin, given.dropout)

    def user_vectors(self, users: Histories, domain: int) -> Vectors:
        """``[B, D]`` by the source side's encoder; by the target's without source history."""
        learned, vectors = self.learned[domain], []
        source, target = (side.read(users.items) for side in self.sides(domain))
        for name, read in (("source", source), ("target", target)):
            vectors.append(read.graph @ learned[name] + learned[f"{name}_offset"])
        found = np.where(source.counts > 0, *vectors)
        return Vectors(np.asarray(found, dtype=np.float32))
