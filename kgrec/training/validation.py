"""Who is held out while training, and how well a model ranks what they liked.

In:   the log.
Out:  :class:`HeldOut` groups, the log without their hidden likes, and NDCG@10.

A held-out person loses all likes of one domain (the situation kgrec is for); where nobody is
active in two domains, half of the likes in one. Early stopping is the only use of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.interactions import Interactions
from kgrec.model.graph import visible_likes
from kgrec.ranking.measures import person_measures, ranks_of

__all__ = ["HeldOut", "hold_out", "ndcg_at_10"]

MOST = 1000
FEWEST = 10
"""Fewer held-out people than this say nothing; then nobody is held out."""


@dataclass(frozen=True)
class HeldOut:
    """People of one domain with hidden likes."""

    domain: int
    histories: sp.csr_matrix  # [B, I] what is known of them
    hidden: sp.csr_matrix  # [B, I_d] what they liked, columns as items_of(domain)


def hold_out(
    interactions: Interactions, share: float, *, seed: int
) -> tuple[Interactions, list[HeldOut]]:
    """The log to train on, and the people to validate with."""
    counts = interactions.count_by_domain
    rng = np.random.default_rng([seed, 2**31])
    eligible = np.flatnonzero((counts > 0).sum(1) > 1)
    whole = len(eligible) * share >= FEWEST
    if not whole:
        eligible = np.flatnonzero(counts.max(1, initial=0) >= 4)
    number = min(MOST, int(len(eligible) * share))
    if number < FEWEST:
        return interactions, []
    people = np.sort(rng.choice(eligible, number, replace=False))
    domains = _one_domain_each(counts[people], rng, fewest=1 if whole else 4)
    hidden = _hidden(interactions, people, domains, rng, whole=whole)
    train = replace(interactions, liked=visible_likes(interactions.liked, hidden))
    groups = []
    for domain in np.unique(domains):
        members = people[domains == domain]
        items = interactions.items_of(int(domain))
        groups.append(
            HeldOut(int(domain), train.liked[members].tocsr(), hidden[members][:, items].tocsr())
        )
    return train, groups


def ndcg_at_10(scores: NDArray[np.float32], group: HeldOut, items: NDArray[np.int64]) -> float:
    """Mean over the group's people, full catalogue, known items left out."""
    ranks = ranks_of(scores, group.hidden, exclude=group.histories[:, items].tocsr())
    return float(np.nanmean(person_measures(ranks, [10])["ndcg@10"]))


def _one_domain_each(
    counts: NDArray[np.float32], rng: np.random.Generator, *, fewest: int
) -> NDArray[np.int64]:
    """A domain at random among those where the person has at least ``fewest`` likes."""
    draws = rng.random(counts.shape)
    draws[counts < fewest] = -1.0
    return np.asarray(draws.argmax(axis=1), dtype=np.int64)


def _hidden(
    interactions: Interactions,
    people: NDArray[np.int64],
    domains: NDArray[np.int64],
    rng: np.random.Generator,
    *,
    whole: bool,
) -> sp.csr_matrix:
    rows = interactions.liked[people].tocoo()
    hide = interactions.item_domain[rows.col] == domains[rows.row]
    if not whole:
        hide &= rng.random(len(hide)) < 0.5
    return sp.csr_matrix(
        (np.ones(int(hide.sum()), np.float32), (people[rows.row[hide]], rows.col[hide])),
        shape=interactions.liked.shape,
    )
