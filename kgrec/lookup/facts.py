"""What is known of users and items at the moment of a question.

In:   the run's own snapshot; a live store is in :mod:`kgrec.lookup.store_facts`.
Out:  histories in order of time, tags, and which items satisfy a filter, in the item numbers of
      the run.

A user here is a person: all accounts joined by ``SAME_AS``. Nothing here scores.

Shapes: B users asked for   E events   I items   T tags
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray

from graph_store.errors import BadFilterError
from graph_store.filters import users_left_out
from graph_store.properties import PropertyCondition, typed_conditions, types_of
from graph_store.snapshot import NO_TIME
from graph_store.store import NodeFilter
from kgrec.data.histories import Histories
from kgrec.lookup.names import KeyIndex, not_found, unknown_user
from kgrec.trained import TrainedModel

__all__ = [
    "Facts",
    "ItemTags",
    "SnapshotFacts",
    "UserFacts",
    "ones",
    "property_mask",
    "user_facts",
    "warn_of_no_times",
]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class UserFacts:
    """Histories of the users asked for; the row of an unknown user is empty."""

    histories: Histories
    """What the model reads: liked items, oldest first, over all accounts."""
    met: Histories
    """All their events, liked or not: what is left out of an answer."""
    known: NDArray[np.bool_]
    """``[B]`` whether the graph has such a user."""

    @property
    def seen(self) -> sp.csr_matrix:
        """``[B, I]`` ones: the items of ``met``."""
        return self.met.items

    @property
    def liked(self) -> sp.csr_matrix:
        """``[B, I]`` ones: the items of ``histories``."""
        return self.histories.items


@dataclass(frozen=True)
class ItemTags:
    """Which item has which tag, of the items that were asked about."""

    matrix: sp.csr_matrix
    """``[I, T]`` ones; the rows of other items may be empty."""
    names: list[str]
    """``[T]`` sorted."""
    bearers: NDArray[np.float32]
    """``[T]`` number of items with the tag in the whole graph."""

    @cached_property
    def rarity(self) -> NDArray[np.float32]:
        """``[T]`` the logarithm of one in how many items has the tag; the more, the rarer."""
        items = max(1, self.matrix.shape[0])
        return np.asarray(np.log1p(items / np.maximum(self.bearers, 1.0)), dtype=np.float32)


class Facts(Protocol):
    """What lookups ask one graph about users, tags and times."""

    @property
    def where(self) -> str:
        """The graph's name, for messages."""
        ...

    def of_users(self, users: Sequence[str]) -> UserFacts:
        """Histories by user key ``[B]``; all accounts of a person (``SAME_AS``) are one history."""
        ...

    def item_tags(self, items: NDArray[np.int64]) -> ItemTags:
        """The tags of the items of these numbers."""
        ...

    def select(self, where: NodeFilter, items: NDArray[np.int64]) -> NDArray[np.bool_]:
        """``[len(items)]`` which of these items satisfy a filter, lists and domain aside.

        Args:
            where: The conditions; ``allow``, ``deny`` and ``domain`` may be passed over.
            items: Numbers of items of one domain.

        Raises:
            NotFoundError: A tag or a user of the filter is not in the graph.
            BadFilterError: A condition on a property or a pattern cannot be evaluated here.
        """
        ...


