"""Who is held out while training, and how well a model ranks what they liked.

In:   the log.
Out:  :class:`HeldOut` groups, the log without their hidden likes, and NDCG.

Some held-out people lose all likes of one domain and become newcomers there (the situation
kgrec is for); others lose half of their likes in one and stay known. Training stops by the
newcomers, or where there are none by the others; the parts of a score are weighed by both
(:mod:`kgrec.training.weigh`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.data.interactions import Interactions
from kgrec.model.graph import visible_likes
from kgrec.ranking.measures import person_measures, ranks_of

__all__ = ["HeldOut", "hold_out", "ndcg"]

MOST = 1000
"""Newcomers of all domains together, and as many known people."""
FEWEST = 10
"""Fewer held-out people than this say nothing; then nobody is held out."""
ENOUGH = 60
"""So many newcomers are held out if that is not above a third of all who could be."""


@dataclass(frozen=True)
class HeldOut:
    """People of one domain with hidden likes."""

    domain: int
    histories: sp.csr_matrix  # [B, I] what is known of them
    hidden: sp.csr_matrix  # [B, I_d] what they liked, columns as items_of(domain)
    newcomers: bool
    """Whether nothing of the domain is known of them."""


def hold_out(
    interactions: Interactions, share: float, *, seed: int
) -> tuple[Interactions, list[HeldOut]]:
    """The log to train on, and the people to validate with: newcomers first."""
    counts = interactions.count_by_domain
    rng = np.random.default_rng([seed, 2**31])
    linked = np.flatnonzero((counts > 0).sum(1) > 1)
    enough = min(ENOUGH, len(linked) / 3) if share else 0
    new = _drawn(linked, max(share * len(linked), enough), rng)
    able = np.setdiff1d(np.flatnonzero(counts.max(1, initial=0) >= 4), new)
    known = _drawn(able, share * len(able), rng)
    train, groups = interactions, []
    for people, newcomers in ((new, True), (known, False)):
        domains = _one_domain_each(counts[people], rng, fewest=1 if newcomers else 4)
        hidden = _hidden(interactions, people, domains, rng, whole=newcomers)
        train = replace(train, liked=visible_likes(train.liked, hidden))
        lost = hidden.getnnz(axis=1)[people] > 0  # half of a few likes may be none of them
        for domain in np.unique(domains[lost]):
            members = people[lost & (domains == domain)]
            items = interactions.items_of(int(domain))
            groups.append((int(domain), members, hidden[members][:, items].tocsr(), newcomers))
    return train, [
        HeldOut(domain, train.liked[members].tocsr(), hidden, newcomers)
        for domain, members, hidden, newcomers in groups
    ]


def _drawn(people: NDArray[np.int64], number: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """So many of ``people``, ascending; nobody if that is too few to say anything."""
    count = min(MOST, int(number))
    if count < FEWEST:
        return people[:0]
    return np.sort(rng.choice(people, count, replace=False))


def ndcg(
    scores: NDArray[np.float32], group: HeldOut, items: NDArray[np.int64], *, at: int
) -> float:
    """Mean NDCG ``at`` a length over the group's people, full catalogue, known items left out."""
    ranks = ranks_of(scores, group.hidden, exclude=group.histories[:, items].tocsr())
    return float(np.nanmean(person_measures(ranks, [at])[f"ndcg@{at}"]))


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
