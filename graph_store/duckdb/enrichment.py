"""Enrichments in the embedded file: begin, finish, undo.

In:   a connection inside a transaction; an enrichment id, called ``run`` here as in the file.
Out:  rows of the table ``run``.

What an enrichment writes has its number and stays apart from what others wrote. One enrichment of a
job is in force at a time: to set it aside, or to bring it back, is to turn that flag, so nothing is
ever copied.
"""

from __future__ import annotations

import json

import duckdb

from graph_store.duckdb.statements import relationship_table, vector_table
from graph_store.errors import GraphStoreError
from graph_store.schema import ENRICHED, Label
from graph_store.store import EnrichmentEntry

__all__ = ["begin", "finish", "open_number", "runs", "undo"]


def begin(connection: duckdb.DuckDBPyConnection, run: str, job: str, at: int) -> None:
    """Open ``run``; the same one may be begun again while no later one stands on it.

    Args:
        connection: Within a transaction.
        run: Enrichment id.
        job: The enrichment job that writes it.
        at: Unix seconds.

    Raises:
        GraphStoreError: The id is of another job, or a later enrichment of the job is in force.
    """
    row = connection.execute("SELECT job, in_force FROM run WHERE name = $1", [run]).fetchone()
    if row is None:
        connection.execute("UPDATE run SET in_force = false WHERE job = $1", [job])
        connection.execute(
            """INSERT INTO run SELECT coalesce(max(number), 0) + 1, $run, $job, $at, false, true,
            '{}' FROM run""",
            {"run": run, "job": job, "at": at},
        )
        return
    if row[0] != job:
        raise GraphStoreError(f"enrichment {run} is of job {row[0]}, not {job}; choose another id")
    if not row[1]:
        raise GraphStoreError(f"a later enrichment of {job} stands on {run}; choose another id")
    connection.execute("UPDATE run SET finished = false WHERE name = $1", [run])


def open_number(connection: duckdb.DuckDBPyConnection, run: str) -> int:
    """The number of an enrichment that may be written to.

    Raises:
        GraphStoreError: The enrichment was never begun, or a later one set it aside.
    """
    row = connection.execute("SELECT number, in_force FROM run WHERE name = $1", [run]).fetchone()
    if row is None:
        raise GraphStoreError(f"enrichment {run} was never begun; call begin_enrichment first")
    if not row[1]:
        raise GraphStoreError(f"enrichment {run} was set aside by a later one; begin a new one")
    return int(row[0])


def finish(connection: duckdb.DuckDBPyConnection, run: str, counts: dict[str, int]) -> None:
    """Mark ``run`` complete.

    Args:
        connection: Within a transaction.
        run: Enrichment id.
        counts: Number of relationships or vectors written, by type or label.

    Raises:
        GraphStoreError: The enrichment was never begun, or a later one set it aside.
    """
    open_number(connection, run)
    connection.execute(
        "UPDATE run SET finished = true, counts = $counts WHERE name = $run",
        {"run": run, "counts": json.dumps(counts)},
    )


def undo(connection: duckdb.DuckDBPyConnection, run: str) -> int:
    """Delete what ``run`` wrote; the enrichment before it is in force again.

    Raises:
        GraphStoreError: There is no such enrichment, or a later one of the same job stands on it.
    """
    row = connection.execute(
        "SELECT number, job, in_force FROM run WHERE name = $1", [run]
    ).fetchone()
    if row is None:
        raise GraphStoreError(f"there is no enrichment {run}; see `kgrec enrich list`")
    number, job, in_force = row
    if not in_force:
        raise GraphStoreError(f"a later enrichment of {job} stands on {run}; undo that one first")
    taken = 0
    tables = [relationship_table(t) for t in ENRICHED] + [vector_table(label) for label in Label]
    for table in tables:
        deleted = connection.execute(f"DELETE FROM {table} WHERE run = $1", [number]).fetchone()
        taken += deleted[0] if deleted else 0
    connection.execute("DELETE FROM run WHERE number = $1", [number])
    connection.execute(
        "UPDATE run SET in_force = true WHERE number = "
        "(SELECT max(number) FROM run WHERE job = $1)",
        [job],
    )
    return taken


def runs(cursor: duckdb.DuckDBPyConnection) -> list[EnrichmentEntry]:
    """Every enrichment that was not undone, oldest first."""
    rows = cursor.execute(
        "SELECT name, job, at_time, finished, counts FROM run ORDER BY number"
    ).fetchall()
    return [
        EnrichmentEntry(name, job, at, finished, json.loads(counts))
        for name, job, at, finished, counts in rows
    ]
