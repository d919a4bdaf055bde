"""Reads the graph from the embedded file: columns, counts, neighbourhoods.

In:   a cursor inside a reading transaction; labels, types, keys.
Out:  frames with the schema's columns, and small ``networkx`` graphs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import duckdb
import networkx as nx
import numpy as np
import polars as pl

from graph_store.batches import relationship_key
from graph_store.duckdb import statements as sql
from graph_store.duckdb.file import one_number, select
from graph_store.errors import UnknownNodeError
from graph_store.neighbourhood import LOOKUP_ORDER, Relationship, grow, types_at
from graph_store.properties import PROPERTY_DTYPES, PropertyType
from graph_store.schema import ENDS, ENRICHED, NODE_COLUMNS, RELATIONSHIP_COLUMNS, Label, RelType
from graph_store.store import DomainCounts, StoreCounts

__all__ = [
    "counts",
    "item_properties",
    "neighbourhood",
    "nodes",
    "relationships",
]


def nodes(cursor: duckdb.DuckDBPyConnection, label: Label) -> pl.DataFrame:
    """All nodes of a label, sorted by key; items with their properties."""
    columns = dict(NODE_COLUMNS[label])
    if label is Label.ITEM:
        columns |= {name: PROPERTY_DTYPES[kind] for name, kind in item_properties(cursor).items()}
    names = ", ".join(f'"{name}"' for name in columns)
    rows = select(cursor, f"SELECT {names} FROM {sql.node_table(label)}")
    return rows.cast(columns).sort("key")  # type: ignore[arg-type]


def item_properties(cursor: duckdb.DuckDBPyConnection) -> dict[str, PropertyType]:
    """The declared properties of items, sorted by name: the columns beside those of the schema."""
    kinds = {"DOUBLE": "number", "VARCHAR": "text", "BIGINT": "time"}
    rows = cursor.execute(
        "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = $1 "
        "ORDER BY column_name",
        [sql.node_table(Label.ITEM)],
    ).fetchall()
    own = {"id", *NODE_COLUMNS[Label.ITEM]}
    return {name: PropertyType(kinds[dtype]) for name, dtype in rows if name not in own}


def relationships(cursor: duckdb.DuckDBPyConnection, rel_type: RelType) -> pl.DataFrame:
    """All relationships of a type that are in force, sorted."""
    columns = RELATIONSHIP_COLUMNS[rel_type]
    names = "".join(f', r."{name}"' for name in columns)
    force, newest = "", ""
    if rel_type in ENRICHED:
        force = "JOIN run e ON e.number = r.run AND e.in_force"
        newest = "QUALIFY row_number() OVER (PARTITION BY source, target ORDER BY run DESC) = 1"
    rows = select(
        cursor,
        f"SELECT r.source, r.target{names} FROM {sql.relationship_table(rel_type)} r "
        f"{force} {newest}",
    )
    ends = {label: _keys(cursor, label) for label in set(ENDS[rel_type])}
    # Sorting small integers and looking keys up once is far quicker than sorting strings.
    source, target = (ends[label] for label in ENDS[rel_type])
    ranked = rows.with_columns(
        source=source[1].gather(rows["source"]), target=target[1].gather(rows["target"])
    ).sort(relationship_key(rel_type))
    return ranked.with_columns(
        source=source[0].gather(ranked["source"]), target=target[0].gather(ranked["target"])
    ).cast(dict(columns))  # type: ignore[arg-type]


def counts(cursor: duckdb.DuckDBPyConnection) -> StoreCounts:
    """Counts per label, type and domain."""
    nodes = {
        str(label): one_number(cursor.execute(f"SELECT count(*) FROM {sql.node_table(label)}"))
        for label in Label
    }
    relationships = {
        str(rel_type): one_number(cursor.execute(f'SELECT count(*) FROM "{rel_type}"'))
        for rel_type in RelType
    }
    rows = cursor.execute(
        """SELECT d.key, count(DISTINCT r.source), count(DISTINCT l.source), count(r.source)
        FROM node_domain d LEFT JOIN rel_in_domain l ON l.target = d.id
        LEFT JOIN rel_interacted r ON r.target = l.source GROUP BY d.key ORDER BY d.key"""
    ).fetchall()
    relationships = {
        name: n for name, n in relationships.items() if n or RelType(name) not in ENRICHED
    }
    return StoreCounts(
        nodes, relationships, {key: DomainCounts(*numbers) for key, *numbers in rows}
    )


def neighbourhood(
    cursor: duckdb.DuckDBPyConnection, key: str, *, hops: int, limit: int
) -> nx.MultiDiGraph[Any]:
    """What lies around a node; see :mod:`graph_store.neighbourhood`.

    Args:
        cursor: A cursor of the store.
        key: Key of the node in the middle.
        hops: Largest number of relationships between it and another node.
        limit: Largest number of other nodes.

    Raises:
        UnknownNodeError: No node has this key.
    """
    start = next((label for label in LOOKUP_ORDER if _named(cursor, label, [key]).height), None)
    if start is None:
        raise UnknownNodeError(f"the graph holds no user, item, tag or domain {key!r}")
    return grow(
        (start, key),
        hops=hops,
        limit=limit,
        relationships_at=lambda label, keys: _touching(cursor, label, keys, limit),
        nodes_named=lambda label, keys: _named(cursor, label, keys),
    )


def _keys(cursor: duckdb.DuckDBPyConnection, label: Label) -> tuple[pl.Series, pl.Series]:
    """Keys in order, and per node id the rank of its key among them."""
    nodes = select(cursor, f"SELECT id, key FROM {sql.node_table(label)}").sort("key")
    ids = nodes["id"].to_numpy()
    rank = np.zeros(ids.max(initial=-1) + 1, dtype=np.uint32)
    rank[ids] = np.arange(len(ids), dtype=np.uint32)
    return nodes["key"], pl.Series(rank)


def _named(cursor: duckdb.DuckDBPyConnection, label: Label, keys: Sequence[str]) -> pl.DataFrame:
    names = ", ".join(NODE_COLUMNS[label])
    return select(
        cursor,
        f"SELECT {names} FROM {sql.node_table(label)} WHERE key IN (SELECT unnest($1))",
        [list(keys)],
    )


def _touching(
    cursor: duckdb.DuckDBPyConnection, label: Label, keys: Sequence[str], limit: int
) -> list[Relationship]:
    """At most ``limit`` relationships per node, type and direction, the weightiest first."""
    found = []
    for rel_type, outward in types_at(label):
        near = "source" if outward else "target"
        weight = "weight DESC, " if rel_type is RelType.INTERACTED else ""
        names = "".join(f', "{name}"' for name in RELATIONSHIP_COLUMNS[rel_type])
        statement = (
            f'SELECT source, target{names} FROM "{rel_type}" WHERE {near} IN (SELECT unnest($1)) '
            f"QUALIFY row_number() OVER (PARTITION BY {near} ORDER BY {weight}source, target"
            f"{', kind, event' if weight else ''}) <= {int(limit)}"
        )
        rows = select(cursor, statement, [list(keys)])
        for row in rows.iter_rows(named=True):
            source, target = row.pop("source"), row.pop("target")
            found.append(Relationship(rel_type, source, target, row))
    return found
