"""Strict cold user: known in other domains, without a single row in the target domain.

In:   a snapshot, a target domain, a fold and a seed.
Out:  a split with 10% of the users active in both as test and 10% as validation users.

Five folds of one seed have disjoint test users, and none of them is a validation user of
any fold, so that settings chosen on a fold's validation users say nothing about the test
users of another.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from graph_store.snapshot import Snapshot
from kgrec.data.interactions import Interactions
from kgrec.errors import InputError
from kgrec.evaluation.protocols.users import cases_of, user_keys
from kgrec.evaluation.split import Split

__all__ = ["FOLDS", "cold_users", "strict_cold_user"]

FOLDS = 5
"""How many disjoint sets of test users one seed gives."""

_ONE_IN = 10
"""One in this many eligible users is a test user, and as many are validation users."""


def strict_cold_user(snapshot: Snapshot, *, target: int, fold: int = 0, seed: int = 0) -> Split:
    """Hide every target row, liked or not, of the test and validation users.

    Sources are all other domains in which the snapshot has interactions.

    Args:
        snapshot: The whole graph as columns.
        target: Number of the target domain.
        fold: Which of the five disjoint folds of test users, 0 to 4.
        seed: Seed of all draws.

    Raises:
        InputError: Fewer than ten users are active in both, or there is no such fold.
    """
    interactions = Interactions.of(snapshot)
    test, validation = cold_users(interactions, target=target, fold=fold, seed=seed)
    hidden_users = np.zeros(interactions.num_users, dtype=bool)
    hidden_users[test] = hidden_users[validation] = True
    user = interactions.row_of_account[snapshot.user]
    in_target = snapshot.item_domain[snapshot.item] == target
    train = snapshot.keep(~(hidden_users[user] & in_target))
    shown = Interactions.of(train)
    hidden = interactions.liked - interactions.outside(interactions.liked, target)
    hidden.eliminate_zeros()
    keys = user_keys(snapshot, interactions)
    return Split(
        protocol="strict-cold",
        settings={"fold": fold, "seed": seed},
        target=target,
        train=train,
        validation=cases_of(keys, shown, hidden, validation),
        test=cases_of(keys, shown, hidden, test),
    )


def cold_users(
    interactions: Interactions, *, target: int, fold: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of the test and of the validation users, each ascending.

    Args:
        interactions: All interactions.
        target: Number of the target domain.
        fold: Which of the five disjoint folds of test users, 0 to 4.
        seed: Seed of all draws.

    Raises:
        InputError: Fewer than ten users are active in both, or there is no such fold.
    """
    if not 0 <= fold < FOLDS:
        raise InputError(f"fold must be 0 to {FOLDS - 1}, got {fold}")
    both = interactions.overlapping(target)
    size = len(both) // _ONE_IN
    if size == 0:
        raise InputError(
            f"only {len(both)} users are active in the target domain and in another one; "
            f"a strict cold split needs at least {_ONE_IN}"
        )
    order = np.random.default_rng(seed).permutation(both)
    test = order[fold * size : (fold + 1) * size]
    validation = order[(FOLDS + fold) * size : (FOLDS + fold + 1) * size]
    return np.sort(test), np.sort(validation)
