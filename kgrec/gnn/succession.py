"""Which items follow which, and which lie in the same histories: two sparse item-to-item matrices.

In:   histories in order.
Out:  :class:`Succession`, and what it says of a user's next items from the latest ones.

A narrow vector does not remember single pairs of items; these matrices do. Each item keeps its
strongest neighbours only, and of a history its latest events, so neither memory nor time grows
with the square of a long history.

Shapes: B users   I items   N candidate items   E events
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.data.histories import Histories
from kgrec.data.sparse_rows import picked_columns

__all__ = ["Succession", "count_succession", "latest_items", "succession_features"]

STEPS = (1.0, 1 / 2, 1 / 3)
"""Weights of an item that comes one, two and three events after another."""

LATEST = 8
"""Events of a user from which the next items are told."""

_STRONGEST = 200
"""Neighbours that an item keeps in each matrix."""

_READ = 50
"""Latest events of a history that are counted."""

_SCALE = 30.0
"""Brings the sums to where a logarithm tells large ones from small ones."""

_BLOCK = 2_048

Csr = sp.csr_matrix


@dataclass(frozen=True)
class Succession:
    """Two matrices of the same items; the larger an entry, the stronger the tie."""

    after: Csr  # [I, I] how often the column's item comes soon after the row's
    together: Csr  # [I, I] how often both lie in one history

    @property
    def matrices(self) -> tuple[Csr, Csr]:
        """Both, in the order of the learned weights."""
        return self.after, self.together


def count_succession(users: Histories) -> Succession:
    """Count both in ``users``, whose order must be known."""
    users = users.last(_READ)
    return Succession(_after(users), _together(users))


def latest_items(
    event_item: NDArray[np.integer],
    first: NDArray[np.integer],
    last: NDArray[np.integer],
    num_items: int,
) -> Csr:
    """``[B, I]`` the latest items of B histories, the last one with weight 1, that before with 1/2.

    Args:
        event_item: ``[E]`` items of events, those of a user in one stretch.
        first: ``[B]`` the first event of each history.
        last: ``[B]`` its last event; one before ``first``: a history without events.
        num_items: I.
    """
    rows, items, weights = [], [], []
    for step in range(LATEST):
        there = np.flatnonzero(last - step >= first)
        rows.append(there)
        items.append(event_item[last[there] - step])
        weights.append(np.full(len(there), 1.0 / (1 + step), np.float32))
    return sp.csr_matrix(
        (np.concatenate(weights), (np.concatenate(rows), np.concatenate(items))),
        shape=(len(last), num_items),
    )


def succession_features(
    latest: Csr, matrices: Sequence[Csr], items: NDArray[np.int64] | None = None
) -> list[Csr]:
    """``[B, N]`` of each matrix: the log of what the latest items say of N items.

    The product comes first and the choice of items after it, since the matrices are far larger
    than the product for a few users.

    Args:
        latest: ``[B, I]`` from :func:`latest_items`.
        matrices: ``[I, I]`` each, those of a :class:`Succession`.
        items: ``[N]`` numbers of the items asked for; None: all.
    """
    found = []
    for matrix in matrices:
        product = (latest @ matrix).tocsr()
        if items is not None:
            ascending = bool((np.diff(items) > 0).all())  # negatives are drawn in any order
            product = picked_columns(product, items) if ascending else product[:, items]
        product.data = np.log1p(_SCALE * product.data).astype(np.float32)
        found.append(product)
    return found


def _after(users: Histories) -> Csr:
    user = np.repeat(np.arange(len(users)), users.lengths)
    sources, targets, weights = [], [], []
    for step, weight in enumerate(STEPS, start=1):
        event = np.flatnonzero(user[:-step] == user[step:])
        sources.append(users.event_item[event])
        targets.append(users.event_item[event + step])
        weights.append(np.full(len(event), weight, np.float32))
    size = users.num_items
    pairs = (np.concatenate(sources), np.concatenate(targets))
    counts = sp.csr_matrix((np.concatenate(weights), pairs), shape=(size, size))
    rows, columns = (1 / np.sqrt(1 + np.asarray(counts.sum(axis)).ravel()) for axis in (1, 0))
    return _strongest((sp.diags(rows) @ counts @ sp.diags(columns)).tocsr())


def _together(users: Histories) -> Csr:
    """Cosine of the users of two items, long histories and rare items counting less."""
    likes = users.items
    by_length = 1 / np.sqrt(np.maximum(np.diff(likes.indptr), 1))
    scaled = (sp.diags(by_length.astype(np.float32)) @ likes).tocsr()
    rarely = 1 / (np.sqrt(np.maximum(likes.getnnz(axis=0), 1)) + 1)
    scaled = (scaled @ sp.diags(rarely.astype(np.float32))).tocsr()
    transposed = scaled.T.tocsr()
    blocks = []
    for start in range(0, users.num_items, _BLOCK):  # the whole product may be nearly full
        block = (transposed[start : start + _BLOCK] @ scaled).tocoo()
        other = block.row + start != block.col
        kept = (block.data[other], (block.row[other], block.col[other]))
        blocks.append(_strongest(sp.csr_matrix(kept, shape=block.shape)))
    return sp.csr_matrix(sp.vstack(blocks)) if blocks else sp.csr_matrix((0, 0), dtype=np.float32)


def _strongest(matrix: Csr) -> Csr:
    """The largest entries of each row, ``_STRONGEST`` at most."""
    matrix.sum_duplicates()
    counts = np.diff(matrix.indptr)
    if counts.max(initial=0) <= _STRONGEST:
        return sp.csr_matrix(matrix, dtype=np.float32)
    row = np.repeat(np.arange(matrix.shape[0]), counts)
    order = np.lexsort((matrix.indices, -matrix.data, row))
    rank = np.arange(len(order)) - matrix.indptr[row]
    kept = np.sort(order[rank < _STRONGEST])
    return sp.csr_matrix(
        (matrix.data[kept].astype(np.float32), (row[kept], matrix.indices[kept])),
        shape=matrix.shape,
    )
