"""Few or no shared users: transfer must come through text, tags and structure.

In:   a snapshot, a target domain, and how many training users stay whole.
Out:  the strict cold split with every other overlapping training user cut into two.

A cut moves a user's target rows to an account of their own, named after the domain. The
rows themselves all stay, and so do test and validation users.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from graph_store.snapshot import Snapshot
from kgrec.data.interactions import Interactions
from kgrec.errors import InputError
from kgrec.evaluation.protocols.strict_cold import strict_cold_user
from kgrec.evaluation.split import Split

__all__ = ["OVERLAPS", "few_overlap"]

OVERLAPS = (1500, 300, 50, 0)
"""Points of the table."""


def few_overlap(
    snapshot: Snapshot, *, target: int, whole: int, fold: int = 0, seed: int = 0
) -> Split:
    """Keep ``whole`` overlapping training users as they are; fewer are among the more.

    Args:
        snapshot: The whole graph as columns.
        target: Number of the target domain.
        whole: Number of overlapping training users who stay whole; 0 leaves no overlap.
        fold: Which of the five disjoint folds of test users, 0 to 4.
        seed: Seed of all draws.

    Raises:
        InputError: ``whole`` is negative.
    """
    if whole < 0:
        raise InputError(f"the number of whole users must be 0 or more, got {whole}")
    cold = strict_cold_user(snapshot, target=target, fold=fold, seed=seed)
    interactions = Interactions.of(cold.train)
    both = np.random.default_rng([seed, 1]).permutation(interactions.overlapping(target))
    return replace(
        cold,
        protocol="few-overlap",
        settings={**cold.settings, "whole": whole},
        train=_cut(cold.train, interactions, both[whole:], target),
    )


def _cut(
    snapshot: Snapshot, interactions: Interactions, users: NDArray[np.int64], target: int
) -> Snapshot:
    """Give the target rows of ``users`` to new accounts; users are numbered anew by key."""
    is_cut = np.zeros(interactions.num_users, dtype=bool)
    is_cut[users] = True
    moved = is_cut[interactions.row_of_account[snapshot.user]]
    moved &= snapshot.item_domain[snapshot.item] == target
    accounts = np.unique(snapshot.user[moved])
    domain = snapshot.domain_keys[target]
    new_keys = np.array([f"{snapshot.user_keys[a]}~{domain}" for a in accounts], dtype=np.str_)
    keys = np.concatenate([snapshot.user_keys, new_keys])
    order = np.argsort(keys, kind="stable")
    number = np.empty(len(keys), dtype=np.int32)
    number[order] = np.arange(len(keys), dtype=np.int32)
    user = snapshot.user.copy()
    user[moved] = snapshot.num_users + np.searchsorted(accounts, snapshot.user[moved])
    user = number[user]
    rows = np.lexsort((snapshot.kind, snapshot.item, user))
    same_as = number[snapshot.same_as]
    return replace(
        snapshot,
        user_keys=keys[order],
        user=user[rows],
        item=snapshot.item[rows],
        kind=snapshot.kind[rows],
        weight=snapshot.weight[rows],
        count=snapshot.count[rows],
        at=snapshot.at[rows],
        first_at=snapshot.first_at[rows],
        order=snapshot.order[rows],
        same_as=same_as[:, np.lexsort((same_as[1], same_as[0]))],
    )
