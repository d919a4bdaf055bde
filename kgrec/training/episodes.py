"""Episodes: which people, what of them is hidden, and what must be predicted from the rest.

In:   the training log and the fixed channels.
Out:  :class:`Episode` objects; per domain the pool of people that the bridge is solved on.

A cold episode hides all that a person liked in the target domain: the situation that kgrec
is for. A warm one hides part of it. Every choice follows from (seed, epoch), so a resumed
run draws what an uninterrupted one draws.

Shapes: P people   I items   N people of a pool   B people of an episode
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import Tensor

from kgrec.data.interactions import Interactions
from kgrec.model.channels import Channels
from kgrec.model.joint import PeopleTensors
from kgrec.model.people import People, read_people
from kgrec.solvers.sparse import Sparse

__all__ = [
    "Episode",
    "Pool",
    "count_episodes",
    "draw_episodes",
    "make_people",
    "make_pool",
]

COLD_EPISODES, WARM_EPISODES = 8, 32
"""Most episodes of a domain in an epoch: cold ones; warm ones, where there are no cold ones.

What learns does not grow with the graph, so neither does the number of its steps."""

FEWEST_PEOPLE, MOST_PEOPLE = 32, 4_096
"""Of an episode; more would cost a large graph more than they would say about a step."""

MAX_POOL = 50_000
"""People of a bridge's solve; more change the map no further and cost time every step."""


@dataclass(frozen=True)
class Episode:
    """B people with part of their likes in one domain hidden."""

    domain: int
    people: NDArray[np.int64]  # [B]
    hidden: sp.csr_matrix  # [P, I] the likes to be predicted
    cold: bool


@dataclass(frozen=True)
class Pool:
    """The people of a domain's bridge: active there and elsewhere."""

    domain: int
    people: NDArray[np.int64]  # [N] ascending
    view: PeopleTensors  # of their outside history
    targets: Tensor  # [N, R] their factors in the domain


def make_people(
    histories: sp.csr_matrix,
    channels: Channels,
    domain: int,
    num_domains: int,
    device: torch.device | str = "cpu",
) -> PeopleTensors:
    """What the model reads of ``histories [B, I]`` for a target domain, on a device."""
    read = read_people(histories, channels, domain, num_domains)

    def tensor(array: NDArray[np.float32]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32)).to(device)

    return People(
        pooling=Sparse(read.pooling, device),
        outside=Sparse(read.outside, device),
        spectrum=tensor(read.spectrum),
        factors=tensor(read.factors),
        inside_factors=tensor(read.inside_factors),
        inside_count=tensor(read.inside_count),
    )


def make_pool(
    interactions: Interactions,
    channels: Channels,
    domain: int,
    *,
    seed: int,
    device: torch.device | str = "cpu",
) -> Pool:
    """The people whom ``domain``'s bridge is solved on, at most ``MAX_POOL`` of them."""
    both = interactions.overlapping(domain)
    if len(both) > MAX_POOL:
        both = np.sort(np.random.default_rng([seed, domain]).choice(both, MAX_POOL, replace=False))
    rows = interactions.liked[both]
    outside = interactions.outside(rows, domain)
    outside.eliminate_zeros()
    view = make_people(outside, channels, domain, interactions.num_domains, device)
    targets = channels.person_factors(rows, domain)
    return Pool(domain, both, view, torch.from_numpy(targets).to(device))


def draw_episodes(
    interactions: Interactions, *, least_warm: int, cold_fraction: float, seed: int, epoch: int
) -> Iterator[Episode]:
    """One epoch: people with two domains, each once a domain, and warm episodes beside them.

    Where an epoch's episodes do not hold all of these people, each epoch draws anew who is asked.

    Args:
        interactions: The training log.
        least_warm: People of a warm episode, at least, in a domain without cold ones.
        cold_fraction: Of the episodes of a domain.
        seed: All draws follow from it
        epoch: and from this.
    """
    rng = np.random.default_rng([seed, epoch])
    plan = _plan(interactions, least_warm, cold_fraction, rng)
    for index in rng.permutation(len(plan)):
        domain, people, is_cold = plan[index]
        hidden = _hide(interactions, people, domain, rng, whole=is_cold)
        yield Episode(domain, people, hidden, is_cold)


def count_episodes(interactions: Interactions, *, least_warm: int, cold_fraction: float) -> int:
    """How many episodes every epoch has."""
    return len(_plan(interactions, least_warm, cold_fraction, np.random.default_rng(0)))


def _plan(
    interactions: Interactions, least_warm: int, cold_fraction: float, rng: np.random.Generator
) -> list[tuple[int, NDArray[np.int64], bool]]:
    """Domain, people, and whether it is cold, of each episode.

    Episodes are as large as makes few of them ask about all, within their bounds.
    """
    domains = range(interactions.num_domains)
    colds = [interactions.overlapping(domain) for domain in domains]
    warms = [np.flatnonzero(interactions.count_by_domain[:, domain] > 1) for domain in domains]
    size_cold = max(FEWEST_PEOPLE, math.ceil(max(map(len, colds)) / COLD_EPISODES))
    size_cold = min(size_cold, MOST_PEOPLE)
    size_warm = min(math.ceil(max(map(len, warms)) / WARM_EPISODES), MOST_PEOPLE)
    size_warm = max(size_warm, least_warm)
    plan: list[tuple[int, NDArray[np.int64], bool]] = []
    for domain, cold, warm in zip(domains, colds, warms, strict=True):
        if len(cold) and cold_fraction > 0:
            size = size_cold
            num_cold = min(math.ceil(len(cold) / size), COLD_EPISODES)
            num_warm = round(num_cold * (1 - cold_fraction) / cold_fraction)
        else:
            size, num_cold, num_warm = size_warm, 0, WARM_EPISODES
        num_warm = min(num_warm, math.ceil(len(warm) / size))
        for pool, count, is_cold in ((cold, num_cold, True), (warm, num_warm, False)):
            order = rng.permutation(pool)
            parts = np.array_split(order[: count * size], count) if count else []
            plan += [(domain, np.sort(part), is_cold) for part in parts]
    return plan


def _hide(
    interactions: Interactions,
    people: NDArray[np.int64],
    domain: int,
    rng: np.random.Generator,
    *,
    whole: bool,
) -> sp.csr_matrix:
    """The likes of ``people`` in ``domain``, all or a random half, as ``[P, I]``."""
    likes = interactions.liked
    rows = likes[people].tocoo()
    keep = interactions.item_domain[rows.col] == domain
    if not whole:
        keep &= rng.random(len(keep)) < 0.5
    return sp.csr_matrix(
        (np.ones(int(keep.sum()), np.float32), (people[rows.row[keep]], rows.col[keep])),
        shape=likes.shape,
    )
