"""Everything that is read and solved before the joint model's first step.

In:   a snapshot, its interactions to learn from, settings.
Out:  :class:`TrainingInputs`, and from them a :class:`~kgrec.gnn.model.JointModel`.

In this order: the encoder is loaded and, where asked for, adapted to the catalogue; all texts are
encoded; the item features are solved; the users of each bridge are chosen; both are done again
without the users of each fold. All random state begins
here, and the model's first weights continue it.

Shapes: P users   I items
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray

from graph_store.snapshot import Snapshot
from kgrec.config import Settings
from kgrec.data.histories import Histories
from kgrec.data.interactions import Interactions
from kgrec.gnn.bridge_users import BridgeUsers, choose_bridge_users
from kgrec.gnn.fold_statistics import FoldStatistics, assign_folds, solve_folds
from kgrec.gnn.graph import Graph, graph_maker
from kgrec.gnn.item_features import ItemFeatures, solve_item_features
from kgrec.gnn.model import JointModel
from kgrec.progress import Event, OnEvent, ignore
from kgrec.text.adapt import adapt_to_texts
from kgrec.text.cache import TextCache, default_folder
from kgrec.text.encoder import TextEncoder
from kgrec.text.whitening import fit_whitening

__all__ = ["TrainingInputs", "build_model", "prepare", "seed_everything"]


@dataclass(frozen=True)
class TrainingInputs:
    """What the joint model learns from; only the encoder and its cache change while it does."""

    snapshot: Snapshot
    """The whole graph, for texts, tags and names; its interactions are not read."""
    data: Interactions
    """The interactions to learn from."""
    encoder: TextEncoder
    cache: TextCache
    """The text vectors of all items."""
    item_features: ItemFeatures
    bridge_users: list[BridgeUsers]
    """The users on whom each domain's bridge is solved."""
    graph_of: Callable[[sp.csr_matrix], Graph]
    """The graph whose visible likes ``[P, I]`` are these."""
    sequences: Histories | None
    """Likes in order, each once, of all users; None where no order is known or read."""
    fold_of_user: NDArray[np.int64]  # [P]
    folds: tuple[FoldStatistics, ...]
    """Statistics of each fold, for steps about its users."""
    device: torch.device

    def choose_bridge_users(self, data: Interactions, *, seed: int) -> list[BridgeUsers]:
        """The users of each domain's bridge, chosen from other interactions of the same graph."""
        return _bridge_users(data, self.item_features, seed, self.device)


def prepare(
    snapshot: Snapshot,
    data: Interactions,
    settings: Settings,
    *,
    device: torch.device,
    on_event: OnEvent = ignore,
) -> TrainingInputs:
    """Read and solve everything that training needs.

    Args:
        snapshot: The whole graph.
        data: The interactions to learn from, without those of held-out users that are hidden.
        settings: All settings.
        device: Where training computes.
        on_event: Told how far it is.

    Raises:
        ConfigError: There is no such encoder, or it cannot be adapted as asked for.
        MissingExtraError: The default encoder is neither installed nor on a hub in reach.
    """
    seed = settings.train.seed
    seed_everything(seed, epoch=0)
    encoder = TextEncoder.load(settings.text).to(device)
    adapt_to_texts(encoder, [text for text in snapshot.texts if text], settings, on_event)
    folder = default_folder() if settings.text.adapt == "none" else None
    cache = TextCache(snapshot.texts, snapshot.text_hashes, encoder, folder=folder, device=device)
    cache.refresh(lambda done, total: on_event(Event("encoding texts", done, total)))

    def on_stage(stage: str) -> None:
        on_event(Event(stage, 0, 1))

    sequences = _sequences(data, settings)
    item_features = solve_item_features(
        data, settings.model, seed=seed, sequences=sequences, on_stage=on_stage
    )
    num_tags = len(snapshot.tag_keys)
    graph_of = graph_maker(settings.model.gnn, data, snapshot.item_tag, num_tags, device)
    fold_of_user = assign_folds(data.num_users, settings.train.folds, seed=seed)
    folds = solve_folds(
        data, sequences, item_features, fold_of_user, settings, graph_of=graph_of,
        device=device, on_stage=on_stage,
    )  # fmt: skip
    return TrainingInputs(
        snapshot=snapshot,
        data=data,
        encoder=encoder,
        cache=cache,
        item_features=item_features,
        bridge_users=_bridge_users(data, item_features, seed, device),
        graph_of=graph_of,
        sequences=sequences,
        fold_of_user=fold_of_user,
        folds=folds,
        device=device,
    )


def _sequences(data: Interactions, settings: Settings) -> Histories | None:
    """Likes in order, each once; None where no order is known or read."""
    if settings.model.sequence_layers and data.has_order:
        return data.histories().distinct()
    return None


def build_model(inputs: TrainingInputs, settings: Settings) -> JointModel:
    """The joint model with its first weights, texts whitened and bridges scaled."""
    cache = inputs.cache
    model = JointModel(
        settings,
        inputs.item_features,
        cache.has_text.cpu(),
        fit_whitening(cache.vectors[cache.has_text > 0], settings.model.text_width),
        num_tags=len(inputs.snapshot.tag_keys),
        num_domains=inputs.data.num_domains,
        reads_order=inputs.sequences is not None,
    ).to(inputs.device)
    for known in inputs.bridge_users:
        model.bridge(known.domain).scale_to([known.inputs.factors, known.inputs.spectrum])
    return model


def seed_everything(seed: int, *, epoch: int) -> None:
    """Set the random state to one that follows from (seed, epoch).

    So a resumed run draws the same numbers as an uninterrupted one.
    """
    value = (seed * 1_000_003 + epoch) % 2**31
    torch.manual_seed(value)
    random.seed(value)


def _bridge_users(
    data: Interactions, item_features: ItemFeatures, seed: int, device: torch.device
) -> list[BridgeUsers]:
    return [
        choose_bridge_users(data, item_features, domain, seed=seed, device=device)
        for domain in range(data.num_domains)
    ]
