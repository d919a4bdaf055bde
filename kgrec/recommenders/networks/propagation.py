"""Trains first vectors of items, and of users, through light graph convolutions.

In:   likes, and a module whose call gives the first vectors.
Out:  two matrices of item vectors: what a history is pooled from, and what is ranked.

The loss is a softmax over the liked item and uniformly drawn items that a batch shares, on
cosines; it is stronger than the BPR loss of the LightGCN paper (Wu et al., "On the effectiveness of
sampled softmax loss for item recommendation", TOIS 2024). The graph is propagated once a step.
Trained on a GPU where there is one.

Shapes: P users   I items   B likes of a step   N drawn items   D width   W width of texts
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from kgrec.device import pick_device
from kgrec.recommenders.base import OnProgress
from kgrec.solvers.sparse import Sparse
from kgrec.solvers.spectrum import normalized

__all__ = ["First", "MappedTexts", "Tables", "train"]

Floats = NDArray[np.float32]


class First(nn.Module):
    """Its call gives first vectors: of users ``[P, D]`` or None, and of items ``[I, D]``.

    Where it gives none of users, these begin as what their items pass to them.
    """


class Tables(First):
    """One learned vector for each user and each item: LightGCN.

    Args:
        persons: Number of persons.
        items: Number of items.
        dim: Width of the vectors.
    """

    def __init__(self, users: int, items: int, dim: int) -> None:
        super().__init__()
        self.users = nn.Parameter(torch.randn(users, dim) * 0.1)
        self.items = nn.Parameter(torch.randn(items, dim) * 0.1)

    def forward(self) -> tuple[Tensor, Tensor]:
        """Both tables."""
        return self.users, self.items


class MappedTexts(First):
    """A network of two layers that maps text vectors to item vectors: AlphaRec."""

    text: Tensor
    has_text: Tensor

    def __init__(self, text: Floats, dim: int) -> None:
        super().__init__()
        vectors = torch.from_numpy(text)  # [I, W]
        self.register_buffer("text", vectors)
        self.register_buffer("has_text", (vectors.abs().sum(1, keepdim=True) > 0).float())
        width = vectors.shape[1]
        self.map = nn.Sequential(
            nn.Linear(width, width // 2), nn.LeakyReLU(), nn.Linear(width // 2, dim)
        )

    def forward(self) -> tuple[None, Tensor]:
        """Mapped texts; zeros where an item has no text."""
        return None, self.map(self.text) * self.has_text


def train(
    make: Callable[[], First],
    likes: sp.csr_matrix,
    *,
    layers: int,
    temperature: float,
    epochs: int,
    learning_rate: float,
    batch: int,
    negatives: int,
    seed: int,
    on_progress: OnProgress,
) -> tuple[Floats, Floats]:
    """Train on ``likes [P, I]``; the caller seeds torch.

    Args:
        make: Makes the first vectors.
        likes: Ones; the graph that vectors are propagated over.
        layers: Number of propagation steps.
        temperature: Divides cosines in the softmax.
        epochs: Passes over the likes.
        learning_rate: Step size of Adam.
        batch: Likes of a step.
        negatives: Drawn items of a step.
        seed: Seed of the order of likes and of the drawn items.
        on_progress: Told after each epoch.

    Returns:
        ``read [I, D]``, the sum over layers of what an item passes to a user, and
        ``items [I, D]``, the unit vectors that training ranked.
    """
    device = pick_device("auto")
    model = make().to(device)
    graph = Sparse(normalized(likes), device)
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    rng = np.random.default_rng(seed)
    pairs = likes.tocoo()
    liked = np.unique(pairs.col)

    def tensor(numbers: NDArray[np.integer]) -> Tensor:
        return torch.from_numpy(numbers).long().to(device)

    for epoch in range(epochs):
        order = rng.permutation(len(pairs.row))
        for start in range(0, len(order), batch):
            chosen = order[start : start + batch]
            users, items = _propagated(model, graph, layers)
            user = functional.normalize(users[tensor(pairs.row[chosen])], dim=1)  # [B, D]
            unit = functional.normalize(items, dim=1)  # [I, D]
            drawn = tensor(rng.choice(liked, negatives))  # [N]
            right = (user * unit[tensor(pairs.col[chosen])]).sum(1, keepdim=True)
            logits = torch.cat([right, user @ unit[drawn].T], dim=1) / temperature
            loss = -logits.log_softmax(dim=1)[:, 0].mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        on_progress((epoch + 1) / epochs, f"epoch {epoch + 1} of {epochs}")
    with torch.no_grad():
        items = functional.normalize(_propagated(model, graph, layers)[1], dim=1)
        return _passed(model, graph, layers), items.cpu().numpy()


def _propagated(model: nn.Module, graph: Sparse, layers: int) -> tuple[Tensor, Tensor]:
    """Means over layers, of users ``[P, D]`` and of items ``[I, D]``."""
    user, item = model()
    if user is None:
        user = graph @ item
    users, items = user, item
    for _ in range(layers):
        user, item = graph @ item, graph.transposed @ user
        users, items = users + user, items + item
    return users / (layers + 1), items / (layers + 1)


def _passed(model: nn.Module, graph: Sparse, layers: int) -> Floats:
    """``[I, D]``: the sum of the item vectors from which the layers of a user are made."""
    _, item = model()
    total = item.cpu().numpy().astype(np.float64)
    for _ in range(1, layers):
        item = graph.transposed @ (graph @ item)
        total += item.cpu().numpy()
    return np.asarray(total, dtype=np.float32)
