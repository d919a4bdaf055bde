"""A graph in somebody's Neo4j becomes files of rows, from which an ingest goes on.

In:   the URL of a graph; a query, or a mapping such as ``:Customer-[:BOUGHT]->:Product``.
Out:  a folder of Parquet files, a page each, and the options with which to ingest them.

After each page the folder says how far it is, so that reading which was stopped goes on behind
the last page. A query goes on only if it has an ``ORDER BY``, since its rows have no fixed order
otherwise; it is then read from the beginning. The graph is never written to.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from graph_store.neo4j.other_graph import GraphMapping, OtherGraph, Page
from loaders.errors import BadSourceError
from loaders.item_properties import ItemProperty
from loaders.neo4j_values import column
from loaders.source import SourceOptions

__all__ = ["GraphPages", "mapping_of", "read_pages"]

log = logging.getLogger(__name__)

_ROWS = 50_000
"""Rows of a page of a query."""
_STATE = "state.json"

_OF_USER = ("user", "platform")
_OF_ITEM = ("item", "domain", "title", "description", "tags")
_OF_EVENT = ("rating", "time", "order", "kind", "event_id")

OnPage = Callable[[str, int], None]
"""Called with the name of a table and the number of its rows that were read."""


@dataclass(frozen=True)
class GraphPages:
    """What is read from a graph: queries, or one mapping."""

    queries: Sequence[str] = ()
    """Queries whose columns are named like fields: ``user``, ``item``, ``time`` ..."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """Values of the parameters of the queries."""
    mapping: str | None = None
    """``:Customer-[:BOUGHT]->:Product``; properties are named by the options' columns."""

    def folder(self, work_dir: Path, url: str, options: SourceOptions) -> Path:
        """The folder of the pages, of a name that only the same question to the same graph has.

        Args:
            work_dir: Folder to make it in.
            url: Address of the graph, without user and password.
            options: How the rows are to be read.
        """
        properties = sorted(map(str, options.item_properties.items()))
        asked = [list(self.queries), dict(self.params), self.mapping]
        meaning = [url, *asked, dict(options.columns), options.kind, properties]
        digest = hashlib.sha256(json.dumps(meaning, default=str).encode()).hexdigest()
        return work_dir / f"kgrec-neo4j-{digest[:16]}"


def mapping_of(text: str, options: SourceOptions) -> GraphMapping:
    """The mapping that a person wrote, with the properties that the options name.

    Args:
        text: ``:Customer-[:BOUGHT]->:Product``; several types with ``|`` between them.
        options: ``columns`` says which property holds which field.

    Raises:
        BadSourceError: The mapping has another form, or a field is missing or unknown.
    """
    found = re.fullmatch(
        r"\s*\(?\s*:([^()\[\]:|]+?)\s*\)?\s*-\[\s*:([^\]\[:]+)\]->\s*\(?\s*:([^()\[\]:|]+?)\s*\)?\s*",
        text,
    )
    if found is None:
        raise BadSourceError(
            f"--mapping must look like ':Customer-[:BOUGHT]->:Product', from users to items, "
            f"got {text!r}"
        )
    columns = dict(options.columns)
    for name in columns:
        if name not in (*_OF_USER, *_OF_ITEM, *_OF_EVENT):
            raise BadSourceError(
                f"--map {name}: a mapping of labels has the fields "
                f"{', '.join((*_OF_USER, *_OF_ITEM, *_OF_EVENT))}; read others with --query"
            )
    for name in ("user", "item"):
        if name not in columns:
            raise BadSourceError(
                f"--mapping needs the property that names each {name}: --map {name}=PROPERTY"
            )
    properties = {name: one.column for name, one in options.item_properties.items()}
    return GraphMapping(
        user_label=found[1],
        types=[name.strip() for name in found[2].split("|")],
        item_label=found[3],
        user_key=columns["user"],
        item_key=columns["item"],
        user_columns={name: columns[name] for name in _OF_USER[1:] if name in columns},
        event_columns={name: columns[name] for name in _OF_EVENT if name in columns},
        item_columns={name: columns[name] for name in _OF_ITEM[1:] if name in columns} | properties,
        kind_is_type="kind" not in columns and options.kind is None,
    )


