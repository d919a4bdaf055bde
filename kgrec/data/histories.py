"""Histories of users: the items of each as a matrix, and the events themselves, oldest first.

In:   interactions of a :class:`graph_store.Snapshot`, lists of item numbers in the order in
      which they happened, or a matrix of ones, whose order is unknown.
Out:  :class:`Histories`, which every recommender scores.

Models without order read ``items`` only. Everything here works on arrays; nothing loops over
users or events.

Shapes: B users   I items   E events
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph_store.snapshot import NO_TIME, Snapshot
from kgrec.errors import InputError

__all__ = ["Histories"]

_NO_KIND = -1
"""Number of a kind that is unknown."""

Rows = NDArray[np.integer] | NDArray[np.bool_] | Sequence[int] | slice


@dataclass(frozen=True, eq=False)
class Histories:
    """What B users did: a matrix for models without order, and the events, oldest first.

    An item is in ``items[b]`` exactly if it is the item of an event of user ``b``. One user may
    have several events with one item: of several kinds, of several accounts, or repeated ones
    where the graph keeps every event.

    Example:
        >>> history = Histories.of_lists([[2, 0], [1]], num_items=3)
        >>> history.items.toarray().tolist()
        [[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
        >>> history.event_item.tolist(), history.offsets.tolist()
        ([2, 0, 1], [0, 2, 3])
        >>> history.last(1).event_item.tolist()
        [0, 1]
    """

    items: sp.csr_matrix
    """``[B, I]`` float32, 1 where a user has an event with the item."""
    event_item: NDArray[np.int32]
    """``[E]`` item number of each event, oldest first within a user."""
    event_time: NDArray[np.int64] | None
    """``[E]`` Unix seconds, ``graph_store.snapshot.NO_TIME`` where unknown; None: all unknown."""
    event_kind: NDArray[np.int16] | None
    """``[E]`` number of the event's kind in ``Snapshot.kinds``; None where kinds are unknown."""
    offsets: NDArray[np.int64]
    """``[B + 1]`` user ``b`` has the events ``offsets[b]`` to ``offsets[b + 1]`` (exclusive)."""
    has_order: bool = True
    """False where the order of events is unknown; they are then in order of item numbers."""

    def __post_init__(self) -> None:
        """Check that the arrays describe the same users and events.

        Raises:
            InputError: They do not.
        """
        users, events = self.items.shape[0], len(self.event_item)
        if len(self.offsets) != users + 1 or self.offsets[-1] != events:
            raise InputError(
                f"offsets must have {users + 1} entries and end at {events}, "
                f"got {len(self.offsets)} that end at {self.offsets[-1:].tolist()}"
            )
        for name, array in (("event_time", self.event_time), ("event_kind", self.event_kind)):
            if array is not None and len(array) != events:
                raise InputError(f"{name} must have {events} entries, got {len(array)}")

    # --- where histories come from --------------------------------------------------

    @classmethod
    def of_events(
        cls,
        user: NDArray[np.integer],
        item: NDArray[np.integer],
        *,
        shape: tuple[int, int],
        time: NDArray[np.int64] | None = None,
        order: NDArray[np.int64] | None = None,
        kind: NDArray[np.int16] | None = None,
    ) -> Self:
        """Sort events by user, then time, then ``order``, then as given; unknown times come first.

        Args:
            user: ``[E]`` row of each event's user, in any order.
            item: ``[E]`` its item number.
            shape: ``(B, I)``.
            time: ``[E]`` Unix seconds, ``NO_TIME`` where unknown.
            order: ``[E]`` rank of the event in its log; decides where times are equal or unknown.
            kind: ``[E]`` number of the event's kind.
        """
        keys = [key for key in (order, time) if key is not None]  # the last key sorts first
        by_user = np.lexsort([*keys, user])
        counts = np.bincount(user, minlength=shape[0])
        event_item = np.asarray(item[by_user], dtype=np.int32)
        return cls.of_sorted_events(
            event_item,
            _offsets(counts),
            num_items=shape[1],
            time=None if time is None else time[by_user],
            kind=None if kind is None else kind[by_user],
        )

    @classmethod
    def of_sorted_events(
        cls,
        event_item: NDArray[np.int32],
        offsets: NDArray[np.int64],
        *,
        num_items: int,
        time: NDArray[np.int64] | None = None,
        kind: NDArray[np.int16] | None = None,
        has_order: bool = True,
    ) -> Self:
        """Take events that are sorted by user, oldest first.

        Args:
            event_item: ``[E]`` item numbers.
            offsets: ``[B + 1]`` where the events of each user begin.
            num_items: I.
            time: ``[E]`` Unix seconds; None where all are unknown.
            kind: ``[E]`` numbers of kinds; None where unknown.
            has_order: False where the order of events is unknown.
        """
        items = _matrix(event_item, offsets, num_items)
        return cls(items, event_item, time, kind, offsets, has_order)

    @classmethod
    def of_snapshot(
        cls,
        snapshot: Snapshot,
        *,
        row_of_account: NDArray[np.integer] | None = None,
        keep: NDArray[np.bool_] | None = None,
    ) -> Self:
        """Histories of the users of a snapshot, the accounts of one row merged by time.

        Args:
            snapshot: The graph as columns.
            row_of_account: ``[A]`` row of each account (``User`` node); -1 leaves an account out.
                Accounts that share a row are one person. None gives every account its own row.
            keep: ``[E]`` which interactions to use; None uses all.
        """
        row = np.arange(snapshot.num_users) if row_of_account is None else row_of_account
        row_of_event = row[snapshot.user]
        used = row_of_event >= 0 if keep is None else keep & (row_of_event >= 0)
        return cls.of_events(
            row_of_event[used],
            snapshot.item[used],
            shape=(int(row.max(initial=-1)) + 1, snapshot.num_items),
            time=snapshot.at[used],
            order=snapshot.order[used],
            kind=snapshot.kind[used],
        )

    @classmethod
    def of_lists(
        cls,
        lists: Sequence[Sequence[int]],
        num_items: int,
        *,
        times: Sequence[Sequence[int]] | None = None,
    ) -> Self:
        """Histories as given: item numbers of each user, oldest first.

        Args:
            lists: Item numbers per user; a number may come again.
            num_items: I.
            times: Unix seconds of each item, in lists of the same lengths. The order stays the
                one given.

        Raises:
            InputError: A number is not in ``[0, num_items)``, or ``times`` has other lengths.
        """
        offsets = _offsets(np.array([len(row) for row in lists], dtype=np.int64))
        event_item = _flat(lists)
        if len(event_item) and not 0 <= event_item.min() <= event_item.max() < num_items:
            raise InputError(
                f"item numbers must lie in [0, {num_items}), "
                f"got {event_item.min()} to {event_item.max()}"
            )
        if times is not None and [len(row) for row in times] != [len(row) for row in lists]:
            raise InputError("times must have one entry for each item of each list")
        time = None if times is None else _flat(times)
        return cls.of_sorted_events(
            event_item.astype(np.int32), offsets, num_items=num_items, time=time
        )

    @classmethod
    def of_matrix(cls, items: sp.csr_matrix) -> Self:
        """Histories whose order is unknown, from a matrix ``[B, I]`` of ones."""
        items = sp.csr_matrix(items, dtype=np.float32)
        if not items.has_sorted_indices:
            items = items.sorted_indices()
        return cls(
            items=items,
            event_item=items.indices.astype(np.int32),
            event_time=None,
            event_kind=None,
            offsets=items.indptr.astype(np.int64),
            has_order=False,
        )

    # --- size and order -------------------------------------------------------------

    def __len__(self) -> int:
        """B."""
        return int(self.items.shape[0])

    @property
    def num_items(self) -> int:
        """I."""
        return int(self.items.shape[1])

    @property
    def lengths(self) -> NDArray[np.int64]:
        """``[B]`` number of events of each user."""
        return np.diff(self.offsets)

    def require_order(self, reader: str) -> None:
        """Check that the order of events is known; a model that learns from order calls this.

        Args:
            reader: Name of the model, for the message.

        Raises:
            InputError: The histories were made from a matrix, whose order is arbitrary.
        """
        if not self.has_order:
            raise InputError(
                f"{reader} reads the order of a history, and these histories were made from a "
                f"matrix without order; pass Interactions.histories() or Histories.of_lists(...)"
            )

    # --- parts of it ----------------------------------------------------------------

    def __getitem__(self, rows: Rows) -> Self:
        """The histories of some users, in the order of ``rows`` (numbers, a mask or a slice)."""
        numbers = np.arange(len(self))[rows]
        if len(numbers) == len(self) and (numbers == np.arange(len(self))).all():
            return self
        counts = self.lengths[numbers]
        offsets = _offsets(counts)
        starts = np.repeat(self.offsets[:-1][numbers] - offsets[:-1], counts)
        events = starts + np.arange(offsets[-1])
        return self._with_events(events, offsets, items=self.items[numbers])

    def keep_events(self, mask: NDArray[np.bool_]) -> Self:
        """Only the events of ``mask [E]``; the order and the users stay."""
        before = np.concatenate(([0], np.cumsum(mask)))  # [E + 1] kept events before each event
        return self._with_events(np.flatnonzero(mask), before[self.offsets])

    def keep_items(self, mask: NDArray[np.bool_]) -> Self:
        """Only the events whose item is in ``mask [I]``; the order and the users stay."""
        return self.keep_events(mask[self.event_item])

    def among(self, matrix: sp.csr_matrix) -> Self:
        """Only the events whose user and item are a one of ``matrix [B, I]``; the order stays."""
        users = np.repeat(np.arange(len(self)), self.lengths)
        allowed = np.repeat(np.arange(len(self)), np.diff(matrix.indptr))
        pairs = users * self.num_items + self.event_item
        return self.keep_events(np.isin(pairs, allowed * self.num_items + matrix.indices))

    def last(self, count: int) -> Self:
        """The ``count`` latest events of each user."""
        from_end = np.repeat(self.offsets[1:], self.lengths) - np.arange(len(self.event_item))
        return self.keep_events(from_end <= count)

    def distinct(self) -> Self:
        """Each item once per user, at the place of its last event."""
        user = np.repeat(np.arange(len(self)), self.lengths)
        by_pair = np.lexsort((np.arange(len(user)), self.event_item, user))
        pair_user, pair_item = user[by_pair], self.event_item[by_pair]
        is_last = np.ones(len(user), dtype=np.bool_)
        is_last[:-1] = (pair_user[1:] != pair_user[:-1]) | (pair_item[1:] != pair_item[:-1])
        mask = np.zeros(len(user), dtype=np.bool_)
        mask[by_pair[is_last]] = True
        return self.keep_events(mask)

    def padded(self, length: int, *, padding: int) -> NDArray[np.int64]:
        """The latest items as a matrix ``[B, length]``, newest last, ``padding`` on the left.

        Args:
            length: Number of columns; older events are left out.
            padding: Value of the cells of users with fewer events.
        """
        from_end = np.repeat(self.offsets[1:], self.lengths) - np.arange(len(self.event_item))
        near = from_end <= length
        user = np.repeat(np.arange(len(self)), self.lengths)[near]
        matrix = np.full((len(self), length), padding, dtype=np.int64)
        matrix[user, length - from_end[near]] = self.event_item[near]
        return matrix

    def followed_by(self, later: Self) -> Self:
        """Each user's events, then those of the same row of ``later``.

        Where both have times, these decide.

        Args:
            later: Histories of the same number of users, over the same items.
        """
        user = np.concatenate([np.repeat(np.arange(len(h)), h.lengths) for h in (self, later)])
        part = np.repeat([0, 1], [len(self.event_item), len(later.event_item)])
        item = np.concatenate([self.event_item, later.event_item])
        time = _joined(self.event_time, later.event_time, part, NO_TIME)
        kind = _joined(self.event_kind, later.event_kind, part, _NO_KIND)
        timed = self.event_time is not None and later.event_time is not None
        by_user = np.lexsort((part, time, user) if timed and time is not None else (part, user))
        return type(self).of_sorted_events(
            item[by_user],
            self.offsets + later.offsets,
            num_items=self.num_items,
            time=None if time is None else time[by_user],
            kind=None if kind is None else kind[by_user],
            has_order=self.has_order and later.has_order,
        )

    def _with_events(
        self,
        events: NDArray[np.int64],
        offsets: NDArray[np.int64],
        *,
        items: sp.csr_matrix | None = None,
    ) -> Self:
        event_item = self.event_item[events]
        return type(self)(
            items=_matrix(event_item, offsets, self.num_items) if items is None else items,
            event_item=event_item,
            event_time=None if self.event_time is None else self.event_time[events],
            event_kind=None if self.event_kind is None else self.event_kind[events],
            offsets=offsets,
            has_order=self.has_order,
        )


def _joined(
    left: NDArray[Any] | None, right: NDArray[Any] | None, part: NDArray[np.int64], missing: int
) -> NDArray[Any] | None:
    """One array of both parts; ``missing`` stands where a part has none."""
    if left is None and right is None:
        return None
    joined = np.full(len(part), missing, dtype=(left if left is not None else right).dtype)  # type: ignore[union-attr]
    for number, array in enumerate((left, right)):
        if array is not None:
            joined[part == number] = array
    return joined


def _offsets(counts: NDArray[np.integer]) -> NDArray[np.int64]:
    offsets = np.zeros(len(counts) + 1, dtype=np.int64)
    np.cumsum(counts, out=offsets[1:])
    return offsets


def _flat(lists: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    return np.concatenate([np.empty(0, np.int64), *(np.asarray(row, np.int64) for row in lists)])


def _matrix(
    event_item: NDArray[np.integer], offsets: NDArray[np.int64], num_items: int
) -> sp.csr_matrix:
    """``[B, I]`` of ones, each row's columns ascending and once each."""
    matrix = sp.csr_matrix(
        (np.ones(len(event_item), np.float32), event_item.copy(), offsets),
        shape=(len(offsets) - 1, num_items),
    )
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
    return matrix
