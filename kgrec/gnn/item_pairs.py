"""Which items follow which, and which lie in the same histories: two sparse item-to-item matrices.

In:   likes; histories in order, where the order is known.
Out:  :class:`ItemPairs`; :class:`PairRows`, what is read of users for them; and what both say of
      a user's items.

A narrow vector does not remember single pairs of items; these matrices do. The second one is a
random walk from an item over the users who like it to their other items. Each item keeps its
strongest neighbours of each domain only, so that a pair of domains with few users in both keeps
its ties; and of a history a limited number of likes is counted, so neither memory nor time grows
with the square of a long history.

Shapes: B users   P users of the log   I items   N candidate items   E events
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.data.histories import Histories
from kgrec.data.interactions import by_root_of_length
from kgrec.data.sparse_rows import picked_columns, scaled_rows

__all__ = ["NO_PAIRS", "ItemPairs", "PairRows", "count_item_pairs", "latest_items", "pair_features",
           "read_pair_rows"]  # fmt: skip

STEPS = (1.0, 1 / 2, 1 / 3)
"""Weights of an item that comes one, two and three events after another."""

LATEST = 8
"""Events of a user from which the next items are told."""

_STRONGEST = 200
"""Neighbours of a domain that an item keeps in each matrix."""

_READ = 200
"""Latest events of a history that are counted, or likes where there is no order."""

_SCALE = 30.0
"""Brings the sums to where a logarithm tells large ones from small ones."""

_BLOCK = 2_048

Csr = sp.csr_matrix


@dataclass(frozen=True)
class ItemPairs:
    """Two matrices of the same items; the larger an entry, the stronger the tie."""

    after: Csr  # [I, I] how often the column's item comes soon after the row's; empty if unordered
    together: Csr  # [I, I] how often both lie in one history

    @property
    def matrices(self) -> tuple[Csr, Csr]:
        """Both, in the order of the learned weights."""
        return self.after, self.together


NO_PAIRS = ItemPairs(sp.csr_matrix((0, 0)), sp.csr_matrix((0, 0)))
"""Where nothing is counted yet."""


@dataclass(frozen=True)
class PairRows:
    """What is read of B users for each matrix."""

    after: Csr  # [B, I] the latest items; empty rows where the order is unknown
    together: Csr  # [B, I] of a warm user with an order the latest items, else all

    @property
    def rows(self) -> tuple[Csr, Csr]:
        """Both, in the order of the matrices."""
        return self.after, self.together


def count_item_pairs(
    likes: Csr, sequences: Histories | None, item_domain: NDArray[np.integer]
) -> ItemPairs:
    """Count both matrices.

    Args:
        likes: ``[P, I]``.
        sequences: The same likes in order, each once; None: no order is known or read.
        item_domain: ``[I]`` number of each item's domain.
    """
    size = likes.shape[1]
    after = sp.csr_matrix((size, size), dtype=np.float32)
    if sequences is None:
        counted = _at_most(likes, _READ)
    else:
        users = sequences.last(_READ)
        counted, after = users.items, _after(users, item_domain)
    return ItemPairs(after, _together(counted, item_domain))


def read_pair_rows(histories: Csr, latest: Csr | None, is_warm: NDArray[np.bool_]) -> PairRows:
    """What is read of users.

    Args:
        histories: ``[B, I]``.
        latest: ``[B, I]`` from :func:`latest_items`; None: no order is read.
        is_warm: ``[B]`` whether a user has items of the target domain. What a cold user will like
            there does not hang on what came last elsewhere.
    """
    every = by_root_of_length(histories)
    if latest is None:
        return PairRows(sp.csr_matrix(histories.shape, dtype=np.float32), every)
    has_order = latest.getnnz(axis=1) > 0
    takes_latest = (is_warm & has_order).astype(np.float32)
    together = scaled_rows(latest, takes_latest) + scaled_rows(every, 1 - takes_latest)
    return PairRows(latest, sp.csr_matrix(together))


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


def pair_features(
    rows: PairRows, pairs: ItemPairs, items: NDArray[np.int64] | None = None
) -> list[Csr]:
    """``[B, N]`` of each matrix: the log of what a user's rows say of N items.

    The product comes first and the choice of items after it, since the matrices are far larger
    than the product for a few users.

    Args:
        rows: What is read of the users.
        pairs: The matrices.
        items: ``[N]`` numbers of the items asked for; None: all.
    """
    found = []
    for row, matrix in zip(rows.rows, pairs.matrices, strict=True):
        product = (row @ matrix).tocsr()
        if items is not None:
            ascending = bool((np.diff(items) > 0).all())  # negatives are drawn in any order
            product = picked_columns(product, items) if ascending else product[:, items]
        product.data = np.log1p(_SCALE * product.data).astype(np.float32)
        found.append(product)
    return found


def _after(users: Histories, item_domain: NDArray[np.integer]) -> Csr:
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
    return _strongest((sp.diags(rows) @ counts @ sp.diags(columns)).tocsr(), item_domain)


def _together(likes: Csr, item_domain: NDArray[np.integer]) -> Csr:
    """A walk from an item to its users and on to their items, without the way back.

    Paths are divided by the root of the first item's degree and by the user's, as in
    :mod:`kgrec.recommenders.random_walk`.
    """
    by_length = 1 / np.maximum(np.diff(likes.indptr), 1)
    to_items = (sp.diags(by_length.astype(np.float32)) @ likes).tocsr()
    rarely = 1 / np.sqrt(np.maximum(likes.getnnz(axis=0), 1))
    to_users = (sp.diags(rarely.astype(np.float32)) @ likes.T).tocsr()
    blocks = []
    for start in range(0, likes.shape[1], _BLOCK):  # the whole product may be nearly full
        block = (to_users[start : start + _BLOCK] @ to_items).tocoo()
        other = block.row + start != block.col
        kept = (block.data[other], (block.row[other], block.col[other]))
        blocks.append(_strongest(sp.csr_matrix(kept, shape=block.shape), item_domain))
    return sp.csr_matrix(sp.vstack(blocks)) if blocks else sp.csr_matrix((0, 0), dtype=np.float32)


def _at_most(likes: Csr, most: int) -> Csr:
    """The same, of users with more likes ``most`` of them at even distances."""
    counts = np.diff(likes.indptr)
    if counts.max(initial=0) <= most:
        return likes
    row = np.repeat(np.arange(likes.shape[0]), counts)
    place = np.arange(len(row)) - likes.indptr[row]
    step = np.maximum(counts[row] / most, 1.0)
    kept = np.floor(place / step) != np.floor((place - 1) / step)
    shape = likes.shape
    return sp.csr_matrix((likes.data[kept], (row[kept], likes.indices[kept])), shape=shape)


def _strongest(matrix: Csr, item_domain: NDArray[np.integer]) -> Csr:
    """The largest entries of each row among the columns of each domain, ``_STRONGEST`` at most."""
    matrix.sum_duplicates()
    counts = np.diff(matrix.indptr)
    if counts.max(initial=0) <= _STRONGEST:
        return sp.csr_matrix(matrix, dtype=np.float32)
    row = np.repeat(np.arange(matrix.shape[0]), counts)
    group = row * (int(item_domain.max(initial=0)) + 1) + item_domain[matrix.indices]
    order = np.lexsort((matrix.indices, -matrix.data, group))
    sizes = np.bincount(group)
    first = np.cumsum(sizes) - sizes
    rank = np.arange(len(order)) - first[group[order]]
    kept = np.sort(order[rank < _STRONGEST])
    return sp.csr_matrix(
        (matrix.data[kept].astype(np.float32), (row[kept], matrix.indices[kept])),
        shape=matrix.shape,
    )
