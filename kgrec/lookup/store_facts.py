"""What is known of users and items in a live store at the moment of a question.

In:   a store, and the run whose numbers of items and kinds are used.
Out:  histories in order of time, tags and times; see :class:`kgrec.lookup.facts.Facts`.

An item that came into the store after the training has no number in the run and is left
out of histories; a user who came later is answered like any other, since the model needs
only what they liked. Nothing here scores.

Shapes: A accounts   E events
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from graph_store.errors import UnknownNodeError
from graph_store.schema import Label, RelType
from graph_store.snapshot import NO_TIME
from graph_store.store import GraphStore
from kgrec.data.interactions import POSITIVE_WEIGHT
from kgrec.lookup.facts import ItemTags, UserFacts, ones, user_facts
from kgrec.lookup.names import KeyIndex
from kgrec.trained import TrainedModel

__all__ = ["StoreFacts"]

_FEW = 32
"""Up to this number of users a store is asked about them only, above it is read in columns."""
_NO_KIND = -1
"""Number of a kind that the run does not know."""
_NO_LINKS = pl.DataFrame(schema={"source": pl.String, "target": pl.String})


class StoreFacts:
    """The graph as it is now in a store; each question reads anew.

    Args:
        model: The run whose numbers of items and kinds are used.
        store: The store that is read.
        positive_weight: Lowest weight of an interaction that counts as a like.
    """

    def __init__(
        self, model: TrainedModel, store: GraphStore, *, positive_weight: float = POSITIVE_WEIGHT
    ) -> None:
        self._store = store
        self._items = KeyIndex(model.snapshot.item_keys)
        self._kinds = {kind: number for number, kind in enumerate(model.snapshot.kinds)}
        self._positive_weight = positive_weight

    @property
    def where(self) -> str:
        return f"the store {self._store.url}"

    def of_users(self, users: Sequence[str]) -> UserFacts:
        if len(users) <= _FEW:
            return self._few(users)
        accounts = KeyIndex(self._store.read_nodes(Label.USER)["key"].to_numpy().astype(np.str_))
        return self._user_facts(
            users,
            accounts.find(users) >= 0,
            accounts,
            self._store.read_relationships(RelType.SAME_AS),
            self._store.read_relationships(RelType.INTERACTED),
        )

    def item_tags(self, items: NDArray[np.int64]) -> ItemTags:
        frame = self._store.read_relationships(RelType.HAS_TAG)
        names = sorted(self._store.read_nodes(Label.TAG)["key"].to_list())
        item = self._items.find(frame["source"])
        tag = KeyIndex(np.array(names, dtype=np.str_)).find(frame["target"])
        ours = item >= 0
        matrix = ones(item[ours], tag[ours], (len(self._items.keys), len(names)))
        return ItemTags(matrix, names, np.asarray(matrix.sum(axis=0), np.float32).ravel())

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

    def _few(self, users: Sequence[str]) -> UserFacts:
        """Read the accounts of these users, then their interactions."""
        accounts, links = set(users), [_NO_LINKS]
        asked = sorted(accounts)
        while asked:
            found = self._store.relationships_of(RelType.SAME_AS, asked)
            links.append(found)
            asked = sorted({*found["source"], *found["target"]} - accounts)
            accounts.update(asked)
        same_as = pl.concat(links)
        edges = self._store.relationships_of(RelType.INTERACTED, sorted(accounts))
        met = {*edges["source"], *same_as["source"], *same_as["target"]}
        return self._user_facts(
            users,
            np.array([user in met or self._is_known(user) for user in users], dtype=np.bool_),
            KeyIndex(np.array(sorted(accounts), dtype=np.str_)),
            same_as,
            edges,
        )

    def _is_known(self, user: str) -> bool:
        """Whether there is such a user, for one at whom there is no relationship."""
        try:
            return (Label.USER, user) in self._store.neighbourhood(user, hops=0)
        except UnknownNodeError:
            return False

    def _user_facts(
        self,
        users: Sequence[str],
        known: NDArray[np.bool_],
        accounts: KeyIndex,
        same_as: pl.DataFrame,
        edges: pl.DataFrame,
    ) -> UserFacts:
        person_of = _persons(accounts, same_as)  # [A]
        rows = accounts.find(users)
        wanted = person_of[np.where(known, rows, 0)] if len(person_of) else rows
        return user_facts(
            wanted,
            known,
            person_of[accounts.find(edges["source"])] if edges.height else person_of[:0],
            self._items.find(edges["target"]),
            edges["weight"].to_numpy().astype(np.float32) >= np.float32(self._positive_weight),
            num_items=len(self._items.keys),
            time=edges["at"].fill_null(NO_TIME).to_numpy(),
            order=edges["order"].fill_null(NO_TIME).to_numpy(),
            kind=edges["kind"]
            .replace_strict(self._kinds, default=_NO_KIND, return_dtype=pl.Int16)
            .to_numpy(),
        )


def _persons(accounts: KeyIndex, same_as: pl.DataFrame) -> NDArray[np.int64]:
    """``[A]`` number of the person that each account belongs to."""
    size = len(accounts.keys)
    ends = accounts.find(same_as["source"]), accounts.find(same_as["target"])
    components = connected_components(ones(*ends, (size, size)), directed=False)
    return np.asarray(components[1], dtype=np.int64)
