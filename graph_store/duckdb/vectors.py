"""Vectors of nodes in the embedded file, and the exact search over them.

In:   a connection, arrays, a filter.
Out:  rows of the vector tables; nearest nodes with their cosine.

The search reads every vector in force: exact, and at a million vectors of 64 numbers
still a fraction of a second.

Shapes:  N vectors   D width
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from graph_store.duckdb.enrichment import open_number
from graph_store.duckdb.file import select
from graph_store.duckdb.questions import conditions
from graph_store.duckdb.reading import item_properties
from graph_store.duckdb.statements import node_table, vector_table
from graph_store.errors import GraphStoreError
from graph_store.filters import check_filter, check_vectors
from graph_store.schema import Label
from graph_store.store import Near, NodeFilter

__all__ = ["incoming", "nearest", "read", "write"]


def incoming(keys: Sequence[str], vectors: NDArray[np.float32]) -> pl.DataFrame:
    """The batch as a frame of ``key`` and ``vector``."""
    check_vectors(keys, vectors)
    rows = np.ascontiguousarray(vectors, dtype=np.float32)
    frame = pl.DataFrame(
        {
            "key": pl.Series(list(keys), dtype=pl.String),
            "vector": pl.Series(rows, dtype=pl.Array(pl.Float32, rows.shape[1])),
        }
    )
    return frame.unique("key", keep="last", maintain_order=True)


def write(connection: duckdb.DuckDBPyConnection, label: Label, run: str, *, width: int) -> int:
    """Put the registered frame ``incoming`` under ``run``; return how many nodes took one.

    Args:
        connection: Within a transaction, with a registered frame ``incoming`` of ``key`` and
            ``vector``.
        label: Label of the nodes.
        run: Enrichment id.
        width: Length of the vectors.

    Raises:
        GraphStoreError: The enrichment is not open, or vectors of another enrichment or width are
            in force.
    """
    number, table = open_number(connection, run), vector_table(label)
    other = connection.execute(
        f"SELECT e.name, e.job, len(v.vector) FROM {table} v JOIN run e ON e.number = v.run "
        "WHERE e.in_force AND (e.number <> $run OR len(v.vector) <> $width) LIMIT 1",
        {"run": number, "width": width},
    ).fetchone()
    if other is not None and other[0] != run:
        raise GraphStoreError(
            f"vectors of {label} are of enrichment {other[0]} of job {other[1]}; undo it first"
        )
    if other is not None:
        raise GraphStoreError(
            f"enrichment {run} holds vectors of width {other[2]} for {label}, got {width}; "
            f"undo it to begin with another width"
        )
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE batch AS SELECT n.id, i.vector FROM incoming i "
        f"JOIN {node_table(label)} n ON n.key = i.key"
    )
    connection.execute(
        f"DELETE FROM {table} WHERE run = $1 AND id IN (SELECT id FROM batch)", [number]
    )
    connection.execute(
        f"INSERT INTO {table} SELECT $1, id, vector::FLOAT[] FROM batch ORDER BY id", [number]
    )
    row = connection.execute("SELECT count(*) FROM batch").fetchone()
    return int(row[0]) if row else 0


def read(cursor: duckdb.DuckDBPyConnection, label: Label) -> tuple[list[str], NDArray[np.float32]]:
    """Keys and vectors ``[N, D]`` in force, sorted by key."""
    statement = (
        f"SELECT n.key, v.vector FROM {vector_table(label)} v "
        f"JOIN run e ON e.number = v.run AND e.in_force JOIN {node_table(label)} n ON n.id = v.id"
    )
    rows = select(cursor, statement).sort("key")
    if not rows.height:
        return [], np.empty((0, 0), dtype=np.float32)
    flat = rows["vector"].explode().to_numpy().astype(np.float32)
    return rows["key"].to_list(), flat.reshape(rows.height, -1)


def nearest(
    cursor: duckdb.DuckDBPyConnection,
    label: Label,
    vector: NDArray[np.float32],
    k: int,
    where: NodeFilter,
) -> list[Near]:
    """The ``k`` nodes of the highest cosine that pass ``where``.

    Args:
        cursor: A cursor of the store.
        label: Label of the nodes that are searched.
        vector: Query vector ``[D]``.
        k: Number of nodes at most.
        where: Conditions that a node must meet.

    Raises:
        GraphStoreError: The query vector has another width than the stored ones.
    """
    check_filter(label, where)
    properties = item_properties(cursor) if label is Label.ITEM else {}
    texts, params = conditions(where, properties, "a DuckDB file")
    row = cursor.execute(
        f"SELECT len(v.vector) FROM {vector_table(label)} v JOIN run e ON e.number = v.run "
        "AND e.in_force LIMIT 1"
    ).fetchone()
    if row is None or k < 1:
        return []
    if row[0] != vector.size:
        raise GraphStoreError(f"vectors of {label} have width {row[0]}, got {vector.size}")
    params["vector"] = [float(x) for x in np.asarray(vector, dtype=np.float32).ravel()]
    rows = cursor.execute(
        "SELECT n.key, list_cosine_similarity(v.vector, $vector::FLOAT[]) AS score "
        f"FROM {vector_table(label)} v JOIN run e ON e.number = v.run AND e.in_force "
        f"JOIN {node_table(label)} n ON n.id = v.id WHERE {' AND '.join(texts) or 'true'} "
        f"ORDER BY score IS NULL OR isnan(score), score DESC, n.key LIMIT {int(k)}",
        params,
    ).fetchall()
    return [Near(key, 0.0 if score is None or score != score else score) for key, score in rows]
