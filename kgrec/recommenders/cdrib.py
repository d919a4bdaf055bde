"""CDRIB: vectors that must say what a person does on the other side, and as little else as can be.

In:   likes.  Out: a variational graph encoder a side; a person is computed from a history.

Cao et al., "Cross-domain recommendation to cold-start users via variational information
bottleneck" (ICDE 2022): a noisy vector of a person's source history predicts their target likes
and the other way round, a divergence from the standard normal bounds what it carries, and a
discriminator tells whether two vectors are of one person. One layer of the paper's encoder (two
hops), and a person's first vector is what flows to them from their items rather than one of
their own, so that anybody can be scored.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field, NonNegativeFloat
from torch import Tensor, nn
from torch.nn import functional

from kgrec.recommenders.two_domains import (
    Network,
    Read,
    Side,
    TwoDomains,
    TwoDomainsSettings,
    Views,
)

__all__ = ["CDRIB", "CDRIBSettings"]

_PAIRED = 1024  # people whose vectors the discriminator sees in a step
_LOG_SPREAD = -2.0  # of the noise, at first


class CDRIBSettings(TwoDomainsSettings):
    """Settings of :class:`CDRIB`."""

    beta: NonNegativeFloat = 1e-3
    """Weight of the divergence from the standard normal."""
    margin: NonNegativeFloat = 0.3
    """How much likelier the discriminator shall hold one user's vectors to be of one user."""
    dropout: float = Field(default=0.3, ge=0.0, lt=1.0)
    """Fraction of an encoder's inputs that are dropped in training."""


class CDRIB(TwoDomains[CDRIBSettings]):
    """Two encoders that stand in for each other."""

    name = "CDRIB"
    settings_class: ClassVar = CDRIBSettings
    trials: ClassVar = tuple(
        {"beta": beta, "epochs": epochs} for epochs in (20, 40) for beta in (1e-3, 1e-2, 1e-4)
    )

    def _model(self, source: Side, target: Side) -> Network:
        given = self.settings
        return _Bottleneck((source, target), given.dim, given.beta, given.margin, given.dropout)


class _Bottleneck(Network):
    def __init__(
        self, sides: tuple[Side, Side], dim: int, beta: float, margin: float, dropout: float
    ) -> None:
        super().__init__()
        self.source, self.target = (_Encoder(side, dim, dropout) for side in sides)
        self.same = nn.Sequential(nn.Linear(2 * dim, dim), nn.ReLU(), nn.Linear(dim, 1))
        self.beta, self.margin = beta, margin
        known = [side.counts > 0 for side in sides]
        self.known = known
        self.shared = torch.nonzero((known[0] & known[1])[:, 0])[:, 0]

    def forward(self) -> Views:
        source, items, cost = self.source()
        target, target_items, target_cost = self.target()
        # Whoever is known on the other side is spoken for by it.
        people = (
            torch.where(self.known[1], target, source),
            torch.where(self.known[0], source, target),
        )
        penalty = self.beta * (cost + target_cost) + self._contrast(source, target)
        return Views(people, (items, target_items), penalty)

    def _contrast(self, source: Tensor, target: Tensor) -> Tensor:
        """How far the discriminator is from telling one person's two vectors from two people's."""
        if not self.training or not len(self.shared):
            return source.new_zeros(())
        chosen = self.shared[torch.randperm(len(self.shared))[:_PAIRED]]
        others = [torch.randint(len(source), (len(chosen),)) for _ in range(2)]
        right = self._alike(source[chosen], target[chosen])
        wrong = (
            self._alike(source[chosen], target[others[0]]),
            self._alike(source[others[1]], target[chosen]),
        )
        return sum(
            (functional.relu(self.margin - right + each).mean() for each in wrong),
            source.new_zeros(()),
        )

    def _alike(self, left: Tensor, right: Tensor) -> Tensor:
        alike: Tensor = torch.sigmoid(self.same(torch.cat([left, right], dim=1)))
        return alike

    def learned(self) -> list[Tensor]:
        """What the items of each side pass on."""
        return [self.source.learned(), self.target.learned()]

    def people_of(self, read: tuple[Read, Read], learned: list[Tensor]) -> Tensor:
        """``[B, D]`` for the target, of any histories: by the source where there is one."""
        source = self.source.people_of(read[0], learned[0])
        target = self.target.people_of(read[1], learned[1])
        return torch.where(read[0].counts > 0, source, target)


class _Encoder(nn.Module):
    """Means and spreads of people and items from two hops, and noise between them in training."""

    def __init__(self, side: Side, dim: int, dropout: float) -> None:
        super().__init__()
        self.read = side.whole
        self.first = nn.Parameter(torch.randn(len(side.items), dim))
        self.hop = nn.ModuleDict({name: nn.Linear(dim, dim) for name in ("person", "item")})
        self.drop = nn.Dropout(dropout)
        self.out = nn.ModuleDict(
            {
                f"{name} {part}": nn.Linear(2 * dim, dim)
                for name in ("person", "item")
                for part in ("mean", "spread")
            }
        )
        for name in ("person", "item"):  # noise as large as the vectors hides them from the first
            self.out[f"{name} spread"].get_parameter("bias").data.fill_(_LOG_SPREAD)

    def forward(self) -> tuple[Tensor, Tensor, Tensor]:
        """People ``[P, D]``, items ``[I_s, D]``, divergence."""
        graph, items = self.read.graph, self.drop(self.first)
        people = graph @ items
        through_items = self._through_items(items)
        through_people = self._hop("item", people)
        person, person_cost = self._noisy("person", graph @ through_items, people)
        item, item_cost = self._noisy("item", graph.transposed @ through_people, items)
        return person, item, person_cost + item_cost

    def learned(self) -> Tensor:
        """``[I_s, D]`` what items pass on of the people who trained."""
        return self._through_items(self.first)

    def people_of(self, read: Read, learned: Tensor) -> Tensor:
        """Means ``[B, D]`` of people who need not have trained."""
        both = torch.cat([read.graph @ learned, read.graph @ self.first], dim=1)
        mean: Tensor = self.out["person mean"](both)
        return mean

    def _through_items(self, items: Tensor) -> Tensor:
        graph = self.read.graph
        return self._hop("person", graph.transposed @ (graph @ items))

    def _hop(self, name: str, heard: Tensor) -> Tensor:
        return functional.leaky_relu(self.hop[name](heard), 0.1)

    def _noisy(self, name: str, far: Tensor, near: Tensor) -> tuple[Tensor, Tensor]:
        both = torch.cat([far, near], dim=1)
        mean = self.out[f"{name} mean"](both)
        if not self.training:
            return mean, mean.new_zeros(())
        log_spread = self.out[f"{name} spread"](both).clamp(-6.0, 1.0)
        spread = log_spread.exp()
        divergence = (mean.square() + spread.square() - 2 * log_spread - 1).sum(dim=1).mean() / 2
        return mean + spread * torch.randn_like(mean), divergence
