"""Confidence intervals of means over users, and tests whether one recommender beats another.

In:   one value a user (and, for a comparison, a second one of the same users).
Out:  a mean with its 95% bootstrap interval; a difference with interval and p-value.

Users are the unit of chance: they are drawn, not their interactions, since those of one
user depend on each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kgrec.errors import InputError

__all__ = [
    "Difference",
    "Interval",
    "interval",
    "intervals",
    "paired_difference",
    "paired_ratios",
]

_DRAWS = 2000
_BLOCK = 100  # draws held at a time


@dataclass(frozen=True)
class Interval:
    """A mean over users and where it lies with 95% confidence."""

    mean: float
    low: float
    high: float
    users: int

    def __str__(self) -> str:
        return f"{self.mean:.4f} [{self.low:.4f}, {self.high:.4f}]"


@dataclass(frozen=True)
class Difference:
    """Mean of ``ours - theirs`` over the same users."""

    mean: float
    low: float
    high: float
    p_value: float
    """Two-sided, by flipping the sign of each user's difference at random."""
    users: int


def interval(values: NDArray[np.float64], *, seed: int = 0, draws: int = _DRAWS) -> Interval:
    """Mean and percentile bootstrap interval; NaN (a user without the measure) is left out.

    Args:
        values: One value per user.
        seed: Seed of the bootstrap.
        draws: Number of bootstrap samples.
    """
    values = values[~np.isnan(values)]
    return intervals({"": values}, seed=seed, draws=draws)[""]


def intervals(
    values: Mapping[str, NDArray[np.float64]],
    *,
    weights: NDArray[np.float64] | None = None,
    seed: int = 0,
    draws: int = _DRAWS,
) -> dict[str, Interval]:
    """The same for several measures of the same users, who are drawn once for all of them.

    No value may be NaN. ``weights`` say how much each user counts; all the same where None.

    Args:
        values: ``[B]`` values of each measure, by name.
        weights: ``[B]`` how much each user counts; None: all the same.
        seed: Seed of the bootstrap.
        draws: Number of bootstrap samples.
    """
    columns = np.stack(list(values.values()), axis=1) if values else np.zeros((0, 0))
    users = len(columns)
    if not users:
        nan = float("nan")
        return dict.fromkeys(values, Interval(nan, nan, nan, 0))
    weights = np.ones(users) if weights is None else weights
    drawn = _bootstrap_means(columns, weights, seed, draws)
    low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
    mean = np.average(columns, axis=0, weights=weights)
    return {
        name: Interval(float(mean[n]), float(low[n]), float(high[n]), users)
        for n, name in enumerate(values)
    }


def paired_difference(
    ours: NDArray[np.float64],
    theirs: NDArray[np.float64],
    *,
    weights: NDArray[np.float64] | None = None,
    seed: int = 0,
    draws: int = _DRAWS,
) -> Difference:
    """Compare two recommenders on the same users, in the same order.

    Args:
        ours: ``[B]`` values of one recommender.
        theirs: ``[B]`` values of the other, of the same users.
        weights: ``[B]`` how much each user counts; None: all the same.
        seed: Seed of bootstrap and permutations.
        draws: Number of samples of either.

    Raises:
        InputError: The two are not of equally many users.
    """
    if ours.shape != theirs.shape:
        raise InputError(
            f"paired values must be of the same users, got {len(ours)} and {len(theirs)}"
        )
    weights = np.ones(len(ours)) if weights is None else weights
    there = ~np.isnan(ours - theirs)
    gap, weights = (ours - theirs)[there], weights[there]
    if not len(gap):
        return Difference(float("nan"), float("nan"), float("nan"), float("nan"), 0)
    low, high = np.percentile(_bootstrap_means(gap[:, None], weights, seed, draws), [2.5, 97.5])
    mean, fraction = float(np.average(gap, weights=weights)), weights / weights.sum()
    rng = np.random.default_rng(seed)
    as_far = 0
    for _ in range(0, draws, _BLOCK):
        signs = rng.integers(0, 2, size=(_BLOCK, len(gap))) * 2 - 1
        flipped = np.abs(signs @ (gap * fraction))
        as_far += int((flipped >= abs(mean) - 1e-12).sum())
    done = -(-draws // _BLOCK) * _BLOCK
    p_value = (as_far + 1) / (done + 1)  # never 0: the sample itself is one of the flips
    return Difference(mean, float(low), float(high), p_value, len(gap))


def paired_ratios(
    pairs: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]],
    *,
    seed: int = 0,
    draws: int = _DRAWS,
) -> tuple[list[Interval], Interval]:
    """Mean of ``ours`` over mean of ``theirs`` for each pair, and the geometric mean of all ratios.

    Within a pair both are of the same users, who are drawn together; the pairs are drawn apart.

    Args:
        pairs: Values ``[B]`` of two recommenders, of the same users, for each direction.
        seed: Seed of the bootstrap.
        draws: Number of bootstrap samples.

    Returns:
        The interval of each ratio, and that of their geometric mean.

    Raises:
        InputError: There is no pair.
    """
    if not pairs:
        raise InputError("there is no pair to take a ratio of")
    logs, means = [], []
    for number, (ours, theirs) in enumerate(pairs):
        both = np.stack([ours, theirs], axis=1)
        drawn = _bootstrap_means(both, np.ones(len(both)), seed + number, draws)
        with np.errstate(divide="ignore"):  # a mean of 0 is a ratio of 0 or of infinity
            logs.append(np.log(drawn[:, 0]) - np.log(drawn[:, 1]))
            means.append(np.log(ours.mean()) - np.log(theirs.mean()))

    def told(mean: float, drawn: NDArray[np.float64], users: int) -> Interval:
        low, high = np.exp(np.percentile(drawn, [2.5, 97.5]))
        return Interval(float(np.exp(mean)), float(low), float(high), users)

    each = [told(m, d, len(p[0])) for m, d, p in zip(means, logs, pairs, strict=True)]
    users = sum(len(ours) for ours, _ in pairs)
    return each, told(float(np.mean(means)), np.mean(logs, axis=0), users)


def _bootstrap_means(
    values: NDArray[np.float64], weights: NDArray[np.float64], seed: int, draws: int
) -> NDArray[np.float64]:
    """``[draws, M]`` weighted means of ``values [N, M]`` over users drawn with replacement."""
    rng = np.random.default_rng(seed)
    users = len(values)
    means = []
    for start in range(0, draws, _BLOCK):
        size = min(_BLOCK, draws - start)
        drawn = rng.integers(0, users, size=(size, users))
        drawn += np.arange(size)[:, None] * users  # each draw counts in a row of its own
        times = np.bincount(drawn.ravel(), minlength=size * users).reshape(size, users)
        means.append(times @ (values * weights[:, None]) / (times @ weights)[:, None])
    return np.concatenate(means)
