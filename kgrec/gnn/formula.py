"""The joint model's score, written once: with tensors while it learns, with arrays when it answers.

In:   what the model learned of a target domain, item embeddings, what is read of users.
Out:  vectors of items and of users whose inner product is the score.

Every function takes the module that computes, ``torch`` or ``numpy``, as its first argument
``xp``; only what both have is used. So an answer needs no tensor library, and there is no
second formula that could differ from the one that was trained.

A vector is made of pieces that stand side by side, so the score is the sum of what they say:

    piece        of a user                                  of an item
    history      history, pooled and mapped to the domain   item embedding          D columns
    bridge       factors, predicted and folded in           factors                 R columns
    next         state of the sequence encoder, if warm     its ID embedding        E columns
    time         time of the last event, mapped to others   events by time          N columns
    popularity   a learned weight                           log popularity          1 column

The piece of next items is read where the order of a history is known, and learns by a loss of its
own (:mod:`kgrec.gnn.next_items`). Beside these stands a sparse piece: how strongly a user's items
lie together with each item and their latest ones are followed by it (:mod:`kgrec.gnn.item_pairs`),
every item being a column of its own.

A new piece is a function here, columns in :func:`user_vectors` and in :func:`item_vectors`, and
what it learns in :class:`DomainWeights`; docs/howto/extend-the-joint-model.md names every place.

Shapes: B users   I items   C items asked for   D width   R factors   F features of a bridge
        N time bins   E the width of ID embeddings of the sequence encoder, D or 0
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from kgrec.gnn.users import UserInputs

__all__ = ["DomainWeights", "bridge_features", "for_cold_or_warm", "item_vectors", "mapped_query",
           "query_embeddings", "score_columns", "unit", "user_factors", "user_vectors"]  # fmt: skip

A = TypeVar("A", bound=Any)
"""A numpy array, or a tensor; all arguments of a call are of one kind."""

_SHORTEST = 1e-12
"""Rows shorter than this are not brought to length one."""


@dataclass(frozen=True)
class DomainWeights(Generic[A]):
    """What was learned of one target domain.

    K is 2 where order is read: cold users, who have no item of the domain, then have weights of
    their own and warm users others, since the latest items of a domain say much of what comes next
    in it. K is 1 elsewhere. Fields without a shape are single numbers.
    """

    history_map: A  # [K, D, D]
    """Maps a pooled history to the domain; see :func:`query_embeddings`."""
    bridge_scale: A  # [3]
    """Factors of the three blocks of features from which the bridge predicts."""
    temperature: A  # [K]
    """Divides the mapped history: the higher, the less it counts."""
    bridge_weight: A  # [K]
    """Weight of a user's factors in the score."""
    shrinkage: A
    """Items in the domain at which a user's own factors weigh as much as the bridge's."""
    popularity_weight: A  # [K]
    """Weight of the log popularity of an item in the score."""
    factor_scale: A
    """Divides item factors and multiplies users', so that training sees both at one scale."""
    time_map: A  # [N, N]
    """Maps the time of a user's last event to the times of items that count; below the diagonal
    alone, since later events of an item are unknown when it is asked for."""
    time_weight: A  # [K]
    """Weight of items having events at the time of the user's last one; added to the map."""
    pair_weights: A  # [K, 2]
    """Weights of both matrices of :class:`kgrec.gnn.item_pairs.ItemPairs`."""


def for_cold_or_warm(values: A, is_warm: A) -> A:
    """``[B, 1]`` of ``values [K]`` the one for cold or warm users; ``is_warm [B, 1]`` is 0 or 1."""
    chosen: A = values[0] * (1 - is_warm) + values[-1] * is_warm
    return chosen


def _warm_users(users: UserInputs[Any, A]) -> A:
    """``[B, 1]`` 1 where a user has items of the domain, else 0."""
    count = users.inside_count[:, None]
    warm: A = count.clip(0, 1)
    return warm


def unit(xp: Any, vectors: A) -> A:
    """``[N, D]`` rows of length one; rows of zeros stay so."""
    length = xp.linalg.vector_norm(vectors, axis=1, keepdims=True)
    rows: A = vectors / length.clip(_SHORTEST)
    return rows


def item_vectors(
    xp: Any,
    weights: DomainWeights[A],
    item_embeddings: A,
    factors: A,
    ids: A,
    times: A,
    popularity: A,
) -> A:
    """``[C, D + R + E + N + 1]`` vectors of items.

    Args:
        xp: ``torch`` or ``numpy``.
        weights: What was learned of the items' domain.
        item_embeddings: ``[C, D]``.
        factors: ``[C, R]`` as they were solved.
        ids: ``[C, E]`` ID embeddings of the sequence encoder.
        times: ``[C, N]`` log counts of events by time.
        popularity: ``[C]`` log popularity.
    """
    scaled = factors / weights.factor_scale
    vectors: A = xp.hstack([item_embeddings, scaled, ids, times, popularity[:, None]])
    return vectors


