"""Cold item: one in ten target items loses all its interactions.

In:   a snapshot, a target domain, a fold and a seed.
Out:  a split whose users look for items that nobody was seen to touch.

Everything else of a user is shown, in the target domain as well. ``among="cold"`` ranks the
cold items of the split only, ``among="all"`` the whole domain without what the user knows.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph_store.snapshot import Snapshot
from kgrec.data.interactions import Interactions
from kgrec.errors import InputError
from kgrec.evaluation.protocols.users import cases_of, user_keys
from kgrec.evaluation.split import Cases, Split

__all__ = ["cold_item"]

_FOLDS, _ONE_IN = 5, 10


def cold_item(
    snapshot: Snapshot,
    *,
    target: int,
    among: Literal["cold", "all"] = "cold",
    fold: int = 0,
    seed: int = 0,
) -> Split:
    """Hide every row of the test and of the validation items.

    Args:
        snapshot: The whole graph as columns.
        target: Number of the target domain.
        among: Candidates: the cold items of the split, or the whole domain.
        fold: Which of the five disjoint folds of test items, 0 to 4.
        seed: Seed of all draws.

    Raises:
        InputError: There is no such fold, or the domain has fewer than ten items.
    """
    if not 0 <= fold < _FOLDS:
        raise InputError(f"fold must be 0 to {_FOLDS - 1}, got {fold}")
    interactions = Interactions.of(snapshot)
    items = interactions.items_of(target)
    size = len(items) // _ONE_IN
    if size == 0:
        raise InputError(
            f"the target domain has {len(items)} items; cold items need at least {_ONE_IN}"
        )
    order = np.random.default_rng(seed).permutation(items)
    test = order[fold * size : (fold + 1) * size]
    validation = order[(_FOLDS + fold) * size : (_FOLDS + fold + 1) * size]
    train = snapshot.keep(~np.isin(snapshot.item, np.concatenate([test, validation])))
    shown = Interactions.of(train)
    keys = user_keys(snapshot, interactions)

    def cases(cold: NDArray[np.int64], other: NDArray[np.int64]) -> Cases:
        mask = np.zeros(snapshot.num_items, dtype=bool)
        mask[cold] = True
        ranked = mask
        if among == "all":  # the other group's hidden items would be unfair competition
            ranked = snapshot.item_domain == target
            ranked[other] = False
        likes = (interactions.liked @ sp.diags(mask.astype(np.float32))).tocsr()
        likes.eliminate_zeros()
        likes.sort_indices()
        has_history = np.diff(shown.liked.indptr) > 0
        return cases_of(keys, shown, likes, np.flatnonzero(has_history), ranked)

    return Split(
        protocol="cold-item",
        settings={"fold": fold, "seed": seed, "among": among},
        target=target,
        train=train,
        validation=cases(validation, test),
        test=cases(test, validation),
    )
