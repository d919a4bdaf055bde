"""Which items are new, and which are of the long tail of popularity.

In:   the snapshot of a run and its likes.
Out:  masks over all items, counted in the graph as it was when the run was trained.

Shapes: I items
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from graph_store.snapshot import NO_TIME, Snapshot

__all__ = ["long_tail", "new_items"]

_HEAD = 2 / 3
"""Fraction of a domain's likes that the items before the long tail have."""


def long_tail(popularity: NDArray[np.int64], item_domain: NDArray[np.int32]) -> NDArray[np.bool_]:
    """``[I]`` items beyond the most popular of their domain, which have two thirds of its likes.

    Args:
        popularity: ``[I]`` number of likes.
        item_domain: ``[I]`` number of each item's domain.

    Example:
        >>> long_tail(np.array([4, 3, 1, 1]), np.zeros(4, np.int32)).tolist()
        [False, False, True, True]
    """
    found = np.zeros(len(popularity), dtype=np.bool_)
    for domain in np.unique(item_domain):
        items = np.flatnonzero(item_domain == domain)
        order = items[np.argsort(-popularity[items], kind="stable")]
        before = np.cumsum(popularity[order]) - popularity[order]
        found[order] = before >= _HEAD * popularity[items].sum()
    return found


def new_items(snapshot: Snapshot, since: int | None) -> NDArray[np.bool_]:
    """``[I]`` items without an interaction before ``since``; None: without any interaction.

    An interaction whose time is unknown was before.

    Args:
        snapshot: The graph.
        since: Unix seconds.
    """
    known = np.zeros(snapshot.num_items, dtype=np.bool_)
    if since is None:
        known[snapshot.item] = True
    else:
        first = snapshot.first_at
        known[snapshot.item[(first == NO_TIME) | (first < since)]] = True
    return ~known
