"""The sequence encoder: attention over an ordered history, written once for tensors and arrays.

In:   item embeddings and rows of events (:mod:`kgrec.gnn.events`).
Out:  a state at every event; its inner product with the ID embedding of an item says whether that
      item comes next.

Causal transformer layers that normalise before they read (Xiong et al., ICML 2020) over item,
place counted from the end, domain, time since the event before, and time of the event. An item
comes as its embedding from the graph and as an ID embedding of the encoder's own, as in SASRec
(Kang and McAuley, ICDM 2018): what follows an item is often not what resembles it.

Shapes: b rows   L events of a row   I items   D width   H heads   N time bins   T layers
        M domains
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np

from kgrec.gnn.events import EventRows

__all__ = ["ARRAYS", "SequenceWeights", "Tools", "last_states", "sequence_states"]

A = TypeVar("A", bound=Any)
"""A numpy array, or a tensor; all arguments of a call are of one kind."""


@dataclass(frozen=True)
class SequenceWeights(Generic[A]):
    """What the encoder learned; the first axis of the lower ones is the layer."""

    item: A  # [I, D] what an item is among others in order; zero where nobody likes it
    place: A  # [length, D]
    domain: A  # [M, D]
    gap: A  # [GAPS, D]
    time: A  # [N, D]
    first_norm: A  # [2, D] scale and offset
    last_norm: A  # [2, D]
    norms: A  # [T, 4, D] of attention and feed-forward, scale and offset each
    read: A  # [T, D, 3 D] query, key, value
    read_offset: A  # [T, 3 D]
    write: A  # [T, D, D]
    write_offset: A  # [T, D]
    widen: A  # [T, D, 4 D]
    widen_offset: A  # [T, 4 D]
    narrow: A  # [T, 4 D, D]
    narrow_offset: A  # [T, D]


@dataclass(frozen=True)
class Tools:
    """What tensors and arrays do differently."""

    xp: Any
    """``torch`` or ``numpy``."""
    take: Callable[[Any, Any], Any]
    """Rows of a table ``[N, D]`` by numbers of any shape."""
    drop: Callable[[Any], Any]
    """Dropout while training."""


_UNSEEN = -1e9

ARRAYS = Tools(np, lambda table, numbers: table[numbers], lambda x: x)


def sequence_states(
    tools: Tools, weights: SequenceWeights[A], heads: int, item_embeddings: A, rows: EventRows[A]
) -> A:
    """``[b, L, D]`` what each event, and all before it, say of the next one.

    Args:
        tools: Operations of tensors, or ``ARRAYS``.
        weights: What was learned.
        heads: H.
        item_embeddings: ``[I, D]`` of all items.
        rows: The events.
    """
    xp = tools.xp
    from_end = xp.cumsum(xp.ones_like(rows.items), 1)  # [b, L] 1 for the first place of a row
    places = from_end[:, -1:] - from_end
    # Embeddings of items have length one; the others begin short, so items say most.
    x = tools.take(item_embeddings, rows.items) + tools.take(weights.place, places)
    x = x + tools.take(weights.item, rows.items) * weights.item.shape[1] ** 0.5
    x = x + tools.take(weights.domain, rows.domains) + tools.take(weights.gap, rows.gaps)
    if rows.times.shape[2]:
        x = x + rows.times @ weights.time
    x = tools.drop(_normalised(x, weights.first_norm[0], weights.first_norm[1]))
    # An event sees itself and those before it; a place without event sees itself alone.
    later = places[:1, None, :] < places[:1, :, None]  # [1, L, L]
    itself = places[:1, None, :] == places[:1, :, None]
    sees = (~later & (rows.is_event[:, None, :] > 0)) | itself
    zeros = rows.is_event[:, None, :] * 0
    hidden = xp.where(sees, zeros, zeros + _UNSEEN)[:, None]  # [b, 1, L, L]
    for layer in range(weights.read.shape[0]):
        x = _layer(tools, weights, layer, heads, x, hidden)
    states: A = _normalised(x, weights.last_norm[0], weights.last_norm[1])
    return states


def last_states(
    tools: Tools,
    weights: SequenceWeights[A],
    heads: int,
    item_embeddings: A,
    groups: Iterable[EventRows[A]],
    count: int,
) -> A:
    """``[B, D]`` the state after the last event of each user; zero without events.

    Args:
        tools: Operations of tensors, or ``ARRAYS``.
        weights: What was learned.
        heads: H.
        item_embeddings: ``[I, D]`` of all items.
        groups: Rows of events; each user is in one row at most.
        count: B.
    """
    xp = tools.xp
    place = np.full(count, 0)
    found = [item_embeddings[:1] * 0]
    done = 1
    for rows in groups:
        states = sequence_states(tools, weights, heads, item_embeddings, rows)
        found.append(states[:, -1])
        place[rows.user] = done + np.arange(len(rows.user))
        done += len(rows.user)
    last: A = xp.vstack(found)[place]
    return last


def _layer(tools: Tools, weights: SequenceWeights[A], layer: int, heads: int, x: A, hidden: A) -> A:
    """Self-attention and a feed-forward net, each normalised first and added to its input."""
    xp, (rows, length, dim) = tools.xp, x.shape
    norms = weights.norms[layer]
    read = _normalised(x, norms[0], norms[1]) @ weights.read[layer] + weights.read_offset[layer]
    read = read.reshape(rows, length, 3, heads, dim // heads)
    query, key, value = (read[:, :, part].swapaxes(1, 2) for part in range(3))  # [b, H, L, D / H]
    scores = (query @ key.swapaxes(2, 3)) * (dim // heads) ** -0.5 + hidden
    scores = xp.exp(scores - xp.amax(scores, axis=-1, keepdims=True))
    attention = scores / scores.sum(axis=-1, keepdims=True)
    mixed = (tools.drop(attention) @ value).swapaxes(1, 2).reshape(rows, length, dim)
    x = x + tools.drop(mixed @ weights.write[layer] + weights.write_offset[layer])
    wide = _normalised(x, norms[2], norms[3]) @ weights.widen[layer] + weights.widen_offset[layer]
    wide = tools.drop(wide.clip(0))
    out: A = x + tools.drop(wide @ weights.narrow[layer] + weights.narrow_offset[layer])
    return out


def _normalised(x: A, scale: A, offset: A) -> A:
    """Rows of mean 0 and variance 1, then scaled and moved by what was learned."""
    centred = x - x.mean(axis=-1, keepdims=True)
    variance = (centred * centred).mean(axis=-1, keepdims=True)
    normal: A = centred * (variance + 1e-5) ** -0.5 * scale + offset
    return normal
