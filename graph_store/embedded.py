"""The graph in one DuckDB file: no server, one writing process, any number of readers.

In:   frames and questions of the :class:`~graph_store.store.GraphStore` contract.
Out:  the same graph from :mod:`graph_store.embedded_schema`'s tables.

A writer that dies leaves the last committed batch. Two processes do not write at once:
the second is told so (:class:`StoreLockedError`). Reading opens are read-only.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb
import networkx as nx
import numpy as np
import polars as pl
from numpy.typing import NDArray

from graph_store import embedded_enrichment as enrichment
from graph_store import embedded_schema as sql
from graph_store import embedded_vectors as search
from graph_store.batches import (
    check_base_type,
    check_derived_type,
    check_nodes,
    check_relationships,
    relationship_key,
)
from graph_store.embedded_file import open_file, select
from graph_store.errors import CheckpointError, GraphStoreError, UnknownNodeError
from graph_store.neighbourhood import LOOKUP_ORDER, Relationship, grow, types_at
from graph_store.schema import ENDS, ENRICHED, NODE_COLUMNS, RELATIONSHIP_COLUMNS, Label, RelType
from graph_store.store import (
    Checkpoint,
    DomainCounts,
    EnrichmentRun,
    Job,
    Near,
    NodeFilter,
    StoreCounts,
    Written,
)

__all__ = ["EmbeddedStore"]


class EmbeddedStore:
    """Keeps the graph in the file at ``path``; see the contract for what the methods promise.

    Example:
        >>> import tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> with EmbeddedStore(Path(folder.name) / "g.duckdb") as store:
        ...     written = store.upsert_nodes(Label.TAG, pl.DataFrame({"key": ["a"], "name": ["A"]}))
        ...     store.read_nodes(Label.TAG).rows()
        [('a', 'A')]
    """

    def __init__(
        self,
        path: Path | str,
        *,
        read_only: bool = False,
        memory_limit: str = "1GB",
        threads: int | None = None,
    ) -> None:
        """Open or make the file.

        Args:
            path: The file; its folder is made if it is missing.
            read_only: Leave the file as it is; many may read at once while nobody writes.
            memory_limit: What DuckDB may hold in memory before it spills beside the file.
            threads: DuckDB's threads; None: all cores.

        Raises:
            StoreUnavailableError: ``read_only`` and there is no such file.
            StoreLockedError: Another process writes to the file.
            StoreVersionError: The file has another format version.
            GraphStoreError: The file is no graph of kgrec.
        """
        self._path = Path(path)
        self._read_only = read_only
        self._connection = open_file(
            self._path, read_only=read_only, memory_limit=memory_limit, threads=threads
        )
        self._writing = threading.RLock()

    @property
    def url(self) -> str:
        return str(self._path)

    # --- writing ------------------------------------------------------------------

    def upsert_nodes(
        self, label: Label, rows: pl.DataFrame, *, checkpoint: Checkpoint | None = None
    ) -> Written:
        rows = check_nodes(label, rows)
        with self._transaction(rows) as connection:
            written = _affected(connection.execute(sql.merge_nodes(label)))
            _note(connection, checkpoint)
        return Written(written, rows.height - written)

    def upsert_relationships(
        self, rel_type: RelType, rows: pl.DataFrame, *, checkpoint: Checkpoint | None = None
    ) -> Written:
        check_base_type(rel_type)
        rows = check_relationships(rel_type, rows)
        with self._transaction(rows) as connection:
            match_ends(connection, rel_type)
            written = _affected(connection.execute(sql.merge_relationships(rel_type)))
            _note(connection, checkpoint)
        return Written(written, rows.height - written)

    def forget_user(self, key: str) -> int:
        with self._transaction() as connection:
            row = connection.execute("SELECT id FROM node_user WHERE key = $1", [key]).fetchone()
            if row is None:
                raise UnknownNodeError(f"the graph holds no user {key!r}; nothing was deleted")
            number, deleted = row[0], 0
            for rel_type, ends in ENDS.items():
                columns = [c for c, e in zip(("source", "target"), ends, strict=True)
                           if e is Label.USER]  # fmt: skip
                if not columns:
                    continue
                table = sql.relationship_table(rel_type)
                touches = " OR ".join(f"{column} = $id" for column in columns)
                in_force = (
                    "AND run IN (SELECT number FROM run WHERE in_force)"
                    if rel_type in ENRICHED
                    else ""
                )
                count = f"SELECT count(*) FROM {table} WHERE ({touches}) {in_force}"
                deleted += _one(connection.execute(count, {"id": number}))
                connection.execute(f"DELETE FROM {table} WHERE {touches}", {"id": number})
            connection.execute("DELETE FROM vector_user WHERE id = $1", [number])
            connection.execute("DELETE FROM node_user WHERE id = $1", [number])
        # A deleted row stays in the write-ahead log until the file is brought up to date.
        self._connection.execute("CHECKPOINT")
        return deleted

    # --- reading ------------------------------------------------------------------

    def read_nodes(self, label: Label) -> pl.DataFrame:
        names = ", ".join(NODE_COLUMNS[label])
        rows = self._frame(f"SELECT {names} FROM {sql.node_table(label)}")
        return rows.cast(dict(NODE_COLUMNS[label])).sort("key")  # type: ignore[arg-type]

    def read_relationships(self, rel_type: RelType) -> pl.DataFrame:
        columns = RELATIONSHIP_COLUMNS[rel_type]
        names = "".join(f', r."{name}"' for name in columns)
        force, newest = "", ""
        if rel_type in ENRICHED:
            force = "JOIN run e ON e.number = r.run AND e.in_force"
            newest = "QUALIFY row_number() OVER (PARTITION BY source, target ORDER BY run DESC) = 1"
        with self._reading() as cursor:
            rows = select(
                cursor,
                f"SELECT r.source, r.target{names} FROM {sql.relationship_table(rel_type)} r "
                f"{force} {newest}",
            )
            ends = {label: self._keys(cursor, label) for label in set(ENDS[rel_type])}
        # Sorting small integers and looking keys up once is far quicker than sorting strings.
        source, target = (ends[label] for label in ENDS[rel_type])
        ranked = rows.with_columns(
            source=source[1].gather(rows["source"]), target=target[1].gather(rows["target"])
        ).sort(relationship_key(rel_type))
        return ranked.with_columns(
            source=source[0].gather(ranked["source"]), target=target[0].gather(ranked["target"])
        ).cast(dict(columns))  # type: ignore[arg-type]

    def counts(self) -> StoreCounts:
        with self._reading() as cursor:
            nodes = {
                str(label): _one(cursor.execute(f"SELECT count(*) FROM {sql.node_table(label)}"))
                for label in Label
            }
            relationships = {
                str(rel_type): _one(cursor.execute(f'SELECT count(*) FROM "{rel_type}"'))
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

    def neighbourhood(self, key: str, *, hops: int = 1, limit: int = 200) -> nx.MultiDiGraph[Any]:
        with self._reading() as cursor:
            start = next(
                (label for label in LOOKUP_ORDER if _named(cursor, label, [key]).height), None
            )
            if start is None:
                raise UnknownNodeError(f"the graph holds no user, item, tag or domain {key!r}")
            return grow(
                (start, key),
                hops=hops,
                limit=limit,
                relationships_at=lambda label, keys: _touching(cursor, label, keys, limit),
                nodes_named=lambda label, keys: _named(cursor, label, keys),
            )

    def query(self, text: str, **params: Any) -> pl.DataFrame:
        try:
            statements = duckdb.extract_statements(text)
        except duckdb.Error as error:
            raise GraphStoreError(f"DuckDB cannot read this query: {error}") from error
        if [s.type for s in statements] != [duckdb.StatementType.SELECT]:
            raise GraphStoreError(
                "query() takes one SELECT and reads only; write through the store's methods"
            )
        try:
            return self._frame(text, params)
        except duckdb.Error as error:
            raise GraphStoreError(f"DuckDB refuses this query: {error}") from error

    # --- vectors ------------------------------------------------------------------

    def write_vectors(
        self, label: Label, keys: Sequence[str], vectors: NDArray[np.float32], *, run: str
    ) -> int:
        with self._transaction(search.incoming(keys, vectors)) as connection:
            return search.write(connection, label, run, width=vectors.shape[1])

    def await_vectors(self, label: Label) -> None:
        """Nothing to wait for: the search is exact and sees what is committed."""

    def read_vectors(self, label: Label) -> tuple[list[str], NDArray[np.float32]]:
        with self._reading() as cursor:
            return search.read(cursor, label)

    def nearest(
        self, label: Label, vector: NDArray[np.float32], k: int, where: NodeFilter | None = None
    ) -> list[Near]:
        with self._reading() as cursor:
            return search.nearest(cursor, label, vector, k, where or NodeFilter())

    # --- enrichment ---------------------------------------------------------------

    def begin_enrichment(self, run: str, job: str, *, at: int) -> None:
        with self._transaction() as connection:
            enrichment.begin(connection, run, job, at)

    def write_enrichment(self, run: str, rel_type: RelType, rows: pl.DataFrame) -> Written:
        check_derived_type(rel_type)
        rows = check_relationships(rel_type, rows)
        with self._transaction(rows) as connection:
            number = enrichment.open_number(connection, run)
            match_ends(connection, rel_type)
            statement = sql.merge_enriched(rel_type)
            written = _affected(connection.execute(statement, {"run": number}))
        return Written(written, rows.height - written)

    def finish_enrichment(self, run: str, counts: dict[str, int]) -> None:
        with self._transaction() as connection:
            enrichment.finish(connection, run, counts)

    def undo_enrichment(self, run: str) -> int:
        with self._transaction() as connection:
            return enrichment.undo(connection, run)

    def enrichment_runs(self) -> list[EnrichmentRun]:
        with self._reading() as cursor:
            return enrichment.runs(cursor)

    # --- job ledger ---------------------------------------------------------------

    def begin_job(self, job: str, *, kind: str, source: str, now: int) -> Job:
        with self._transaction() as connection:
            known = next((j for j in _jobs(connection) if j.job == job), None)
            if known is None:
                known = Job(job, kind, source, "", 0, now, None)
                connection.execute(
                    """INSERT INTO job SELECT $job, $kind, $source, '', 0, $now, NULL, '{}',
                    coalesce(max(number), 0) + 1 FROM job""",
                    {"job": job, "kind": kind, "source": source, "now": now},
                )
        if known.source != source:
            raise CheckpointError(
                f"job {job} was begun from source {known.source!r}, now it is {source!r}; "
                f"give the source it was begun with, or start a job of another name"
            )
        return known

    def finish_job(self, job: str, *, now: int, summary: dict[str, Any]) -> None:
        with self._transaction() as connection:
            done = connection.execute(
                "UPDATE job SET finished_at = $now, summary = $summary WHERE job = $job",
                {"job": job, "now": now, "summary": json.dumps(summary)},
            )
            if not _affected(done):
                raise CheckpointError(f"job {job} was never begun; call begin_job first")

    def jobs(self) -> Iterator[Job]:
        with self._reading() as cursor:
            return iter(_jobs(cursor))

    # --- life ---------------------------------------------------------------------

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @contextmanager
    def _transaction(
        self, incoming: pl.DataFrame | None = None
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """All or nothing; ``incoming`` is there as a table of that name."""
        if self._read_only:
            raise GraphStoreError(f"{self._path} was opened for reading; open it for writing")
        with self._writing:
            connection = self._connection
            connection.execute("BEGIN TRANSACTION")
            try:
                if incoming is not None:
                    connection.register("incoming", incoming)
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            finally:
                if incoming is not None:
                    connection.unregister("incoming")

    @contextmanager
    def _reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor of its own, so that threads may read at once, and one state of the data."""
        with self._connection.cursor() as cursor:
            cursor.execute("BEGIN TRANSACTION READ ONLY")
            yield cursor

    def _frame(self, statement: str, params: dict[str, Any] | None = None) -> pl.DataFrame:
        with self._reading() as cursor:
            return select(cursor, statement, params)

    @staticmethod
    def _keys(cursor: duckdb.DuckDBPyConnection, label: Label) -> tuple[pl.Series, pl.Series]:
        """Keys in order, and per node id the rank of its key among them."""
        nodes = select(cursor, f"SELECT id, key FROM {sql.node_table(label)}").sort("key")
        ids = nodes["id"].to_numpy()
        rank = np.zeros(ids.max(initial=-1) + 1, dtype=np.uint32)
        rank[ids] = np.arange(len(ids), dtype=np.uint32)
        return nodes["key"], pl.Series(rank)


