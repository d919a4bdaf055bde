"""Reads the history of one user by a query of the live graph, such as that of an anonymous session.

In:   a store, and a query in its own language: Cypher on Neo4j, SQL on DuckDB.
Out:  a :class:`kgrec.lookup.GivenHistory`. A query that writes is refused by the store.

What the query finds may hold items that the run does not know, such as those that came after the
training: they are left out of the history, and told in the log.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from graph_store.store import GraphStore
from kgrec.errors import InputError
from kgrec.lookup.history_files import history_of
from kgrec.lookup.keys import GivenHistory
from kgrec.lookup.names import KeyIndex

__all__ = ["HistoryQuery", "read_history_query"]

log = logging.getLogger(__name__)

_ADVICE = "return a column item, and where they are known time (Unix seconds) and kind"


@dataclass(frozen=True)
class HistoryQuery:
    """A query whose rows are the events of one user: ``item``, and maybe ``time`` and ``kind``.

    Without times the rows are taken in their order, oldest first.

    Example:
        >>> HistoryQuery(
        ...     "MATCH (:Visit {id: $id})-[v:VIEWED]->(i:Item) RETURN i.key AS item, v.at AS time",
        ...     {"id": "s-17"},
        ... ).parameters
        {'id': 's-17'}
    """

    text: str
    """The query."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Values of its parameters, which are bound and never become text of the query."""

    def __post_init__(self) -> None:
        if not isinstance(self.text, str) or not self.text.strip():
            raise InputError(f"a query for a history must be a text, got {self.text!r}; {_ADVICE}")


def read_history_query(
    store: GraphStore | None, query: HistoryQuery, known: KeyIndex
) -> GivenHistory:
    """The events that a query finds.

    Args:
        store: The live graph; None where the run was opened without one.
        query: The query.
        known: Keys of the items that the run knows.

    Raises:
        InputError: There is no live graph, the rows have no column ``item``, or none of them is an
            item of the run.
        GraphStoreError: The store refuses the query, e.g. because it writes.
    """
    if store is None:
        raise InputError(
            "a query for a history needs a live graph; name it with --store (store= in Python)"
        )
    found = store.query(query.text, **query.parameters)
    if found.height and "item" not in found.columns:
        raise InputError(
            f"the query for the history has no column item, it has {', '.join(found.columns)}; "
            f"{_ADVICE}"
        )
    if not found.height:
        raise InputError(
            "the query for the history found nothing; check its pattern and its parameters"
        )
    keys = found["item"].cast(pl.String)
    ours = pl.Series(known.find(keys.fill_null("").to_list()) >= 0)
    if not ours.any():
        raise InputError(
            f"none of the {found.height:,} rows that the query for the history found is an item of "
            f"the run, the first is {keys[0]!r}; items are named domain:item_id"
        )
    if not ours.all():
        log.info(
            "%s of %s rows of the query for the history are no items of the run and are left out",
            f"{(~ours).sum():,}", f"{found.height:,}",
        )  # fmt: skip
    return history_of(found.filter(ours), "the query for the history")
