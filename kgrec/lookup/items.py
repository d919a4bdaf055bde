"""Finds an item by key or title, and names items as they came in.

In:   a snapshot.
Out:  item numbers, titles, and the columns of answers. Nothing here ranks.
"""

from __future__ import annotations

from functools import cached_property

import polars as pl

from graph_store.schema import split_item_key
from graph_store.snapshot import Snapshot
from kgrec.errors import InputError, NotFoundError
from kgrec.lookup.names import KeyIndex, near_names

__all__ = ["ItemNames"]


class ItemNames:
    """Keys, ids and titles of a snapshot's items."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self.index = KeyIndex(snapshot.item_keys)

    @cached_property
    def title_of(self) -> dict[str, str | None]:
        """Title by key."""
        return dict(zip(self._snapshot.item_keys.tolist(), self._snapshot.titles, strict=True))

    @cached_property
    def keys(self) -> pl.Series:
        """``[I]`` each item's key."""
        return pl.Series(self._snapshot.item_keys.tolist(), dtype=pl.String)

    @cached_property
    def titles(self) -> pl.Series:
        """``[I]`` each item's title, null where there is none."""
        return pl.Series(list(self._snapshot.titles), dtype=pl.String)

    @cached_property
    def domains(self) -> pl.Series:
        """``[I]`` name of each item's domain."""
        keys = pl.Series(self._snapshot.domain_keys.tolist(), dtype=pl.String)
        return keys.gather(self._snapshot.item_domain)

    @cached_property
    def ids(self) -> pl.Series:
        """``[I]`` each item's id within its domain, as it came in."""
        keys = self._snapshot.item_keys.tolist()
        return pl.Series([split_item_key(key)[1] for key in keys], dtype=pl.String)

    @cached_property
    def table(self) -> pl.DataFrame:
        """``[I]`` key, id, domain and title of each item: one place to take lines from."""
        columns = (("key", self.keys), ("item_id", self.ids), ("domain", self.domains),
                   ("title", self.titles))  # fmt: skip
        return pl.DataFrame([series.alias(name) for name, series in columns])

    @cached_property
    def _by_title(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for number, title in enumerate(self._snapshot.titles):
            if title:
                found.setdefault(title.casefold(), []).append(number)
        return found

    def number(self, item: str, where: str) -> int:
        """Number of the item with this key, or with this title if only one has it.

        Raises:
            InputError: Several items have this title.
            NotFoundError: None has; the message names near matches.
        """
        number = self.index.number(item)
        if number is not None:
            return number
        titled = self._by_title.get(item.casefold(), [])
        if len(titled) == 1:
            return titled[0]
        if titled:
            keys = ", ".join(repr(str(self._snapshot.item_keys[one])) for one in titled[:5])
            raise InputError(f"{len(titled)} items are called {item!r}; name one of {keys} by key")
        raise NotFoundError(f"no item {item!r} in {where}; {self._advice(item)}", name=item)

    def _advice(self, item: str) -> str:
        near = near_names(item, self.index.keys.tolist(), count=2)
        for title in near_names(item.casefold(), sorted(self._by_title), count=3):
            near.extend(str(self._snapshot.item_keys[one]) for one in self._by_title[title][:1])
        if not near:
            return "items are named domain:item_id, or by their whole title"
        shown = (
            repr(key) + (f" ({self.title_of[key]})" if self.title_of[key] else "")
            for key in list(dict.fromkeys(near))[:3]
        )
        return f"did you mean {' or '.join(shown)}?"
