"""The contract that every graph store keeps; proved once by ``tests/graph_store/contract.py``.

In:   frames of nodes and relationships with the columns of :mod:`graph_store.schema`.
Out:  the same graph as frames, small ``networkx`` graphs, nearest vectors, a job ledger.

A store knows nothing of models, tensors or log files. All writes are idempotent: by key,
with absolute values, each batch and its checkpoint in ONE transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol, Self

import networkx as nx
import numpy as np
import polars as pl
from numpy.typing import NDArray

from graph_store.properties import PropertyCondition, PropertyType
from graph_store.schema import Label, RelType

__all__ = [
    "Checkpoint",
    "CypherPattern",
    "DomainCounts",
    "EnrichmentEntry",
    "GraphStore",
    "ItemSelection",
    "ItemTagRows",
    "Job",
    "Near",
    "NodeFilter",
    "StoreCounts",
    "UserHistories",
    "Written",
]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far a job has come; written in the same transaction as the batch."""

    job: str
    """Deterministic id of the job: the same source and options give the same id."""
    source: str
    """Fingerprint of what is being read."""
    stage: str
    """Which part of the job, e.g. ``nodes:Item`` or ``relationships:INTERACTED``."""
    offset: int
    """Rows of this stage that are in the store after this batch."""


@dataclass(frozen=True, slots=True)
class Job:
    """One entry of the job ledger."""

    job: str
    kind: str
    """``ingest`` or an enrichment's name."""
    source: str
    stage: str
    offset: int
    started_at: int
    """Unix seconds of the first start; a resume keeps it."""
    finished_at: int | None
    """Unix seconds; None while it is not complete."""
    summary: dict[str, Any] = field(default_factory=dict)
    """What the job reported when it finished (counts), or its settings."""


@dataclass(frozen=True, slots=True)
class Written:
    """Number of rows of one batch that were written, being new or changed, and of the others."""

    written: int = 0
    unchanged: int = 0

    def __add__(self, other: Written) -> Written:
        return Written(self.written + other.written, self.unchanged + other.unchanged)


@dataclass(frozen=True, slots=True)
class DomainCounts:
    """Distinct users, items and ``INTERACTED`` relationships of one domain."""

    users: int
    items: int
    interactions: int


@dataclass(frozen=True, slots=True)
class StoreCounts:
    """How much the store holds; zero counts are listed for the four labels and four base types."""

    nodes: dict[str, int]
    relationships: dict[str, int]
    domains: dict[str, DomainCounts]


@dataclass(frozen=True, slots=True)
class CypherPattern:
    """A pattern of one's own that an item must match; for Neo4j only.

    It runs with the rights of the account that the store was opened with, in a transaction that
    cannot write.
    """

    text: str
    """What stands behind ``MATCH``, about the variable ``item``:
    ``(item)-[:IN_STOCK]->(:Shop {city: $city})``; a ``WHERE`` may follow."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """Values of its parameters, by name without ``$``."""


@dataclass(frozen=True, slots=True)
class NodeFilter:
    """Which items an answer may hold; every condition given must be satisfied."""

    domain: str | None = None
    tags_any: Sequence[str] = ()
    tags_all: Sequence[str] = ()
    tags_none: Sequence[str] = ()
    not_seen_by: str | Sequence[str] | None = None
    """Keys of users, or one key: leave out what any of them has interacted with."""
    since: int | None = None
    """Unix seconds: only items with an interaction at or after this time."""
    allow: Sequence[str] | None = None
    """Only these item keys."""
    deny: Sequence[str] = ()
    """None of these item keys."""
    min_popularity: int | None = None
    """Only items with at least this many ``INTERACTED`` relationships."""
    max_popularity: int | None = None
    """Only items with at most this many ``INTERACTED`` relationships."""
    properties: Sequence[PropertyCondition] = ()
    """Conditions on properties of items, such as a price."""
    cypher: CypherPattern | None = None
    """A pattern of one's own, for a graph in Neo4j."""


@dataclass(frozen=True, slots=True)
class ItemSelection:
    """Which items satisfy a filter: those of ``passing``, without those of ``refused``."""

    passing: list[str] | None
    """Keys of the items that the conditions select; None: no condition selects, all pass."""
    refused: list[str]
    """Keys of items that a condition leaves out."""
    unknown_tags: list[str] = field(default_factory=list)
    """Tags of the filter that the graph does not hold, in the order given."""
    unknown_users: list[str] = field(default_factory=list)
    """Users of the filter that the graph does not hold, in the order given."""
    has_times: bool = True
    """Whether any item of the domain has an interaction of known time; True if not asked for."""


@dataclass(frozen=True, slots=True)
class UserHistories:
    """What some users did, over all accounts of each person."""

    accounts: pl.DataFrame
    """``user``, ``account``: a row for each account of each user asked for, their own included.
    A user who is not in the graph has no row."""
    interactions: pl.DataFrame
    """``source`` (the account), ``target`` (the item), ``kind``, ``event``, ``weight``, ``at``
    and ``order``, sorted by the first four; an account's rows are there once."""


