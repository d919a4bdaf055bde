"""The loss of next items: at every event of a history, which item of its domain comes next.

In:   users of one fold, the statistics of that fold, item embeddings made with these.
Out:  one number with gradient.

It has two terms. One is of the sequence encoder alone, whose ID embeddings remember single
histories. The other is of everything else in the score of a warm user, but for the factors of the
bridge: a user's own fold-in at every event would take a solve each. In one term, what remembers
would leave to the rest only what it does not remember yet, and both would be wrong about other
users (docs/decisions/next-items-have-a-loss-of-their-own.md). Candidates are the next item and a
uniform draw of its domain, as in SASRec here.

Shapes: B users   T events that another follows, T_d of them by an item of one domain   I items
        C drawn candidates   D width
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
"""Fraction of a label that all candidates share (Szegedy et al., CVPR 2016), where no item is
remembered."""

_LEAST = -50.0
"""Log likelihoods below this add no more to smoothed labels."""


@dataclass(frozen=True)
class _Positions:
    """T events and what follows each."""

    pooled: Tensor  # [T, D] the history up to the event
    state: Tensor  # [T, D] of the sequence encoder at the event
    time: Tensor  # [T, N]
    latest: sp.csr_matrix  # [T, I]
    following: NDArray[np.int64]  # [T] the next item


@dataclass(frozen=True)
class _Asked:
    """The events that an item of one domain follows, and the candidates that it is told from."""

    positions: _Positions
    domain: int
    inside: NDArray[np.int64]  # [T_d] numbers of the events
    candidates: NDArray[np.int64]  # [C]

    @property
    def following(self) -> NDArray[np.int64]:
        """``[T_d]`` the next items."""
        return self.positions.following[self.inside]

    def numbered(self, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
        """All items that occur, each once, and the places of next items and candidates there."""
        both = np.concatenate([self.following, self.candidates])
        numbers, place = np.unique(both, return_inverse=True)
        found = (numbers, place[: len(self.inside)], place[len(self.inside) :])
        first, second, third = (torch.from_numpy(array).to(device) for array in found)
        return first, second, third


def next_item_loss(
    model: JointModel,
    statistics: FoldStatistics,
    item_embeddings: Tensor,
    users: Histories,
    rng: np.random.Generator,
    *,
    whole_score: bool = True,
) -> Tensor:
    """The mean over events of the loss of the next item.

    Args:
        model: What learns; it reads order.
        statistics: Made without ``users``.
        item_embeddings: ``[I, D]`` made with these statistics.
        users: Histories in order, each item once; users with one event say nothing.
        rng: Draws the candidates.
        whole_score: Whether there is the term of all but the sequence encoder, which costs most.
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
        asked = _Asked(positions, int(domain), inside, items)
        total = total + _loss_of_sequence(model, asked, item_embeddings.device)
        if whole_score:
            total = total + _loss_of_the_rest(model, statistics, item_embeddings, asked)
    return total / max(len(domains), 1)


def _loss_of_sequence(model: JointModel, asked: _Asked, device: torch.device) -> Tensor:
    """The sum over events, by states and ID embeddings alone."""
    numbers, of_following, of_candidates = asked.numbered(device)
    if model.sequence is None:
        raise ValueError("next items are learned by a model that reads order")
    ids = model.sequence.ids(numbers)
    state = asked.positions.state[torch.from_numpy(asked.inside).to(device)]
    scores = (state * torch.nn.functional.embedding(of_following, ids)).sum(1)
    return _negative_log_likelihood(asked, scores, state @ ids[of_candidates].T, smoothing=0.0)


def _loss_of_the_rest(
    model: JointModel, statistics: FoldStatistics, item_embeddings: Tensor, asked: _Asked
) -> Tensor:
    """The sum over events, by all pieces but the sequence encoder's."""
    device, positions = item_embeddings.device, asked.positions
    weights = model.domain_weights(asked.domain)
    numbers, of_following, of_candidates = asked.numbered(device)
    vectors = model.item_vectors(item_embeddings, numbers, asked.domain, statistics.items)
    rows = torch.from_numpy(asked.inside).to(device)
    is_warm = positions.pooled.new_ones(len(rows), 1)
    query = formula.mapped_query(torch, weights, positions.pooled[rows], is_warm)
    no_factors = query.new_zeros(len(rows), statistics.items.factors.shape[1])
    user = formula.score_columns(
        torch, weights, query, no_factors, torch.zeros_like(query), positions.time[rows], is_warm
    )
    scores = (user * torch.nn.functional.embedding(of_following, vectors)).sum(1)  # [T_d]
    others = user @ vectors[of_candidates].T  # [T_d, C]
    latest = positions.latest[asked.inside]
    features = pair_features(PairRows(latest, latest), statistics.item_features.pairs)  # [T_d, I]
    row = np.arange(len(rows))
    for weight, feature in zip(weights.pair_weights[-1], features, strict=True):
        drawn = feature[:, asked.candidates].toarray()
        others = others + weight * torch.from_numpy(drawn).to(device)
        own = np.asarray(feature[row, asked.following], dtype=np.float32).ravel()
        scores = scores + weight * torch.from_numpy(own).to(device)
    return _negative_log_likelihood(asked, scores, others, smoothing=SMOOTHING)


def _negative_log_likelihood(
    asked: _Asked, scores: Tensor, others: Tensor, *, smoothing: float
) -> Tensor:
    """The sum over events.

    Args:
        asked: Which items are the right ones.
        scores: ``[T_d]`` of the next items.
        others: ``[T_d, C]`` of the candidates.
        smoothing: Fraction of a label that all candidates share.
    """
    is_right = torch.from_numpy(asked.candidates[None, :] == asked.following[:, None])
    others = others.masked_fill(is_right.to(others.device), -1e9)
    log_likelihood = torch.cat([scores[:, None], others], 1).log_softmax(1)
    total = -(1 - smoothing) * log_likelihood[:, 0].sum()
    if smoothing:
        total = total - smoothing * log_likelihood.clamp(min=_LEAST).mean(1).sum()
    return total


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
