"""The graph in Neo4j, 5.23 or newer, by the official driver.

In:   frames and questions of the :class:`~graph_store.store.GraphStore` contract.
Out:  the same graph by the statements of :mod:`graph_store.neo4j.statements`.

Every write is a MERGE by key with absolute values, so that sending a batch again, as after
a commit whose answer was lost, changes nothing. Reads come in pages of keys, packed on the
server, so that a broken read goes on at its page. Nothing here needs APOC or Enterprise.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, NoReturn, Self

import neo4j
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
from graph_store.errors import (
    BadLabelPrefixError,
    CheckpointError,
    GraphStoreError,
    StoreUnavailableError,
    StoreVersionError,
    UnknownNodeError,
)
from graph_store.neo4j import enrichment_statements, statements
from graph_store.neo4j.connection import Connection, Transaction, open_driver
from graph_store.neo4j.enrichment import Enrichments
from graph_store.neo4j.questions import Questions, read_properties
from graph_store.neo4j.reading import Reader
from graph_store.neo4j.settings import Neo4jSettings, read_settings
from graph_store.neo4j.statements import NO_TIME, Names
from graph_store.neo4j.vectors import Vectors
from graph_store.properties import PropertyType, check_declared
from graph_store.schema import (
    ENDS,
    ENRICHED,
    FORMAT_VERSION,
    NODE_COLUMNS,
    Label,
    RelType,
)
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

__all__ = ["Neo4jStore"]

_ROWS = 5_000
"""Rows of one statement; several statements make the transaction of a batch."""

_PAGE = 1_000
"""Items whose interactions are counted in one transaction."""

_FORGOTTEN = 10_000
"""Relationships of a forgotten user that are deleted in one transaction."""


class Neo4jStore:
    """One graph in one database; open it with :meth:`from_url` or :meth:`from_driver`.

    Args:
        connection: The database.
        label_prefix: Begins every label and type of this graph.
        read_only: Whether writes are refused.
        owns_driver: Whether :meth:`close` closes the driver.
    """

    def __init__(
        self, connection: Connection, *, label_prefix: str, read_only: bool, owns_driver: bool
    ) -> None:
        self._db = connection
        self._names = Names(label_prefix)
        self._read_only = read_only
        self._owns_driver = owns_driver
        self._ledger = Enrichments(connection, self._names)
        self._reader = Reader(connection, self._names, self._ledger)
        self._questions = Questions(connection, self._names)
        self._vectors = Vectors(connection, self._names, self._ledger, self._questions)

    @classmethod
    def from_url(
        cls,
        url: str,
        *,
        label_prefix: str = "",
        read_only: bool = False,
        create: bool = True,
        wait: float | None = None,
    ) -> Self:
        """Connect, check versions, make constraints where they are missing.

        Args:
            url: ``neo4j://user:password@host:7687/database``; see :func:`read_settings`.
            label_prefix: Stands before every label and type.
            read_only: Change nothing, and refuse to.
            create: Make an empty graph where there is none; False: that is an error.
            wait: Seconds for which a server that does not answer is waited for; None: not at all
                at first contact, two minutes for one that answered before.

        Raises:
            BadStoreUrlError: ``url`` is no Neo4j URL.
            BadLabelPrefixError: ``label_prefix`` cannot begin a label, or is of no graph.
            StoreUnavailableError: No server, wrong password, no such database, no graph in it.
            StoreVersionError: The server is too old, or the graph of another format version.
        """
        Names(label_prefix)  # before anything is sent
        settings = read_settings(url)
        driver = open_driver(settings)
        try:
            return cls.from_driver(
                driver,
                database=settings.database,
                label_prefix=label_prefix,
                read_only=read_only,
                create=create,
                wait=wait,
                _settings=settings,
            )
        except BaseException:
            driver.close()
            raise

    @classmethod
    def from_env(cls, **options: Any) -> Self:
        """Open the store that the environment variable ``NEO4J_URI`` names; see :meth:`from_url`.

        Raises:
            StoreUnavailableError: The variable is not set, or the server does not answer.
        """
        url = os.environ.get("NEO4J_URI")
        if not url:
            raise StoreUnavailableError("NEO4J_URI is not set; set it, or give a store URL")
        return cls.from_url(url, **options)

    @classmethod
    def from_driver(
        cls,
        driver: neo4j.Driver,
        *,
        database: str | None = None,
        label_prefix: str = "",
        read_only: bool = False,
        create: bool = True,
        wait: float | None = None,
        _settings: Neo4jSettings | None = None,
    ) -> Self:
        """Open a store over a driver that the caller opened and closes; see :meth:`from_url`.

        Args:
            driver: An open driver; it stays open when the store is closed.
            database: Name of the database; None: the server's default one.
            label_prefix: Begins every label and type of this graph.
            read_only: Whether writes are refused.
            create: Whether constraints and indexes that are missing are made.
            wait: Seconds for which a server that does not answer is waited for; None: not at all at
                first contact, two minutes later.

        Raises:
            StoreUnavailableError: The server does not answer, or refuses the password.
            StoreVersionError: The server is too old, or the graph has another format version.
            BadLabelPrefixError: The prefix cannot begin a label, or is not that of this graph.
        """
        connection = Connection(
            driver,
            shown=_settings.shown if _settings else "the given Neo4j driver",
            database=database,
            uri=_settings.uri if _settings else None,
            has_password=_settings is None or _settings.password is not None,
            wait=wait,
            connect_timeout=_settings.connect_timeout if _settings else None,
        )
        store = cls(
            connection,
            label_prefix=label_prefix,
            read_only=read_only,
            owns_driver=_settings is not None,
        )
        store._prepare(create=create and not read_only)
        return store

    @property
    def url(self) -> str:
        return self._db.shown

    # --- writing ------------------------------------------------------------------

    def upsert_nodes(
        self, label: Label, rows: pl.DataFrame, *, checkpoint: Checkpoint | None = None
    ) -> Written:
        self._may_write()
        properties = self.item_properties() if label is Label.ITEM else {}
        rows = check_nodes(label, rows, properties)
        more = [name for name in rows.columns if name not in NODE_COLUMNS[label]]
        batch = rows.sort("key").rows()
        statement = self._names.upsert_nodes(label, more)

        def work(tx: Transaction) -> int:
            written = sum(
                _count(tx.run(statement, {"rows": part}), "written") for part in _parts(batch)
            )
            self._note(tx, checkpoint)
            return written

        written = self._db.write(work)
        return Written(written, len(batch) - written)

    def declare_item_properties(self, types: Mapping[str, PropertyType]) -> None:
        self._may_write()

        def work(tx: Transaction) -> tuple[dict[str, PropertyType], dict[str, PropertyType]]:
            tx.run(self._names.lock(), {"by": "item properties"}).consume()
            record = tx.run(self._names.read_properties()).single(strict=True)
            known = read_properties(record["item_properties"])
            fresh = check_declared(types, known)
            noted = json.dumps(dict(sorted({**known, **fresh}.items())))
            tx.run(self._names.write_properties(), {"item_properties": noted}).consume()
            return known, fresh

        known, fresh = self._db.write(work)
        # Also of those that are known: a process that was killed may have left them without.
        for name in types:
            self._db.define(self._names.property_index(name))
        if types:
            self._db.rows(statements.AWAIT_INDEXES)
        self._questions.properties = dict(sorted({**known, **fresh}.items()))

    def upsert_relationships(
        self, rel_type: RelType, rows: pl.DataFrame, *, checkpoint: Checkpoint | None = None
    ) -> Written:
        self._may_write()
        check_base_type(rel_type)
        statement = self._names.upsert_relationships(rel_type)
        return self._upsert_relationships(
            rel_type, rows, checkpoint, statement, lambda tx: {"no_time": NO_TIME}
        )

    def forget_user(self, key: str) -> int:
        self._may_write()
        types = [self._names.type(rel_type) for rel_type in RelType]
        types += [self._names.set_aside(rel_type) for rel_type in ENRICHED]
        if not self._db.rows(self._names.forgotten(), key=key):
            raise UnknownNodeError(f"the graph holds no user {key!r}; nothing was deleted")
        params = {"key": key, "types": types, "runs": self._ledger.in_force(), "limit": _FORGOTTEN}
        self._db.repeat(self._names.forget_some(), **params)
        (record,) = self._db.rows(self._names.forgotten(), key=key)
        self._db.write(lambda tx: tx.run(self._names.forget(), {"key": key}).consume())
        return int(record["relationships"])

    # --- reading ------------------------------------------------------------------

    def read_nodes(self, label: Label) -> pl.DataFrame:
        return self._reader.nodes(label, self.item_properties() if label is Label.ITEM else None)

    def read_relationships(self, rel_type: RelType) -> pl.DataFrame:
        return self._reader.relationships(rel_type)

    def item_properties(self) -> dict[str, PropertyType]:
        return dict(self._questions.properties)

    def histories_of(self, users: Sequence[str]) -> UserHistories:
        return self._questions.histories_of(users)

    def tags_of(self, items: Sequence[str]) -> ItemTagRows:
        return self._questions.tags_of(items)

    def select_items(self, where: NodeFilter) -> ItemSelection:
        return self._questions.select_items(where)

    def counts(self) -> StoreCounts:
        return self._reader.counts()

    def neighbourhood(self, key: str, *, hops: int = 1, limit: int = 200) -> nx.MultiDiGraph[Any]:
        return self._reader.neighbourhood(key, hops=hops, limit=limit)

    def query(self, text: str, **params: Any) -> pl.DataFrame:
        rows = [record.data() for record in self._db.rows(text, **params)]
        return pl.DataFrame(rows, infer_schema_length=None)

    # --- vectors ------------------------------------------------------------------

    def write_vectors(
        self, label: Label, keys: Sequence[str], vectors: NDArray[np.float32], *, enrichment_id: str
    ) -> int:
        self._may_write()
        return self._vectors.write(label, keys, vectors, enrichment_id)

    def await_vectors(self, label: Label) -> None:
        self._vectors.await_index(label)

    def read_vectors(self, label: Label) -> tuple[list[str], NDArray[np.float32]]:
        return self._vectors.read(label)

    def nearest(
        self, label: Label, vector: NDArray[np.float32], k: int, where: NodeFilter | None = None
    ) -> list[Near]:
        return self._vectors.nearest(label, vector, k, where or NodeFilter())

    # --- enrichment ---------------------------------------------------------------

    def begin_enrichment(self, enrichment_id: str, job: str, *, at: int) -> None:
        self._may_write()
        self._ledger.begin(enrichment_id, job, at)
        self._vectors.check_again()
        for earlier in self._ledger.of_job(job):
            if earlier.run != enrichment_id:
                self._ledger.set_relationships_aside(earlier.run)
                self._vectors.set_aside(earlier)

    def write_enrichment(
        self, enrichment_id: str, rel_type: RelType, rows: pl.DataFrame
    ) -> Written:
        self._may_write()
        check_derived_type(rel_type)
        statement = enrichment_statements.upsert_derived(self._names, rel_type)

        def begin(tx: Transaction) -> dict[str, Any]:
            return {"run": enrichment_id, "at": self._ledger.lock_open_entry(tx, enrichment_id).at}

        return self._upsert_relationships(rel_type, rows, None, statement, begin)

    def finish_enrichment(self, enrichment_id: str, counts: dict[str, int]) -> None:
        self._may_write()
        self._ledger.finish(enrichment_id, counts)

    def undo_enrichment(self, enrichment_id: str) -> int:
        self._may_write()
        entry, before = self._ledger.start_undo(enrichment_id)
        self._ledger.delete_relationships(enrichment_id)
        self._vectors.drop(entry)
        taken = self._ledger.taken_back(enrichment_id)
        if before is not None:
            self._ledger.bring_relationships_back(before.run)
            self._vectors.bring_back(before)
        self._ledger.delete(enrichment_id)
        return taken

    def enrichments(self) -> list[EnrichmentEntry]:
        return [entry.shown() for entry in self._ledger.all()]

    # --- job ledger ---------------------------------------------------------------

    def begin_job(self, job: str, *, kind: str, source: str, now: int) -> Job:
        self._may_write()
        params = {"job": job, "kind": kind, "source": source, "now": now, "by": job}

        def work(tx: Transaction) -> dict[str, Any]:
            tx.run(self._names.lock(), params).consume()
            record = tx.run(self._names.begin_job(), params).single(strict=True)
            return dict(record["job"])

        known = _job(self._db.write(work))
        if known.source != source:
            raise CheckpointError(
                f"job {job} was begun from source {known.source!r}, now it is {source!r}; "
                f"give the source it was begun with, or start a job of another name"
            )
        return known

    def finish_job(self, job: str, *, now: int, summary: dict[str, Any]) -> None:
        self._may_write()
        params = {"job": job, "now": now, "summary": json.dumps(summary)}
        if not self._db.write(lambda tx: _count(tx.run(self._names.finish_job(), params))):
            raise CheckpointError(f"job {job} was never begun; call begin_job first")

    def jobs(self) -> Iterator[Job]:
        return iter([_job(record["job"]) for record in self._db.rows(self._names.jobs())])

    # --- life ---------------------------------------------------------------------

    def drop_all(self) -> None:
        """Delete everything kgrec wrote under this prefix; constraints stay."""
        self._may_write()
        for label in Label:
            self._vectors.drop_index(label)
        names = self._names
        own = [names.label(label) for label in Label] + [names.job, names.run]
        for label_name in own:
            self._db.repeat(names.delete_some(label_name), limit=5_000)
        params = {"item_properties": "{}"}
        self._db.write(lambda tx: tx.run(names.write_properties(), params).consume())
        self._questions.properties = {}

    def close(self) -> None:
        if self._owns_driver:
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

    def _prepare(self, *, create: bool) -> None:
        def ask(tx: neo4j.Transaction) -> tuple[dict[str, list[str]], neo4j.Record]:
            components = {row["name"]: row["versions"] for row in tx.run(statements.COMPONENTS)}
            return components, tx.run(self._names.read_version()).single(strict=True)

        components, mark = self._db.first_contact(ask)
        kernel = next(iter(components.get("Neo4j Kernel", [])), "0.0")
        release = tuple(int(part) for part in kernel.split(".")[:2])
        if release < (5, 23):
            raise StoreVersionError(
                f"{self.url} runs Neo4j {kernel}; kgrec needs 5.23 or newer, best 5.26"
            )
        self._vectors.search_clause = release >= (2026, 4)
        version = mark["version"]
        if version is None:
            self._check_new(create=create)
        elif version != FORMAT_VERSION:
            raise StoreVersionError(
                f"{self.url} holds a graph of format version {version}, this kgrec works with "
                f"{FORMAT_VERSION}; ingest the sources into a new database or label prefix"
            )
        # A graph that neo4j-admin imported has its mark, but no constraint yet.
        if not mark["prepared"] and not self._read_only:
            properties = read_properties(mark["item_properties"])
            more = [self._names.property_index(name) for name in properties]
            for statement in [*self._names.prepare(), *more]:
                self._db.define(statement)
            self._db.write(lambda tx: tx.run(statements.AWAIT_INDEXES).consume())
            params = {"version": FORMAT_VERSION}
            self._db.write(lambda tx: tx.run(self._names.write_version(), params).consume())
        self._questions.properties = read_properties(mark["item_properties"])
        self._questions.has_activity = bool(mark["has_activity"])
        if not mark["has_activity"] and not self._read_only:
            self._fill_activity()

    def _fill_activity(self) -> None:
        """Count the interactions of items where an import or an earlier version did not."""
        for name in ("interactions", "last_at"):
            self._db.define(self._names.property_index(name))
        after: str | None = ""
        while after is not None:
            statement = self._names.fill_activity()
            after = self._db.write_one(statement, after=after, page=_PAGE)["last"]
        self._db.write(lambda tx: tx.run(self._names.write_activity()).consume())
        self._questions.has_activity = True

    def _check_new(self, *, create: bool) -> None:
        if not create:
            self._refuse_absent()
        for label in Label:
            if self._db.rows(self._names.foreign(label)):
                raise GraphStoreError(
                    f"{self.url} has {self._names.label(label)} nodes that kgrec did not write; "
                    f"choose a label prefix, e.g. --label-prefix Kg, to keep the two apart"
                )

    def _refuse_absent(self) -> NoReturn:
        asked, mark = self._names.prefix, Names().store
        labels = [record["label"] for record in self._db.rows(statements.LABELS)]
        others = sorted(label.removesuffix(mark) for label in labels if label.endswith(mark))
        under = f" under the label prefix {asked}" if asked else ""
        if others:
            known = ", ".join(
                f"--label-prefix {other}" if other else "no prefix" for other in others
            )
            raise BadLabelPrefixError(
                f"there is no graph in {self.url}{under or ' without a label prefix'}; "
                f"there is one with {known}"
            )
        option = f" --label-prefix {asked}" if asked else ""
        raise StoreUnavailableError(
            f"there is no graph in {self.url}{under}; "
            f"make one with `kgrec ingest FILES --store URL{option}`"
        )

    def _may_write(self) -> None:
        if self._read_only:
            raise GraphStoreError(f"{self.url} was opened for reading; open it for writing")

    def _upsert_relationships(
        self,
        rel_type: RelType,
        rows: pl.DataFrame,
        checkpoint: Checkpoint | None,
        statement: str,
        begin: Callable[[Transaction], dict[str, Any]],
    ) -> Written:
        """Write a batch in one transaction; ``begin`` opens it and gives further parameters."""
        # Sorted, so that two writers take the locks of the nodes in one order.
        batch = check_relationships(rel_type, rows).sort("source", "target").rows()

        def work(tx: Transaction) -> int:
            params, written = begin(tx), 0
            for part in _parts(batch):
                record = tx.run(statement, {"rows": part, **params}).single(strict=True)
                if record["rows"] != len(part):
                    self._refuse(tx, rel_type, part)
                written += record["written"]
            self._note(tx, checkpoint)
            return written

        written = self._db.write(work)
        return Written(written, len(batch) - written)

    def _refuse(self, tx: Transaction, rel_type: RelType, part: list[tuple[Any, ...]]) -> None:
        lost = tx.run(self._names.lost_end(rel_type), {"rows": part}).single()
        if lost is None:
            raise GraphStoreError(
                f"{rel_type}: the database holds one pair twice; it was changed from outside"
            )
        label = ENDS[rel_type][0 if lost["source_lost"] else 1]
        key = lost["source"] if lost["source_lost"] else lost["target"]
        raise UnknownNodeError(
            f"{rel_type} from {lost['source']!r} to {lost['target']!r} names a {label} {key!r} "
            f"that was never written; nothing of its batch was written; write the nodes first"
        )

    def _note(self, tx: Transaction, checkpoint: Checkpoint | None) -> None:
        if checkpoint is None:
            return
        params = {
            "job": checkpoint.job,
            "source": checkpoint.source,
            "stage": checkpoint.stage,
            "offset": checkpoint.offset,
        }
        if not _count(tx.run(self._names.note_checkpoint(), params)):
            raise CheckpointError(
                f"job {checkpoint.job} was not begun from source {checkpoint.source!r}; "
                f"call begin_job first"
            )


def _parts(batch: list[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    for start in range(0, len(batch), _ROWS):
        yield batch[start : start + _ROWS]


def _count(result: neo4j.Result, column: str = "rows") -> int:
    return int(result.single(strict=True)[column])


def _job(values: dict[str, Any]) -> Job:
    return Job(
        job=values["job"],
        kind=values["kind"],
        source=values["source"],
        stage=values["stage"],
        offset=values["offset"],
        started_at=values["started_at"],
        finished_at=values.get("finished_at"),
        summary=json.loads(values["summary"]),
    )
