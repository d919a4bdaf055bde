"""Event times as soft positions on a scale of equally full bins.

In:   Unix seconds, ``graph_store.snapshot.NO_TIME`` where unknown.
Out:  ``[E, N]`` weights over bins, which sum to 1; zeros where a time is unknown.

A scale of quantiles, since a log is denser in some years than in others.

Shapes: E events   I items   N bins
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from graph_store.snapshot import NO_TIME

__all__ = ["assign_times", "count_times", "make_time_bins"]

MOST_BINS = 32
_DAY = 86_400.0

Floats = NDArray[np.float32]


def make_time_bins(times: NDArray[np.int64] | None) -> Floats:
    """``[N]`` middles of the bins in days, ascending; none where no time is known."""
    known = np.empty(0, np.int64) if times is None else times[times != NO_TIME]
    if not len(known):
        return np.empty(0, np.float32)
    at = (np.arange(MOST_BINS) + 0.5) / MOST_BINS
    return np.unique(np.quantile(known / _DAY, at).astype(np.float32))


def assign_times(bins: Floats, times: NDArray[np.int64] | None, count: int) -> Floats:
    """``[E, N]`` weights of events over bins: their own one and those before it, never a later one.

    Args:
        bins: ``[N]`` from :func:`make_time_bins`.
        times: ``[E]`` Unix seconds, ``NO_TIME`` where unknown; None: all unknown.
        count: E.

    Example:
        >>> bins = np.array([0, 10, 20], np.float32)  # days
        >>> assign_times(bins, np.array([10 * 86400, NO_TIME]), 2).astype(float).round(2).tolist()
        [[0.38, 0.62, 0.0], [0.0, 0.0, 0.0]]
    """
    if times is None or not len(bins):
        return np.zeros((count, len(bins)), np.float32)
    known = times != NO_TIME
    days = np.where(known, times, 0) / _DAY
    own = np.searchsorted((bins[1:] + bins[:-1]) / 2, days)
    distance = own[:, None].astype(np.float32) - np.arange(len(bins), dtype=np.float32)
    weights = np.exp(-0.5 * distance**2) * (distance >= 0)
    weights /= weights.sum(axis=1, keepdims=True)
    return np.where(known[:, None], weights, np.float32(0))


def count_times(
    bins: Floats, items: NDArray[np.integer], times: NDArray[np.int64] | None, num_items: int
) -> Floats:
    """``[I, N]`` log(1 + events) of each item in each bin.

    Args:
        bins: ``[N]`` from :func:`make_time_bins`.
        items: ``[E]`` item of each event.
        times: ``[E]`` Unix seconds, ``NO_TIME`` where unknown; None: all unknown.
        num_items: I.
    """
    size = len(bins)
    if times is None or not size:
        return np.zeros((num_items, size), np.float32)
    known = times != NO_TIME
    edges = (bins[1:] + bins[:-1]) / 2
    place = np.searchsorted(edges, times[known] / _DAY)
    counts = np.bincount(items[known] * size + place, minlength=num_items * size)
    return np.log1p(counts.reshape(num_items, size).astype(np.float32))
