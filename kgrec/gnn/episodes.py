"""Episodes: which users a step asks about, what of them is hidden and predicted from the rest.

In:   the interactions to learn from.
Out:  :class:`Episode` objects, an epoch of them at a time.

A cold episode hides all that a user liked in the target domain: the situation that kgrec is for.
A warm one hides half of it. Every choice follows from (seed, epoch), so a resumed run draws what
an uninterrupted one draws. Another kind of episode is a name in ``Kind``, its users and their
number in ``_plan``, and what it hides in ``_hide``; the terms of the loss read the kind.

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

from kgrec.data.interactions import Interactions

__all__ = ["Episode", "Kind", "count_episodes", "draw_episodes"]

COLD_EPISODES, WARM_EPISODES = 8, 32
"""Most episodes of a domain in an epoch: cold ones; warm ones, where there are no cold ones.

What learns does not grow with the graph, so neither does the number of its steps."""

FEWEST_USERS, MOST_USERS = 32, 4_096
"""Of an episode; more would cost a large graph more than they would say about a step."""

Kind: TypeAlias = Literal["cold", "warm"]
"""What an episode hides of a domain: all, or half."""


@dataclass(frozen=True)
class Episode:
    """B users with some of their likes in one domain hidden."""

    domain: int
    users: NDArray[np.int64]  # [B]
    hidden: sp.csr_matrix  # [P, I] the likes to be predicted
    kind: Kind


@dataclass(frozen=True)
class _Planned:
    """An episode before anything is hidden."""

    domain: int
    users: NDArray[np.int64]  # [B] ascending
    kind: Kind


def draw_episodes(
    data: Interactions, *, min_warm_users: int, cold_fraction: float, seed: int, epoch: int
) -> Iterator[Episode]:
    """One epoch: overlapping users, each once a domain, and warm episodes beside them.

    Where an epoch's episodes do not hold all of these users, each epoch draws anew who is asked.

    Args:
        data: The interactions to learn from.
        min_warm_users: Users of a warm episode, at least, in a domain without cold ones.
        cold_fraction: Fraction of a domain's episodes that are cold, between 0 and 1.
        seed: Of the training; all draws follow from it and from the epoch.
        epoch: Number of the epoch, from 1.
    """
    rng = np.random.default_rng([seed, epoch])
    plan = _plan(data, min_warm_users, cold_fraction, rng)
    for index in rng.permutation(len(plan)):
        planned = plan[index]
        yield Episode(planned.domain, planned.users, _hide(data, planned, rng), planned.kind)


def count_episodes(data: Interactions, *, min_warm_users: int, cold_fraction: float) -> int:
    """How many episodes every epoch has; for the arguments see :func:`draw_episodes`."""
    return len(_plan(data, min_warm_users, cold_fraction, np.random.default_rng(0)))


def _plan(
    data: Interactions, min_warm_users: int, cold_fraction: float, rng: np.random.Generator
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
            order = rng.permutation(able)
            groups = np.array_split(order[: count * size], count) if count else []
            plan += [_Planned(domain, np.sort(users), kind) for users in groups]
    return plan


def _hide(data: Interactions, planned: _Planned, rng: np.random.Generator) -> sp.csr_matrix:
    """The likes of the users in the domain, all or a random half by the kind, as ``[P, I]``."""
    likes, users = data.liked, planned.users
    rows = likes[users].tocoo()
    hide = data.item_domain[rows.col] == planned.domain
    if planned.kind == "warm":
        hide &= rng.random(len(hide)) < 0.5
    return sp.csr_matrix(
        (np.ones(int(hide.sum()), np.float32), (users[rows.row[hide]], rows.col[hide])),
        shape=likes.shape,
    )
