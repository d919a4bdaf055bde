"""Interactions of users as sparse matrices: the input of solvers, models and baselines.

In:   a :class:`graph_store.Snapshot`.
Out:  one row per user, one column per item; and the same users' histories in order of time.

A row is a person: all accounts (``User`` nodes) that ``SAME_AS`` joins. From here on, code that
works on rows says *user*, as the field does, and *account* where a single ``User`` node is meant.
Nothing here splits, weighs or ranks.

Shapes: P users (rows)   A accounts   I items   D domains   B users of a block
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from graph_store.snapshot import NO_TIME, Snapshot
from kgrec.data.histories import Histories
from kgrec.data.sparse_rows import scaled_rows

__all__ = ["POSITIVE_WEIGHT", "Interactions", "by_root_of_length", "count_inside", "liked_matrix",
           "without_domain"]  # fmt: skip

POSITIVE_WEIGHT = 0.8
"""An interaction counts as liked from this weight on: 8 of 10, 4 of 5, or any unrated event."""

_SORTED = 0.95
"""A log of which so many neighbouring events ascend (or descend) by item is a sorted list."""

Users = NDArray[np.integer] | NDArray[np.bool_]


@dataclass(frozen=True)
class Interactions:
    """The interactions of a snapshot as two matrices over the same users and items."""

    liked: sp.csr_matrix
    """``[P, I]`` float32, 1 where a user's highest weight reaches the threshold."""
    seen: sp.csr_matrix
    """``[P, I]`` float32, 1 where there is any interaction at all."""
    row_of_account: NDArray[np.int64]
    """``[A]`` row of each account, in the order of ``Snapshot.user_keys``."""
    item_domain: NDArray[np.int32]
    """``[I]`` number of the item's domain."""
    num_domains: int
    snapshot: Snapshot | None = field(default=None, repr=False)
    """The graph that the order and time of events are read from; None: order is unknown."""
    positive_weight: float = POSITIVE_WEIGHT
    """The threshold that ``liked`` was made with."""
    item_text: NDArray[np.float32] | None = field(default=None, repr=False)
    """``[I, W]`` text vectors, zero rows where an item has no text; None: nobody encoded texts."""

    @classmethod
    def of(cls, snapshot: Snapshot, *, positive_weight: float = POSITIVE_WEIGHT) -> Interactions:
        """Join the accounts of each person and mark what they liked and saw.

        Args:
            snapshot: The graph as columns.
            positive_weight: Weight in (0, 1] from which an interaction is a like.
        """
        row_of_account = _rows(snapshot)
        shape = (int(row_of_account.max(initial=-1)) + 1, snapshot.num_items)
        user = row_of_account[snapshot.user]
        liked = snapshot.weight >= np.float32(positive_weight)
        return cls(
            liked=_ones(user[liked], snapshot.item[liked], shape),
            seen=_ones(user, snapshot.item, shape),
            row_of_account=row_of_account,
            item_domain=snapshot.item_domain,
            num_domains=len(snapshot.domain_keys),
            snapshot=snapshot,
            positive_weight=positive_weight,
        )

    def histories(self, users: Users | None = None) -> Histories:
        """What users liked, oldest first; the accounts of a user are merged by time.

        Args:
            users: Row numbers or a mask of rows; None gives all users.

        Returns:
            Histories whose ``items`` are the same rows of ``liked``. Their order is unknown
            (``has_order`` is False) only where these interactions were made without a snapshot.
        """
        return self._histories if users is None else self._histories[users]

    def histories_of(self, users: NDArray[np.integer]) -> Histories:
        """As :meth:`histories`, of a few users: the events of all others are not sorted.

        Args:
            users: ``[B]`` row numbers, each once.
        """
        if self.snapshot is None:
            return Histories.of_matrix(self.liked[users])
        row = np.full(self.num_users, -1)
        row[users] = np.arange(len(users))
        liked = self.snapshot.weight >= np.float32(self.positive_weight)
        return Histories.of_snapshot(
            self.snapshot, row_of_account=row[self.row_of_account], keep=liked
        )

    @cached_property
    def _histories(self) -> Histories:
        if self.snapshot is None:
            return Histories.of_matrix(self.liked)
        liked = self.snapshot.weight >= np.float32(self.positive_weight)
        return Histories.of_snapshot(self.snapshot, row_of_account=self.row_of_account, keep=liked)

    @cached_property
    def has_order(self) -> bool:
        """Whether the order of likes says something: it is known, and is not that of item keys.

        A log without times has the order of its rows. Where these are sorted by item, as many
        published sets are, that order is no history.
        """
        users = self._histories
        if self.snapshot is None or not users.has_order or len(users.event_item) < 2:
            return False
        if users.event_time is not None and (users.event_time != NO_TIME).any():
            return True
        user = np.repeat(np.arange(len(users)), users.lengths)
        domain = self.item_domain[users.event_item]
        together = (user[1:] == user[:-1]) & (domain[1:] == domain[:-1])
        if not together.any() or (self.snapshot.order == NO_TIME).all():
            return False
        ascending = float(np.mean(np.diff(users.event_item)[together] > 0))
        return 1 - _SORTED < ascending < _SORTED

    @property
    def num_users(self) -> int:
        """P, the number of rows."""
        return int(self.liked.shape[0])

    @cached_property
    def active(self) -> NDArray[np.bool_]:
        """``[P, D]`` whether a user liked anything in a domain."""
        return self.count_by_domain > 0

    @cached_property
    def count_by_domain(self) -> NDArray[np.float32]:
        """``[P, D]`` how many items a user liked in each domain."""
        return np.asarray((self.liked @ self.domain_indicator).todense(), dtype=np.float32)

    @cached_property
    def popularity(self) -> NDArray[np.float32]:
        """``[I]`` log(1 + likes), its mean within each domain being 0."""
        logs = np.log1p(np.bincount(self.liked.indices, minlength=self.liked.shape[1]))
        for domain in range(self.num_domains):
            items = self.items_of(domain)
            logs[items] -= logs[items].mean() if len(items) else 0.0
        return logs.astype(np.float32)

    @cached_property
    def likers(self) -> sp.csc_matrix:
        """``[P, I]`` as :attr:`liked`, by column: who likes an item."""
        return sp.csc_matrix(self.liked)

    @cached_property
    def domain_indicator(self) -> sp.csr_matrix:
        """``[I, D]`` 1 where an item lies in a domain."""
        items = np.arange(len(self.item_domain))
        return sp.csr_matrix(
            (np.ones(len(items), np.float32), (items, self.item_domain)),
            shape=(len(items), self.num_domains),
        )

    def overlapping(self, domain: int) -> NDArray[np.int64]:
        """Rows of the users who liked something in ``domain`` and in any other, ascending."""
        elsewhere = np.delete(self.active, domain, axis=1).any(axis=1)
        return np.flatnonzero(self.active[:, domain] & elsewhere)

    def items_of(self, domain: int) -> NDArray[np.int64]:
        """Numbers of one domain's items, ascending."""
        return np.flatnonzero(self.item_domain == domain)

    def outside(self, matrix: sp.csr_matrix, domain: int) -> sp.csr_matrix:
        """The rows of ``matrix [B, I]`` with one domain's columns emptied.

        Args:
            matrix: ``[B, I]``.
            domain: Number of the domain whose columns are emptied.
        """
        return without_domain(matrix, self.item_domain, domain)


