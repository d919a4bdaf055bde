"""Measures of ranked lists: of each user, from the ranks of the liked items, and of all lists.

In:   scores ``[B, I]`` with the liked columns of each user, or lists ``[B, k]``.
Out:  one value a user and measure, or one value for a whole set of lists.

An item that ties with others counts as placed below all of them, so that a recommender of
constant scores earns nothing. Definitions with formulas: ``docs/explanation/metrics.md``.

Shapes: B users   I items   N liked items of all users together
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.errors import InputError
from kgrec.ranking.topk import NO_ITEM

__all__ = [
    "CUTOFFS",
    "USER_MEASURES",
    "Ranks",
    "catalogue_coverage",
    "gini",
    "intra_list_diversity",
    "novelty",
    "user_measures",
    "popularity_bias",
    "ranks_among",
    "ranks_of",
]

CUTOFFS = (5, 10, 20, 50)
"""Lengths of list that are measured."""

USER_MEASURES = ("ndcg", "recall", "precision", "hit", "mrr", "map", "f1")
"""Names of the measures that each user has, before ``@k``."""


@dataclass(frozen=True)
class Ranks:
    """Where each liked item stands: how many items that were not liked are placed before it."""

    user: NDArray[np.int64]
    """``[N]`` row of the user, ascending."""
    item: NDArray[np.int64]
    """``[N]`` column of the liked item."""
    above: NDArray[np.int64]
    """``[N]`` other candidates with the same score or a higher one; ascending per user."""
    num_users: int

    def only(self, mask: NDArray[np.bool_]) -> Ranks:
        """Ranks of the liked items in ``mask [N]``, without the other liked ones."""
        return Ranks(self.user[mask], self.item[mask], self.above[mask], self.num_users)

    @property
    def rank(self) -> NDArray[np.int64]:
        """``[N]`` position in the list, from 1."""
        return self.above + _place_in_group(self.user) + 1


def ranks_of(
    scores: NDArray[np.float32],
    liked: sp.csr_matrix,
    *,
    exclude: sp.csr_matrix | None = None,
    candidates: NDArray[np.bool_] | None = None,
) -> Ranks:
    """Rank the liked columns of each user among all candidates.

    Args:
        scores: ``[B, I]``, higher is better; one that is no number is worse than any.
        liked: ``[B, I]``, non-zero where a user liked an item.
        exclude: ``[B, I]``, items that are no candidates for a user (known ones).
        candidates: ``[I]``, where only some items are ranked.

    Raises:
        InputError: A liked item is excluded, so that it could never be found.
    """
    users, items, aboves = [], [], []
    for row in range(scores.shape[0]):
        columns = _columns(liked, row)
        if not len(columns):
            continue
        line = scores[row].astype(np.float32)  # a copy
        line[np.isnan(line)] = -np.inf
        competes = np.ones(len(line), dtype=bool) if candidates is None else candidates.copy()
        if exclude is not None:
            competes[_columns(exclude, row)] = False
        if not competes[columns].all():
            lost = columns[~competes[columns]][0]
            raise InputError(
                f"item column {lost} is liked by row {row} but no candidate; "
                f"leave it out of the liked items"
            )
        competes[columns] = False
        others = np.sort(line[competes])
        mine = line[columns]
        above = len(others) - np.searchsorted(others, mine, side="left")
        order = np.argsort(above, kind="stable")
        users.append(np.full(len(columns), row))
        items.append(columns[order])
        aboves.append(above[order])
    join = (lambda parts: np.concatenate(parts).astype(np.int64)) if users else _none
    return Ranks(join(users), join(items), join(aboves), scores.shape[0])


def ranks_among(scores: NDArray[np.float32], liked: sp.csr_matrix, drawn: sp.csr_matrix) -> Ranks:
    """Rank the one liked column of each row among the columns drawn for that row.

    Args:
        scores: ``[B, I]``, higher is better; one that is no number is worse than any.
        liked: ``[B, I]``, at most one non-zero a row.
        drawn: ``[B, I]``, non-zero where a column competes in a row; never the liked one.

    Raises:
        InputError: A row has several liked columns.

    Example:
        >>> liked, drawn = sp.csr_matrix([[0, 1, 0, 0]]), sp.csr_matrix([[1, 0, 0, 1]])
        >>> ranks_among(np.array([[2, 5, 9, 5]], dtype=np.float32), liked, drawn).rank.tolist()
        [2]
    """
    if (np.diff(liked.indptr) > 1).any():
        raise InputError("each row must have one liked item, to be ranked among its own drawn ones")
    values = np.where(np.isnan(scores), -np.inf, scores)
    user = np.flatnonzero(np.diff(liked.indptr))
    mine = np.full(len(scores), np.inf, dtype=np.float32)
    mine[user] = values[user, liked.indices]
    row = np.repeat(np.arange(len(scores)), np.diff(drawn.indptr))
    higher = row[values[row, drawn.indices] >= mine[row]]
    above = np.bincount(higher, minlength=len(scores))[user]
    return Ranks(user, liked.indices.astype(np.int64), above, len(scores))


def user_measures(ranks: Ranks, cutoffs: Sequence[int] = CUTOFFS) -> dict[str, NDArray[np.float64]]:
    """``{"ndcg@10": [B], ...}``; a user without liked items has NaN everywhere.

    Args:
        ranks: Ranks of the liked items.
        cutoffs: The lengths ``k`` of a list.

    Example:
        >>> one = Ranks(np.array([0]), np.array([7]), np.array([1]), 1)  # second place
        >>> round(float(user_measures(one, [5])["ndcg@5"][0]), 4)
        0.6309
    """
    count = np.bincount(ranks.user, minlength=ranks.num_users).astype(float)
    there = np.where(count > 0, count, np.nan)
    rank = ranks.rank
    nth = _place_in_group(ranks.user) + 1  # how many liked items are found up to this one

    def per_user(values: NDArray[np.float64]) -> NDArray[np.float64]:
        sums = np.bincount(ranks.user, weights=values, minlength=ranks.num_users)
        return sums.astype(np.float64)

    result: dict[str, NDArray[np.float64]] = {}
    for k in cutoffs:
        inside = (rank <= k).astype(float)
        found = per_user(inside)
        ideal = np.concatenate([[0.0], np.cumsum(1 / np.log2(np.arange(k) + 2))])
        best = ideal[np.minimum(count, k).astype(int)]
        first = per_user(np.where(nth == 1, inside / rank, 0.0))
        precision, recall = found / k, found / there
        result |= {
            f"ndcg@{k}": per_user(inside / np.log2(rank + 1)) / np.where(count > 0, best, np.nan),
            f"recall@{k}": recall,
            f"precision@{k}": np.where(count > 0, precision, np.nan),
            f"hit@{k}": np.where(count > 0, (found > 0).astype(float), np.nan),
            f"mrr@{k}": np.where(count > 0, first, np.nan),
            f"map@{k}": per_user(inside * nth / rank) / there,
            f"f1@{k}": 2 * found / (k + there),
        }
    return result


def catalogue_coverage(lists: NDArray[np.int64], num_items: int) -> float:
    """Fraction of the catalogue that appears in at least one list.

    Args:
        lists: ``[B, k]`` item numbers, ``NO_ITEM`` where a list is shorter.
        num_items: Size of the catalogue.
    """
    return len(np.unique(lists[lists != NO_ITEM])) / max(num_items, 1)


def gini(lists: NDArray[np.int64], num_items: int) -> float:
    """0 where every item of the catalogue is recommended equally often, near 1 where one is.

    Args:
        lists: ``[B, k]`` item numbers, ``NO_ITEM`` where a list is shorter.
        num_items: Size of the catalogue.

    Example:
        >>> gini(np.array([[0, 1], [2, 3]]), 4)
        0.0
    """
    times = np.sort(np.bincount(lists[lists != NO_ITEM], minlength=num_items)).astype(float)
    if times.sum() == 0:
        return 0.0
    place = np.arange(1, num_items + 1)
    return float(((2 * place - num_items - 1) * times).sum() / (num_items * times.sum()))


def novelty(lists: NDArray[np.int64], popularity: NDArray[np.float64]) -> float:
    """Mean bits of surprise of a recommended item: ``-log2`` of its fraction of all interactions.

    Args:
        lists: ``[B, k]`` item columns.
        popularity: ``[I]`` training interactions of each item; one is added to each.
    """
    fraction = (popularity + 1.0) / (popularity + 1.0).sum()
    return float(-np.log2(fraction[lists[lists != NO_ITEM]]).mean())


def popularity_bias(
    lists: NDArray[np.int64], popularity: NDArray[np.float64], liked: sp.csr_matrix
) -> float:
    """Mean popularity of what is recommended over that of what users liked; 1 is no bias.

    NaN where nobody had yet touched anything of what they liked.

    Args:
        lists: ``[B, k]`` item numbers, ``NO_ITEM`` where a list is shorter.
        popularity: ``[I]`` number of likes in training.
        liked: ``[B, I]``, non-zero where a user liked an item.
    """
    theirs = float(popularity[liked.indices].mean()) if liked.nnz else 0.0
    if theirs == 0.0:  # all that was liked is new
        return float("nan")
    return float(popularity[lists[lists != NO_ITEM]].mean()) / theirs


def intra_list_diversity(lists: NDArray[np.int64], vectors: NDArray[np.float32]) -> float:
    """One minus the mean cosine between two items of a list, over pairs, then over users.

    Args:
        lists: ``[B, k]`` item columns; lists of fewer than two items are passed over.
        vectors: ``[I, D]``; an item with a zero vector is like no other.
    """
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = vectors / np.where(norms > 0, norms, 1.0)
    values = []
    for items in lists:
        items = items[items != NO_ITEM]
        if len(items) < 2:
            continue
        cosine = unit[items] @ unit[items].T
        values.append(1.0 - cosine[np.triu_indices(len(items), 1)].mean())
    return float(np.mean(values)) if values else float("nan")


def _place_in_group(user: NDArray[np.int64]) -> NDArray[np.int64]:
    """0, 1, 2 ... within each run of the same user (rows of a user stand together)."""
    _, start, length = np.unique(user, return_index=True, return_counts=True)
    return np.arange(len(user)) - np.repeat(start, length)


def _columns(matrix: sp.csr_matrix, row: int) -> NDArray[np.int64]:
    return np.asarray(matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]], dtype=np.int64)


def _none(_: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.zeros(0, dtype=np.int64)