def read_pages(
    graph: OtherGraph,
    what: GraphPages,
    options: SourceOptions,
    folder: Path,
    *,
    on_page: OnPage = lambda table, rows: None,
) -> SourceOptions:
    """Read all pages that are not in ``folder`` yet.

    Args:
        graph: The graph.
        what: What to read.
        options: How the rows are to be read.
        folder: Takes the pages; see :meth:`GraphPages.folder`.
        on_page: Told after each page.

    Returns:
        The options with which :func:`loaders.opening.open_source` takes the folder.

    Raises:
        BadSourceError: Neither queries nor a mapping are given, or both; a query has no rows; nodes
            cannot be told apart by their property.
        BadFilterError: A query would write, or is no Cypher.
    """
    if bool(what.queries) == (what.mapping is not None):
        raise BadSourceError(
            "the format neo4j needs either --query or --mapping, to say what to read of the graph"
        )
    folder.mkdir(parents=True, exist_ok=True)
    if what.mapping is None:
        for number, query in enumerate(what.queries, start=1):
            text = query.strip().removesuffix(";")
            graph.check_query(text, what.params)
            _query(graph, text, what.params, _Table(folder, f"query-{number}", on_page))
        return options
    mapping = mapping_of(what.mapping, options)
    _nodes(graph, mapping.item_label, mapping.item_key, _Table(folder, "items", on_page),
           lambda after: graph.items(mapping, after))  # fmt: skip
    _nodes(graph, mapping.user_label, mapping.user_key, _Table(folder, "events", on_page),
           lambda after: graph.events(mapping, after))  # fmt: skip
    given = options.item_properties.items()
    return replace(
        options,
        columns={name: name for name in options.columns},
        item_properties={name: ItemProperty(name, one.type) for name, one in given},
    )


class _Table:
    """The pages of one table in the folder, and how far they are."""

    def __init__(self, folder: Path, name: str, on_page: OnPage) -> None:
        self._folder = folder
        self.name = name
        self._on_page = on_page
        self._state_file = folder / f"{name}-{_STATE}"
        self.rows = self.pages = self.nodes = 0
        self.after: Any = None
        self.is_complete = False
        if self._state_file.is_file():
            state = json.loads(self._state_file.read_text(encoding="utf-8"))
            self.rows, self.pages, self.nodes = state["rows"], state["pages"], state["nodes"]
            self.after, self.is_complete = state["after"], state["is_complete"]
            at = datetime.fromtimestamp(self._state_file.stat().st_mtime, UTC)
            log.warning(
                "%s: %s rows were read until %s UTC and are not read again; remove %s to read all "
                "of the graph anew",
                name, f"{self.rows:,}", f"{at:%Y-%m-%d %H:%M}", folder,
            )  # fmt: skip

    def restart(self) -> None:
        self.rows = self.pages = self.nodes = 0
        for path in self._folder.glob(f"{self.name}-*.parquet"):
            path.unlink()

    def add(self, page: Page) -> None:
        """Keep a page; the state follows it, so that a kill in between reads it again."""
        if page.rows:
            columns = [
                column(name, [row[place] for row in page.rows])
                for place, name in enumerate(page.columns)
            ]
            path = self._folder / f"{self.name}-{self.pages + 1:06}.parquet"
            pl.DataFrame(columns).write_parquet(path)
            self.pages += 1
        self.rows += len(page.rows)
        self.nodes += page.nodes
        self.after = page.after
        self._save()
        self._on_page(self.name, self.rows)

    def finish(self) -> None:
        self.is_complete = True
        self._save()

    def _save(self) -> None:
        state = {"rows": self.rows, "pages": self.pages, "nodes": self.nodes,
                 "after": self.after, "is_complete": self.is_complete}  # fmt: skip
        aside = self._state_file.with_suffix(".partial")
        aside.write_text(json.dumps(state), encoding="utf-8")
        aside.replace(self._state_file)


def _query(graph: OtherGraph, text: str, params: Mapping[str, Any], table: _Table) -> None:
    if table.is_complete:
        return
    has_order = re.search(r"\border\s+by\b(?!.*\breturn\b)", text, re.IGNORECASE | re.DOTALL)
    if has_order and re.search(r"\b(skip|offset|limit)\b", text[has_order.end() :], re.IGNORECASE):
        has_order = None  # a second SKIP cannot follow

    def done() -> int:
        if not has_order:
            table.restart()
        return table.rows

    graph.run_query(text, params, done=done, take=table.add, page=_ROWS)
    if not table.rows:
        raise BadSourceError(f"the query gave no row; check it on {graph.url}: {text}")
    table.finish()


def _nodes(
    graph: OtherGraph,
    label: str,
    key: str,
    table: _Table,
    pages: Callable[[Any], Iterator[Page]],
) -> None:
    if table.is_complete:
        return
    nodes, named = graph.count(label, key)
    if not nodes:
        raise BadSourceError(f"{graph.url} has no node with the label {label!r}; check --mapping")
    if nodes > named:
        log.warning(
            "%s of %s %s nodes have no property %s and are left out",
            f"{nodes - named:,}", f"{nodes:,}", label, key,
        )  # fmt: skip
    for page in pages(table.after):
        table.add(page)
    if table.nodes < named:
        shutil.rmtree(table._folder, ignore_errors=True)
        raise BadSourceError(
            f"{named - table.nodes:,} of {named:,} {label} nodes could not be told apart by {key}: "
            f"its values must be all texts or all numbers, and each one that of one node; name "
            f"another property with --map, or read the graph with --query"
        )
    table.finish()
