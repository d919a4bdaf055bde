"""The Cypher that reads somebody else's graph: their query, or a mapping of their labels.

In:   a query; or labels, types and properties as somebody named them.
Out:  statement texts. Names are quoted, values travel as parameters; nothing here writes.

A mapping is read in pages of one node after the other in the order of a property, so that each
page begins behind the last value of the one before it. An index on that property makes it quick.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = [
    "GraphMapping",
    "count_nodes",
    "event_names",
    "events_page",
    "explain",
    "item_names",
    "items_page",
    "query_from",
]


@dataclass(frozen=True, slots=True)
class GraphMapping:
    """Which labels and types of a graph are users, interactions and items."""

    user_label: str
    types: Sequence[str]
    """Types of relationships from users to items."""
    item_label: str
    user_key: str
    """Property that names a user."""
    item_key: str
    """Property that names an item."""
    user_columns: Mapping[str, str]
    """Further columns of an interaction from the user: the column and the property."""
    event_columns: Mapping[str, str]
    """Columns of an interaction from the relationship: the column and the property."""
    item_columns: Mapping[str, str]
    """Columns of an item: the column and the property."""
    kind_is_type: bool
    """Whether the kind of an interaction is the type of its relationship, in lower case."""


def explain(statement: str) -> str:
    """The plan of a statement, which is not run."""
    return f"EXPLAIN {statement}"


def query_from(query: str, row: int) -> str:
    """The rows of a query that has an ``ORDER BY``, from one row on.

    Args:
        query: The query, without a semicolon at its end.
        row: Number of the first row.
    """
    return f"{query}\nSKIP {int(row)}" if row else query


def count_nodes(label: str, key: str) -> str:
    """``nodes`` and ``named``: nodes with the label, and those with the property."""
    return f"MATCH (n:{_quoted(label)}) RETURN count(n) AS nodes, count(n.{_quoted(key)}) AS named"


def events_page(mapping: GraphMapping, *, first: bool) -> str:
    """Interactions of a page of users: the last key, the number of users, columns, rows.

    Args:
        mapping: Names of the graph.
        first: Whether it is the page before which there is no ``$after``.
    """
    types = "|".join(_quoted(name) for name in mapping.types)
    values = [
        f"u.{_quoted(mapping.user_key)}",
        f"i.{_quoted(mapping.item_key)}",
        *(f"u.{_quoted(name)}" for name in mapping.user_columns.values()),
        *(f"r.{_quoted(name)}" for name in mapping.event_columns.values()),
        *(["i." + _quoted(mapping.item_columns["domain"])] if _has_domain(mapping) else []),
        *(["toLower(type(r))"] if mapping.kind_is_type else []),
    ]
    pattern = f"(u)-[r:{types}]->(i:{_quoted(mapping.item_label)})"
    return f"""
        {_page("u", mapping.user_label, mapping.user_key, first=first)}
        RETURN u.{_quoted(mapping.user_key)} AS after,
            [{pattern} | [{", ".join(values)}]] AS rows
        ORDER BY after
    """


def event_names(mapping: GraphMapping) -> list[str]:
    """The columns of the rows of :func:`events_page`."""
    return [
        "user", "item", *mapping.user_columns, *mapping.event_columns,
        *(["domain"] if _has_domain(mapping) else []), *(["kind"] if mapping.kind_is_type else []),
    ]  # fmt: skip


def items_page(mapping: GraphMapping, *, first: bool) -> str:
    """A page of items, a row each; see :func:`events_page`.

    Args:
        mapping: Names of the graph.
        first: Whether it is the page before which there is no ``$after``.
    """
    key = f"i.{_quoted(mapping.item_key)}"
    values = [key, *(f"i.{_quoted(name)}" for name in mapping.item_columns.values())]
    return f"""
        {_page("i", mapping.item_label, mapping.item_key, first=first)}
        RETURN {key} AS after, [[{", ".join(values)}]] AS rows ORDER BY after
    """


def item_names(mapping: GraphMapping) -> list[str]:
    """The columns of the rows of :func:`items_page`."""
    return ["item", *mapping.item_columns]


def _page(variable: str, label: str, key: str, *, first: bool) -> str:
    value = f"{variable}.{_quoted(key)}"
    where = f"{value} IS NOT NULL" if first else f"{value} > $after"
    return (
        f"MATCH ({variable}:{_quoted(label)}) WHERE {where} "
        f"WITH {variable} ORDER BY {value} LIMIT $page"
    )


def _has_domain(mapping: GraphMapping) -> bool:
    return "domain" in mapping.item_columns


def _quoted(name: str) -> str:
    return f"`{name.replace('`', '``')}`"
