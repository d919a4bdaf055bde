"""SASRec: self-attention over the order of a history predicts the next item.

In:   histories in order, of all domains merged.  Out: item embeddings, and one state a history.

Kang and McAuley, "Self-attentive sequential recommendation" (ICDM 2018): embeddings of items and
of positions, causal transformer layers, and the inner product of the last state with the item
embeddings. The loss here is a softmax over items of the next item's own domain, all of them in a
small catalogue and uniformly drawn ones in a large one, rather than a binary loss against one
drawn item (compare Klenitskiy and Vasilev, "Turning dross into gold loss", RecSys 2023), since
what is ranked never mixes domains. Every event is read. A transformer computes a user's vector, so
answers need torch. Trained on a GPU where there is one.

Shapes: B users   L positions   D width   I items   I_d items of a domain   T next items of a batch
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from kgrec.data.histories import Histories
from kgrec.device import pick_device
from kgrec.ranking.topk import blocks
from kgrec.recommenders.base import BaseVectorRecommender, OnProgress, RecommenderSettings, State
from kgrec.recommenders.networks.seeded import seeded_training
from kgrec.vectors import Vectors

__all__ = ["SASRec", "SASRecSettings"]

_BLOCK = 512  # users whose states are computed at a time


class SASRecSettings(RecommenderSettings):
    """Settings of :class:`SASRec`."""

    dim: PositiveInt = 64
    """Dimensions of an embedding; each attention head has 32, or all if they are no multiple."""
    layers: PositiveInt = 2
    """Number of transformer layers."""
    length: PositiveInt = 50
    """Number of latest events of a history that are read; earlier ones are ignored."""
    dropout: float = Field(default=0.5, ge=0.0, lt=1.0)
    """Fraction of activations dropped in training, 0 to below 1; more where histories are few."""
    epochs: NonNegativeInt = 20
    """Number of passes over all histories in training."""
    learning_rate: PositiveFloat = 2e-3
    """Step size of Adam."""
    batch: PositiveInt = 128
    """Number of histories in one training step."""
    negatives: PositiveInt = 512
    """Number of drawn items of a domain that a next item is compared with; at most all of them."""


class SASRec(BaseVectorRecommender[SASRecSettings]):
    """A transformer that reads a history in order; users without one get the popular items.

    A user's vector is the last state, and the weight of popularity: 1 without a history, else 0.
    """

    name = "SASRec"
    settings_class: ClassVar = SASRecSettings
    trials: ClassVar = (
        {"epochs": 20, "dropout": 0.5},
        {"epochs": 30, "dropout": 0.5},
        {"epochs": 40, "dropout": 0.5},
        {"epochs": 20, "dropout": 0.2},
        {"epochs": 12, "dropout": 0.2},
    )

    network: _Network

    def _fit(self, seed: int, on_progress: OnProgress) -> None:
        histories = self.data.histories()
        histories.require_order(self.name)
        read = histories[histories.lengths > 1].last(self.settings.length + 1)
        with seeded_training(seed):
            rng = np.random.default_rng(seed)
            self.network = self._new().to(pick_device("auto"))
            weights, epochs = self.network.parameters(), self.settings.epochs
            optimizer = torch.optim.Adam(weights, self.settings.learning_rate, (0.9, 0.98))
            for epoch in range(epochs):
                order = rng.permutation(len(read))
                for start in range(0, len(order), self.settings.batch):
                    part = read[order[start : start + self.settings.batch]]
                    optimizer.zero_grad()
                    self._loss(part, rng).backward()
                    optimizer.step()
                on_progress((epoch + 1) / epochs, f"epoch {epoch + 1} of {epochs}")
        self.network.eval()

    def _loss(self, part: Histories, rng: np.random.Generator) -> Tensor:
        """Mean negative log likelihood of each next item among candidates of its own domain."""
        table = self.network.items.weight
        rows = _rows(part, self.settings.length + 1, self.data.liked.shape[1])  # [B, L + 1]
        given, following = rows[:, :-1], rows[:, 1:]
        at = np.nonzero(given < self.data.liked.shape[1])  # 2 of [T]: places before a next item
        states, nexts = self.network(given)[at], following[at]
        losses = []
        for domain in np.unique(self.data.item_domain[nexts]):
            inside = self.data.item_domain[nexts] == domain
            candidates = self.data.items_of(int(domain))
            if len(candidates) > self.settings.negatives:
                candidates = rng.choice(candidates, self.settings.negatives, replace=False)
            state, right = states[inside], nexts[inside]
            is_right = torch.as_tensor(candidates == right[:, None], device=table.device)
            others = (state @ table[candidates].T).masked_fill(is_right, float("-inf"))
            logits = torch.cat([(state * table[right]).sum(1, keepdim=True), others], dim=1)
            losses.append(-logits.log_softmax(1)[:, 0].sum())
        return torch.stack(losses).sum() / len(nexts)

    def user_vectors(self, users: Histories, domain: int) -> Vectors:
        """``[B, D + 1]`` the state after the last event and the weight of popularity."""
        if users.lengths.max(initial=0) > 1:  # a single event has but one order
            users.require_order(self.name)
        vectors = np.zeros((len(users), self.settings.dim + 1), np.float32)
        with torch.no_grad():
            for part in blocks(len(users), _BLOCK):
                rows = _rows(users[part], self.settings.length, self.data.liked.shape[1])
                vectors[part, :-1] = self.network(rows)[:, -1].cpu().numpy()
        vectors[users.lengths == 0] = np.eye(self.settings.dim + 1, dtype=np.float32)[-1]
        return Vectors(vectors)

    def item_vectors(self, domain: int) -> Vectors:
        """``[I_d, D + 1]`` item embeddings and popularity."""
        table = self.network.items.weight.detach().cpu().numpy()[:-1]  # without the padding
        both = np.column_stack([table, self.data.popularity])
        return Vectors(both[self.data.items_of(domain)])

    def state(self) -> State:
        """The parameters of the network by name."""
        return {name: value.cpu().numpy() for name, value in self.network.state_dict().items()}

    def _restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        self.network = self._new().eval()
        self.network.load_state_dict({name: torch.tensor(state[name]) for name in state})

    def _new(self) -> _Network:
        return _Network(self.data.liked.shape[1], self.settings)


class _Network(nn.Module):
    def __init__(self, num_items: int, settings: SASRecSettings) -> None:
        super().__init__()
        self.items = nn.Embedding(num_items + 1, settings.dim, padding_idx=num_items)
        self.positions = nn.Embedding(settings.length, settings.dim)
        for table in (self.items, self.positions):
            nn.init.normal_(table.weight, std=0.02)
        self.drop = nn.Dropout(settings.dropout)
        self.layers = nn.ModuleList(_Layer(settings) for _ in range(settings.layers))
        self.norm = nn.LayerNorm(settings.dim)

    def forward(self, numbers: NDArray[np.int64]) -> Tensor:
        """States ``[B, L, D]`` of item numbers ``[B, L]``, newest last, padded on the left."""
        rows = torch.as_tensor(numbers, device=self.items.weight.device)
        places = torch.arange(rows.shape[1], device=rows.device).flip(0)  # 0 for the newest
        x = self.drop(self.items(rows) * self.items.embedding_dim**0.5 + self.positions(places))
        # A position sees itself and the real ones before it.
        real = rows.ne(self.items.num_embeddings - 1)[:, None, None, :]
        sees = (real & (places[:, None] <= places)) | (places[:, None] == places)
        for layer in self.layers:
            x = layer(x, sees)
        states: Tensor = self.norm(x)
        return states


class _Layer(nn.Module):
    """Self-attention and a feed-forward net, each normalised first and added to its input."""

    def __init__(self, settings: SASRecSettings) -> None:
        super().__init__()
        dim = settings.dim
        self.heads = 1 if dim % 32 else dim // 32
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for _ in range(2))
        self.read, self.write = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.drop = nn.Dropout(settings.dropout)
        self.feed = nn.Sequential(nn.Linear(dim, dim), nn.ReLU(), self.drop, nn.Linear(dim, dim))

    def forward(self, x: Tensor, sees: Tensor) -> Tensor:
        """``[B, L, D]``; ``sees [B, 1, L, L]`` is true where a row may look at a column."""
        parts = self.read(self.norms[0](x)).unflatten(-1, (3, self.heads, -1))
        query, key, value = parts.permute(2, 0, 3, 1, 4)  # [B, heads, L, D / heads] each
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=sees)
        x = x + self.drop(self.write(mixed.transpose(1, 2).flatten(2)))
        out: Tensor = x + self.drop(self.feed(self.norms[1](x)))
        return out


def _rows(histories: Histories, length: int, padding: int) -> NDArray[np.int64]:
    """The latest items ``[B, L]``, no wider than the longest history needs."""
    width = min(length, int(histories.lengths.max(initial=1)))
    return histories.padded(width, padding=padding)
