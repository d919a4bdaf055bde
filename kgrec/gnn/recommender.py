"""The joint model as a recommender: what it learned, held still, as arrays.

In:   embeddings of the graph propagated once, bridges solved, item features.
Out:  user and item vectors whose inner product is the joint model's score.

A new user needs a pooling and a small product; no tensor library, which would take longer to
import than to answer.

Shapes: B users   I items   I_d items of a domain   D width   R factors   F features of a bridge
        N time bins
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.config import ModelSettings
from kgrec.data.histories import Histories
from kgrec.data.interactions import Interactions, count_inside
from kgrec.data.sparse_rows import scaled_rows
from kgrec.gnn import formula
from kgrec.gnn.events import read_event_rows, read_latest_events
from kgrec.gnn.formula import DomainWeights
from kgrec.gnn.item_features import ItemFeatures
from kgrec.gnn.item_pairs import ItemPairs, pair_features, read_pair_rows
from kgrec.gnn.sequence import ARRAYS, SequenceWeights, last_states
from kgrec.gnn.users import read_users
from kgrec.recommenders.base import OnProgress, Scores, State, ignore_progress
from kgrec.recommenders.matrices import sparse_from_state, sparse_state
from kgrec.vectors import Vectors

__all__ = ["GNNRecommender"]

Floats = NDArray[np.float32]

_ITEM_FEATURES = (
    "spectrum",
    "factors",
    "popularity",
    "item_domain",
    "times",
    "time_bins",
    "is_liked",
)
"""Arrays of :class:`ItemFeatures`."""

_PAIRS = ("after", "together")
"""Matrices of :class:`~kgrec.gnn.item_pairs.ItemPairs`."""


@dataclass(frozen=True)
class GNNRecommender:
    """What the joint model learned; made by :mod:`kgrec.gnn.result`, not by ``fit``."""

    item_features: ItemFeatures
    item_embeddings: Floats  # [I, D] unit rows
    domain_weights: Sequence[DomainWeights[Floats]]  # of each domain
    bridge_maps: Sequence[Floats]  # of each domain [F, R]
    uses_bridge: bool
    sequence: SequenceWeights[Floats] | None = None
    """None: no order is read."""
    heads: int = 1
    """Attention heads of the sequence encoder."""
    length: int = 1
    """Latest events that the sequence encoder reads."""
    name: str = "gnn"

    def item_vectors(self, domain: int) -> Vectors:
        """``[I_d, D + R + E + N + 1]`` of ``domain``'s items; sparse: each item a column."""
        known = self.item_features
        items = np.flatnonzero(known.item_domain == domain)
        ids = np.zeros((len(items), 0), np.float32)
        if self.sequence is not None:
            ids = self.sequence.item[items]
        dense = formula.item_vectors(
            np, self.domain_weights[domain], self.item_embeddings[items],
            known.factors[items], ids, known.times[items], known.popularity[items],
        )  # fmt: skip
        return Vectors(dense, sp.identity(len(items), np.float32, "csr"))

    def user_vectors(self, users: Histories, domain: int) -> Vectors:
        """``[B, D + R + E + N + 1]`` of histories; sparse: what lies together with their items."""
        known, weights = self.item_features, self.domain_weights[domain]
        used = self.bridge_maps[domain] if self.uses_bridge else None
        state = np.zeros((len(users), 0), np.float32)
        last_time = last_items = None
        if self.sequence is not None:
            in_order = users.distinct() if users.has_order else users.keep_items(
                np.zeros(users.num_items, np.bool_)
            )  # fmt: skip
            latest = read_latest_events(in_order, known.time_bins)
            rows = read_event_rows(in_order, known.item_domain, known.time_bins, self.length)
            state = last_states(
                ARRAYS, self.sequence, self.heads, self.item_embeddings, rows, len(users)
            )
            last_time, last_items = latest.time, latest.items
        read = read_users(users.items, known, domain, len(self.domain_weights), last_time)
        dense = formula.user_vectors(np, weights, self.item_embeddings, read, used, state)
        return Vectors(dense, self._pairs(users.items, last_items, domain))

    @property
    def paths_add_up(self) -> bool:
        """What is said of a history is a logarithm, so it is no sum over its items."""
        return False

    def dense_user_vectors(self, users: Histories, domain: int) -> Scores:
        """``[B, D + R + E + N + 1]``."""
        return self.user_vectors(users, domain).dense

    def _pairs(
        self, histories: sp.csr_matrix, latest: sp.csr_matrix | None, domain: int
    ) -> sp.csr_matrix:
        """``[B, I_d]`` what the items of histories ``[B, I]`` and the latest say of each item."""
        known = self.item_features
        items = np.flatnonzero(known.item_domain == domain)
        is_warm = count_inside(histories, known.item_domain, domain) > 0
        rows = read_pair_rows(histories, latest, is_warm)
        after, together = pair_features(rows, known.pairs, items)
        by = self.domain_weights[domain].pair_weights[np.where(is_warm, -1, 0)]  # [B, 2]
        return sp.csr_matrix(scaled_rows(after, by[:, 0]) + scaled_rows(together, by[:, 1]))

    def score(self, users: Histories, domain: int) -> Scores:
        """``[B, I_d]`` scores of the joint model."""
        return self.user_vectors(users, domain).products(self.item_vectors(domain))

    @property
    def popularity_column(self) -> int:
        """Which dense column of an item's or a user's vector holds popularity: the last."""
        known = self.item_features
        widths = [self.item_embeddings.shape[1], known.factors.shape[1], known.times.shape[1]]
        if self.sequence is not None:
            widths.append(self.sequence.item.shape[1])
        return int(sum(widths))

    def state(self) -> State:
        """Embeddings, item features, and what was learned of each domain."""
        state: State = {"item_embeddings": self.item_embeddings}
        for name in _ITEM_FEATURES:
            state[f"item_features.{name}"] = getattr(self.item_features, name)
        for field in fields(DomainWeights):
            values = [getattr(weights, field.name) for weights in self.domain_weights]
            state[f"domain_weights.{field.name}"] = np.stack(values)
        for name in _PAIRS:
            state |= sparse_state(f"pairs.{name}", getattr(self.item_features.pairs, name))
        if self.sequence is not None:
            for field in fields(SequenceWeights):
                state[f"sequence.{field.name}"] = getattr(self.sequence, field.name)
        return state | {f"bridge_map.{d}": map_ for d, map_ in enumerate(self.bridge_maps)}

    @classmethod
    def from_state(
        cls, settings: ModelSettings, state: Mapping[str, NDArray[Any]], data: Interactions
    ) -> GNNRecommender:
        """The model whose :meth:`state` this is."""
        domains = range(data.num_domains)
        reads_order = "sequence.item" in state
        pairs = ItemPairs(*(sparse_from_state(state, f"pairs.{name}") for name in _PAIRS))
        item_features = ItemFeatures(
            **{name: state[f"item_features.{name}"] for name in _ITEM_FEATURES},
            pairs=pairs,
            regularization=settings.factor_regularization,
            alpha=settings.factor_alpha,
        )
        names = [field.name for field in fields(DomainWeights)]
        weights = [
            DomainWeights(**{name: state[f"domain_weights.{name}"][d] for name in names})
            for d in domains
        ]
        maps = [state[f"bridge_map.{d}"] for d in domains]
        sequence = None
        if reads_order:
            sequence = SequenceWeights(
                **{f.name: state[f"sequence.{f.name}"] for f in fields(SequenceWeights)}
            )
        return cls(
            item_features, state["item_embeddings"], weights, maps, settings.bridge, sequence,
            settings.sequence_heads, settings.sequence_length,
        )  # fmt: skip

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
