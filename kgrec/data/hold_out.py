"""Which users are held out while training.

In:   interactions.
Out:  :class:`HeldOut` groups, and the interactions without their hidden likes.

Some held-out users lose all likes of one domain and become cold users there (the situation
kgrec is for); others lose some of their likes in one and stay warm users: the very latest where the
order of histories is known, since it is what a recommendation would have had to foresee, else a
random half. Training stops by the cold users, or where there are none by the warm ones; the
components of the ensemble are weighed by both (:mod:`kgrec.ensemble.measuring`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.data.histories import Histories
from kgrec.data.interactions import Interactions

__all__ = ["HeldOut", "hold_out", "latest_likes", "visible_likes"]

MOST_HELD_OUT = 1000
"""Most cold users who are held out, all domains together, and most warm users."""
FEWEST_HELD_OUT = 10
"""Nobody is held out where it would be fewer users than this, who would say nothing."""
PREFERRED_COLD = 60
"""Number of cold users who are held out even where ``fraction`` asks for fewer, if that is at most
a third of all who could be."""
MOST_LATEST = 5
"""Most likes that :func:`latest_likes` takes of a user."""


@dataclass(frozen=True)
class HeldOut:
    """Users of one domain with hidden likes."""

    domain: int
    users: Histories  # [B] what is known of them
    hidden: sp.csr_matrix  # [B, I_d] what they liked, columns as items_of(domain)
    cold: bool
    """Whether nothing of the domain is known of them."""


def hold_out(
    interactions: Interactions, fraction: float, *, seed: int
) -> tuple[Interactions, list[HeldOut]]:
    """The interactions to train on, and the users to validate with: cold users first.

    Args:
        interactions: All that is known.
        fraction: Fraction of the users who could be held out, of each kind, between 0 and 1.
        seed: Seed that chooses the users, their domains and a random half of likes.
    """
    counts = interactions.count_by_domain
    rng = np.random.default_rng([seed, 2**31])
    overlapping = np.flatnonzero((counts > 0).sum(1) > 1)
    enough = min(PREFERRED_COLD, len(overlapping) / 3) if fraction else 0
    cold_users = _drawn(overlapping, max(fraction * len(overlapping), enough), rng)
    able = np.setdiff1d(np.flatnonzero(counts.max(1, initial=0) >= 4), cold_users)
    warm_users = _drawn(able, fraction * len(able), rng)
    train, groups = interactions, []
    for users, cold in ((cold_users, True), (warm_users, False)):
        if cold or not interactions.has_order:
            domains = _one_domain_each(counts[users], rng, fewest=1 if cold else 4)
        else:
            domains = _domain_of_the_latest(interactions, users)
        hidden = _hidden(interactions, users, domains, rng, whole=cold)
        train = _without(train, hidden)
        lost = hidden.getnnz(axis=1)[users] > 0  # half of a few likes may be none of them
        for domain in np.unique(domains[lost]):
            members = users[lost & (domains == domain)]
            items = interactions.items_of(int(domain))
            groups.append((int(domain), members, hidden[members][:, items].tocsr(), cold))
    return train, [
        HeldOut(domain, train.histories_of(members), hidden, cold)
        for domain, members, hidden, cold in groups
    ]


def _without(train: Interactions, hidden: sp.csr_matrix) -> Interactions:
    """The same without hidden likes, neither in the matrix nor in the events."""
    snapshot = train.snapshot
    if snapshot is not None and hidden.nnz:
        pairs, width = hidden.tocoo(), hidden.shape[1]
        hidden_pairs = pairs.row.astype(np.int64) * width + pairs.col
        user = train.row_of_account[snapshot.user]
        held_out = np.flatnonzero(hidden.getnnz(axis=1)[user])  # few events of all
        keep = np.ones(len(user), dtype=np.bool_)
        keep[held_out] = ~np.isin(user[held_out] * width + snapshot.item[held_out], hidden_pairs)
        snapshot = snapshot.keep(keep)
    return replace(train, liked=visible_likes(train.liked, hidden), snapshot=snapshot)


def visible_likes(likes: sp.csr_matrix, hidden: sp.csr_matrix) -> sp.csr_matrix:
    """``likes [P, I]`` without the ones of ``hidden [P, I]``, which must be among them."""
    visible: sp.csr_matrix = (likes - hidden).tocsr()
    visible.eliminate_zeros()
    visible.sort_indices()
    return visible


def latest_likes(
    interactions: Interactions,
    members: NDArray[np.int64],
    domains: NDArray[np.int64],
    *,
    most: int = MOST_LATEST,
) -> sp.csr_matrix:
    """``[P, I]`` the latest likes of ``members [B]`` in ``domains [B]``: half, and not too many.

    A like is as late as its last event.

    Args:
        interactions: All that is known; the order of its histories must be known.
        members: Numbers of the users, each once.
        domains: Number of the domain in which each of them loses likes.
        most: Largest number of them.
    """
    users = interactions.histories_of(members)
    row = np.repeat(np.arange(len(users)), users.lengths)
    inside = interactions.item_domain[users.event_item] == domains[row]
    users = users.keep_events(inside).distinct()
    count = np.minimum(users.lengths // 2, most)
    row = np.repeat(np.arange(len(users)), users.lengths)
    from_end = users.offsets[1:][row] - np.arange(len(row))
    hide = from_end <= count[row]
    return sp.csr_matrix(
        (np.ones(int(hide.sum()), np.float32), (members[row[hide]], users.event_item[hide])),
        shape=interactions.liked.shape,
    )


def _drawn(users: NDArray[np.int64], number: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """``number`` of ``users``, ascending; nobody if that is too few to say anything."""
    count = min(MOST_HELD_OUT, int(number))
    if count < FEWEST_HELD_OUT:
        return users[:0]
    return np.sort(rng.choice(users, count, replace=False))


def _one_domain_each(
    counts: NDArray[np.float32], rng: np.random.Generator, *, fewest: int
) -> NDArray[np.int64]:
    """A domain at random among those where the user has at least ``fewest`` likes."""
    draws = rng.random(counts.shape)
    draws[counts < fewest] = -1.0
    return np.asarray(draws.argmax(axis=1), dtype=np.int64)


def _domain_of_the_latest(
    interactions: Interactions, users: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The domain of each user's latest like, so that nothing later is known of them."""
    histories = interactions.histories_of(users).distinct()
    last = histories.event_item[histories.offsets[1:] - 1]
    return np.asarray(interactions.item_domain[last], dtype=np.int64)


def _hidden(
    interactions: Interactions,
    users: NDArray[np.int64],
    domains: NDArray[np.int64],
    rng: np.random.Generator,
    *,
    whole: bool,
) -> sp.csr_matrix:
    rows = interactions.liked[users].tocoo()
    hide = interactions.item_domain[rows.col] == domains[rows.row]
    if not whole and interactions.has_order:
        return latest_likes(interactions, users, domains, most=1)
    if not whole:
        hide &= rng.random(len(hide)) < 0.5
    return sp.csr_matrix(
        (np.ones(int(hide.sum()), np.float32), (users[rows.row[hide]], rows.col[hide])),
        shape=interactions.liked.shape,
    )