def match_ends(connection: duckdb.DuckDBPyConnection, rel_type: RelType) -> None:
    """Fill ``batch`` from ``incoming``, or say which end is not there."""
    connection.execute(sql.match_ends(rel_type))
    lost = connection.execute(sql.check_ends()).fetchone()
    if lost is not None:
        source, target, source_lost = lost
        label, key = (ENDS[rel_type][0], source) if source_lost else (ENDS[rel_type][1], target)
        raise UnknownNodeError(
            f"{rel_type} from {source!r} to {target!r} names a {label} {key!r} that was never "
            f"written; nothing of its batch was written; write the nodes first"
        )


def _note(connection: duckdb.DuckDBPyConnection, checkpoint: Checkpoint | None) -> None:
    if checkpoint is None:
        return
    noted = connection.execute(
        'UPDATE job SET stage = $stage, "offset" = $offset, finished_at = NULL '
        "WHERE job = $job AND source = $source",
        {
            "job": checkpoint.job,
            "source": checkpoint.source,
            "stage": checkpoint.stage,
            "offset": checkpoint.offset,
        },
    )
    if not _affected(noted):
        raise CheckpointError(
            f"job {checkpoint.job} was not begun from source {checkpoint.source!r}; "
            f"call begin_job first"
        )


def _jobs(cursor: duckdb.DuckDBPyConnection) -> list[Job]:
    rows = cursor.execute(
        'SELECT job, kind, source, stage, "offset", started_at, finished_at, summary '
        "FROM job ORDER BY number"
    ).fetchall()
    return [
        Job(job, kind, source, stage, offset, started, finished, json.loads(summary))
        for job, kind, source, stage, offset, started, finished, summary in rows
    ]


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
            f"{', kind' if weight else ''}) <= {int(limit)}"
        )
        rows = select(cursor, statement, [list(keys)])
        for row in rows.iter_rows(named=True):
            source, target = row.pop("source"), row.pop("target")
            found.append(Relationship(rel_type, source, target, row))
    return found


def _affected(result: duckdb.DuckDBPyConnection) -> int:
    """Rows that a write touched."""
    return _one(result)


def _one(result: duckdb.DuckDBPyConnection) -> int:
    row = result.fetchone()
    return int(row[0]) if row else 0
