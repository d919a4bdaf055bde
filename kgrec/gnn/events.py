"""Histories in order as padded rows, which the sequence encoder reads.

In:   histories in order; bins of time.
Out:  :class:`EventRows`, rows of like length together so that short histories are not padded to
      the length of long ones; and :class:`LatestEvents`, what the other pieces of a score read.

Shapes: B users   b rows of a group   L their length   I items   N time bins
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph_store.snapshot import NO_TIME
from kgrec.data.histories import Histories
from kgrec.gnn.item_pairs import latest_items
from kgrec.gnn.time_bins import assign_times

__all__ = ["GAPS", "EventRows", "LatestEvents", "read_event_rows", "read_latest_events"]

GAPS = 24
"""Buckets of the time since the event before: powers of two hours; the first: unknown."""

Floats = NDArray[np.float32]

_HOUR = 3_600.0
_WIDTHS = (4, 8, 16, 32)
_MOST_ROWS = 512

A = TypeVar("A")
"""A numpy array, or a tensor."""


@dataclass(frozen=True)
class EventRows(Generic[A]):
    """The latest events of some users, newest last, padded on the left."""

    user: NDArray[np.int64]  # [b] row of the user
    event: NDArray[np.int64]  # [b, L] number of each event in the histories, any where padded
    is_event: A  # [b, L] 1, or 0 where padded
    items: A  # [b, L]
    domains: A  # [b, L]
    gaps: A  # [b, L]
    times: A  # [b, L, N]


@dataclass(frozen=True)
class LatestEvents(Generic[A]):
    """What is read of B users' last events beside their order."""

    time: A  # [B, N] when the last event was; zeros where unknown
    items: sp.csr_matrix  # [B, I] the latest items, weighted


def read_event_rows(
    users: Histories, item_domain: NDArray[np.int32], bins: NDArray[np.float32], length: int
) -> Iterator[EventRows[NDArray[np.float32]]]:
    """Rows of the users who have events, at most ``length`` events each.

    Args:
        users: Histories in order.
        item_domain: ``[I]`` number of each item's domain.
        bins: ``[N]`` from :func:`kgrec.gnn.time_bins.make_time_bins`.
        length: Number of latest events that are read of each user.
    """
    lengths = np.minimum(users.lengths, length)
    fewest = 0
    for width in sorted({*(w for w in _WIDTHS if w < length), length}):
        members = np.flatnonzero((lengths > fewest) & (lengths <= width))
        fewest = width
        for start in range(0, len(members), _MOST_ROWS):
            some = members[start : start + _MOST_ROWS]
            yield _rows(users, some, int(lengths[some].max()), item_domain, bins)


def read_latest_events(users: Histories, bins: NDArray[np.float32]) -> LatestEvents[Floats]:
    """What the last events of ``users`` say; nothing where their order is unknown."""
    last = users.offsets[1:] - 1
    first = users.offsets[:-1]
    there = last >= first
    if not users.has_order:
        there = np.zeros(len(users), np.bool_)
    times = np.full(len(users), NO_TIME)
    if users.event_time is not None:
        times[there] = users.event_time[last[there]]
    return LatestEvents(
        time=assign_times(bins, times, len(users)),
        items=latest_items(
            users.event_item, first, np.where(there, last, first - 1), users.num_items
        ),
    )


def _rows(
    users: Histories,
    some: NDArray[np.int64],
    width: int,
    item_domain: NDArray[np.int32],
    bins: NDArray[np.float32],
) -> EventRows[NDArray[np.float32]]:
    first, end = users.offsets[some], users.offsets[some + 1]
    event = end[:, None] - width + np.arange(width)
    is_event = event >= first[:, None]
    event = np.maximum(event, first[:, None])
    items = users.event_item[event].astype(np.int64)
    times = np.full(event.shape, NO_TIME) if users.event_time is None else users.event_time[event]
    before = times if users.event_time is None else users.event_time[np.maximum(event - 1, 0)]
    known = (times != NO_TIME) & (before != NO_TIME) & (event > first[:, None])
    hours = np.where(known, times - before, 0) / _HOUR
    gaps = 1 + np.log2(1 + np.maximum(hours, 0)).astype(np.int64)
    return EventRows(
        user=some,
        event=event,
        is_event=is_event.astype(np.float32),
        items=items,
        domains=item_domain[items].astype(np.int64),
        gaps=np.where(known, np.minimum(gaps, GAPS - 1), 0),
        times=assign_times(bins, times.ravel(), times.size).reshape(*times.shape, len(bins)),
    )
