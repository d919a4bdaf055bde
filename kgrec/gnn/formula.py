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
    popularity   a learned weight                           log popularity          1 column

A new piece is a function here, columns in :func:`user_vectors` and in :func:`item_vectors`, and
what it learns in :class:`DomainWeights`.

Shapes: B users   I items   N items asked for   D width   R factors   F features of a bridge
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from kgrec.gnn.users import UserInputs

__all__ = ["DomainWeights", "bridge_features", "item_vectors", "query_embeddings", "unit",
           "user_factors", "user_vectors"]  # fmt: skip

A = TypeVar("A", bound=Any)
"""A numpy array, or a tensor; all arguments of a call are of one kind."""

_SHORTEST = 1e-12
"""Rows shorter than this are not brought to length one."""


@dataclass(frozen=True)
class DomainWeights(Generic[A]):
    """What was learned of one target domain; all but the first two are single numbers."""

    history_map: A  # [D, D]
    """Maps a pooled history to the domain; see :func:`query_embeddings`."""
    bridge_scale: A  # [3]
    """Factors of the three blocks of features from which the bridge predicts."""
    temperature: A
    """Divides the mapped history: the higher, the less it counts."""
    bridge_weight: A
    """Weight of a user's factors in the score."""
    shrinkage: A
    """Items in the domain at which a user's own factors weigh as much as the bridge's."""
    popularity_weight: A
    """Weight of the log popularity of an item in the score."""
    factor_scale: A
    """Divides item factors and multiplies users', so that training sees both at one scale."""


def unit(xp: Any, vectors: A) -> A:
    """``[N, D]`` rows of length one; rows of zeros stay so."""
    length = xp.linalg.vector_norm(vectors, axis=1, keepdims=True)
    rows: A = vectors / length.clip(_SHORTEST)
    return rows


def item_vectors(
    xp: Any, weights: DomainWeights[A], item_embeddings: A, factors: A, popularity: A
) -> A:
    """``[N, D + R + 1]`` of items, given their embeddings ``[N, D]``, factors and popularity."""
    vectors: A = xp.hstack([item_embeddings, factors / weights.factor_scale, popularity[:, None]])
    return vectors


def user_vectors(
    xp: Any,
    weights: DomainWeights[A],
    item_embeddings: A,
    users: UserInputs[Any, A],
    bridge_map: A | None,
) -> A:
    """``[B, D + R + 1]`` of users.

    Args:
        xp: ``torch`` or ``numpy``.
        weights: What was learned of the target domain.
        item_embeddings: ``[I, D]`` of all items.
        users: What is read of them.
        bridge_map: ``[F, R]``, predicts a user's factors from other domains; None: without a
            bridge, no factors.
    """
    history = query_embeddings(xp, weights, item_embeddings, users.pooling) / weights.temperature
    factors = xp.zeros_like(users.inside_factors)
    if bridge_map is not None:
        factors = user_factors(xp, weights, item_embeddings, users, bridge_map)
    popularity = xp.zeros_like(history[:, :1]) + weights.popularity_weight
    vectors: A = xp.hstack([history, factors, popularity])
    return vectors


def query_embeddings(xp: Any, weights: DomainWeights[A], item_embeddings: A, pooling: Any) -> A:
    """``[B, D]`` unit vectors: histories pooled by ``pooling [B, I]``, mapped to the domain."""
    mapped: A = (pooling @ item_embeddings) @ weights.history_map
    return unit(xp, mapped)


def user_factors(
    xp: Any,
    weights: DomainWeights[A],
    item_embeddings: A,
    users: UserInputs[Any, A],
    bridge_map: A,
) -> A:
    """``[B, R]`` of users: those that the bridge predicts and those of their own, weighed.

    Where a user has items in the target domain, their own fold-in takes over as these become many.
    """
    blocks = [users.factors, users.spectrum, users.outside @ item_embeddings]
    predicted = bridge_features(xp, weights.bridge_scale, blocks) @ bridge_map
    count = users.inside_count
    own = (count / (count + weights.shrinkage))[:, None]
    factors = (1 - own) * predicted + own * users.inside_factors
    weighed: A = factors * weights.bridge_weight * weights.factor_scale
    return weighed


def bridge_features(xp: Any, scale: A, blocks: Sequence[A]) -> A:
    """``[N, F]``: blocks of features, each times its ``scale``, and a column of ones."""
    scaled = [block * by for block, by in zip(blocks, scale, strict=True)]
    features: A = xp.hstack([*scaled, xp.ones_like(blocks[-1][:, :1])])
    return features
