"""Training of CMF, BiTGCF and CDRIB: steps over the likes of a source side and a target side.

In:   both sides, and a :class:`Network` whose call gives vectors of their users and items.
Out:  the trained network.

Each step takes as large a fraction of one side's likes as of the other's. The loss is the logistic
one of these papers; its uniformly drawn negatives are shared by a batch, so that it is one matrix
product.

Shapes: P users   I_s items of a side   B likes of a step   N drawn items   D width
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from kgrec.recommenders.base import OnProgress, State
from kgrec.recommenders.sides import Read, Side
from kgrec.solvers.sparse import Sparse

__all__ = ["Network", "Embeddings", "array", "logistic_loss", "on_tensors", "train"]


@dataclass(frozen=True)
class Embeddings:
    """What one call of a network gives: vectors of the users who train, and of items."""

    users: Sequence[Tensor]
    """``[P, D]`` for each side: what its items are multiplied with."""
    items: Sequence[Tensor]
    """``[I_s, D]`` for each side."""
    penalty: Tensor | float = 0.0
    """Added to the loss as it is."""


class Network(nn.Module):
    """What is trained; its call gives :class:`Embeddings`."""

    def learned(self) -> State:
        """Arrays by name from which users are read, whether they trained or not."""
        raise NotImplementedError


def on_tensors(read: Read[NDArray[np.float32]]) -> Read[Tensor]:
    """The same histories for a network."""
    return Read(Sparse(read.graph), torch.from_numpy(read.counts))


def array(tensor: Tensor) -> NDArray[Any]:
    """The values of a tensor, as an array of its own."""
    found: NDArray[Any] = tensor.detach().cpu().numpy().copy()
    return found


def logistic_loss(user: Tensor, right: Tensor, drawn: Tensor) -> Tensor:
    """Cross-entropy of likes ``[B, D]`` against every one of the drawn items ``[N, D]``.

    Args:
        person: Vectors of the persons ``[B, D]``.
        right: Vectors of the items that they like ``[B, D]``, row by row.
        drawn: Vectors of the drawn items ``[N, D]``, the same for all persons.
    """
    positive = (user * right).sum(dim=1)
    return functional.softplus(-positive).mean() + functional.softplus(user @ drawn.T).mean()


def train(
    model: Network,
    sides: Sequence[Side],
    *,
    source_weight: float,
    epochs: int,
    learning_rate: float,
    batch: int,
    negatives: int,
    seed: int,
    on_progress: OnProgress,
) -> State:
    """Train ``model`` in place; the caller seeds torch.

    Args:
        model: Made of the same ``sides``.
        sides: Source and target.
        source_weight: Weight of the source side's likes in the loss, the target's being the rest.
        epochs: Passes over the likes of the larger side.
        learning_rate: Step size of Adam.
        batch: Likes of a step, of the larger side.
        negatives: Drawn items of a step, of each side.
        seed: Seed of the order of likes and of the drawn items.
        on_progress: Told after each epoch.

    Returns:
        The learned arrays, and as ``items [I_d, D]`` the vectors of the target's items.
    """
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    rng = np.random.default_rng(seed)
    pairs = [side.likes.tocoo() for side in sides]
    steps = -(-max(pair.nnz for pair in pairs) // batch)
    weights = (source_weight, 1.0 - source_weight)
    for epoch in range(epochs if steps else 0):
        orders = [np.array_split(rng.permutation(pair.nnz), steps) for pair in pairs]
        for step in range(steps):
            found = model()
            loss = torch.as_tensor(found.penalty)
            for weight, pair, order, users, items in zip(
                weights, pairs, orders, found.users, found.items, strict=True
            ):
                chosen = order[step]
                if not len(chosen):
                    continue
                drawn = items[torch.from_numpy(rng.integers(0, len(items), negatives))]
                user = users[torch.from_numpy(pair.row[chosen])]
                right = items[torch.from_numpy(pair.col[chosen])]
                loss = loss + weight * logistic_loss(user, right, drawn)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        on_progress((epoch + 1) / epochs, f"epoch {epoch + 1} of {epochs}")
    model.eval()
    with torch.no_grad():
        return {**model.learned(), "items": array(model().items[1])}
