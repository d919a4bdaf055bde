"""PTUPCDR's meta network: from the items of a history to a map between factors.

In:   likes of overlapping users on both sides, iALS factors of both sides and of the users.
Out:  the trained network as arrays.

Shapes: P overlapping users   I items   I_d items of the target domain   R, R_d factors of a side
        H hidden units
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from kgrec.recommenders.base import OnProgress, State
from kgrec.recommenders.networks.two_domains import array, logistic_loss
from kgrec.solvers.sparse import Sparse

__all__ = ["Bridge", "train"]

_HIDDEN = 50  # of the paper's meta network
_BATCH, _NEGATIVES = 1024, 256


class Bridge(nn.Module):
    """Computes a map from the items of a history, and applies it to a user's factors."""

    def __init__(self, source: int, target: int) -> None:
        super().__init__()
        self.shape = (source, target)
        self.attention = nn.Sequential(
            nn.Linear(source, source), nn.ReLU(), nn.Linear(source, 1, bias=False)
        )
        self.meta = nn.Sequential(
            nn.Linear(source, _HIDDEN), nn.ReLU(), nn.Linear(_HIDDEN, source * target)
        )

    def map_to_zero(self) -> None:
        """Give everybody a map of zeros."""
        for parameter in self.meta.parameters():
            nn.init.zeros_(parameter)

    def exponentials(self, items: Tensor) -> Tensor:
        """``[I, 1]``: attention sees an item alone, so its softmax needs one number an item."""
        exponentials: Tensor = self.attention(items).clamp(max=20.0).exp()
        return exponentials

    def pooled(self, read: Sparse, items: Tensor) -> Tensor:
        """``[P, R]``: items of a history by attention, a softmax over the history."""
        weight = self.exponentials(items)
        pooled: Tensor = (read @ (weight * items)) / (read @ weight).clamp(min=1e-9)
        return pooled

    def forward(self, pooled: Tensor, users: Tensor) -> Tensor:
        """``[P, R_d]``: factors ``users [P, R]`` on the target side."""
        maps = self.meta(pooled).view(-1, *self.shape)
        return torch.bmm(users[:, None, :], maps)[:, 0]

    def learned(self, items: Tensor) -> State:
        """The network as arrays; ``items [I, R]`` are the source factors."""
        first, second = self.meta[0], self.meta[2]
        return {
            "attention": array(self.exponentials(items)),
            "hidden": array(first.get_parameter("weight").T),
            "hidden_offset": array(first.get_parameter("bias")),
            "map": array(second.get_parameter("weight").T),
            "map_offset": array(second.get_parameter("bias")),
        }


def train(
    source_likes: sp.csr_matrix,
    target_likes: sp.csr_matrix,
    source_factors: NDArray[np.float32],
    target_factors: NDArray[np.float32],
    user_factors: NDArray[np.float32],
    *,
    epochs: int,
    learning_rate: float,
    decay: float,
    seed: int,
    on_progress: OnProgress,
) -> State:
    """Train on overlapping users; where there is none, everybody is mapped to zero.

    Args:
        source_likes: ``[P, I]`` of overlapping users.
        target_likes: ``[P, I_d]`` of the same.
        source_factors: ``[I, R]``.
        target_factors: ``[I_d, R_d]``.
        user_factors: ``[P, R]`` folded in from ``source_likes``.
        epochs: Passes over ``target_likes``.
        learning_rate: Step size of AdamW.
        decay: Its weight decay.
        seed: Seed of the order of likes and of the drawn items; the caller seeds torch.
        on_progress: Told after each epoch.
    """
    bridge = Bridge(source_factors.shape[1], target_factors.shape[1])
    source, target = torch.from_numpy(source_factors), torch.from_numpy(target_factors)
    if not len(user_factors):
        bridge.map_to_zero()
        return bridge.learned(source)
    users, read = torch.from_numpy(user_factors), Sparse(source_likes)
    pairs, rng = target_likes.tocoo(), np.random.default_rng(seed)
    optimizer = torch.optim.AdamW(bridge.parameters(), lr=learning_rate, weight_decay=decay)
    for epoch in range(epochs):
        order = rng.permutation(pairs.nnz)
        for start in range(0, len(order), _BATCH):
            chosen = order[start : start + _BATCH]
            pooled = bridge.pooled(read, source)
            row, place = np.unique(pairs.row[chosen], return_inverse=True)
            mapped = bridge(pooled[torch.from_numpy(row)], users[torch.from_numpy(row)])
            drawn = torch.from_numpy(rng.integers(0, len(target), _NEGATIVES))
            right = target[torch.from_numpy(pairs.col[chosen])]
            loss = logistic_loss(mapped[torch.from_numpy(place)], right, target[drawn])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        on_progress((epoch + 1) / epochs, f"epoch {epoch + 1} of {epochs}")
    return bridge.learned(source)