class SnapshotFacts:
    """The graph as it was when the run was trained."""

    def __init__(self, model: TrainedModel) -> None:
        self._model = model
        self._users = KeyIndex(model.snapshot.user_keys)

    @property
    def where(self) -> str:
        return f"the run {self._model.path}"

    def of_users(self, users: Sequence[str]) -> UserFacts:
        rows = self._users.find(users)
        known = rows >= 0
        snapshot, interactions = self._model.snapshot, self._model.interactions
        if not len(interactions.row_of_account):
            empty = Histories.of_lists([[] for _ in users], snapshot.num_items)
            return UserFacts(empty, empty, known)
        wanted = interactions.row_of_account[np.where(known, rows, 0)]
        events = self._events_of(
            np.flatnonzero(np.isin(interactions.row_of_account, wanted[known]))
        )
        return user_facts(
            wanted,
            known,
            interactions.row_of_account[snapshot.user[events]],
            snapshot.item[events],
            snapshot.weight[events] >= np.float32(interactions.positive_weight),
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

    @cached_property
    def _tags(self) -> ItemTags:
        snapshot = self._model.snapshot
        item, tag = snapshot.item_tag
        matrix = ones(item, tag, (snapshot.num_items, len(snapshot.tag_keys)))
        bearers = np.asarray(matrix.sum(axis=0), dtype=np.float32).ravel()
        return ItemTags(matrix, snapshot.tag_keys.tolist(), bearers)

    def item_tags(self, items: NDArray[np.int64]) -> ItemTags:
        return self._tags

    def select(self, where: NodeFilter, items: NDArray[np.int64]) -> NDArray[np.bool_]:
        snapshot = self._model.snapshot
        mask = self._by_tags(where, items)
        if where.since is not None:
            last = np.full(snapshot.num_items, NO_TIME, dtype=np.int64)
            np.maximum.at(last, snapshot.item, snapshot.at)
            if len(items) and (last[items] == NO_TIME).all():
                warn_of_no_times(self.where)
            mask &= last[items] >= where.since
        if where.min_popularity is not None or where.max_popularity is not None:
            number = np.bincount(snapshot.item, minlength=snapshot.num_items)[items]
            mask &= number >= (where.min_popularity or 0)
            if where.max_popularity is not None:
                mask &= number <= where.max_popularity
        mask &= self._by_properties(where, items)
        if users := users_left_out(where):
            found = self.of_users(users)
            for user, known in zip(users, found.known, strict=True):
                if not known:
                    raise unknown_user(user, where=self.where)
            mask &= ~np.isin(items, found.seen.indices)
        return mask

    def _by_properties(self, where: NodeFilter, items: NDArray[np.int64]) -> NDArray[np.bool_]:
        if where.cypher is not None:
            raise BadFilterError(
                f"a pattern in Cypher needs a live graph in Neo4j, and {self.where} is asked; name "
                f"the graph with --store neo4j://host:7687 (store= in Python)"
            )
        mask = np.ones(len(items), dtype=np.bool_)
        frame = self._model.snapshot.item_properties
        conditions = typed_conditions(where.properties, types_of(frame, but=()), where=self.where)
        for one in conditions:
            mask &= property_mask(frame[one.name].gather(items), one)
        return mask

    def _by_tags(self, where: NodeFilter, items: NDArray[np.int64]) -> NDArray[np.bool_]:
        mask = np.ones(len(items), dtype=np.bool_)
        if not (where.tags_any or where.tags_all or where.tags_none):
            return mask
        column = {name: number for number, name in enumerate(self._tags.names)}
        rows = self._tags.matrix[items]

        def count(names: Sequence[str]) -> NDArray[np.float32]:
            for name in names:
                if name not in column:
                    raise not_found("tag", name, self._tags.names, where=self.where)
            chosen = rows[:, [column[name] for name in dict.fromkeys(names)]]
            return np.asarray(chosen.sum(axis=1), dtype=np.float32).ravel()

        if where.tags_any:
            mask &= count(where.tags_any) > 0
        if where.tags_all:
            mask &= count(where.tags_all) == len(set(where.tags_all))
        if where.tags_none:
            mask &= count(where.tags_none) == 0
        return mask


def property_mask(values: pl.Series, condition: PropertyCondition) -> NDArray[np.bool_]:
    """``[N]`` which values satisfy a condition; one that is missing satisfies none.

    Args:
        values: ``[N]`` values of the property.
        condition: With a value of the property's own type.
    """
    value = condition.value
    compared = {
        "=": lambda: values == value, "!=": lambda: values != value,
        "<": lambda: values < value, "<=": lambda: values <= value,
        ">": lambda: values > value, ">=": lambda: values >= value,
        "in": lambda: values.is_in(list(value)),  # type: ignore[arg-type]
    }[condition.operator]()  # fmt: skip
    return np.asarray(compared.fill_null(value=False).to_numpy(), dtype=np.bool_)


def warn_of_no_times(where: str) -> None:
    """Say that a condition on times leaves nothing, since the graph knows none."""
    log.warning(
        "no interaction with these items has a time in %s, so a condition on times leaves "
        "nothing to recommend; ingest a log with times, or leave the condition out",
        where,
    )


def user_facts(
    wanted: NDArray[np.integer],
    known: NDArray[np.bool_],
    user: NDArray[np.integer],
    item: NDArray[np.integer],
    liked: NDArray[np.bool_],
    *,
    num_items: int,
    time: NDArray[np.int64],
    order: NDArray[np.int64],
    kind: NDArray[np.int16],
) -> UserFacts:
    """Histories of the users asked for, from events of which only theirs are used.

    Args:
        wanted: ``[B]`` number of the user asked for; of no meaning where ``known`` is False.
        known: ``[B]`` whether the graph has such a user.
        user: ``[E]`` number of each event's user.
        item: ``[E]`` item number; -1 for an item that the run does not know.
        liked: ``[E]`` whether the model reads the event.
        num_items: I.
        time: ``[E]`` Unix seconds, ``NO_TIME`` where unknown.
        order: ``[E]`` rank in the log.
        kind: ``[E]`` number of the kind.
    """
    numbers = np.unique(wanted[known])  # [W] each user once
    # The last row, that of somebody who is unknown, stays empty.
    row_of = np.where(known, np.searchsorted(numbers, wanted), len(numbers))
    used = np.isin(user, numbers) & (item >= 0)
    row = np.searchsorted(numbers, user)
    shape = (len(numbers) + 1, num_items)
    histories, met = (
        Histories.of_events(
            row[events], item[events], shape=shape,
            time=time[events], order=order[events], kind=kind[events],
        )
        for events in (used & liked, used)
    )  # fmt: skip
    return UserFacts(histories[row_of], met[row_of], known)


def ones(
    rows: NDArray[np.integer], columns: NDArray[np.integer], shape: tuple[int, int]
) -> sp.csr_matrix:
    """A matrix with a one at each place named, however often it is named.

    Args:
        rows: Row of each place ``[N]``.
        columns: Column of each place ``[N]``.
        shape: Rows and columns of the matrix.
    """
    matrix = sp.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=shape)
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
    return matrix
