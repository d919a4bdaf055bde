"""BiTGCF: a graph convolution a side, and after each layer people's vectors pass over.

In:   likes.  Out: item vectors of every layer on both sides; a person is computed from a history.

Liu et al., "Cross domain recommendation via bi-directional transfer graph collaborative
filtering networks" (CIKM 2020). A person's first vector is what flows to them from their items
rather than one of their own, so that anybody can be scored; a person who is new to the target
takes there what passes over from the source.
"""

from __future__ import annotations

from typing import ClassVar, TypeAlias

import torch
from pydantic import Field, NonNegativeInt
from torch import Tensor, nn

from kgrec.recommenders.two_domains import (
    Network,
    Read,
    Side,
    TwoDomains,
    TwoDomainsSettings,
    Views,
)

__all__ = ["BiTGCF", "BiTGCFSettings"]

_Pair: TypeAlias = tuple[Tensor, Tensor]  # source, target


class BiTGCFSettings(TwoDomainsSettings):
    """Settings of :class:`BiTGCF`."""

    layers: NonNegativeInt = 2
    """Layers of the graph convolution."""
    keep: float = Field(default=0.5, ge=0.0, le=1.0)
    """Fraction of a side's own vector in a transfer (lambda in the paper, for both sides)."""


class BiTGCF(TwoDomains[BiTGCFSettings]):
    """Propagation with products, transfer by degree and by a fixed weight."""

    name = "BiTGCF"
    settings_class: ClassVar = BiTGCFSettings
    trials: ClassVar = tuple(
        {"keep": keep, "layers": layers, "epochs": epochs}
        for epochs in (20, 40)
        for layers in (2, 1)
        for keep in (0.5, 0.8, 0.2)
    )

    def _model(self, source: Side, target: Side) -> Network:
        given = self.settings
        return _Network((source, target), given.dim, given.layers, given.keep)


class _Network(Network):
    def __init__(self, sides: tuple[Side, Side], dim: int, layers: int, keep: float) -> None:
        super().__init__()
        self.read = (sides[0].whole, sides[1].whole)
        self.layers, self.keep = layers, keep
        self.source, self.target = (
            nn.Parameter(torch.randn(len(side.items), dim) * 0.1) for side in sides
        )

    def forward(self) -> Views:
        people, items = self._layers()
        return Views(_means(people), _means(items))

    def learned(self) -> list[_Pair]:
        """Vectors of the items before each layer, as those who train make them."""
        return self._layers()[1][:-1]

    def people_of(self, read: tuple[Read, Read], learned: list[_Pair]) -> Tensor:
        """``[B, D]`` on the target side, of any histories."""
        people = [_heard(read, (self.source, self.target))]
        for items in learned:
            people.append(self._step(read, people[-1], items))
        return _means(people)[1]

    def _layers(self) -> tuple[list[_Pair], list[_Pair]]:
        """Vectors of people and of items, the first ones and those after each layer."""
        items: list[_Pair] = [(self.source, self.target)]
        people = [_heard(self.read, items[0])]
        for _ in range(self.layers):
            passed = [r.graph.transposed @ p for r, p in zip(self.read, people[-1], strict=True)]
            people.append(self._step(self.read, people[-1], items[-1]))
            items.append((_grown(items[-1][0], passed[0]), _grown(items[-1][1], passed[1])))
        return people, items

    def _step(self, read: tuple[Read, Read], people: _Pair, items: _Pair) -> _Pair:
        source, target = (_grown(p, h) for p, h in zip(people, _heard(read, items), strict=True))
        n, m = read[0].counts, read[1].counts
        by_degree = (n * source + m * target) / (n + m).clamp(min=1.0)
        # Each side takes from the other where the person is known there.
        return (
            torch.where(m > 0, self._mixed(source, target, by_degree), source),
            torch.where(n > 0, self._mixed(target, source, by_degree), target),
        )

    def _mixed(self, own: Tensor, other: Tensor, by_degree: Tensor) -> Tensor:
        return (by_degree + self.keep * own + (1.0 - self.keep) * other) / 2


def _means(layers: list[_Pair]) -> _Pair:
    source, target = (torch.stack(side).mean(dim=0) for side in zip(*layers, strict=True))
    return source, target


def _heard(read: tuple[Read, Read], items: _Pair) -> _Pair:
    return read[0].graph @ items[0], read[1].graph @ items[1]


def _grown(own: Tensor, heard: Tensor) -> Tensor:
    """What a layer makes of a node: itself, what it hears, and their product."""
    return own + heard + own * heard
