"""Episodes: which users a step asks about, what of them is hidden and predicted from the rest.

In:   the interactions to learn from.
Out:  :class:`Episode` objects, an epoch of them at a time.

A cold episode hides all that a user liked in the target domain: the situation that kgrec is for.
A warm one hides half of it, the latest where the order is known. A next episode asks at every
event of a history what comes next, in all domains. All users of an episode are of one fold
(:mod:`kgrec.gnn.fold_statistics`). Every choice follows from (seed, epoch), so a resumed
run draws what an uninterrupted one draws. Another kind of episode is a name in ``Kind``, its users
and their number in ``_plan``, and what it hides in ``_hide``; the terms of the loss read the kind.

Shapes: P users   I items   B users of an episode
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.data.histories import Histories
from kgrec.data.hold_out import latest_likes
from kgrec.data.interactions import Interactions

__all__ = ["Episode", "InOrder", "Kind", "count_episodes", "draw_episodes"]

COLD_EPISODES, WARM_EPISODES = 8, 32
"""Most episodes of a domain in an epoch: cold ones; warm ones, where there are no cold ones.

What learns does not grow with the graph, so neither does the number of its steps."""

FEWEST_USERS, MOST_USERS = 32, 4_096
"""Fewest and most users of an episode; more would cost a large graph more time than they would
improve a step."""

MOST_NEXT_EPISODES, FEWEST_NEXT_USERS = 256, 128
"""Next episodes of an epoch, at most, and users of one, at least; where all users do not fit, each
epoch draws anew who is asked."""

NEXT_PASSES = 4
"""How often an epoch asks each user for next items: what is learned from an order needs more steps
than the rest, and cheaper ones."""

Kind: TypeAlias = Literal["cold", "warm", "next"]
"""What an episode hides: all of a domain, some of it, or what comes after each event."""


@dataclass(frozen=True)
class InOrder:
    """What episodes read where the order of histories is known."""

    sequences: Histories
    """Histories of all users, each item once."""
    most_users: int
    """Users of a next episode, at most."""


@dataclass(frozen=True)
class Episode:
    """B users with some of their likes in one domain hidden, or asked for each next item."""

    domain: int  # -1 where all domains are asked about
    users: NDArray[np.int64]  # [B]
    hidden: sp.csr_matrix  # [P, I] the likes to be predicted; empty in a next episode
    kind: Kind
    fold: int  # of all users


@dataclass(frozen=True)
class _Planned:
    """An episode before anything is hidden."""

    domain: int
    users: NDArray[np.int64]  # [B] ascending
    kind: Kind
    fold: int


def draw_episodes(
    data: Interactions,
    fold_of_user: NDArray[np.int64],
    *,
    min_warm_users: int,
    cold_fraction: float,
    seed: int,
    epoch: int,
    in_order: InOrder | None = None,
) -> Iterator[Episode]:
    """One epoch: overlapping users, each once a domain, and warm episodes beside them.

    Where an epoch's episodes do not hold all of these users, each epoch draws anew who is asked.

    Args:
        data: The interactions to learn from.
        fold_of_user: ``[P]``.
        min_warm_users: Users of a warm episode, at least, in a domain without cold ones.
        cold_fraction: Fraction of a domain's episodes that are cold, between 0 and 1.
        seed: Seed of the training; all draws follow from it and from the epoch.
        epoch: Number of the epoch, from 1.
        in_order: Where the order of histories is read: then there are next episodes.
    """
    rng = np.random.default_rng([seed, epoch])
    plan = _plan(data, fold_of_user, min_warm_users, cold_fraction, rng, in_order)
    for index in rng.permutation(len(plan)):
        one = plan[index]
        yield Episode(one.domain, one.users, _hide(data, one, in_order, rng), one.kind, one.fold)


def count_episodes(
    data: Interactions,
    fold_of_user: NDArray[np.int64],
    *,
    min_warm_users: int,
    cold_fraction: float,
    in_order: InOrder | None = None,
) -> int:
    """How many episodes every epoch has.

    Args:
        data: The interactions to learn from.
        fold_of_user: ``[P]``.
        min_warm_users: As :func:`draw_episodes` takes it.
        cold_fraction: As :func:`draw_episodes` takes it.
        in_order: As :func:`draw_episodes` takes it.
    """
    rng = np.random.default_rng(0)
    return len(_plan(data, fold_of_user, min_warm_users, cold_fraction, rng, in_order))


def _plan(
    data: Interactions,
    fold_of_user: NDArray[np.int64],
    min_warm_users: int,
    cold_fraction: float,
    rng: np.random.Generator,
    in_order: InOrder | None,
) -> list[_Planned]:
    """The episodes of an epoch, as large as makes few of them ask about all, within bounds."""
    domains = range(data.num_domains)
    colds = [data.overlapping(domain) for domain in domains]
    warms = [np.flatnonzero(data.count_by_domain[:, domain] > 1) for domain in domains]
    size_cold = max(FEWEST_USERS, math.ceil(max(map(len, colds)) / COLD_EPISODES))
    size_cold = min(size_cold, MOST_USERS)
    size_warm = min(math.ceil(max(map(len, warms)) / WARM_EPISODES), MOST_USERS)
    size_warm = max(size_warm, min_warm_users)
    plan: list[_Planned] = []
    for domain, cold, warm in zip(domains, colds, warms, strict=True):
        if len(cold) and cold_fraction > 0:
            size = size_cold
            num_cold = min(math.ceil(len(cold) / size), COLD_EPISODES)
            num_warm = round(num_cold * (1 - cold_fraction) / cold_fraction)
        else:
            size, num_cold, num_warm = size_warm, 0, WARM_EPISODES
        num_warm = min(num_warm, math.ceil(len(warm) / size))
        kinds: tuple[tuple[NDArray[np.int64], int, Kind], ...] = (
            (cold, num_cold, "cold"), (warm, num_warm, "warm"),
        )  # fmt: skip
        for able, count, kind in kinds:
            folds = _by_fold(able, fold_of_user)
            for fold, users in folds:
                number = math.ceil(count / len(folds))
                chosen = rng.permutation(users)[: number * size]
                number = min(number, len(chosen))
                groups = np.array_split(chosen, number) if number else []
                plan += [_Planned(domain, np.sort(group), kind, fold) for group in groups]
    return plan + _plan_next(in_order, fold_of_user, rng)


def _by_fold(
    users: NDArray[np.int64], fold_of_user: NDArray[np.int64]
) -> list[tuple[int, NDArray[np.int64]]]:
    """The users of each fold that has some."""
    fold = fold_of_user[users]
    return [(int(number), users[fold == number]) for number in np.unique(fold)]


def _plan_next(
    in_order: InOrder | None, fold_of_user: NDArray[np.int64], rng: np.random.Generator
) -> list[_Planned]:
    """All users of two events or more, several times, or as many as an epoch asks about."""
    if in_order is None:
        return []
    plan: list[_Planned] = []
    able = np.flatnonzero(in_order.sequences.lengths > 1)
    size = max(math.ceil(NEXT_PASSES * len(able) / MOST_NEXT_EPISODES), FEWEST_NEXT_USERS)
    size = min(size, in_order.most_users)
    for fold, users in _by_fold(able, fold_of_user) * NEXT_PASSES:
        order = rng.permutation(users)
        starts = range(0, len(order), size)
        groups = [np.sort(order[start : start + size]) for start in starts]
        plan += [_Planned(-1, group, "next", fold) for group in groups]
    if len(plan) > MOST_NEXT_EPISODES:
        plan = [plan[n] for n in rng.choice(len(plan), MOST_NEXT_EPISODES, replace=False)]
    return plan


def _hide(
    data: Interactions, planned: _Planned, in_order: InOrder | None, rng: np.random.Generator
) -> sp.csr_matrix:
    """The likes of the users in the domain, all or some of them by the kind, as ``[P, I]``."""
    likes, users = data.liked, planned.users
    if planned.kind == "next":
        return sp.csr_matrix(likes.shape, dtype=np.float32)
    if planned.kind == "warm" and in_order is not None:
        return latest_likes(data, users, np.full(len(users), planned.domain))
    rows = likes[users].tocoo()
    hide = data.item_domain[rows.col] == planned.domain
    if planned.kind == "warm":
        hide &= rng.random(len(hide)) < 0.5
    return sp.csr_matrix(
        (np.ones(int(hide.sum()), np.float32), (users[rows.row[hide]], rows.col[hide])),
        shape=likes.shape,
    )