def user_vectors(
    xp: Any,
    weights: DomainWeights[A],
    item_embeddings: A,
    users: UserInputs[Any, A],
    bridge_map: A | None,
    state: A,
) -> A:
    """``[B, D + R + E + N + 1]`` vectors of users.

    Args:
        xp: ``torch`` or ``numpy``.
        weights: What was learned of the target domain.
        item_embeddings: ``[I, D]`` of all items.
        users: What is read of them.
        bridge_map: ``[F, R]``, predicts a user's factors from other domains; None: without a
            bridge, no factors.
        state: ``[B, E]`` of the sequence encoder, zeros where there is no order.
    """
    is_warm = _warm_users(users)
    query = query_embeddings(xp, weights, item_embeddings, users.pooling, is_warm)
    factors = xp.zeros_like(users.inside_factors)
    if bridge_map is not None:
        factors = user_factors(xp, weights, item_embeddings, users, bridge_map)
    vectors: A = score_columns(xp, weights, query, factors, state, users.last_time, is_warm)
    return vectors


def score_columns(
    xp: Any,
    weights: DomainWeights[A],
    query: A,
    factors: A,
    state: A,
    last_time: A,
    is_warm: A,
) -> A:
    """``[B, D + R + E + N + 1]`` vectors of users, from the pieces of the score.

    Args:
        xp: ``torch`` or ``numpy``.
        weights: What was learned of the target domain.
        query: ``[B, D]`` from :func:`query_embeddings`.
        factors: ``[B, R]`` from :func:`user_factors`, already weighed.
        state: ``[B, E]`` of the sequence encoder; of cold users nothing is read, since what comes
            next is learned from the histories of users whom cold episodes ask about as well.
        last_time: ``[B, N]`` bins of the last event's time.
        is_warm: ``[B, 1]`` 1 where a user has items of the domain, else 0.
    """
    history = query / for_cold_or_warm(weights.temperature, is_warm)
    time = last_time @ weights.time_map + last_time * for_cold_or_warm(weights.time_weight, is_warm)
    popularity = xp.zeros_like(history[:, :1]) + for_cold_or_warm(
        weights.popularity_weight, is_warm
    )
    vectors: A = xp.hstack([history, factors, state * is_warm, time, popularity])
    return vectors


def query_embeddings(
    xp: Any,
    weights: DomainWeights[A],
    item_embeddings: A,
    pooling: Any,
    is_warm: A | None = None,
) -> A:
    """``[B, D]`` unit vectors: histories pooled by ``pooling [B, I]``, mapped to the domain.

    Args:
        xp: ``torch`` or ``numpy``.
        weights: What was learned of the target domain.
        item_embeddings: ``[I, D]`` of all items.
        pooling: Sparse, of the users' histories.
        is_warm: ``[B, 1]`` the kind of each user; None: all are cold.
    """
    pooled = pooling @ item_embeddings
    if is_warm is None:
        is_warm = xp.zeros_like(pooled[:, :1])
    query: A = mapped_query(xp, weights, pooled, is_warm)
    return query


def mapped_query(xp: Any, weights: DomainWeights[A], pooled: A, is_warm: A) -> A:
    """``[B, D]`` unit vectors of pooled histories, mapped to the domain.

    Args:
        xp: ``torch`` or ``numpy``.
        weights: What was learned of the target domain.
        pooled: ``[B, D]`` sums of the item embeddings of histories, scaled by length.
        is_warm: ``[B, 1]`` 1 where a user has items of the domain, else 0.
    """
    mapped = pooled @ weights.history_map[0]
    if len(weights.history_map) > 1:
        mapped = mapped * (1 - is_warm) + pooled @ weights.history_map[1] * is_warm
    query: A = unit(xp, mapped)
    return query


def user_factors(
    xp: Any,
    weights: DomainWeights[A],
    item_embeddings: A,
    users: UserInputs[Any, A],
    bridge_map: A,
) -> A:
    """``[B, R]`` of users: those that the bridge predicts and those of their own, weighed.

    Where a user has items in the target domain, their own fold-in takes over as these become many.

    Args:
        xp: ``torch`` or ``numpy``.
        weights: What was learned of the target domain.
        item_embeddings: ``[I, D]`` of all items.
        users: What is read of them.
        bridge_map: ``[F, R]``, predicts a user's factors from other domains.
    """
    blocks = [users.factors, users.spectrum, users.outside @ item_embeddings]
    predicted = bridge_features(xp, weights.bridge_scale, blocks) @ bridge_map
    count = users.inside_count
    own = (count / (count + weights.shrinkage))[:, None]
    factors = (1 - own) * predicted + own * users.inside_factors
    weight = for_cold_or_warm(weights.bridge_weight, _warm_users(users))
    weighed: A = factors * weight * weights.factor_scale
    return weighed


def bridge_features(xp: Any, scale: A, blocks: Sequence[A]) -> A:
    """``[N, F]``: blocks of features, each times its scale, and a column of ones.

    Args:
        xp: ``torch`` or ``numpy``.
        scale: One factor for each block.
        blocks: ``[N, ?]`` each; at least one.
    """
    scaled = [block * by for block, by in zip(blocks, scale, strict=True)]
    features: A = xp.hstack([*scaled, xp.ones_like(blocks[-1][:, :1])])
    return features
