"""What is known of users and items in a live store at the moment of a question.

In:   a store, and the run whose numbers of items and kinds are used.
Out:  histories in order of time, tags, and which items satisfy a filter; see
      :class:`kgrec.lookup.facts.Facts`.

An item that came into the store after the training has no number in the run and is left
out of histories; a user who came later is answered like any other, since the model needs
only what they liked. Each question is one statement of the store, whatever it asks for, and none
reads a whole relationship type. Nothing here scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from graph_store.schema import Label, split_item_key
from graph_store.snapshot import NO_TIME
from graph_store.store import GraphStore, NodeFilter
from kgrec.data.interactions import POSITIVE_WEIGHT
from kgrec.lookup.facts import ItemTags, UserFacts, ones, user_facts, warn_of_no_times
from kgrec.lookup.names import KeyIndex, not_found, unknown_user
from kgrec.trained import TrainedModel

__all__ = ["StoreFacts"]

_SHORT = 1_000
"""Keys of a list of allowed items that are sent along."""
_NO_KIND = -1
"""Number of a kind that the run does not know."""


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
        """Histories by user key ``[B]``, by one statement for each thousand of users."""
        found = self._store.histories_of(users)
        # A person is named by the first of the accounts, which is the same for all of them.
        person = pl.col("account").min().over("user")
        accounts = found.accounts.with_columns(person.alias("person"))
        number_of = {key: at for at, key in enumerate(accounts["person"].unique().sort())}
        person_of_user = dict(accounts.select("user", "person").iter_rows())
        person_of_account = dict(accounts.select("account", "person").iter_rows())
        edges = found.interactions
        return user_facts(
            np.array([number_of.get(person_of_user.get(user, ""), 0) for user in users], np.int64),
            np.array([user in person_of_user for user in users], dtype=np.bool_),
            np.array([number_of[person_of_account[one]] for one in edges["source"]], np.int64),
            self._items.find(edges["target"]),
            edges["weight"].to_numpy().astype(np.float32) >= np.float32(self._positive_weight),
            num_items=len(self._items.keys),
            time=edges["at"].fill_null(NO_TIME).to_numpy(),
            order=edges["order"].fill_null(NO_TIME).to_numpy(),
            kind=edges["kind"]
            .replace_strict(self._kinds, default=_NO_KIND, return_dtype=pl.Int16)
            .to_numpy(),
        )

    def item_tags(self, items: NDArray[np.int64]) -> ItemTags:
        """The tags of the items of these numbers, by one statement."""
        found = self._store.tags_of(self._items.keys[items].tolist())
        names = sorted(found.bearers)
        tag = KeyIndex(np.array(names, dtype=np.str_)).find(found.rows["target"])
        matrix = ones(
            self._items.find(found.rows["source"]), tag, (len(self._items.keys), len(names))
        )
        bearers = np.array([found.bearers[name] for name in names], dtype=np.float32)
        return ItemTags(matrix, names, bearers)

    def select(self, where: NodeFilter, items: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which items satisfy a filter, by one statement; an error may take another one."""
        domain = split_item_key(str(self._items.keys[items[0]]))[0]
        # Lists are compared by the caller; a short one spares the store work.
        allow = where.allow if where.allow is None or len(where.allow) <= _SHORT else None
        found = self._store.select_items(replace(where, domain=domain, allow=allow, deny=()))
        for tag in found.unknown_tags:
            known = sorted(self._store.read_nodes(Label.TAG)["key"])
            raise not_found("tag", tag, known, where=self.where)
        for user in found.unknown_users:
            raise unknown_user(user, where=self.where)
        if not found.has_times:
            warn_of_no_times(self.where)
        mask = ~np.isin(items, self._items.find(found.refused))
        if found.passing is not None:
            mask &= np.isin(items, self._items.find(found.passing))
        return np.asarray(mask, dtype=np.bool_)
