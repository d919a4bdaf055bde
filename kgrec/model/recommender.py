"""The joint model as a recommender: what it learned, held still, as arrays.

In:   embeddings of the graph propagated once, bridges solved, item features.
Out:  user and item vectors whose inner product is the learned score.

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
from kgrec.model import formula
from kgrec.model.channels import Channels
from kgrec.model.formula import Toward
from kgrec.model.people import read_people
from kgrec.recommenders.base import OnProgress, Scores, State, ignore_progress
from kgrec.vectors import Vectors

__all__ = ["JointRecommender"]

Floats = NDArray[np.float32]

_CHANNELS = ("spectrum", "factors", "popularity", "item_domain")
"""Arrays of :class:`Channels`."""


@dataclass(frozen=True)
class JointRecommender:
    """What the joint model learned; made by :mod:`kgrec.training`, not by ``fit``."""

    channels: Channels
    z: Floats  # [I, D] unit rows
    toward: Sequence[Toward[Floats]]  # of each domain
    bridge_maps: Sequence[Floats]  # of each domain [F, R]
    uses_bridge: bool
    name: str = "gnn"

    def item_vectors(self, domain: int) -> Vectors:
        """``[I_d, D + R + 1]`` vectors of ``domain``'s items."""
        items = np.flatnonzero(self.channels.item_domain == domain)
        return Vectors(
            formula.item_vectors(
                np, self.toward[domain], self.z[items],
                self.channels.factors[items], self.channels.popularity[items],
            )
        )  # fmt: skip

    def user_vectors(self, users: Histories, domain: int) -> Vectors:
        """``[B, D + R + 1]`` vectors of histories."""
        people = read_people(users.items, self.channels, domain, len(self.toward))
        used = self.bridge_maps[domain] if self.uses_bridge else None
        return Vectors(formula.user_vectors(np, self.toward[domain], self.z, people, used))

    def score(self, users: Histories, domain: int) -> Scores:
        """``[B, I_d]`` learned scores."""
        return self.user_vectors(users, domain).products(self.item_vectors(domain))

    @property
    def popularity_column(self) -> int:
        """Which column of an item's or a user's vector holds popularity: the last."""
        return int(self.z.shape[1] + self.channels.factors.shape[1])

    def state(self) -> State:
        """Embeddings, item features, and what was learned of each domain."""
        state: State = {"z": self.z}
        state |= {f"channels.{name}": getattr(self.channels, name) for name in _CHANNELS}
        state |= {
            f"toward.{field.name}": np.stack([getattr(one, field.name) for one in self.toward])
            for field in fields(Toward)
        }
        return state | {f"bridge_map.{d}": map_ for d, map_ in enumerate(self.bridge_maps)}

    @classmethod
    def from_state(
        cls, settings: ModelSettings, state: Mapping[str, NDArray[Any]], data: Interactions
    ) -> JointRecommender:
        """The model whose :meth:`state` this is."""
        domains = range(data.num_domains)
        channels = Channels(
            **{name: state[f"channels.{name}"] for name in _CHANNELS},
            regularization=settings.factor_regularization,
            alpha=settings.factor_alpha,
        )
        toward = [
            Toward(**{field.name: state[f"toward.{field.name}"][d] for field in fields(Toward)})
            for d in domains
        ]
        maps = [state[f"bridge_map.{d}"] for d in domains]
        return cls(channels, state["z"], toward, maps, uses_bridge=settings.bridge)

    def fit(
        self,
        data: Interactions,
        *,
        seed: int = 0,
        domains: Sequence[int] | None = None,
        on_progress: OnProgress = ignore_progress,
    ) -> JointRecommender:
        """Refuse: the joint model is trained by :func:`kgrec.training.fit.fit`."""
        raise TypeError("the joint model is trained by kgrec.training.fit, not fitted here")

    def refit(
        self, data: Interactions, *, seed: int = 0, on_progress: OnProgress = ignore_progress
    ) -> JointRecommender:
        """Refuse: the joint model is trained by :func:`kgrec.training.fit.fit`."""
        return self.fit(data, seed=seed, on_progress=on_progress)
