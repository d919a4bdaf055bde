"""The best items of a few users, found among candidates, and the same as among all.

In:   vectors of users and of one domain's items, whose leading columns carry most of the scores.
Out:  the lists that scoring every item gives.

The leading columns estimate the dense part of every score, the sparse part is added exactly. By
the inequality of Cauchy and Schwarz, in each of several groups of the other columns, no score is
farther from its estimate than a bound. The best by estimate are scored exactly; the worst of the
``k`` best of these is a score that a list ends with at least, and every item whose estimate and
bound together reach it is scored exactly as well. So nothing is missed: where estimates are bad,
more items are scored (compare Li, Chan, Yiu and Mamoulis, "FEXIPRO", SIGMOD 2017).

Shapes: B users   I_d items of the domain   D dense columns   G groups of columns
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.errors import NotFiniteError
from kgrec.ranking.topk import NO_ITEM, blocks, top_k, top_k_of_products
from kgrec.vectors import Vectors

__all__ = ["Tails", "best_items", "tails_of"]

Floats = NDArray[np.float32]
Lists = tuple[NDArray[np.int64], Floats]

FEW_USERS = 8
"""More users at once are scored against every item: then the processor computes, and does not wait
for memory."""

CHEAP = 2**21
"""Products up to which every item is scored exactly: candidates would take as long."""

GROUPS = 16
"""Groups of columns whose errors are bounded one by one."""

_BLOCK_ITEMS = 4096

_FIRST = 4
"""Number of items that are scored before the bound is used, in multiples of ``k``."""

_ROUNDING = 1e-5
"""Fraction of the largest estimate that is added to every bound."""


@dataclass(frozen=True)
class Tails:
    """What bounds the part of a score that leading columns leave out."""

    lead: int
    """Number of leading dense columns."""
    lengths: Floats
    """``[I_d, G]`` length of each item's vector in each group of the other columns."""


def tails_of(items: Vectors, lead: int) -> Tails:
    """The tails of ``items [I_d]`` beyond ``lead`` columns.

    Args:
        items: Exact vectors.
        lead: Number of leading dense columns.
    """
    columns = items.dense.shape[1] - lead
    lengths = np.zeros((len(items), min(GROUPS, max(columns, 1))), np.float32)
    for rows in blocks(len(items), _BLOCK_ITEMS):
        groups = np.array_split(items.dense[rows, lead:], lengths.shape[1], axis=1)
        for number, group in enumerate(groups):
            lengths[rows, number] = np.linalg.norm(group, axis=1)
    return Tails(lead, lengths)


def best_items(
    users: Vectors,
    items: Vectors,
    k: int,
    *,
    tails: Tails | None = None,
    allowed: NDArray[np.bool_] | None = None,
    exclude: sp.csr_matrix | None = None,
) -> Lists:
    """The ``k`` items with the highest scores for each user.

    Args:
        users: ``[B]`` exact vectors.
        items: ``[I_d]`` exact vectors.
        k: Length of the lists.
        tails: The items' tails; None: every item is scored.
        allowed: ``[I_d]`` which items may be listed; None: all.
        exclude: ``[B, I_d]``, non-zero where an item is no candidate for a user.

    Returns:
        Rows of ``items`` ``[B, k]``, best first, ``NO_ITEM`` where fewer are left; and scores.

    Raises:
        NotFiniteError: A score is NaN or infinite.
    """
    total, width = items.dense.shape
    count = total if allowed is None else int(np.count_nonzero(allowed))
    work = 0 if tails is None else total * tails.lead
    if tails is None or len(users) > FEW_USERS or count * width <= max(CHEAP, work):
        return _among(users, items, k, None if count == total else allowed, exclude)
    found, scored = [], []
    for row in range(len(users)):
        barred = np.zeros(total, np.bool_) if allowed is None else ~allowed
        if exclude is not None:
            barred[exclude.indices[exclude.indptr[row] : exclude.indptr[row + 1]]] = True
        one = users if len(users) == 1 else users[slice(row, row + 1)]
        columns, values = _of_one(one, items, k, tails, barred)
        found.append(columns)
        scored.append(values)
    return np.concatenate(found), np.concatenate(scored)


def _among(
    users: Vectors,
    items: Vectors,
    k: int,
    allowed: NDArray[np.bool_] | None,
    exclude: sp.csr_matrix | None,
) -> Lists:
    """Every item that is allowed is scored."""
    if allowed is None:
        return top_k_of_products(users, items, k, exclude=exclude)
    rows = np.flatnonzero(allowed)
    hidden = None if exclude is None else exclude[:, rows]
    best, score = top_k_of_products(users, items[rows], k, exclude=hidden)
    return np.where(best == NO_ITEM, NO_ITEM, np.append(rows, NO_ITEM)[best]), score


def _of_one(
    user: Vectors, items: Vectors, k: int, tails: Tails, barred: NDArray[np.bool_]
) -> Lists:
    """The list of one user; items that are ``barred [I_d]`` are in none."""
    dense, lead = user.dense[0], tails.lead
    tail = np.array_split(dense[lead:], tails.lengths.shape[1])
    estimate = items.dense[:, :lead] @ dense[:lead]
    bound = tails.lengths @ np.array([np.linalg.norm(group) for group in tail], np.float32)
    if user.sparse is not None and items.sparse is not None:
        paths = user.sparse @ items.by_column
        estimate[paths.indices] += paths.data
    if not math.isfinite(float(estimate.sum()) + float(bound.sum())):
        raise NotFiniteError(
            "some scores are NaN or infinite, so nothing can be ranked; train anew"
        )
    slack = _ROUNDING * float(np.abs(estimate).max(initial=0.0))
    estimate[barred] = -np.inf

    def exactly(rows: NDArray[np.int64]) -> Floats:
        # Row by row, so that a score does not depend on which others are computed with it, and
        # longer lists begin with the shorter ones.
        rest = np.einsum("nd,d->n", items.dense[rows, lead:], dense[lead:])
        return np.asarray(estimate[rows] + rest, np.float32)

    first = min(_FIRST * k, len(estimate))
    floor = np.sort(exactly(np.argpartition(-estimate, first - 1)[:first]))
    reached = floor[-k] if len(floor) >= k else -np.inf
    reaching = np.flatnonzero(~barred & (estimate + bound >= reached - slack))
    best, values = top_k(exactly(reaching)[None], k)
    return np.where(best == NO_ITEM, NO_ITEM, np.append(reaching, NO_ITEM)[best]), values
