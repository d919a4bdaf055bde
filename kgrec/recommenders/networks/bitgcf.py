"""BiTGCF's item vectors and its layers over the users who train.

Shapes: P users   I_s items of a side   L layers   D width
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from kgrec.recommenders.base import State
from kgrec.recommenders.bitgcf_layer import Pair, grown, received, users_after
from kgrec.recommenders.networks.two_domains import Embeddings, Network, array, on_tensors
from kgrec.recommenders.sides import Side

__all__ = ["TwoConvolutions"]


class TwoConvolutions(Network):
    """One learned vector an item of each side; everything else follows from the graph.

    Args:
        sides: Source and target side.
        dim: Width of the vectors.
        layers: Number of propagations.
        keep: Fraction of a side's own vector in the transfer, lambda in the paper.
    """

    def __init__(self, sides: tuple[Side, Side], dim: int, layers: int, keep: float) -> None:
        super().__init__()
        self.read = (on_tensors(sides[0].whole), on_tensors(sides[1].whole))
        self.layers, self.keep = layers, keep
        self.source, self.target = (
            nn.Parameter(torch.randn(len(side.items), dim) * 0.1) for side in sides
        )

    def forward(self) -> Embeddings:
        """Means over layers of users and items, on both sides."""
        users, items = self._layers()
        return Embeddings(_means(users), _means(items))

    def learned(self) -> State:
        """``[L, I_s, D]`` for each side: the items before each layer, at least the first ones."""
        items = self._layers()[1]
        before = items[: max(self.layers, 1)]
        return {
            "source": array(torch.stack([source for source, _ in before])),
            "target": array(torch.stack([target for _, target in before])),
        }

    def _layers(self) -> tuple[list[Pair[Tensor]], list[Pair[Tensor]]]:
        """Vectors of users and of items, the first ones and those after each layer."""
        items: list[Pair[Tensor]] = [(self.source, self.target)]
        users = [received(self.read, items[0])]
        for _ in range(self.layers):
            passed = [
                read.graph.transposed @ user
                for read, user in zip(self.read, users[-1], strict=True)
            ]
            users.append(users_after(torch, self.read, users[-1], items[-1], self.keep))
            items.append((grown(items[-1][0], passed[0]), grown(items[-1][1], passed[1])))
        return users, items


def _means(layers: list[Pair[Tensor]]) -> Pair[Tensor]:
    source, target = (torch.stack(side).mean(dim=0) for side in zip(*layers, strict=True))
    return source, target
