"""Reads a graph in Neo4j that kgrec did not make, page by page, and never writes to it.

In:   a URL, and a query or a mapping of labels and types.
Out:  pages of rows, each with the place from which the next one goes on.

Every statement runs in a reading transaction, which the server does not let write; a query is also
refused before it is run if its plan writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from graph_store.errors import BadFilterError
from graph_store.neo4j import other_graph_statements as statements
from graph_store.neo4j.connection import Connection, Transaction, open_driver
from graph_store.neo4j.other_graph_statements import GraphMapping
from graph_store.neo4j.read_only import check_reads_only
from graph_store.neo4j.settings import read_settings

__all__ = ["GraphMapping", "OtherGraph", "Page"]

_NODES = 2_000
"""Nodes of one page of a mapping."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows, and where the next page begins."""

    columns: list[str]
    rows: list[list[Any]]
    after: Any
    """Last value of the property by which pages are cut; None for a query."""
    nodes: int = 0
    """Nodes that the rows are of; 0 for a query."""


class OtherGraph:
    """A connection to a graph that is only read.

    Args:
        url: ``neo4j://user@host:7687/database``; see
            :func:`graph_store.neo4j.settings.read_settings`.
        wait: Seconds for which a server that does not answer is waited for.

    Raises:
        BadStoreUrlError: ``url`` is no Neo4j URL.
        StoreUnavailableError: No server answers, or it refuses the password.
    """

    def __init__(self, url: str, *, wait: float | None = None) -> None:
        settings = read_settings(url)
        self._db = Connection(
            open_driver(settings),
            shown=settings.shown,
            database=settings.database,
            uri=settings.uri,
            has_password=settings.password is not None,
            wait=wait,
            connect_timeout=settings.connect_timeout,
        )
        try:
            self._db.first_contact(lambda tx: tx.run("RETURN 1").consume())
        except BaseException:
            self._db.close()
            raise

    @property
    def url(self) -> str:
        """The address without user and password."""
        return self._db.shown

    def check_query(self, query: str, params: Mapping[str, Any]) -> None:
        """Refuse a query that writes or cannot be read.

        Raises:
            BadFilterError: It would write, or is no Cypher.
        """
        check_reads_only(
            self._db, statements.explain(query), dict(params), what="the query",
            only_the_graph=False,
        )  # fmt: skip

    def run_query(
        self,
        query: str,
        params: Mapping[str, Any],
        *,
        done: Callable[[], int],
        take: Callable[[Page], None],
        page: int,
    ) -> None:
        """Hand the rows of a query on, in pages, within one reading transaction.

        A connection that is lost is opened again, and the query goes on behind ``done()``.

        Args:
            query: A query that was checked.
            params: Its parameters.
            done: How many of its rows were taken; above 0 only where the query has an order.
            take: Takes a page.
            page: Rows of a page.
        """

        def work(tx: Transaction) -> None:
            result = tx.run(statements.query_from(query, done()), dict(params))
            columns = list(result.keys())
            while rows := [list(record.values()) for record in result.fetch(page)]:
                take(Page(columns, rows, None))

        self._db.read(work)

    def events(self, mapping: GraphMapping, after: Any) -> Iterator[Page]:
        """Pages of interactions of the users behind the key ``after``; None: of all."""
        names = statements.event_names(mapping)
        return self._pages(lambda first: statements.events_page(mapping, first=first), names, after)

    def items(self, mapping: GraphMapping, after: Any) -> Iterator[Page]:
        """Pages of the items behind the key ``after``; None: of all."""
        names = statements.item_names(mapping)
        return self._pages(lambda first: statements.items_page(mapping, first=first), names, after)

    def count(self, label: str, key: str) -> tuple[int, int]:
        """How many nodes have a label, and how many of them a property.

        Args:
            label: The label.
            key: The property.
        """
        (record,) = self._db.rows(statements.count_nodes(label, key))
        return int(record["nodes"]), int(record["named"])

    def _pages(
        self, statement: Callable[[bool], str], columns: list[str], after: Any
    ) -> Iterator[Page]:
        while True:
            found = self._db.rows(statement(after is None), after=after, page=_NODES)
            if not found:
                return
            rows = [row for record in found for row in record["rows"]]
            after = found[-1]["after"]
            if not isinstance(after, str | int | float) or isinstance(after, bool):
                raise BadFilterError(
                    f"the ids of nodes must be texts or numbers, got {after!r}; name another "
                    f"property with --map user=PROPERTY or --map item=PROPERTY"
                )
            yield Page(columns, rows, after, len(found))

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
