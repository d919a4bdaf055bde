"""The joint model as a recommender: what it learned, held still, as arrays.

In:   embeddings of the graph propagated once, bridges solved, item features.
Out:  user and item vectors whose inner product is the joint model's score.

A new user needs a pooling and a small product; no tensor library, which would take longer to
import than to answer.

Shapes: B users   I items   I_d items of a domain   D width   R factors   F features of a bridge
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kgrec.config import ModelSettings
from kgrec.data.histories import Histories
from kgrec.data.interactions import Interactions
from kgrec.gnn import formula
from kgrec.gnn.formula import DomainWeights
from kgrec.gnn.item_features import ItemFeatures
from kgrec.gnn.users import read_users
from kgrec.recommenders.base import OnProgress, Scores, State, ignore_progress
from kgrec.vectors import Vectors

__all__ = ["GNNRecommender"]

Floats = NDArray[np.float32]

_ITEM_FEATURES = ("spectrum", "factors", "popularity", "item_domain")
"""Arrays of :class:`ItemFeatures`."""


@dataclass(frozen=True)
class GNNRecommender:
    """What the joint model learned; made by :mod:`kgrec.gnn.result`, not by ``fit``."""

    item_features: ItemFeatures
    item_embeddings: Floats  # [I, D] unit rows
    domain_weights: Sequence[DomainWeights[Floats]]  # of each domain
    bridge_maps: Sequence[Floats]  # of each domain [F, R]
    uses_bridge: bool
    name: str = "gnn"

    def item_vectors(self, domain: int) -> Vectors:
        """``[I_d, D + R + 1]`` vectors of ``domain``'s items."""
        known = self.item_features
        items = np.flatnonzero(known.item_domain == domain)
        return Vectors(
            formula.item_vectors(
                np, self.domain_weights[domain], self.item_embeddings[items],
                known.factors[items], known.popularity[items],
            )
        )  # fmt: skip

    def user_vectors(self, users: Histories, domain: int) -> Vectors:
        """``[B, D + R + 1]`` vectors of histories."""
        weights = self.domain_weights[domain]
        read = read_users(users.items, self.item_features, domain, len(self.domain_weights))
        used = self.bridge_maps[domain] if self.uses_bridge else None
        return Vectors(formula.user_vectors(np, weights, self.item_embeddings, read, used))

    def score(self, users: Histories, domain: int) -> Scores:
        """``[B, I_d]`` scores of the joint model."""
        return self.user_vectors(users, domain).products(self.item_vectors(domain))

    @property
    def popularity_column(self) -> int:
        """Which column of an item's or a user's vector holds popularity: the last."""
        return int(self.item_embeddings.shape[1] + self.item_features.factors.shape[1])

    def state(self) -> State:
        """Embeddings, item features, and what was learned of each domain."""
        state: State = {"item_embeddings": self.item_embeddings}
        for name in _ITEM_FEATURES:
            state[f"item_features.{name}"] = getattr(self.item_features, name)
        for field in fields(DomainWeights):
            values = [getattr(weights, field.name) for weights in self.domain_weights]
            state[f"domain_weights.{field.name}"] = np.stack(values)
        return state | {f"bridge_map.{d}": map_ for d, map_ in enumerate(self.bridge_maps)}

    @classmethod
    def from_state(
        cls, settings: ModelSettings, state: Mapping[str, NDArray[Any]], data: Interactions
    ) -> GNNRecommender:
        """The model whose :meth:`state` this is."""
        domains = range(data.num_domains)
        item_features = ItemFeatures(
            **{name: state[f"item_features.{name}"] for name in _ITEM_FEATURES},
            regularization=settings.factor_regularization,
            alpha=settings.factor_alpha,
        )
        names = [field.name for field in fields(DomainWeights)]
        weights = [
            DomainWeights(**{name: state[f"domain_weights.{name}"][d] for name in names})
            for d in domains
        ]
        maps = [state[f"bridge_map.{d}"] for d in domains]
        uses_bridge = settings.bridge
        return cls(item_features, state["item_embeddings"], weights, maps, uses_bridge)

    def fit(
        self,
        data: Interactions,
        *,
        seed: int = 0,
        domains: Sequence[int] | None = None,
        on_progress: OnProgress = ignore_progress,
    ) -> GNNRecommender:
        """Refuse: the joint model is trained by :class:`kgrec.gnn.trainer.Trainer`."""
        raise TypeError("the joint model is trained by kgrec.gnn.trainer, not fitted here")

    def refit(
        self, data: Interactions, *, seed: int = 0, on_progress: OnProgress = ignore_progress
    ) -> GNNRecommender:
        """Refuse: the joint model is trained by :class:`kgrec.gnn.trainer.Trainer`."""
        return self.fit(data, seed=seed, on_progress=on_progress)
