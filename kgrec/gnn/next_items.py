"""The loss of next items: at every event of a history, which item of its domain comes next.

In:   users of one fold, the statistics of that fold, item embeddings made with these.
Out:  one number with gradient.

The score is that of a warm user, but for the factors of the bridge: a user's own fold-in at every
event would take a solve each. Candidates are the next item and a uniform draw of its domain, as in
SASRec here; labels are smoothed (Szegedy et al., CVPR 2016).

Shapes: B users   T events that another follows   I items   C drawn candidates   D width
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import Tensor

from kgrec.data.histories import Histories
from kgrec.gnn import formula
from kgrec.gnn.fold_statistics import FoldStatistics
from kgrec.gnn.item_pairs import PairRows, latest_items, pair_features
from kgrec.gnn.model import JointModel
from kgrec.gnn.sequence_encoder import event_tensors
from kgrec.solvers.sparse import Sparse

__all__ = ["next_item_loss"]

CANDIDATES = 1_024
"""Items of a domain, drawn once a step, that each next item is told from."""

SMOOTHING = 0.1
"""Fraction of a label that all candidates share."""

_LEAST = -50.0
"""Log likelihoods below this add no more to smoothed labels."""


@dataclass(frozen=True)
class _Positions:
    """T events and what follows each."""

    pooled: Tensor  # [T, D] the history up to the event
    state: Tensor  # [T, 2 D] of the sequence encoder at the event
    time: Tensor  # [T, N]
    latest: sp.csr_matrix  # [T, I]
    following: NDArray[np.int64]  # [T] the next item


def next_item_loss(
    model: JointModel,
    statistics: FoldStatistics,
    item_embeddings: Tensor,
    users: Histories,
    rng: np.random.Generator,
) -> Tensor:
    """The mean over events of the loss of the next item.

    Args:
        model: What learns; it reads order.
        statistics: Made without ``users``.
        item_embeddings: ``[I, D]`` made with these statistics.
        users: Histories in order, each item once; users with one event say nothing.
        rng: Draws the candidates.
    """
    positions = _positions(model, statistics, item_embeddings, users)
    item_domain = statistics.item_features.item_domain
    domains = item_domain[positions.following]
    total = item_embeddings.new_zeros(())
    for domain in np.unique(domains):
        inside = np.flatnonzero(domains == domain)
        items = np.flatnonzero(item_domain == domain)
        if len(items) > CANDIDATES:
            items = np.sort(rng.choice(items, CANDIDATES, replace=False))
        total = total + _loss_in_domain(
            model, statistics, item_embeddings, positions, int(domain), inside, items
        )
    return total / max(len(domains), 1)


def _loss_in_domain(
    model: JointModel,
    statistics: FoldStatistics,
    item_embeddings: Tensor,
    positions: _Positions,
    domain: int,
    inside: NDArray[np.int64],
    candidates: NDArray[np.int64],
) -> Tensor:
    """The sum over the events ``inside``, all followed by an item of ``domain``."""
    device, weights = item_embeddings.device, model.domain_weights(domain)
    following, latest = positions.following[inside], positions.latest[inside]
    numbers, place = np.unique(np.concatenate([following, candidates]), return_inverse=True)
    of_following, of_candidates = np.split(place, [len(following)])
    vectors = model.item_vectors(
        item_embeddings, torch.from_numpy(numbers).to(device), domain, statistics.items
    )
    rows = torch.from_numpy(inside).to(device)
    is_warm = positions.pooled.new_ones(len(inside), 1)
    added, after = positions.state[rows].split(item_embeddings.shape[1], 1)
    query = formula.mapped_query(torch, weights, positions.pooled[rows], added, is_warm)
    no_factors = query.new_zeros(len(inside), statistics.items.factors.shape[1])
    asked = formula.score_columns(
        torch, weights, query, no_factors, after, positions.time[rows], is_warm
    )

    right = torch.nn.functional.embedding(torch.from_numpy(of_following).to(device), vectors)
    scores = (asked * right).sum(1)  # [T_d] of the next items
    others = asked @ vectors[torch.from_numpy(of_candidates).to(device)].T  # [T_d, C]
    features = pair_features(PairRows(latest, latest), statistics.item_features.pairs)  # [T_d, I]
    row = np.arange(len(following))
    for weight, feature in zip(weights.pair_weights[-1], features, strict=True):
        drawn = feature[:, candidates].toarray()
        others = others + weight * torch.from_numpy(drawn).to(device)
        own = np.asarray(feature[row, following], dtype=np.float32).ravel()
        scores = scores + weight * torch.from_numpy(own).to(device)
    is_right = torch.from_numpy(candidates[None, :] == following[:, None]).to(device)
    others = others.masked_fill(is_right, -1e9)
    log_likelihood = torch.cat([scores[:, None], others], 1).log_softmax(1)
    smoothed = log_likelihood.clamp(min=_LEAST).mean(1)
    return -((1 - SMOOTHING) * log_likelihood[:, 0] + SMOOTHING * smoothed).sum()


def _positions(
    model: JointModel, statistics: FoldStatistics, item_embeddings: Tensor, users: Histories
) -> _Positions:
    """All events that another follows, the latest of each user."""
    sequence = model.sequence
    if sequence is None:
        raise ValueError("next items are learned by a model that reads order")
    features, device = statistics.item_features, item_embeddings.device
    is_last = np.zeros(len(users.event_item), np.bool_)
    is_last[users.offsets[1:][users.lengths > 0] - 1] = True
    given = users.keep_events(~is_last)
    pooled, states, times, events, owners = [], [], [], [], []
    length = model.settings.sequence_length
    for rows in event_tensors(given, features.item_domain, features.time_bins, length, device):
        real = rows.is_event.bool()
        states.append(sequence.states(item_embeddings, rows)[real])
        own = torch.nn.functional.embedding(rows.items, item_embeddings)
        summed = (own * rows.is_event[..., None]).cumsum(1)
        summed = summed + _earlier(given, rows.user, length, item_embeddings)[:, None]
        count = rows.event - given.offsets[rows.user][:, None] + 1
        root = torch.from_numpy(np.sqrt(count, dtype=np.float32)).to(device)
        pooled.append((summed / root[..., None])[real])
        times.append(rows.times[real])
        is_real = real.cpu().numpy()
        events.append(rows.event[is_real])
        owners.append(np.repeat(rows.user, is_real.sum(1)))
    event, owner = np.concatenate(events), np.concatenate(owners)
    return _Positions(
        pooled=torch.cat(pooled),
        state=torch.cat(states),
        time=torch.cat(times),
        latest=latest_items(given.event_item, given.offsets[owner], event, given.num_items),
        following=users.event_item[event + owner + 1].astype(np.int64),  # one less of each before
    )


def _earlier(
    given: Histories, some: NDArray[np.int64], length: int, item_embeddings: Tensor
) -> Tensor:
    """``[b, D]`` sums of the events before the latest ``length``, which no row holds."""
    counts = np.maximum(given.lengths[some] - length, 0)
    if not counts.any():
        return item_embeddings.new_zeros(len(some), item_embeddings.shape[1])
    row = np.repeat(np.arange(len(some)), counts)
    start = np.repeat(given.offsets[some] - np.cumsum(counts) + counts, counts)
    items = given.event_item[start + np.arange(len(row))]
    matrix = sp.csr_matrix(
        (np.ones(len(row), np.float32), (row, items)), shape=(len(some), given.num_items)
    )
    return Sparse(matrix, item_embeddings.device) @ item_embeddings
