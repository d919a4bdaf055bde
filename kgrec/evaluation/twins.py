"""Twins: one product listed in two domains.

In:   a snapshot.
Out:  a symmetric matrix ``[I, I]`` of pairs, each across two domains.

Two items are twins if nearly the same users touched both (cosine of the sets at least 0.8,
at least three users in common), or if their texts are the same. A neighbourhood method finds
the twin of what a user has and looks clever; so every table is also given without them.
This looks at hidden rows too, and is therefore for the report alone: no recommender sees it.
"""

from __future__ import annotations

import re

import numpy as np
import scipy.sparse as sp

from graph_store.snapshot import Snapshot
from kgrec.data.interactions import Interactions
from kgrec.ranking.topk import blocks

__all__ = ["COMMON_USERS", "SAME_USERS", "find_twins"]

SAME_USERS = 0.8
"""Cosine of the sets of users from which two items are one."""

COMMON_USERS = 3
"""Fewer users in common say nothing."""

_BLOCK = 4096


def find_twins(snapshot: Snapshot) -> sp.csr_matrix:
    """Ones where two items of different domains are twins."""
    by_users, by_text = _by_users(snapshot), _by_text(snapshot)
    both: sp.csr_matrix = (by_users + by_text + by_text.T).tocsr()
    both.data[:] = 1.0
    both.sort_indices()
    return both


def _by_users(snapshot: Snapshot) -> sp.csr_matrix:
    seen = Interactions.of(snapshot).seen
    counts = np.asarray(seen.sum(axis=0)).ravel()
    left, right = seen.T.tocsr(), seen.tocsc()
    pairs: list[sp.coo_matrix] = []
    size = snapshot.num_items
    for part in blocks(size, _BLOCK):
        common = (left @ right[:, part].tocsr()).tocoo()
        row, col = common.row, common.col + part.start
        same = common.data >= COMMON_USERS
        same &= common.data >= SAME_USERS * np.sqrt(counts[row] * counts[col])
        same &= snapshot.item_domain[row] != snapshot.item_domain[col]
        pairs.append(
            sp.coo_matrix((np.ones(same.sum(), np.float32), (row[same], col[same])), (size, size))
        )
    total: sp.csr_matrix = sp.csr_matrix((size, size), dtype=np.float32)
    for found in pairs:
        total = total + found
    return total


def _by_text(snapshot: Snapshot) -> sp.csr_matrix:
    """Each item with the earlier ones of its text in other domains."""
    groups: dict[str, list[int]] = {}
    row, col = [], []
    for item, text in enumerate(snapshot.texts):
        plain = re.sub(r"\W+", " ", text or "").strip().casefold()
        if not plain:
            continue
        for other in groups.setdefault(plain, []):
            if snapshot.item_domain[other] != snapshot.item_domain[item]:
                row.append(item)
                col.append(other)
        groups[plain].append(item)
    size = snapshot.num_items
    return sp.csr_matrix((np.ones(len(row), np.float32), (row, col)), (size, size))
