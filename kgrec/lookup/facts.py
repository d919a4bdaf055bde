"""What is known of people and items at the moment of a question.

In:   the run's own snapshot; a live store is in :mod:`kgrec.lookup.store_facts`.
Out:  histories in order of time, tags and times, in the item numbers of the run.

Nothing here scores.

Shapes: B people asked for   E events   I items   T tags
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph_store.snapshot import NO_TIME
from kgrec.data.histories import Histories
from kgrec.lookup.names import KeyIndex
from kgrec.trained import TrainedModel

__all__ = ["Facts", "ItemTags", "People", "SnapshotFacts", "ones", "people_of"]


@dataclass(frozen=True)
class People:
    """Histories of the people asked for; a row of one who is unknown is empty."""

    histories: Histories
    """What the model reads: liked items, oldest first, over all accounts of a person."""
    seen: sp.csr_matrix
    """``[B, I]`` ones: what is left out of an answer."""
    known: NDArray[np.bool_]
    """``[B]`` whether the graph has such a user."""

    @property
    def liked(self) -> sp.csr_matrix:
        """``[B, I]`` ones: the items of ``histories``."""
        return self.histories.items


@dataclass(frozen=True)
class ItemTags:
    """Which item bears which tag."""

    matrix: sp.csr_matrix
    """``[I, T]`` ones."""
    names: list[str]
    """``[T]`` sorted."""


class Facts(Protocol):
    """Answers from one graph."""

    @property
    def where(self) -> str:
        """The graph's name, for messages."""
        ...

    def people(self, users: Sequence[str]) -> People:
        """Histories by user key; all accounts of a person (``SAME_AS``) are one history."""
        ...

    def item_tags(self) -> ItemTags:
        """All tags."""
        ...

    def last_times(self) -> NDArray[np.int64]:
        """``[I]`` Unix seconds of each item's last interaction, ``NO_TIME`` where unknown."""
        ...


class SnapshotFacts:
    """The graph as it was when the run was trained."""

    def __init__(self, model: TrainedModel) -> None:
        self._model = model
        self._users = KeyIndex(model.snapshot.user_keys)

    @property
    def where(self) -> str:
        return f"the run {self._model.path}"

    def people(self, users: Sequence[str]) -> People:
        rows = self._users.find(users)
        known = rows >= 0
        snapshot, log = self._model.snapshot, self._model.interactions
        if not len(log.row_of_account):
            empty = Histories.of_lists([[] for _ in users], snapshot.num_items)
            return People(empty, empty.items, known)
        wanted = log.row_of_account[np.where(known, rows, 0)]
        events = self._events_of(np.flatnonzero(np.isin(log.row_of_account, wanted[known])))
        return people_of(
            wanted,
            known,
            log.row_of_account[snapshot.user[events]],
            snapshot.item[events],
            snapshot.weight[events] >= np.float32(log.positive_weight),
            num_items=snapshot.num_items,
            time=snapshot.at[events],
            order=snapshot.order[events],
            kind=snapshot.kind[events],
        )

    def _events_of(self, accounts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows of the snapshot that are of these accounts; those of one lie together."""
        user = self._model.snapshot.user
        accounts = accounts.astype(user.dtype)  # of another type, the whole column is converted
        start = np.searchsorted(user, accounts)
        counts = np.searchsorted(user, accounts, side="right") - start
        before = np.cumsum(counts) - counts
        return np.repeat(start - before, counts) + np.arange(counts.sum())

    def item_tags(self) -> ItemTags:
        snapshot = self._model.snapshot
        item, tag = snapshot.item_tag
        return ItemTags(
            ones(item, tag, (snapshot.num_items, len(snapshot.tag_keys))),
            snapshot.tag_keys.tolist(),
        )

    def last_times(self) -> NDArray[np.int64]:
        snapshot = self._model.snapshot
        last = np.full(snapshot.num_items, NO_TIME, dtype=np.int64)
        np.maximum.at(last, snapshot.item, snapshot.at)
        return last


def people_of(
    wanted: NDArray[np.integer],
    known: NDArray[np.bool_],
    person: NDArray[np.integer],
    item: NDArray[np.integer],
    liked: NDArray[np.bool_],
    *,
    num_items: int,
    time: NDArray[np.int64],
    order: NDArray[np.int64],
    kind: NDArray[np.int16],
) -> People:
    """Histories of the persons asked for, from events of which only theirs are used.

    Args:
        wanted: ``[B]`` number of the person asked for; of no meaning where ``known`` is False.
        known: ``[B]`` whether the graph has such a user.
        person: ``[E]`` number of each event's person.
        item: ``[E]`` item number; -1 for an item that the run does not know.
        liked: ``[E]`` whether the model reads the event.
        num_items: I.
        time: ``[E]`` Unix seconds, ``NO_TIME`` where unknown.
        order: ``[E]`` rank in the log.
        kind: ``[E]`` number of the kind.
    """
    persons = np.unique(wanted[known])  # [W] each person once
    # The last row, that of somebody who is unknown, stays empty.
    row_of = np.where(known, np.searchsorted(persons, wanted), len(persons))
    used = np.isin(person, persons) & (item >= 0)
    row = np.searchsorted(persons, person)
    shape = (len(persons) + 1, num_items)
    read = used & liked
    histories = Histories.of_events(
        row[read], item[read], shape=shape, time=time[read], order=order[read], kind=kind[read]
    )
    seen = ones(row[used], item[used], shape)
    return People(histories[row_of], seen[row_of], known)


def ones(
    rows: NDArray[np.integer], columns: NDArray[np.integer], shape: tuple[int, int]
) -> sp.csr_matrix:
    """A matrix with a one at each place named, however often it is named."""
    matrix = sp.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=shape)
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
    return matrix
