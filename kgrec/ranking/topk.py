"""The best ``k`` items of each user, never holding more than a block of scores.

In:   a block of scores ``[B, I]``, or vectors of users and items whose products are scores.
Out:  item columns ``[B, k]``, best first, and their scores.

Equal scores are placed by column, lower first, so the same input gives the same list on
every machine. Items to leave out (seen ones) never appear; where fewer than ``k`` items
are left, the list ends in ``NO_ITEM`` with score ``-inf``. Scores that are no number are
placed last, like items left out.

Shapes: B users of a block   I items   D width of vectors
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.errors import NotFiniteError
from kgrec.vectors import Vectors

__all__ = ["NO_ITEM", "blocks", "same_numbers", "top_k", "top_k_of_products"]

NO_ITEM = -1
"""Stands in a list where no item is left."""

Floats: TypeAlias = NDArray[np.float32]
Lists: TypeAlias = tuple[NDArray[np.int64], Floats]


def top_k(scores: Floats, k: int, *, exclude: sp.csr_matrix | None = None) -> Lists:
    """The ``k`` best columns of each row and their scores; ``scores`` is left as it is.

    Args:
        scores: ``[B, I]``, higher is better.
        k: Length of the lists.
        exclude: ``[B, I]``, non-zero where a column must not appear.

    Example:
        >>> columns, _ = top_k(np.array([[0.1, 0.9, 0.9]], dtype=np.float32), 2)
        >>> columns.tolist()
        [[1, 2]]
    """
    work = np.array(scores, dtype=np.float32)  # a copy: it is written to
    work[np.isnan(work)] = -np.inf
    if exclude is not None:
        rows = np.repeat(np.arange(exclude.shape[0]), np.diff(exclude.indptr))
        work[rows, exclude.indices] = -np.inf
    width = min(k, work.shape[1])
    if width == 0:
        return _padded(np.zeros((len(work), 0), np.int64), work[:, :0], k)
    if width < work.shape[1]:
        # The k-th best score of each row; argpartition alone picks among equals at random.
        kth = -np.partition(-work, width - 1, axis=1)[:, width - 1]
        columns = _at_least(work, kth, width)
    else:
        columns = np.broadcast_to(np.arange(width), work.shape)
    values = np.take_along_axis(work, columns, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")  # columns ascend, so ties stay in order
    columns = np.take_along_axis(columns, order, axis=1).astype(np.int64)
    values = np.take_along_axis(values, order, axis=1)
    columns[np.isneginf(values)] = NO_ITEM
    return _padded(columns, values, k)


def top_k_of_products(
    users: Vectors,
    items: Vectors,
    k: int,
    *,
    exclude: sp.csr_matrix | None = None,
    user_block: int = 1024,
    item_block: int = 16_384,
) -> Lists:
    """The ``k`` best of ``users.products(items)`` ``[B, I]`` without ever holding it whole.

    After the first block of items only scores above the worst one kept are looked at, so the
    work beside the product is one sum and one comparison a score.

    Args:
        users: ``[B]`` serving vectors of users.
        items: ``[I]`` serving vectors of items.
        k: Length of the lists.
        exclude: ``[B, I]``, non-zero where an item is no candidate.
        user_block: Users scored at once.
        item_block: Items scored at once.

    Returns:
        Item numbers ``[B, k]``, best first, ``NO_ITEM`` where fewer are left; and their scores.

    Raises:
        NotFiniteError: A score is NaN or infinite.
    """
    found, scored = [], []
    for rows in blocks(len(users), user_block):
        part = users[rows]
        left_out = None if exclude is None else exclude[rows].tocsc()
        columns = np.full((len(part), k), NO_ITEM, dtype=np.int64)
        values = np.full((len(part), k), -np.inf, dtype=np.float32)
        for tile in blocks(len(items), item_block):
            scores = part.products(items[tile])
            if not math.isfinite(float(scores.sum())):  # one quick pass, and no array of flags
                raise NotFiniteError(
                    "some scores are NaN or infinite, so nothing can be ranked; train anew"
                )
            hidden = None if left_out is None else left_out[:, tile].tocsr()
            columns, values = _merged(columns, values, scores, hidden, tile.start)
        found.append(columns)
        scored.append(values)
    if not found:
        return np.zeros((0, k), np.int64), np.zeros((0, k), np.float32)
    return np.concatenate(found), np.concatenate(scored)


def same_numbers(left: NDArray[np.int64], right: NDArray[np.int64]) -> sp.csr_matrix:
    """``[len(left), len(right)]`` one where both hold the same number; ``right`` ascends.

    Example:
        >>> same_numbers(np.array([7, 5]), np.array([5, 6])).toarray().tolist()
        [[0.0, 0.0], [1.0, 0.0]]
    """
    at = np.searchsorted(right, left)
    rows = np.flatnonzero((at < len(right)) & (np.append(right, -1)[at] == left))
    ones = np.ones(len(rows), np.float32)
    return sp.csr_matrix((ones, (rows, at[rows])), shape=(len(left), len(right)))


def blocks(length: int, size: int) -> Iterator[slice]:
    """Slices that cover ``range(length)``, each of ``size`` or less.

    Example:
        >>> list(blocks(5, 2))
        [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    for start in range(0, length, size):
        yield slice(start, min(start + size, length))


def _at_least(work: Floats, kth: Floats, width: int) -> NDArray[np.int64]:
    """Per row the columns above ``kth``, filled up with the lowest columns equal to it."""
    above = work > kth[:, None]
    equal = work == kth[:, None]
    wanted = width - above.sum(axis=1, dtype=np.int64)
    # Most rows have as many equals as are wanted; only the others need counting.
    crowded = np.flatnonzero(equal.sum(axis=1) > wanted)
    if len(crowded):
        rank = np.cumsum(equal[crowded], axis=1)
        equal[crowded] &= rank <= wanted[crowded, None]
    return np.nonzero(above | equal)[1].reshape(len(work), width)


def _merged(
    columns: NDArray[np.int64],
    values: Floats,
    scores: Floats,
    hidden: sp.csr_matrix | None,
    start: int,
) -> Lists:
    """The lists so far and one more tile of scores, whose first column is ``start``."""
    k = columns.shape[1]
    floor = values[:, -1:]
    open_rows = np.isneginf(floor[:, 0])
    if open_rows.any() or scores.shape[1] <= 4 * k:
        best, score = top_k(scores, k, exclude=hidden)
        best[best != NO_ITEM] += start
        return _best_of(np.hstack([columns, best]), np.hstack([values, score]), k)
    if hidden is not None:
        rows = np.repeat(np.arange(hidden.shape[0]), np.diff(hidden.indptr))
        scores[rows, hidden.indices] = -np.inf
    hit_row, hit_column = np.divmod(np.flatnonzero(scores > floor), scores.shape[1])
    if not len(hit_row):
        return columns, values
    # Candidates of uneven number per row go into a rectangle, in order of column.
    per_row = np.bincount(hit_row, minlength=len(scores))
    place = np.arange(len(hit_row)) - np.repeat(np.cumsum(per_row) - per_row, per_row)
    extra_columns = np.full((len(scores), int(per_row.max())), NO_ITEM, dtype=np.int64)
    extra_values = np.full(extra_columns.shape, -np.inf, dtype=np.float32)
    extra_columns[hit_row, place] = hit_column + start
    extra_values[hit_row, place] = scores[hit_row, hit_column]
    return _best_of(
        np.hstack([columns, extra_columns]), np.hstack([values, extra_values]), k
    )  # fmt: skip


def _best_of(columns: NDArray[np.int64], values: Floats, k: int) -> Lists:
    """Earlier tiles hold lower columns and come first, so a stable sort keeps ties in order."""
    order = np.argsort(-values, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(columns, order, axis=1), np.take_along_axis(values, order, axis=1)


def _padded(columns: NDArray[np.int64], values: Floats, k: int) -> Lists:
    missing = k - columns.shape[1]
    if missing > 0:
        columns = np.pad(columns, ((0, 0), (0, missing)), constant_values=NO_ITEM)
        values = np.pad(values, ((0, 0), (0, missing)), constant_values=-np.inf)
    return columns, values
