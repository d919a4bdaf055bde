"""CDRIB's two encoders, the discriminator between them, and their losses.

Shapes: P users   I_s items of a side   N compared users   D width
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from kgrec.recommenders.base import State
from kgrec.recommenders.networks.two_domains import Embeddings, Network, array, on_tensors
from kgrec.recommenders.sides import Side

__all__ = ["Bottleneck"]

_COMPARED = 1024  # users whose vectors the discriminator compares in a step
_LOG_STD = -2.0  # logarithm of the standard deviation of the noise, at first


class Bottleneck(Network):
    """An encoder for each side, and the penalty of the information bottleneck.

    Args:
        sides: Source and target side.
        dim: Width of the vectors.
        beta: Weight of the Kullback-Leibler terms in the loss.
        margin: Amount by which the discriminator's probability of two vectors of one user must
            exceed that of two users.
        dropout: Fraction of a vector's coordinates that is dropped in training.
    """

    def __init__(
        self, sides: tuple[Side, Side], dim: int, beta: float, margin: float, dropout: float
    ) -> None:
        super().__init__()
        self.source, self.target = (_Encoder(side, dim, dropout) for side in sides)
        self.same = nn.Sequential(nn.Linear(2 * dim, dim), nn.ReLU(), nn.Linear(dim, 1))
        self.beta, self.margin = beta, margin
        self.known = [torch.from_numpy(side.whole.counts) > 0 for side in sides]
        self.overlapping = torch.nonzero((self.known[0] & self.known[1])[:, 0])[:, 0]

    def forward(self) -> Embeddings:
        """Users with history on the other side are represented by the vector of that side."""
        source, items, cost = self.source()
        target, target_items, target_cost = self.target()
        users = (
            torch.where(self.known[1], target, source),
            torch.where(self.known[0], source, target),
        )
        penalty = self.beta * (cost + target_cost) + self._contrast(source, target)
        return Embeddings(users, (items, target_items), penalty)

    def learned(self) -> State:
        """Matrices ``[I_s, D]`` and offsets ``[D]`` that give a history's vector on each side."""
        source, source_offset = self.source.linear()
        target, target_offset = self.target.linear()
        return {
            "source": array(source), "source_offset": array(source_offset),
            "target": array(target), "target_offset": array(target_offset),
        }  # fmt: skip

    def _contrast(self, source: Tensor, target: Tensor) -> Tensor:
        """How far the discriminator is from telling one user's two vectors from two users'."""
        if not self.training or not len(self.overlapping):
            return source.new_zeros(())
        chosen = self.overlapping[torch.randperm(len(self.overlapping))[:_COMPARED]]  # [N]
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


class _Encoder(nn.Module):
    """Means and standard deviations of users and items from two hops; noise in training."""

    def __init__(self, side: Side, dim: int, dropout: float) -> None:
        super().__init__()
        self.graph = on_tensors(side.whole).graph
        self.first = nn.Parameter(torch.randn(len(side.items), dim))
        self.hop = nn.ModuleDict({name: nn.Linear(dim, dim) for name in ("user", "item")})
        self.drop = nn.Dropout(dropout)
        self.out = nn.ModuleDict(
            {
                f"{name} {moment}": nn.Linear(2 * dim, dim)
                for name in ("user", "item")
                for moment in ("mean", "std")
            }
        )
        for name in ("user", "item"):  # noise as large as the vectors hides them from the first
            self.out[f"{name} std"].get_parameter("bias").data.fill_(_LOG_STD)

    def forward(self) -> tuple[Tensor, Tensor, Tensor]:
        """Users ``[P, D]``, items ``[I_s, D]``, divergence."""
        items = self.drop(self.first)
        users = self.graph @ items
        through_items = self._through_items(items)
        through_users = self._hop("item", users)
        user, user_cost = self._noisy("user", self.graph @ through_items, users)
        item, item_cost = self._noisy("item", self.graph.transposed @ through_users, items)
        return user, item, user_cost + item_cost

    def linear(self) -> tuple[Tensor, Tensor]:
        """``[I_s, D]`` and ``[D]``: a history's mean is its row of the graph times these, plus."""
        out = self.out["user mean"]
        far, near = out.get_parameter("weight").chunk(2, dim=1)  # [D, D] each
        matrix = self._through_items(self.first) @ far.T + self.first @ near.T
        return matrix, out.get_parameter("bias")

    def _through_items(self, items: Tensor) -> Tensor:
        """``[I_s, D]``: what items pass on of the users who like them."""
        return self._hop("user", self.graph.transposed @ (self.graph @ items))

    def _hop(self, name: str, received: Tensor) -> Tensor:
        return functional.leaky_relu(self.hop[name](received), 0.1)

    def _noisy(self, name: str, far: Tensor, near: Tensor) -> tuple[Tensor, Tensor]:
        both = torch.cat([far, near], dim=1)
        mean = self.out[f"{name} mean"](both)
        if not self.training:
            return mean, mean.new_zeros(())
        log_std = self.out[f"{name} std"](both).clamp(-6.0, 1.0)
        std = log_std.exp()
        divergence = (mean.square() + std.square() - 2 * log_std - 1).sum(dim=1).mean() / 2
        return mean + std * torch.randn_like(mean), divergence