def without_domain(
    matrix: sp.csr_matrix, item_domain: NDArray[np.integer], domain: int
) -> sp.csr_matrix:
    """The rows of ``matrix`` with one domain's columns emptied; no zeros are stored.

    Args:
        matrix: ``[B, I]``.
        item_domain: ``[I]`` number of each item's domain.
        domain: Number of the domain whose columns are emptied.
    """
    # A product, whose order of columns within a row the fingerprints of splits hold.
    others = sp.diags((item_domain != domain).astype(np.float32))
    emptied = sp.csr_matrix(matrix @ others)
    emptied.eliminate_zeros()
    return emptied


def liked_matrix(rows: list[list[int]], num_items: int) -> sp.csr_matrix:
    """Item numbers per user as a ``[B, I]`` matrix of ones.

    Args:
        rows: Item numbers of each user.
        num_items: I.

    Example:
        >>> liked_matrix([[2, 0], []], 3).toarray().tolist()
        [[1.0, 0.0, 1.0], [0.0, 0.0, 0.0]]
    """
    indptr = np.cumsum([0, *(len(set(row)) for row in rows)])
    indices = np.array([i for row in rows for i in sorted(set(row))], dtype=np.int64)
    return sp.csr_matrix(
        (np.ones(len(indices), np.float32), indices, indptr), shape=(len(rows), num_items)
    )


def _rows(snapshot: Snapshot) -> NDArray[np.int64]:
    """Number the connected components of ``SAME_AS``, by their first account."""
    users = snapshot.num_users
    left, right = snapshot.same_as
    links = sp.csr_matrix((np.ones(len(left)), (left, right)), shape=(users, users))
    _, component = connected_components(links, directed=False)
    _, first = np.unique(component, return_index=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return np.asarray(rank[component], dtype=np.int64)


def _ones(
    rows: NDArray[np.integer], columns: NDArray[np.integer], shape: tuple[int, int]
) -> sp.csr_matrix:
    matrix = sp.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=shape)
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
    matrix.sort_indices()
    return matrix


def count_inside(
    items: sp.csr_matrix, item_domain: NDArray[np.int32], domain: int
) -> NDArray[np.int64]:
    """``[B]`` how many items of ``domain`` each row of ``items [B, I]`` has.

    Args:
        histories: Ones ``[B, I]`` where a user likes an item.
        item_domain: Number of the domain of each item ``[I]``.
        domain: Number of the domain that is counted.

    Example:
        >>> liked = liked_matrix([[0, 2], [1]], 3)
        >>> count_inside(liked, np.array([0, 1, 0], np.int32), 0).tolist()
        [2, 0]
    """
    before = np.concatenate(([0], np.cumsum(item_domain[items.indices] == domain)))
    return np.asarray(np.diff(before[items.indptr]), dtype=np.int64)


def by_root_of_length(histories: sp.csr_matrix) -> sp.csr_matrix:
    """Rows divided by the root of their length: a long history says more, not n times more."""
    length = np.maximum(np.diff(histories.indptr), 1).astype(np.float32)
    return scaled_rows(histories, length**-0.5)
