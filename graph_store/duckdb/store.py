"""The graph in one DuckDB file: no server, one writing process, any number of readers.

In:   frames and questions of the :class:`~graph_store.store.GraphStore` contract.
Out:  the same graph from :mod:`graph_store.duckdb.statements`'s tables.

A writer that dies leaves the last committed batch. Two processes do not write at once:
the second is told so (:class:`StoreLockedError`). Reading opens are read-only.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb
import networkx as nx
import numpy as np
import polars as pl
from numpy.typing import NDArray

from graph_store.batches import (
    check_base_type,
    check_derived_type,
    check_nodes,
    check_relationships,
)
from graph_store.duckdb import enrichment, questions, reading
from graph_store.duckdb import statements as sql
from graph_store.duckdb import vectors as search
from graph_store.duckdb.file import one_number, open_file, select
from graph_store.errors import CheckpointError, GraphStoreError, UnknownNodeError
from graph_store.properties import PropertyType, check_declared
from graph_store.schema import ENDS, ENRICHED, NODE_COLUMNS, Label, RelType
from graph_store.store import (
    Checkpoint,
    EnrichmentEntry,
    ItemSelection,
    ItemTagRows,
    Job,
    Near,
    NodeFilter,
    StoreCounts,
    UserHistories,
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
        rows = check_nodes(label, rows, self.item_properties() if label is Label.ITEM else None)
        more = [name for name in rows.columns if name not in NODE_COLUMNS[label]]
        with self._transaction(rows) as connection:
            written = one_number(connection.execute(sql.merge_nodes(label, more)))
            _note(connection, checkpoint)
        return Written(written, rows.height - written)

    def declare_item_properties(self, types: Mapping[str, PropertyType]) -> None:
        with self._transaction() as connection:
            known = reading.item_properties(connection)
            fresh = check_declared(types, known)
            for statement in sql.add_properties(known, fresh) if fresh else []:
                connection.execute(statement)

    def upsert_relationships(
        self, rel_type: RelType, rows: pl.DataFrame, *, checkpoint: Checkpoint | None = None
    ) -> Written:
        check_base_type(rel_type)
        rows = check_relationships(rel_type, rows)
        with self._transaction(rows) as connection:
            _match_ends(connection, rel_type)
            written = one_number(connection.execute(sql.merge_relationships(rel_type)))
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
                deleted += one_number(connection.execute(count, {"id": number}))
                connection.execute(f"DELETE FROM {table} WHERE {touches}", {"id": number})
            connection.execute("DELETE FROM vector_user WHERE id = $1", [number])
            connection.execute("DELETE FROM node_user WHERE id = $1", [number])
        # A deleted row stays in the write-ahead log until the file is brought up to date, which
        # must wait while other threads read.
        with suppress(duckdb.TransactionException):
            self._connection.execute("CHECKPOINT")
        return deleted

    # --- reading ------------------------------------------------------------------

    def read_nodes(self, label: Label) -> pl.DataFrame:
        with self._reading() as cursor:
            return reading.nodes(cursor, label)

    def read_relationships(self, rel_type: RelType) -> pl.DataFrame:
        with self._reading() as cursor:
            return reading.relationships(cursor, rel_type)

    def item_properties(self) -> dict[str, PropertyType]:
        with self._reading() as cursor:
            return reading.item_properties(cursor)

    def histories_of(self, users: Sequence[str]) -> UserHistories:
        with self._reading() as cursor:
            return questions.histories_of(cursor, users)

    def tags_of(self, items: Sequence[str]) -> ItemTagRows:
        with self._reading() as cursor:
            return questions.tags_of(cursor, items)

    def select_items(self, where: NodeFilter) -> ItemSelection:
        with self._reading() as cursor:
            return questions.select_items(cursor, where, self.url)

    def counts(self) -> StoreCounts:
        with self._reading() as cursor:
            return reading.counts(cursor)

    def neighbourhood(self, key: str, *, hops: int = 1, limit: int = 200) -> nx.MultiDiGraph[Any]:
        with self._reading() as cursor:
            return reading.neighbourhood(cursor, key, hops=hops, limit=limit)

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
            with self._reading() as cursor:
                return select(cursor, text, params)
        except duckdb.PermissionException as error:
            raise GraphStoreError(
                "query() reads the graph only, and no file, network address or extension; load "
                f"other data in Python and pass values as parameters ({str(error).splitlines()[0]})"
            ) from error
        except duckdb.Error as error:
            raise GraphStoreError(f"DuckDB refuses this query: {error}") from error

    # --- vectors ------------------------------------------------------------------

    def write_vectors(
        self, label: Label, keys: Sequence[str], vectors: NDArray[np.float32], *, enrichment_id: str
    ) -> int:
        with self._transaction(search.incoming(keys, vectors)) as connection:
            return search.write(connection, label, enrichment_id, width=vectors.shape[1])

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

    def begin_enrichment(self, enrichment_id: str, job: str, *, at: int) -> None:
        with self._transaction() as connection:
            enrichment.begin(connection, enrichment_id, job, at)

    def write_enrichment(
        self, enrichment_id: str, rel_type: RelType, rows: pl.DataFrame
    ) -> Written:
        check_derived_type(rel_type)
        rows = check_relationships(rel_type, rows)
        with self._transaction(rows) as connection:
            number = enrichment.open_number(connection, enrichment_id)
            _match_ends(connection, rel_type)
            statement = sql.merge_enriched(rel_type)
            written = one_number(connection.execute(statement, {"run": number}))
        return Written(written, rows.height - written)

    def finish_enrichment(self, enrichment_id: str, counts: dict[str, int]) -> None:
        with self._transaction() as connection:
            enrichment.finish(connection, enrichment_id, counts)

    def undo_enrichment(self, enrichment_id: str) -> int:
        with self._transaction() as connection:
            return enrichment.undo(connection, enrichment_id)

    def enrichments(self) -> list[EnrichmentEntry]:
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
            if not one_number(done):
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
            except BaseException as error:
                with suppress(duckdb.Error):  # a failed COMMIT has rolled back already
                    connection.execute("ROLLBACK")
                if isinstance(error, duckdb.Error):
                    raise GraphStoreError(
                        f"{self._path} could not be written, nothing of the batch is in it: "
                        f"{str(error).splitlines()[0]}"
                    ) from error
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


def _match_ends(connection: duckdb.DuckDBPyConnection, rel_type: RelType) -> None:
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
    if not one_number(noted):
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
