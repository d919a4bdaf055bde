"""The terms of the loss, each a number that says how far one thing is from what it should be.

In:   a :class:`Step`: what an episode asks, and what the model makes of it.
Out:  one number with gradient, or None where a term has nothing to say about this step.

``TERMS`` are those that :class:`~kgrec.gnn.objective.Objective` adds up. A new term is a function
here with a line in ``TERMS``; what it needs of a step, it finds in :class:`Step` or the objective
puts there.

Shapes: P users   B users of an episode   I items   N candidate items   D width   R factors
        C prototypes   W width of the encoder
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from kgrec.config import Settings
from kgrec.data.interactions import by_root_of_length
from kgrec.gnn.episodes import Episode
from kgrec.gnn.fold_statistics import FoldStatistics
from kgrec.gnn.item_pairs import PairRows, pair_features
from kgrec.gnn.losses import bpr, info_nce, prototype_alignment, sampled_softmax
from kgrec.gnn.model import JointModel
from kgrec.gnn.prepare import TrainingInputs
from kgrec.gnn.user_tensors import UserTensors
from kgrec.solvers.sparse import Sparse

__all__ = ["TERMS", "Step", "draw_candidates", "marked", "prototype_term", "ranking_term",
           "text_term", "user_term"]  # fmt: skip

_PROTOTYPE_USERS = 512
"""Users of each domain, at most, whose use of prototypes is compared in a step."""


@dataclass(frozen=True)
class Step:
    """One episode, and what the model makes of it."""

    settings: Settings
    inputs: TrainingInputs
    model: JointModel
    prototypes: Tensor  # [C, D] shared by all domains
    episode: Episode
    epoch: int
    text: Tensor  # [I, W] raw text vectors
    fresh_items: NDArray[np.int64]  # items whose texts were encoded with gradient in this step
    item_embeddings: Tensor  # [I, D] of the graph without what is hidden
    known: UserTensors  # of the B users, without what is hidden
    wanted: sp.csr_matrix  # [B, I] what is hidden of them
    user_vectors: Tensor  # [B, D + R + E + N + 1]
    statistics: FoldStatistics  # without the users of the episode's fold
    pair_rows: PairRows  # of the B users, without what is hidden


Term: TypeAlias = Callable[[Step], Tensor | None]


def ranking_term(step: Step) -> Tensor:
    """How far the hidden likes are from the top of the users' lists."""
    domain, train = step.episode.domain, step.settings.train
    columns, log_drawn = draw_candidates(
        step.wanted, step.inputs, step.settings, domain, step.epoch
    )
    items = torch.from_numpy(columns).to(step.user_vectors.device)
    item_vectors = step.model.item_vectors(
        step.item_embeddings, items, domain, step.statistics.items
    )
    positives = step.wanted[:, columns]  # [B, N]
    if train.loss == "bpr":  # pairs of items, which are sparse, are left out
        return bpr(step.user_vectors, item_vectors, positives)
    added, weights = _pairs(step, columns)
    return sampled_softmax(step.user_vectors, item_vectors, positives, log_drawn, added, weights)


def _pairs(step: Step, columns: NDArray[np.int64]) -> tuple[list[sp.csr_matrix], Tensor]:
    """What the items of the users say of the candidates, and the weights of both matrices."""
    weights = step.model.domain_weights(step.episode.domain).pair_weights
    own = weights[0 if step.episode.kind == "cold" else -1]
    return pair_features(step.pair_rows, step.statistics.item_features.pairs, columns), own


def user_term(step: Step) -> Tensor | None:
    """Aligns what other domains say of a user with what the hidden domain will say.

    Each user is told apart from at most ``align.batch_users`` others.
    """
    align, domain = step.settings.align, step.episode.domain
    if not align.users or step.episode.kind != "cold":
        return None
    embeddings = step.item_embeddings
    here = step.model.query_embeddings(embeddings, step.known.outside, domain)  # [B, D]
    pooling = Sparse(by_root_of_length(step.wanted), embeddings.device)
    there = functional.normalize(pooling @ embeddings, dim=1)
    total = embeddings.new_zeros(())
    count = math.ceil(len(here) / align.batch_users)
    pairs = zip(here.tensor_split(count), there.tensor_split(count), strict=True)
    for some, same in pairs:
        found = info_nce(some, same, align.temperature)
        total = total + found * (len(some) / len(here))
    return align.users * total


def text_term(step: Step) -> Tensor | None:
    """Aligns what an item's text says with the item's embedding."""
    align, model = step.settings.align, step.model
    if not align.text or not len(step.fresh_items):
        return None
    index = torch.from_numpy(step.fresh_items).to(step.text.device)
    said = functional.normalize(model.text_map(model.whitening(step.text[index])), dim=1)
    return align.text * info_nce(said, step.item_embeddings[index], align.temperature)


def prototype_term(step: Step) -> Tensor | None:
    """Aligns two groups of users of two domains, nobody in both, on shared prototypes."""
    align, data, domain = step.settings.align, step.inputs.data, step.episode.domain
    overlap = len(step.inputs.bridge_users[domain].users)
    if not align.prototypes or data.num_domains < 2 or overlap:
        return None
    rng = np.random.default_rng([step.settings.train.seed, step.epoch, domain])
    other = rng.choice([d for d in range(data.num_domains) if d != domain])
    views = []
    for d in (domain, int(other)):
        active = np.flatnonzero(data.count_by_domain[:, d] > 0)
        drawn = np.sort(rng.choice(active, min(len(active), _PROTOTYPE_USERS), replace=False))
        pooling = Sparse(by_root_of_length(data.liked[drawn]), step.item_embeddings.device)
        views.append(step.model.query_embeddings(step.item_embeddings, pooling, domain))
    found = prototype_alignment(views[0], views[1], step.prototypes, align.temperature)
    return align.prototypes * found


TERMS: tuple[Term, ...] = (ranking_term, user_term, text_term, prototype_term)
"""The loss is their sum."""


def draw_candidates(
    wanted: sp.csr_matrix, inputs: TrainingInputs, settings: Settings, domain: int, epoch: int
) -> tuple[NDArray[np.int64], Tensor | None]:
    """Items ``[N]`` that a softmax ranks, and the log of the chance that each came to be one.

    They are the whole domain, whose chances are None, or the positives and a uniform draw.

    Args:
        wanted: ``[B, I]`` the hidden likes of the episode's users.
        inputs: What the model learns from.
        settings: All settings; ``train.negatives`` is the number of items that are drawn.
        domain: Number of the domain whose items are ranked.
        epoch: Number of the epoch; the draw follows from it.
    """
    items = inputs.data.items_of(domain)
    most = settings.train.negatives
    if len(items) <= most:
        return items, None
    rng = np.random.default_rng([settings.train.seed, epoch, wanted.nnz])
    is_positive = marked(wanted.indices, wanted.shape[1])
    positive, others = np.flatnonzero(is_positive), items[~is_positive[items]]
    if len(others) <= most:
        return items, None
    drawn = rng.choice(others, most, replace=False)
    columns = np.concatenate([positive, drawn])
    log_drawn = torch.zeros(len(columns), device=inputs.device)
    log_drawn[len(positive) :] = math.log(most / len(others))
    return columns, log_drawn


def marked(numbers: NDArray[np.integer], size: int) -> NDArray[np.bool_]:
    """``[size]`` whether a number is among ``numbers``; no sorting, as sets would."""
    found = np.zeros(size, bool)
    found[numbers] = True
    return found
