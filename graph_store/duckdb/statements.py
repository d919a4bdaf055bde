"""The tables of the embedded file and the statements that fill them.

In:   labels and relationship types of :mod:`graph_store.schema`.
Out:  SQL texts. Nothing here opens a file.

Nodes have dense integer ids that never leave the file; relationships hold those ids, and
views named like the labels and types (``"Item"``, ``"INTERACTED"`` ...) show keys instead.
No table has an index: a batch is joined by hash, which at 100 million rows costs less
memory than an index and about as much time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from graph_store.properties import PROPERTY_DTYPES, PropertyType
from graph_store.schema import ENDS, ENRICHED, NODE_COLUMNS, RELATIONSHIP_COLUMNS, Label, RelType

__all__ = [
    "add_properties",
    "check_ends",
    "create_all",
    "match_ends",
    "merge_enriched",
    "merge_nodes",
    "merge_relationships",
    "node_table",
    "relationship_table",
    "vector_table",
]

_SQL_TYPES = {pl.String: "VARCHAR", pl.Float64: "DOUBLE", pl.Int64: "BIGINT"}


def node_table(label: Label) -> str:
    """Table of the nodes of one label."""
    return f"node_{label.lower()}"


def relationship_table(rel_type: RelType) -> str:
    """Table of the relationships of one type; for a derived type, those of every enrichment."""
    return f"rel_{rel_type.lower()}"


def vector_table(label: Label) -> str:
    """Table of the vectors of one label, those of every enrichment."""
    return f"vector_{label.lower()}"


def create_all() -> list[str]:
    """Tables, then the views that people query."""
    tables = [
        "CREATE TABLE kgrec_meta (name VARCHAR, value VARCHAR)",
        'CREATE TABLE job (job VARCHAR, kind VARCHAR, source VARCHAR, stage VARCHAR, "offset" '
        "BIGINT, started_at BIGINT, finished_at BIGINT, summary VARCHAR, number INTEGER)",
        "CREATE TABLE run (number INTEGER, name VARCHAR, job VARCHAR, at_time BIGINT, "
        "finished BOOLEAN, in_force BOOLEAN, counts VARCHAR)",
    ]
    views = []
    for label, columns in NODE_COLUMNS.items():
        tables.append(f"CREATE TABLE {node_table(label)} (id INTEGER NOT NULL{_declare(columns)})")
        tables.append(
            f"CREATE TABLE {vector_table(label)} (run INTEGER, id INTEGER, vector FLOAT[])"
        )
        views.append(f"CREATE {_node_view(label, list(columns))}")
    for rel_type, columns in RELATIONSHIP_COLUMNS.items():
        run = "run INTEGER NOT NULL, " if rel_type in ENRICHED else ""
        tables.append(
            f"CREATE TABLE {relationship_table(rel_type)} "
            f"({run}source INTEGER NOT NULL, target INTEGER NOT NULL{_declare(columns)})"
        )
        views.append(_view(rel_type))
    return tables + views


def add_properties(
    known: Mapping[str, PropertyType], fresh: Mapping[str, PropertyType]
) -> list[str]:
    """Columns of items for further properties, and the view that shows all of them.

    Args:
        known: The properties that the table has.
        fresh: Those that it gets.
    """
    table = node_table(Label.ITEM)
    names = [*NODE_COLUMNS[Label.ITEM], *sorted({*known, *fresh})]
    return [
        *(
            f'ALTER TABLE {table} ADD COLUMN "{name}" {_SQL_TYPES[type(PROPERTY_DTYPES[kind])]}'
            for name, kind in fresh.items()
        ),
        f"CREATE OR REPLACE {_node_view(Label.ITEM, names)}",
    ]


def merge_nodes(label: Label, properties: Sequence[str] = ()) -> str:
    """Write the registered frame ``incoming``; a null never erases what is known.

    Args:
        label: Label of the nodes.
        properties: Names of the columns of ``incoming`` beside those of the schema.
    """
    table = node_table(label)
    columns = [f'"{name}"' for name in (*NODE_COLUMNS[label], *properties)]
    rest = columns[1:]
    update = ""
    if rest:
        changed = " OR ".join(f"coalesce(b.{c}, n.{c}) IS DISTINCT FROM n.{c}" for c in rest)
        values = ", ".join(f"{c} = coalesce(b.{c}, n.{c})" for c in rest)
        update = f"WHEN MATCHED AND ({changed}) THEN UPDATE SET {values} "
    names = ", ".join(columns)
    # Only a new key takes a number, so that numbers stay dense however often a source is read.
    return (
        f"MERGE INTO {table} AS n USING ("
        f"SELECT {names}, (SELECT coalesce(max(id), -1) FROM {table}) "
        f"+ row_number() OVER (PARTITION BY fresh ORDER BY key) AS id FROM ("
        f"SELECT i.*, k.key IS NULL AS fresh FROM incoming i "
        f"LEFT JOIN (SELECT key FROM {table}) k ON k.key = i.key)) AS b ON n.key = b.key {update}"
        f"WHEN NOT MATCHED THEN INSERT (id, {names}) "
        f"VALUES (b.id, {', '.join(f'b.{c}' for c in columns)})"
    )


def match_ends(rel_type: RelType) -> str:
    """Turn the registered frame ``incoming`` into the temporary table ``batch`` of ids."""
    source, target = ENDS[rel_type]
    values = "".join(f', i."{name}"' for name in RELATIONSHIP_COLUMNS[rel_type])
    return (
        "CREATE OR REPLACE TEMP TABLE batch AS SELECT s.id AS source, t.id AS target, "
        f"i.source AS source_key, i.target AS target_key{values} FROM incoming i "
        f"LEFT JOIN {node_table(source)} s ON s.key = i.source "
        f"LEFT JOIN {node_table(target)} t ON t.key = i.target"
    )


def check_ends() -> str:
    """One row of ``batch`` whose ends are not both known: which keys, and which are lost."""
    return (
        "SELECT source_key, target_key, source IS NULL FROM batch "
        "WHERE source IS NULL OR target IS NULL ORDER BY 1, 2 LIMIT 1"
    )


def merge_relationships(rel_type: RelType) -> str:
    """Write ``batch``; of two statements the later stands, else the one written last.

    The first time is the earliest that any statement names.
    """
    columns = list(RELATIONSHIP_COLUMNS[rel_type])
    on = "r.source = b.source AND r.target = b.target"
    update = ""
    if rel_type is RelType.INTERACTED:
        on += " AND r.kind = b.kind AND r.event = b.event"
        first = "least(b.first_at, r.first_at)"  # of a null and a time DuckDB takes the time
        update = (
            'WHEN MATCHED AND (b."at" IS NULL OR r."at" IS NULL OR b."at" >= r."at") '
            'AND (r.weight, r.count, r."at", r."order", r.first_at) '
            f'IS DISTINCT FROM (b.weight, b.count, b."at", b."order", {first}) '
            'THEN UPDATE SET weight = b.weight, count = b.count, "at" = b."at", '
            f'"order" = b."order", first_at = {first} '
            f"WHEN MATCHED AND {first} IS DISTINCT FROM r.first_at "
            f"THEN UPDATE SET first_at = {first} "
        )
    return (
        f"MERGE INTO {relationship_table(rel_type)} AS r USING batch AS b ON {on} {update}"
        f"WHEN NOT MATCHED THEN INSERT (source, target{_names(columns)}) "
        f"VALUES (b.source, b.target{_names(columns, 'b.')})"
    )


def merge_enriched(rel_type: RelType) -> str:
    """Write ``batch`` as relationships of the enrichment numbered ``$run``."""
    columns = list(RELATIONSHIP_COLUMNS[rel_type])
    changed = " OR ".join(f"r.{c} IS DISTINCT FROM b.{c}" for c in columns)
    update = ", ".join(f"{c} = b.{c}" for c in columns)
    return (
        f"MERGE INTO {relationship_table(rel_type)} AS r USING batch AS b "
        "ON r.run = $run AND r.source = b.source AND r.target = b.target "
        f"WHEN MATCHED AND ({changed}) THEN UPDATE SET {update} "
        f"WHEN NOT MATCHED THEN INSERT (run, source, target{_names(columns)}) "
        f"VALUES ($run, b.source, b.target{_names(columns, 'b.')})"
    )


def _node_view(label: Label, columns: Sequence[str]) -> str:
    names = ", ".join(f'"{name}"' for name in columns)
    return f'VIEW "{label}" AS SELECT {names} FROM {node_table(label)}'


def _view(rel_type: RelType) -> str:
    source, target = ENDS[rel_type]
    table, columns = relationship_table(rel_type), list(RELATIONSHIP_COLUMNS[rel_type])
    head = f'CREATE VIEW "{rel_type}" AS SELECT s.key AS source, t.key AS target'
    joins = (
        f"FROM {table} r JOIN {node_table(source)} s ON s.id = r.source "
        f"JOIN {node_table(target)} t ON t.id = r.target"
    )
    if rel_type not in ENRICHED:
        return f"{head}{_names(columns, 'r.')} {joins}"
    return (
        f"{head}{_names(columns, 'r.')}, e.name AS run, e.at_time AS written_at {joins} "
        "JOIN run e ON e.number = r.run AND e.in_force"
    )


def _names(columns: list[str], alias: str = "") -> str:
    return "".join(f', {alias}"{name}"' for name in columns)


def _declare(columns: dict[str, pl.DataType]) -> str:
    return "".join(f', "{name}" {_SQL_TYPES[type(dtype)]}' for name, dtype in columns.items())
