"""Reads the graph from Neo4j: columns, counts, neighbourhoods.

In:   labels, types, keys.
Out:  frames with the schema's columns, and small ``networkx`` graphs.

Rows are packed into lists on the server, since a record for each relationship is what makes
reading slow, and come in pages of keys, so that a broken read goes on at its page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import neo4j
import networkx as nx
import polars as pl

from graph_store.batches import relationship_key
from graph_store.errors import UnknownNodeError
from graph_store.neighbourhood import LOOKUP_ORDER, Relationship, grow, types_at
from graph_store.neo4j.connection import Connection
from graph_store.neo4j.enrichment import Enrichments
from graph_store.neo4j.statements import MAY_BE_NULL, NO_TIME, Names
from graph_store.properties import PROPERTY_DTYPES, PropertyType
from graph_store.schema import ENRICHED, NODE_COLUMNS, RELATIONSHIP_COLUMNS, Label, RelType
from graph_store.store import DomainCounts, StoreCounts

__all__ = ["Reader"]

_PAGE = 2_000
"""Source nodes of one reading page: some megabytes, and a second's work to read again."""


class Reader:
    """Reads what is in force.

    Args:
        connection: The database.
        names: Spelling of labels, types and indexes of this graph.
        ledger: Says which enrichments are in force.
    """

    def __init__(self, connection: Connection, names: Names, ledger: Enrichments) -> None:
        self._db = connection
        self._names = names
        self._ledger = ledger

    def nodes(
        self, label: Label, properties: Mapping[str, PropertyType] | None = None
    ) -> pl.DataFrame:
        """All nodes of a label, with these properties beside the columns of the schema."""
        more = properties or {}
        statement = self._names.read_nodes(label, list(more))
        columns = NODE_COLUMNS[label] | {name: PROPERTY_DTYPES[kind] for name, kind in more.items()}
        frames, after = [pl.DataFrame(schema=columns)], ""
        while True:
            (record,) = self._db.rows(statement, after=after, page=4 * _PAGE)
            if not record["rows"]:
                return pl.concat(frames).sort("key")
            frames.append(pl.DataFrame(record["rows"], schema=columns, orient="row"))
            after = record["rows"][-1][0]

    def relationships(self, rel_type: RelType) -> pl.DataFrame:
        """All relationships of a type that are in force."""
        statement = self._names.read_relationships(rel_type)
        runs = self._ledger.in_force() if rel_type in ENRICHED else []
        columns = {"source": pl.String(), "target": pl.String(), **RELATIONSHIP_COLUMNS[rel_type]}
        wire = {**columns, "run": pl.String()} if rel_type in ENRICHED else columns
        packed = [name for name in wire if name != "source"]
        frames, after = [pl.DataFrame(schema=wire)], ""
        while True:
            page = self._db.rows(statement, after=after, page=_PAGE, no_time=NO_TIME, runs=runs)
            if not page:
                break
            after = page[-1]["source"]
            frames.append(_unpack(page, packed, wire))
        rows = pl.concat(frames)
        if rel_type is RelType.INTERACTED:
            rows = rows.with_columns(pl.col(MAY_BE_NULL).replace(NO_TIME, None))
        if rel_type in ENRICHED:  # of two jobs that say something of one pair, the later
            order = pl.Enum(runs)
            rows = rows.sort(pl.col("run").cast(order)).unique(["source", "target"], keep="last")
        return rows.select(list(columns)).sort(relationship_key(rel_type))

    def counts(self) -> StoreCounts:
        """Counts per label, type and domain."""
        runs = self._ledger.in_force()

        def one(statement: str) -> int:
            return int(self._db.rows(statement, runs=runs)[0]["n"])

        nodes = {str(label): one(self._names.count_nodes(label)) for label in Label}
        relationships = {str(t): one(self._names.count_relationships(t)) for t in RelType}
        domains = {
            record["key"]: DomainCounts(record["users"], record["items"], record["interactions"])
            for record in self._db.rows(self._names.count_domains())
        }
        shown = {t: n for t, n in relationships.items() if n or RelType(t) not in ENRICHED}
        return StoreCounts(nodes, shown, domains)

    def neighbourhood(self, key: str, *, hops: int = 1, limit: int = 200) -> nx.MultiDiGraph[Any]:
        """What lies around a node; see :mod:`graph_store.neighbourhood`."""
        start = next((label for label in LOOKUP_ORDER if self._named(label, [key]).height), None)
        if start is None:
            raise UnknownNodeError(f"the graph holds no user, item, tag or domain {key!r}")
        runs = self._ledger.in_force()
        return grow(
            (start, key),
            hops=hops,
            limit=limit,
            relationships_at=lambda label, keys: self._touching(label, keys, limit, runs),
            nodes_named=self._named,
        )

    def _named(self, label: Label, keys: Sequence[str]) -> pl.DataFrame:
        rows = [r.data() for r in self._db.rows(self._names.named(label), keys=list(keys))]
        return pl.DataFrame(rows, schema=NODE_COLUMNS[label])

    def _touching(
        self, label: Label, keys: Sequence[str], limit: int, runs: list[str]
    ) -> list[Relationship]:
        found = []
        for rel_type, outward in types_at(label):
            statement = self._names.touching(label, rel_type, outward=outward)
            for record in self._db.rows(statement, keys=list(keys), limit=limit, runs=runs):
                row = record.data()
                found.append(Relationship(rel_type, row.pop("source"), row.pop("target"), row))
        return found


def _unpack(
    page: list[neo4j.Record], packed: list[str], schema: dict[str, pl.DataType]
) -> pl.DataFrame:
    """One row a relationship from one record a source."""
    columns: dict[str, list[Any]] = {name: [] for name in schema}
    for record in page:
        columns["source"] += [record["source"]] * len(record["target"])
        for name in packed:
            columns[name] += record[name]
    return pl.DataFrame(columns, schema=schema)
