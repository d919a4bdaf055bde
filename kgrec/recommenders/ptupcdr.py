"""PTUPCDR: a map from source to target factors of each person's own, written by a meta network.

In:   likes.  Out: iALS factors of both sides, and a network from a source history to a map.

Zhu et al., "Personalized transfer of user preferences for cross-domain recommendation" (WSDM
2022): attention pools the items of the source history, a network turns that into the map, and
what is trained on is the target likes of overlapping people themselves, not their factors. The
factors are those of iALS, as for EMCDR here, and the loss is the logistic one, since the paper's
is for ratings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor, nn

from kgrec.data.histories import Histories
from kgrec.recommenders.base import BaseRecommender, OnProgress, Scores
from kgrec.recommenders.factors import AlsSettings, both_sides, user_factors
from kgrec.recommenders.two_domains import logistic_loss
from kgrec.solvers.sparse import Sparse

__all__ = ["PTUPCDR", "PTUPCDRSettings"]

_HIDDEN = 50  # of the paper's meta network
_BATCH, _NEGATIVES = 1024, 256


@dataclass(frozen=True)
class _Side:
    source: NDArray[np.float32]  # [I, R], zero rows in the target domain
    target: NDArray[np.float32]  # [I_d, R]
    bridge: _Bridge


class PTUPCDRSettings(AlsSettings):
    """Settings of :class:`PTUPCDR`."""

    rank: PositiveInt = 32
    """Number of factors."""
    epochs: NonNegativeInt = 10
    """Passes over the target likes of overlapping users."""
    decay: NonNegativeFloat = 1e-3
    """Weight decay of the network."""
    learning_rate: PositiveFloat = 3e-3
    """Step size."""


class PTUPCDR(BaseRecommender[PTUPCDRSettings]):
    """Personal maps of source factors to target factors."""

    name = "PTUPCDR (iALS)"
    settings_class: ClassVar = PTUPCDRSettings
    trials: ClassVar = tuple(
        {"rank": rank, "epochs": epochs, "decay": decay}
        for rank in (32, 64)
        for epochs in (10, 5)
        for decay in (1e-3, 1e-2)
    )

    def _fit(self, seed: int, on_progress: OnProgress) -> None:
        self._sides: dict[int, _Side] = {}
        for domain in self.targets:
            sides = both_sides(self.data, domain, self.settings, seed=seed)
            both, source, target = sides.people, sides.source, sides.target
            # The seed is ours alone: what others draw afterwards must not depend on it.
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                bridge = _Bridge(source.shape[1], target.shape[1])
                side = _Side(source, target, bridge)
                if len(both):
                    likes = (sides.source_likes[both], sides.target_likes[both])
                    self._train(side, *likes, seed, on_progress)
                else:  # nobody to learn a map from: no opinion
                    bridge.forget()
            self._sides[domain] = side

    def _train(
        self,
        side: _Side,
        source_likes: sp.csr_matrix,
        target_likes: sp.csr_matrix,
        seed: int,
        on_progress: OnProgress,
    ) -> None:
        people = torch.from_numpy(user_factors(source_likes, side.source, self.settings))
        read, source = Sparse(source_likes), torch.from_numpy(side.source)
        target = torch.from_numpy(side.target)
        pairs, rng = target_likes.tocoo(), np.random.default_rng(seed)
        given = self.settings
        optimizer = torch.optim.AdamW(
            side.bridge.parameters(), lr=given.learning_rate, weight_decay=given.decay
        )
        for epoch in range(given.epochs):
            order = rng.permutation(pairs.nnz)
            for start in range(0, len(order), _BATCH):
                chosen = order[start : start + _BATCH]
                taste = side.bridge.taste(read, source)
                row, place = np.unique(pairs.row[chosen], return_inverse=True)
                mapped = side.bridge(taste[torch.from_numpy(row)], people[torch.from_numpy(row)])
                drawn = torch.from_numpy(rng.integers(0, len(target), _NEGATIVES))
                right = target[torch.from_numpy(pairs.col[chosen])]
                loss = logistic_loss(mapped[torch.from_numpy(place)], right, target[drawn])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            on_progress((epoch + 1) / given.epochs, f"epoch {epoch + 1} of {given.epochs}")

    def score(self, users: Histories, domain: int) -> Scores:
        """Mapped source factors times target item factors; target history is not used."""
        self._require_fitted(domain)
        side = self._sides[domain]
        source = self.data.outside(users.items, domain)
        source.eliminate_zeros()
        people = torch.from_numpy(user_factors(source, side.source, self.settings))
        with torch.no_grad():
            taste = side.bridge.taste(Sparse(source), torch.from_numpy(side.source))
            mapped = side.bridge(taste, people).numpy()
        return np.asarray(mapped @ side.target.T, dtype=np.float32)


class _Bridge(nn.Module):
    """From the items of a history to a map, and a person's factors by that map."""

    def __init__(self, source: int, target: int) -> None:
        super().__init__()
        self.shape = (source, target)
        self.attention = nn.Sequential(
            nn.Linear(source, source), nn.ReLU(), nn.Linear(source, 1, bias=False)
        )
        self.meta = nn.Sequential(
            nn.Linear(source, _HIDDEN), nn.ReLU(), nn.Linear(_HIDDEN, source * target)
        )

    def forget(self) -> None:
        """Map everybody to zero."""
        for parameter in self.meta.parameters():
            nn.init.zeros_(parameter)

    def taste(self, read: Sparse, items: Tensor) -> Tensor:
        """``[B, R]``: items of a history by attention, a softmax over the history.

        The attention sees an item alone, so one product for all people does.
        """
        weight = self.attention(items).clamp(max=20.0).exp()
        pooled: Tensor = (read @ (weight * items)) / (read @ weight).clamp(min=1e-9)
        return pooled

    def forward(self, taste: Tensor, people: Tensor) -> Tensor:
        """``[B, R]`` on the target side."""
        maps = self.meta(taste).view(-1, *self.shape)
        return torch.bmm(people[:, None, :], maps)[:, 0]
