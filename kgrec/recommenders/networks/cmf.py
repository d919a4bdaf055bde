"""CMF's factors: one table of users, one of items for each side.

Shapes: P users   I_s items of a side   D width
"""

from __future__ import annotations

import torch
from torch import nn

from kgrec.recommenders.base import State
from kgrec.recommenders.networks.two_domains import Embeddings, Network, array
from kgrec.recommenders.sides import Side

__all__ = ["Factors"]


class Factors(Network):
    """Factors ``[P, D]``, ``[I_s, D]`` and ``[I_d, D]``, and the penalty on their size.

    Args:
        sides: Source and target side.
        dim: Width D of the factors.
        decay: Weight of the squared factors in the loss.
    """

    def __init__(self, sides: tuple[Side, Side], dim: int, decay: float) -> None:
        super().__init__()
        sizes = (sides[0].likes.shape[0], len(sides[0].items), len(sides[1].items))
        self.users, self.source, self.target = (
            nn.Parameter(torch.randn(size, dim) * 0.1) for size in sizes
        )
        self.decay = decay

    def forward(self) -> Embeddings:
        """The factors themselves."""
        tables = (self.users, self.source, self.target)
        penalty = sum(table.square().sum(dim=1).mean() for table in tables)
        users = (self.users, self.users)
        return Embeddings(users, (self.source, self.target), self.decay * penalty)

    def learned(self) -> State:
        """Factors of the source side's items."""
        return {"source": array(self.source)}
