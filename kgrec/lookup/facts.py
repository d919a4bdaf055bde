"""What is known of people and items at the moment of a question.

In:   the run's own snapshot, or a live store beside it.
Out:  histories, tags and times, in the item numbers of the run.

An item that came into the store after the training has no number in the run and is left
out of histories; a person who came later is answered like any other, since the model needs
only what they liked. Nothing here scores.

Shapes: B people asked for   I items   T tags
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from graph_store.errors import UnknownNodeError
from graph_store.schema import Label, RelType
from graph_store.snapshot import NO_TIME
from graph_store.store import GraphStore
from kgrec.data.interactions import POSITIVE_WEIGHT, histories
from kgrec.lookup.names import KeyIndex
from kgrec.trained import TrainedModel

__all__ = ["Facts", "ItemTags", "People", "SnapshotFacts", "StoreFacts"]

_ONE_BY_ONE = 32
"""Up to so many people a live store is asked person by person, above in one columnar read."""
_NEIGHBOURS = 1_000_000
"""More items than any person has: a history is never cut off."""


@dataclass(frozen=True)
class People:
    """Histories of the people asked for; a row of one who is unknown is empty."""

    liked: sp.csr_matrix
    """``[B, I]`` ones: what the model reads."""
    seen: sp.csr_matrix
    """``[B, I]`` ones: what is left out of an answer."""
    known: NDArray[np.bool_]
    """``[B]`` whether the graph has such a user."""


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
        interactions = self._model.interactions
        if not len(interactions.person_of_user):
            empty = histories([[] for _ in users], self._model.snapshot.num_items)
            return People(empty, empty, known)
        person = interactions.person_of_user[np.where(known, rows, 0)]
        keep = sp.diags(known.astype(np.float32)).tocsr()
        return People(
            _without_zeros(keep @ interactions.liked[person]),
            _without_zeros(keep @ interactions.seen[person]),
            known,
        )

    def item_tags(self) -> ItemTags:
        snapshot = self._model.snapshot
        item, tag = snapshot.item_tag
        return ItemTags(
            _ones(item, tag, (snapshot.num_items, len(snapshot.tag_keys))),
            snapshot.tag_keys.tolist(),
        )

    def last_times(self) -> NDArray[np.int64]:
        snapshot = self._model.snapshot
        last = np.full(snapshot.num_items, NO_TIME, dtype=np.int64)
        np.maximum.at(last, snapshot.item, snapshot.at)
        return last


class StoreFacts:
    """The graph as it is now in a store; each question reads anew."""

    def __init__(
        self, model: TrainedModel, store: GraphStore, *, positive_weight: float = POSITIVE_WEIGHT
    ) -> None:
        self._store = store
        self._items = KeyIndex(model.snapshot.item_keys)
        self._positive_weight = positive_weight

    @property
    def where(self) -> str:
        return f"the store {self._store.url}"

    def people(self, users: Sequence[str]) -> People:
        if len(users) <= _ONE_BY_ONE:
            return self._one_by_one(users)
        return self._all_at_once(users)

    def item_tags(self) -> ItemTags:
        frame = self._store.read_relationships(RelType.HAS_TAG)
        names = sorted(self._store.read_nodes(Label.TAG)["key"].to_list())
        item = self._items.find(frame["source"])
        tag = KeyIndex(np.array(names, dtype=np.str_)).find(frame["target"])
        ours = item >= 0
        return ItemTags(_ones(item[ours], tag[ours], (len(self._items.keys), len(names))), names)

    def last_times(self) -> NDArray[np.int64]:
        frame = (
            self._store.read_relationships(RelType.INTERACTED)
            .group_by("target")
            .agg(pl.col("at").max().fill_null(NO_TIME))
        )
        item = self._items.find(frame["target"])
        last = np.full(len(self._items.keys), NO_TIME, dtype=np.int64)
        last[item[item >= 0]] = frame["at"].to_numpy()[item >= 0]
        return last

    def _one_by_one(self, users: Sequence[str]) -> People:
        liked: list[list[int]] = []
        seen: list[list[int]] = []
        known = np.zeros(len(users), dtype=np.bool_)
        for row, user in enumerate(users):
            weights = self._weights_of(user)
            known[row] = weights is not None
            numbers = self._items.find(weights or {})
            strong = [w >= np.float32(self._positive_weight) for w in (weights or {}).values()]
            seen.append(numbers[numbers >= 0].tolist())
            liked.append(numbers[(numbers >= 0) & np.array(strong, dtype=np.bool_)].tolist())
        width = len(self._items.keys)
        return People(histories(liked, width), histories(seen, width), known)

    def _weights_of(self, user: str) -> dict[str, np.float32] | None:
        """Item keys with their highest weight over all accounts of a person; None if unknown."""
        weights: dict[str, np.float32] = {}
        asked: set[str] = set()
        waiting = [user]
        while waiting:
            account = waiting.pop()
            if account in asked:
                continue
            asked.add(account)
            try:
                around = self._store.neighbourhood(account, hops=1, limit=_NEIGHBOURS)
            except UnknownNodeError:
                return None
            if (Label.USER, account) not in around:
                return None
            for source, target, data in around.edges(data=True):
                if (Label.USER, account) not in (source, target):
                    continue
                other = target if source == (Label.USER, account) else source
                if other[0] == Label.USER:
                    waiting.append(other[1])
                elif other[0] == Label.ITEM and data.get("weight") is not None:
                    weight = np.float32(data["weight"])
                    weights[other[1]] = max(weights.get(other[1], weight), weight)
        return weights

    def _all_at_once(self, users: Sequence[str]) -> People:
        accounts = KeyIndex(self._store.read_nodes(Label.USER)["key"].to_numpy().astype(np.str_))
        rows = accounts.find(users)
        known = rows >= 0
        person_of = self._people(accounts)
        person = np.where(known, person_of[np.where(known, rows, 0)] if len(person_of) else -1, -1)
        wanted = np.unique(person[known])  # [W] people to read, a person once
        edges = self._store.read_relationships(RelType.INTERACTED)
        of_edge = person_of[accounts.find(edges["source"])] if edges.height else person_of[:0]
        item = self._items.find(edges["target"])
        ours = np.isin(of_edge, wanted) & (item >= 0)
        strong = edges["weight"].to_numpy().astype(np.float32) >= np.float32(self._positive_weight)
        shape = (len(wanted) + 1, len(self._items.keys))  # the last row stays empty
        row_of = np.searchsorted(wanted, person)
        row_of[~known] = len(wanted)
        at = np.searchsorted(wanted, of_edge)
        return People(
            _ones(at[ours & strong], item[ours & strong], shape)[row_of],
            _ones(at[ours], item[ours], shape)[row_of],
            known,
        )

    def _people(self, accounts: KeyIndex) -> NDArray[np.int64]:
        """``[U]`` the component of ``SAME_AS`` that each account belongs to."""
        links = self._store.read_relationships(RelType.SAME_AS)
        size = len(accounts.keys)
        graph = _ones(accounts.find(links["source"]), accounts.find(links["target"]), (size, size))
        return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def _ones(
    rows: NDArray[np.integer], columns: NDArray[np.integer], shape: tuple[int, int]
) -> sp.csr_matrix:
    matrix = sp.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=shape)
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
    return matrix


def _without_zeros(matrix: sp.csr_matrix) -> sp.csr_matrix:
    matrix.eliminate_zeros()
    matrix.sort_indices()
    return matrix
