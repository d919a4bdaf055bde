"""The learned score, written once: with tensors while it learns, with arrays when it answers.

In:   what the joint model learned of a target domain, item embeddings, what is read of people.
Out:  vectors of items and of people whose inner product is the learned score.

Every function takes the module that computes, ``torch`` or ``numpy``, as its first argument
``xp``; only what both have is used. So an answer needs no tensor library, and there is no
second formula that could differ from the one that was trained.

Shapes: B people   I items   N items asked for   D width   R factors   F features of a bridge
        W width of the encoder
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from kgrec.model.people import People

__all__ = ["Toward", "bridge_features", "item_vectors", "user_vectors", "unit", "view", "whiten"]

A = TypeVar("A", bound=Any)
"""A numpy array, or a tensor; all arguments of a call are of one kind."""

_SHORTEST = 1e-12
"""Rows shorter than this are not brought to length one."""


@dataclass(frozen=True)
class Toward(Generic[A]):
    """Learned weights of one target domain; all but the first two are single numbers."""

    history_map: A  # [D, D]
    """Maps a pooled history to the domain; see :func:`view`."""
    bridge_scale: A  # [3]
    """Factors of the three blocks of features from which the bridge predicts."""
    temperature: A
    """Divides the mapped history: the higher, the less it counts."""
    bridge_share: A
    """Weight of a person's factors in the score."""
    half_trust: A
    """Items in the domain at which a person's own factors weigh as much as the bridge's."""
    popularity_share: A
    """Weight of the log popularity of an item in the score."""
    factor_scale: A
    """Divides item factors and multiplies people's, so that training sees both at one scale."""


def unit(xp: Any, vectors: A) -> A:
    """``[N, D]`` rows of length one; rows of zeros stay so."""
    length = xp.linalg.vector_norm(vectors, axis=1, keepdims=True)
    rows: A = vectors / length.clip(_SHORTEST)
    return rows


def whiten(vectors: A, mean: A, directions: A) -> A:
    """``[N, W]`` to ``[N, width]``, rows of about unit length."""
    white: A = (vectors - mean) @ directions
    return white


def item_vectors(xp: Any, toward: Toward[A], z: A, factors: A, popularity: A) -> A:
    """``[N, D + R + 1]`` of items, given their ``z [N, D]``, factors and log popularity ``[N]``."""
    vectors: A = xp.hstack([z, factors / toward.factor_scale, popularity[:, None]])
    return vectors


def view(xp: Any, toward: Toward[A], z: A, pooling: Any) -> A:
    """``[B, D]`` unit vectors: histories pooled by ``pooling [B, I]``, mapped to the domain."""
    mapped: A = (pooling @ z) @ toward.history_map
    return unit(xp, mapped)


def bridge_features(xp: Any, scale: A, blocks: Sequence[A]) -> A:
    """``[N, F]``: blocks of features, each times its ``scale``, and a column of ones."""
    scaled = [block * by for block, by in zip(blocks, scale, strict=True)]
    features: A = xp.hstack([*scaled, xp.ones_like(blocks[-1][:, :1])])
    return features


def user_vectors(
    xp: Any, toward: Toward[A], z: A, people: People[Any, A], bridge_map: A | None
) -> A:
    """``[B, D + R + 1]`` of people, given all ``z [I, D]``.

    Args:
        xp: ``torch`` or ``numpy``.
        toward: What was learned of the target domain.
        z: ``[I, D]`` embeddings of all items.
        people: What is read of them.
        bridge_map: ``[F, R]``, predicts a person's factors from other domains. Where a person
            has items in the target domain, their own fold-in takes over as these become many.
            None: without a bridge, no factors.
    """
    mapped = view(xp, toward, z, people.pooling) / toward.temperature
    factors = xp.zeros_like(people.inside_factors)
    if bridge_map is not None:
        blocks = [people.factors, people.spectrum, people.outside @ z]
        predicted = bridge_features(xp, toward.bridge_scale, blocks) @ bridge_map
        count = people.inside_count
        trust = (count / (count + toward.half_trust))[:, None]
        factors = (1 - trust) * predicted + trust * people.inside_factors
        factors = factors * toward.bridge_share * toward.factor_scale
    prior = xp.zeros_like(mapped[:, :1]) + toward.popularity_share
    vectors: A = xp.hstack([mapped, factors, prior])
    return vectors