@dataclass(frozen=True, slots=True)
class ItemTagRows:
    """The tags of some items."""

    rows: pl.DataFrame
    """``source`` (the item), ``target`` (the tag), sorted."""
    bearers: dict[str, int]
    """Number of items of the whole graph with each tag of ``rows``."""


@dataclass(frozen=True, slots=True)
class Near:
    """One answer of a nearest-vector search; ``score`` is the cosine in [-1, 1]."""

    key: str
    score: float


@dataclass(frozen=True, slots=True)
class EnrichmentEntry:
    """One enrichment in the ledger: which job wrote it, and how much."""

    enrichment_id: str
    """The job's name and a hash of its inputs; the property ``run`` of what it wrote holds it."""
    job: str
    """``vectors`` or ``similar-items`` ..."""
    at: int
    """Unix seconds."""
    finished: bool
    counts: dict[str, int]
    """Rows written by what they are, e.g. ``{"SIMILAR_TO": 1280}``."""


class GraphStore(Protocol):
    """Upsert facts, read them back as columns, search, keep a ledger."""

    @property
    def url(self) -> str:
        """Where the store is, without any password; for messages and manifests."""
        ...

    # --- writing ------------------------------------------------------------------

    def upsert_nodes(
        self, label: Label, rows: pl.DataFrame, *, checkpoint: Checkpoint | None = None
    ) -> Written:
        """Insert or update nodes by ``key``; a null never erases what is known.

        Args:
            label: Label of all nodes of the batch.
            rows: A frame with the columns of ``NODE_COLUMNS[label]``; keys are distinct. Items may
                have a column for each property that was declared.
            checkpoint: How far a job is with this batch; written in the same transaction.

        Returns:
            How many rows were written, and how many changed nothing.

        Raises:
            BadRowsError: A column is missing, a value is null, a key is empty or there twice.
        """
        ...

    def declare_item_properties(self, types: Mapping[str, PropertyType]) -> None:
        """Make room for properties of items, before :meth:`upsert_nodes` takes their columns.

        Args:
            types: Name and type of each; those that are declared already are passed over.

        Raises:
            BadRowsError: A name cannot be used, or is declared with another type.
        """
        ...

    def upsert_relationships(
        self, rel_type: RelType, rows: pl.DataFrame, *, checkpoint: Checkpoint | None = None
    ) -> Written:
        """Insert or update relationships by their key.

        The key is (source, target), for ``INTERACTED`` also ``kind`` and ``event``. Of two
        statements about one ``INTERACTED`` the later one (``at``) stands; where times are equal or
        unknown, the one written last. Values are set, never added up; ``first_at`` is the earliest
        of all statements.

        Args:
            rel_type: A type that is not derived.
            rows: ``source``, ``target`` and ``RELATIONSHIP_COLUMNS[rel_type]``, of which those of
                ``OPTIONAL_COLUMNS`` may be left out.
            checkpoint: How far a job is with this batch; written in the same transaction.

        Returns:
            How many rows were written, and how many changed nothing.

        Raises:
            BadRowsError: A column is missing, a value is null or a key is empty.
            UnknownNodeError: An end was never written; nothing of the batch is written.
        """
        ...

    def forget_user(self, key: str) -> int:
        """Delete a user, every relationship and vector of theirs; return relationships deleted.

        Runs, snapshots and exports that were made before still hold the user
        (``kgrec.runs.forget.forget_user`` takes them out of a run).

        Raises:
            UnknownNodeError: No such user.
        """
        ...

    # --- reading ------------------------------------------------------------------

    def read_nodes(self, label: Label) -> pl.DataFrame:
        """All nodes of a label with ``NODE_COLUMNS[label]``, sorted by key.

        Items have a column more for each declared property, sorted by name.
        """
        ...

    def item_properties(self) -> dict[str, PropertyType]:
        """The declared properties of items, sorted by name."""
        ...

    def read_relationships(self, rel_type: RelType) -> pl.DataFrame:
        """All of one type: ``source``, ``target``, ``RELATIONSHIP_COLUMNS``; sorted by all keys."""
        ...

    def histories_of(self, users: Sequence[str]) -> UserHistories:
        """What some users did, by one statement for each thousand of them.

        Args:
            users: Keys of users; accounts joined by ``SAME_AS`` count as one person.
        """
        ...

    def tags_of(self, items: Sequence[str]) -> ItemTagRows:
        """The tags of some items, by one statement.

        Args:
            items: Keys of items; unknown ones have no tags.
        """
        ...

    def select_items(self, where: NodeFilter) -> ItemSelection:
        """Which items satisfy a filter, by one statement whatever the filter.

        A user of ``not_seen_by`` stands for all accounts of the person.

        Args:
            where: The conditions. A pattern in Cypher is checked with one more statement when the
                store meets it for the first time.

        Raises:
            BadFilterError: An unknown property, a value of another type, a pattern that writes or
                that this store cannot evaluate.
        """
        ...

    def counts(self) -> StoreCounts:
        """Counts per label, type and domain."""
        ...

    def neighbourhood(self, key: str, *, hops: int = 1, limit: int = 200) -> nx.MultiDiGraph[Any]:
        """The graph around a node, nearest nodes first.

        Nodes are named ``(Label, key)`` and carry their columns; edges are keyed by type. At one
        node the ``limit`` weightiest relationships of each type are looked at, so that where each
        event is a relationship of its own, fewer nodes may be found.
        ``key`` is looked up among users, items, tags, domains in that order.

        Args:
            key: Key of any node.
            hops: Largest number of relationships between it and another node.
            limit: Largest number of other nodes.

        Raises:
            UnknownNodeError: No node has this key.
        """
        ...

    def query(self, text: str, **params: Any) -> pl.DataFrame:
        """Answer in the store's own language: Cypher on Neo4j, SQL on DuckDB. Reads only.

        On DuckDB nothing but the graph can be read: no file, network address or extension.

        Raises:
            GraphStoreError: The store refuses the query, e.g. because it writes.
        """
        ...

    # --- vectors ------------------------------------------------------------------

    def write_vectors(
        self, label: Label, keys: Sequence[str], vectors: NDArray[np.float32], *, enrichment_id: str
    ) -> int:
        """Put vectors onto nodes.

        The first batch of an enrichment makes the vector index (in Neo4j), of width D.

        Args:
            label: Label of the nodes.
            keys: ``[N]`` keys of nodes; unknown ones are passed over.
            vectors: ``[N, D]``, finite.
            enrichment_id: An enrichment that was begun.

        Returns:
            How many nodes took a vector.

        Raises:
            GraphStoreError: No such enrichment, or it holds vectors of another width.
        """
        ...

    def await_vectors(self, label: Label) -> None:
        """Return when the vector index of ``label`` answers for all that was written."""
        ...

    def read_vectors(self, label: Label) -> tuple[list[str], NDArray[np.float32]]:
        """Keys (sorted) and vectors ``[N, D]`` in force; ``[0, 0]`` if none were written."""
        ...

    def nearest(
        self, label: Label, vector: NDArray[np.float32], k: int, where: NodeFilter | None = None
    ) -> list[Near]:
        """The ``k`` nodes whose vectors have the highest cosine with ``vector [D]``, best first.

        Args:
            label: Label of the nodes to search.
            vector: ``[D]``.
            k: Largest number of answers.
            where: Conditions that an item must meet; None: none.
        """
        ...

    # --- enrichment ---------------------------------------------------------------

    def begin_enrichment(self, enrichment_id: str, job: str, *, at: int) -> None:
        """Open an enrichment: what earlier ones of the same job wrote is set aside, not lost.

        Args:
            enrichment_id: Its name, which belongs to one job.
            job: Kind of enrichment.
            at: Unix seconds.

        Raises:
            GraphStoreError: The id is of another job, or a later enrichment is in force.
        """
        ...

    def write_enrichment(
        self, enrichment_id: str, rel_type: RelType, rows: pl.DataFrame
    ) -> Written:
        """Upsert derived relationships in one transaction; each holds the id and the time.

        Args:
            enrichment_id: An enrichment that was begun.
            rel_type: A type of ``ENRICHED``.
            rows: ``source``, ``target`` and ``RELATIONSHIP_COLUMNS[rel_type]``.

        Raises:
            GraphStoreError: No such enrichment, or it is not in force.
        """
        ...

    def finish_enrichment(self, enrichment_id: str, counts: dict[str, int]) -> None:
        """Mark an enrichment complete, with counts of what it wrote."""
        ...

    def undo_enrichment(self, enrichment_id: str) -> int:
        """Take back what an enrichment wrote and bring back what was in force before it.

        Returns:
            How many relationships and vectors were taken back.

        Raises:
            GraphStoreError: No such enrichment, or a later one of the same job stands on it.
        """
        ...

    def enrichments(self) -> list[EnrichmentEntry]:
        """All enrichments that were not undone, oldest first."""
        ...

    # --- job ledger ---------------------------------------------------------------

    def begin_job(self, job: str, *, kind: str, source: str, now: int) -> Job:
        """Enter a job, or return the entry of an earlier start (to resume it).

        Args:
            job: Id of the job.
            kind: ``ingest``, or the name of an enrichment.
            source: Fingerprint of what is read.
            now: Unix seconds.

        Raises:
            CheckpointError: The job was begun with another ``source``.
        """
        ...

    def finish_job(self, job: str, *, now: int, summary: dict[str, Any]) -> None:
        """Mark a job complete.

        Args:
            job: Id of the job.
            now: Unix seconds.
            summary: Counts to keep with the entry.

        Raises:
            CheckpointError: The job was never begun.
        """
        ...

    def jobs(self) -> Iterator[Job]:
        """The ledger, oldest first."""
        ...

    # --- life ---------------------------------------------------------------------

    def close(self) -> None:
        """Let go of the connection; a driver that the caller opened stays open."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
