"""Whom a question is about: users of the graph, a history, new events, a text, or several of these.

In:   keys, items and texts as a caller gives them, and which of the events count.
Out:  :class:`Asked`: the histories to score and what is left out of the answer; or one clear
      sentence. Nothing here scores.

Shapes: B users asked for   I items
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from graph_store.snapshot import NO_TIME
from graph_store.store import GraphStore
from kgrec.data.histories import Histories
from kgrec.errors import InputError
from kgrec.lookup.facts import Facts, UserFacts
from kgrec.lookup.history_options import HistoryOptions, narrowed
from kgrec.lookup.history_queries import HistoryQuery, read_history_query
from kgrec.lookup.items import ItemNames
from kgrec.lookup.keys import GivenHistory, Key, Keys, key_of, keys_of
from kgrec.lookup.names import unknown_user
from kgrec.trained import TrainedModel

__all__ = ["Asked", "AskedReader", "Asker"]


@dataclass(frozen=True)
class Asker:
    """Whom a question is about, as a caller says it.

    Raises:
        InputError: Nothing is given, things that exclude each other, or a weight out of range.
    """

    user: Key | None = None
    """Key of one user of the graph."""
    users: Keys | None = None
    """Keys of many."""
    history: Keys | GivenHistory | HistoryQuery | None = None
    """Liked items, or a query that finds them; beside ``user``, new events after those of the
    graph."""
    likes: str | None = None
    """What somebody likes, in their own words; alone, or beside a history."""
    dislikes: Keys | None = None
    """Items that are disliked: never recommended, and what is like them is ranked lower."""
    likes_weight: float = 0.5
    """Weight of ``likes`` beside a history, from 0 to 1."""
    dislikes_weight: float = 0.5
    """How far ``dislikes`` lower what is like them; 0 only leaves them out."""
    options: HistoryOptions = field(default_factory=HistoryOptions)
    """Which events count."""

    def __post_init__(self) -> None:
        given: Mapping[str, object] = {
            "user": self.user, "users": self.users, "history": self.history, "likes": self.likes,
        }  # fmt: skip
        found = [name for name, value in given.items() if value is not None]
        if not found:
            raise InputError(
                "give one of user, users, history and likes, or several of user, history and "
                "likes, got none"
            )
        if self.users is not None and len(found) > 1:
            raise InputError(
                f"users stands alone, got {' and '.join(found)}; ask for one user at a time where "
                f"events or a text are added"
            )
        if self.likes is not None:
            if not isinstance(self.likes, str):
                raise InputError(f"likes must be a text, got {type(self.likes).__name__}")
            if not self.likes.strip():
                raise InputError("likes must say something, got an empty text")
        for name in ("likes_weight", "dislikes_weight"):
            value = getattr(self, name)
            number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
            if not number or not 0 <= value <= 1:
                raise InputError(f"{name} must be a number from 0 to 1, got {value!r}")


@dataclass(frozen=True)
class Asked:
    """Users to answer for, in item numbers of the run."""

    names: list[str | None]
    """``[B]`` keys as they came in; None where no user of the graph was named."""
    facts: UserFacts
    """What counts as their history, and what is left out."""
    asker: Asker
    dislikes: NDArray[np.int64]
    """Numbers of disliked items."""

    @property
    def unknown(self) -> list[str]:
        """Keys that the graph does not have."""
        return [self.names[at] or "" for at in np.flatnonzero(~self.facts.known)]


class AskedReader:
    """Reads askers against one run and one graph.

    Args:
        model: The run.
        facts: The graph that users are looked up in.
        items: Keys and titles of the run's items.
        where: Name of the run, for messages.
        store: The live graph, which queries for a history are asked of.
    """

    def __init__(
        self,
        model: TrainedModel,
        facts: Facts,
        items: ItemNames,
        *,
        where: str,
        store: GraphStore | None = None,
    ) -> None:
        self._store = store
        self._model = model
        self._facts = facts
        self._items = items
        self._where = where

    def read(self, asker: Asker) -> Asked:
        """The users to answer for.

        Args:
            asker: Whom the question is about.

        Raises:
            InputError: A history is empty, or its events lack the times that an option reads.
            NotFoundError: An unknown user, item or kind of event; an unknown one of many users is
                none.
        """
        names, facts = self._known_users(asker)
        if asker.history is not None:
            given = self._given(asker.history)
            facts = replace(
                facts,
                histories=facts.histories.followed_by(given),
                met=facts.met.followed_by(given),
            )
        kinds = self._model.snapshot.kinds
        facts = narrowed(facts, asker.options, kinds, where=self._where)
        dislikes = np.zeros(0, np.int64)
        if asker.dislikes is not None:
            disliked = keys_of(asker.dislikes, "dislikes")
            dislikes = np.unique([self._items.number(one, self._where) for one in disliked])
        return Asked(names, facts, asker, dislikes.astype(np.int64))

    def _known_users(self, asker: Asker) -> tuple[list[str | None], UserFacts]:
        if asker.users is not None:
            keys = keys_of(asker.users, "users")
            return [*keys], self._facts.of_users(keys)
        if asker.user is not None:
            key = key_of(asker.user, "user")
            facts = self._facts.of_users([key])
            if not facts.known[0]:
                raise unknown_user(key, where=self._facts.where)
            return [key], facts
        empty = Histories.of_lists([[]], self._model.snapshot.num_items)
        return [None], UserFacts(empty, empty, np.ones(1, dtype=np.bool_))

    def _given(self, history: Keys | GivenHistory | HistoryQuery) -> Histories:
        """One history by item numbers, in the order given; where there are times, by them."""
        if isinstance(history, HistoryQuery):
            history = read_history_query(self._store, history, self._items.index)
        given = history
        if not isinstance(given, GivenHistory):
            given = GivenHistory(keys_of(given, "history"))
        if not given.items:
            raise InputError("history must be a list of one item or more, got an empty one")
        items = np.array([self._items.number(one, self._where) for one in given.items])
        time = kind = None
        if given.times is not None:
            time = np.array([NO_TIME if at is None else at for at in given.times], np.int64)
        if given.kinds is not None:
            numbers = {kind: number for number, kind in enumerate(self._model.snapshot.kinds)}
            kind = np.array([numbers.get(one or "", -1) for one in given.kinds], np.int16)
        shape = (1, self._model.snapshot.num_items)
        rows = np.zeros(len(items), np.int64)
        return Histories.of_events(rows, items, shape=shape, time=time, kind=kind)
