"""What CMF, BiTGCF and CDRIB share: a source side, a target side, and steps over the likes of both.

In:   likes; a module whose call gives vectors of the people and items of both sides.
Out:  the trained module, with the sides it was trained on.

All sources together are one side. Each step takes as large a share of the one side's likes as of
the other's. The loss is the logistic one of these papers, with uniform negatives that a batch
shares, so that it is one matrix product.

Shapes: P people   I items of all domains   I_s items of a side   B likes of a batch   D width
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from pydantic import NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from kgrec.data.histories import Histories
from kgrec.data.interactions import Interactions
from kgrec.recommenders.base import (
    BaseRecommender,
    OnProgress,
    RecommenderSettings,
    Scores,
    columns_of,
)
from kgrec.solvers.sparse import Sparse

__all__ = [
    "Network",
    "Read",
    "Side",
    "TwoDomains",
    "TwoDomainsSettings",
    "Views",
    "logistic_loss",
    "sides_of",
]


@dataclass(frozen=True)
class Read:
    """Histories on one side, of B people."""

    graph: Sparse
    """``[B, I_s]`` ones, divided by the roots of the person's and the item's degree."""
    counts: Tensor
    """``[B, 1]`` lengths."""


@dataclass(frozen=True)
class Side:
    """The target domain, or all others together."""

    items: NDArray[np.int64]
    """``[I_s]`` numbers among all items."""
    likes: sp.csr_matrix
    """``[P, I_s]``"""

    @property
    def counts(self) -> Tensor:
        """``[P, 1]`` how many items of this side each person likes."""
        return self.whole.counts

    @cached_property
    def whole(self) -> Read:
        """Those who train, as a module reads them."""
        return self._read(self.likes)

    def read(self, histories: sp.csr_matrix) -> Read:
        """Anybody, with histories ``[B, I]`` over all items."""
        return self._read(columns_of(histories, self.items))

    def _read(self, mine: sp.csr_matrix) -> Read:
        counts = np.diff(mine.indptr).astype(np.float32)
        degree = np.maximum(np.asarray(self.likes.sum(axis=0)).ravel(), 1.0)
        rows = sp.diags(np.maximum(counts, 1.0) ** -0.5) @ mine @ sp.diags(degree**-0.5)
        return Read(Sparse(rows.tocsr()), torch.from_numpy(counts)[:, None])


@dataclass(frozen=True)
class Views:
    """What one call of a module gives."""

    people: Sequence[Tensor]
    """``[P, D]`` for each side: what its items are met with."""
    items: Sequence[Tensor]
    """``[I_s, D]`` for each side."""
    penalty: Tensor | float = 0.0
    """Added to the loss as it is."""


@dataclass(frozen=True)
class _Fitted:
    model: Network
    source: Side
    target: Side
    items: list[NDArray[np.float32]]  # [I_s, D] for each side
    learned: Any


def sides_of(log: Interactions, domain: int) -> tuple[Side, Side]:
    """All other domains, and ``domain``; items without a like in the others are left out."""
    source = np.flatnonzero((log.item_domain != domain) & (log.liked.getnnz(axis=0) > 0))
    target = log.items_of(domain)
    return Side(source, columns_of(log.liked, source)), Side(target, columns_of(log.liked, target))


def logistic_loss(person: Tensor, right: Tensor, drawn: Tensor) -> Tensor:
    """Cross-entropy of likes ``[B, D]`` against every one of the drawn items ``[N, D]``."""
    positive = (person * right).sum(dim=1)
    return functional.softplus(-positive).mean() + functional.softplus(person @ drawn.T).mean()


class Network(nn.Module):
    """What is trained; its call gives :class:`Views` of those who train."""

    def learned(self) -> Any:
        """What scoring needs beside the items' vectors, computed once."""

    def people_of(self, read: tuple[Read, Read], learned: Any) -> Tensor:
        """``[B, D]`` what meets the target's items, of any histories."""
        raise NotImplementedError


class TwoDomainsSettings(RecommenderSettings):
    """Settings of every :class:`TwoDomains`."""

    dim: PositiveInt = 64
    """Width of the vectors."""
    epochs: NonNegativeInt = 20
    """Passes over the likes."""
    learning_rate: PositiveFloat = 1e-2
    """Step size."""
    batch: PositiveInt = 16_384
    """Likes of a step, on each side."""
    negatives: PositiveInt = 512
    """Drawn items that the likes of a step are told from."""


T = TypeVar("T", bound=TwoDomainsSettings)


class TwoDomains(BaseRecommender[T]):
    """A subclass gives ``_model``, its :class:`Network`."""

    @property
    def source_weight(self) -> float:
        """Weight of the source side's likes in the loss, between 0 and 1."""
        return 0.5

    def _model(self, source: Side, target: Side) -> Network:
        raise NotImplementedError

    def _fit(self, seed: int, on_progress: OnProgress) -> None:
        self._fitted: dict[int, _Fitted] = {}
        for domain in self.targets:
            source, target = sides_of(self.data, domain)
            # The seed is ours alone: what others draw afterwards must not depend on it.
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                model = self._model(source, target)
                self._train(model, (source, target), seed, on_progress)
            with torch.no_grad():
                items = [part.numpy() for part in model.eval()().items]
                self._fitted[domain] = _Fitted(model, source, target, items, model.learned())

    def _train(
        self, model: Network, sides: Sequence[Side], seed: int, on_progress: OnProgress
    ) -> None:
        optimizer = torch.optim.Adam(model.parameters(), lr=self.settings.learning_rate)
        rng = np.random.default_rng(seed)
        pairs = [side.likes.tocoo() for side in sides]
        steps = -(-max(pair.nnz for pair in pairs) // self.settings.batch)
        weights = (self.source_weight, 1.0 - self.source_weight)
        for epoch in range(self.settings.epochs):
            orders = [np.array_split(rng.permutation(pair.nnz), steps) for pair in pairs]
            for step in range(steps):
                views = model()
                loss = torch.as_tensor(views.penalty)
                for weight, pair, order, people, items in zip(
                    weights, pairs, orders, views.people, views.items, strict=True
                ):
                    chosen = order[step]
                    if not len(chosen):
                        continue
                    drawn = items[
                        torch.from_numpy(rng.integers(0, len(items), self.settings.negatives))
                    ]
                    person = people[torch.from_numpy(pair.row[chosen])]
                    right = items[torch.from_numpy(pair.col[chosen])]
                    loss = loss + weight * logistic_loss(person, right, drawn)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            done, of = epoch + 1, self.settings.epochs
            on_progress(done / of, f"epoch {done} of {of}")

    def score(self, users: Histories, domain: int) -> Scores:
        """Products of what a history gives and the target's items."""
        self._require_fitted(domain)
        fitted = self._fitted[domain]
        read = (fitted.source.read(users.items), fitted.target.read(users.items))
        with torch.no_grad():
            people = fitted.model.people_of(read, fitted.learned).numpy()
        return np.asarray(people @ fitted.items[1].T, dtype=np.float32)
