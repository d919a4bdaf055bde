"""The Cypher of the graph itself: schema, upserts, deletions, reading, the ledger of jobs.

That of enrichments is in :mod:`graph_store.neo4j.enrichment_statements`, that of vectors in
:mod:`graph_store.neo4j.vector_statements`. No other module holds a statement.

In:   the prefix before labels and types (:class:`Names`), labels and types of the schema.
Out:  statement texts. Values always travel as parameters; only names of the schema, the
      prefix (checked) and whole numbers are ever put into a text.

A row of a batch is a list in the order of the schema's columns, which is smaller on the
wire than a map: ``row[0]`` is the key, or the source of a relationship.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from graph_store.errors import BadLabelPrefixError
from graph_store.schema import ENDS, ENRICHED, NODE_COLUMNS, RELATIONSHIP_COLUMNS, Label, RelType

__all__ = ["COMPONENTS", "MAY_BE_NULL", "NO_TIME", "Names", "in_runs"]

COMPONENTS = "CALL dbms.components() YIELD name, versions RETURN name, versions"
LABELS = "CALL db.labels() YIELD label RETURN label"
AWAIT_INDEXES = "CALL db.awaitIndexes(300)"
AWAIT_INDEX = "CALL db.awaitIndex($index, 300)"
SHOW_VECTOR_INDEX = (
    "SHOW INDEXES YIELD name, state, options WHERE name = $index "
    "RETURN options.indexConfig['vector.dimensions'] AS width, state"
)

NO_TIME = -(2**63)
"""Stands for an unknown time or order on the wire, since ``collect`` leaves nulls out."""

MAY_BE_NULL = ("at", "first_at", "order")
"""Columns of relationships that may be unknown."""


def in_runs(relationship: str) -> str:
    """The condition that a relationship found from one of its ends is of one of ``$runs``.

    The index on ``run`` must not answer this condition: an enrichment has many relationships and a
    node few, so that an index seek for each node reads the whole enrichment each time.
    ``coalesce`` keeps the planner from the index, which it otherwise chooses while the type is
    empty.
    """
    return f"coalesce({relationship}.run, '') IN $runs"


@dataclass(frozen=True)
class Names:
    """What labels and types are called in this database, and the statements over them."""

    prefix: str = ""

    def __post_init__(self) -> None:
        if self.prefix and not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", self.prefix):
            raise BadLabelPrefixError(
                f"label prefix {self.prefix!r} cannot begin a Neo4j label; "
                f"use letters, digits and underscores, a letter first, e.g. Kg"
            )

    # --- names --------------------------------------------------------------------

    def label(self, label: Label) -> str:
        """A label as it is in the database."""
        return f"{self.prefix}{label}"

    def type(self, rel_type: RelType) -> str:
        """A relationship type as it is in the database."""
        return f"{self.prefix}{rel_type}"

    def set_aside(self, rel_type: RelType) -> str:
        """The type of derived relationships that a later enrichment stands in for."""
        return f"{self.prefix}SET_ASIDE_{rel_type}"

    @property
    def store(self) -> str:
        """Label of the one node that holds the format version."""
        return f"{self.prefix}KgrecStore"

    @property
    def job(self) -> str:
        """Label of the job ledger."""
        return f"{self.prefix}KgrecJob"

    @property
    def run(self) -> str:
        """Label of enrichment runs."""
        return f"{self.prefix}KgrecRun"

    def vector_index(self, label: Label) -> str:
        """Name of the vector index of a label."""
        return f"kgrec_{self.label(label)}_vector"

    # --- schema -------------------------------------------------------------------

    def prepare(self) -> list[str]:
        """Constraints and indexes; making them twice does no harm."""
        keys = [(self.label(label), "key") for label in Label]
        keys += [(self.store, "key"), (self.job, "job"), (self.run, "run")]
        statements = [
            f"CREATE CONSTRAINT kgrec_{label}_{key} IF NOT EXISTS "
            f"FOR (n:{label}) REQUIRE n.{key} IS UNIQUE"
            for label, key in keys
        ]
        statements += [self.property_index(name) for name in ("interactions", "last_at")]
        for rel_type in ENRICHED:
            for name in (self.type(rel_type), self.set_aside(rel_type)):
                statements.append(
                    f"CREATE INDEX kgrec_{name}_run IF NOT EXISTS FOR ()-[r:{name}]-() ON (r.run)"
                )
        return statements

    def property_index(self, name: str) -> str:
        """An index on one property of items; its name is one that was checked."""
        item = self.label(Label.ITEM)
        return f"CREATE INDEX kgrec_{item}_{name} IF NOT EXISTS FOR (n:{item}) ON (n.`{name}`)"

    def read_version(self) -> str:
        """The format version, null where kgrec never wrote; what was made and declared."""
        return (
            f"OPTIONAL MATCH (s:{self.store} {{key: 'store'}}) "
            "RETURN s.format_version AS version, coalesce(s.prepared, false) AS prepared, "
            "coalesce(s.has_activity, false) AS has_activity, "
            "coalesce(s.item_properties, '{}') AS item_properties"
        )

    def read_properties(self) -> str:
        """The declared properties of items, by an object in JSON of their names and types."""
        return (
            f"MATCH (s:{self.store} {{key: 'store'}}) "
            "RETURN coalesce(s.item_properties, '{}') AS item_properties"
        )

    def write_properties(self) -> str:
        """Note the declared properties of items."""
        return f"MATCH (s:{self.store} {{key: 'store'}}) SET s.item_properties = $item_properties"

    def write_activity(self) -> str:
        """Note that items hold the number and the last time of their interactions."""
        return f"MATCH (s:{self.store} {{key: 'store'}}) SET s.has_activity = true"

    def fill_activity(self) -> str:
        """Number and last time of the interactions of a page of items; gives its last key."""
        return f"""
            MATCH (n:{self.label(Label.ITEM)}) WHERE n.key > $after
            WITH n ORDER BY n.key LIMIT $page
            CALL (n) {{
                MATCH (n)<-[r:{self.type(RelType.INTERACTED)}]-()
                RETURN count(*) AS interactions, max(r.at) AS last_at
            }}
            SET n.interactions = interactions, n.last_at = last_at
            RETURN max(n.key) AS last
        """

    def write_version(self) -> str:
        """Note the format version, and that constraints are there."""
        return (
            f"MERGE (s:{self.store} {{key: 'store'}}) "
            "SET s.format_version = $version, s.prepared = true"
        )

    def lock(self) -> str:
        """Hold the store's node until the transaction ends: ledger writes come one by one."""
        return f"MATCH (s:{self.store} {{key: 'store'}}) SET s.locked_by = $by"

    def foreign(self, label: Label) -> str:
        """Whether any node has this label."""
        return f"MATCH (n:{self.label(label)}) RETURN true LIMIT 1"

    def delete_some(self, label: str) -> str:
        """Delete up to ``$limit`` nodes of a label with all their relationships."""
        return f"MATCH (n:{label}) WITH n LIMIT $limit DETACH DELETE n RETURN count(*) AS rows"

    # --- writing ------------------------------------------------------------------

    def upsert_nodes(self, label: Label, properties: Sequence[str] = ()) -> str:
        """Rows of ``NODE_COLUMNS``; a null never erases what is known.

        Args:
            label: Label of the nodes.
            properties: Checked names of the columns that rows have beside those of the schema.
        """
        name = self.label(label)
        columns = [*NODE_COLUMNS[label], *(f"`{one}`" for one in properties)]
        rest = list(enumerate(columns))[1:]
        changed = " OR ".join(
            f"(row[{i}] IS NOT NULL AND (n.{c} IS NULL OR n.{c} <> row[{i}]))" for i, c in rest
        )
        values = ", ".join(f"n.{c} = coalesce(row[{i}], n.{c})" for i, c in rest)
        update = f"FOREACH (_ IN CASE WHEN changed THEN [1] ELSE [] END | SET {values})"
        return f"""
            UNWIND $rows AS row
            OPTIONAL MATCH (old:{name} {{key: row[0]}})
            WITH row, old IS NULL AS fresh
            MERGE (n:{name} {{key: row[0]}})
            WITH n, row, fresh, {changed or "false"} AS changed
            {update if rest else ""}
            RETURN count(*) AS rows, sum(CASE WHEN fresh OR changed THEN 1 ELSE 0 END) AS written
        """

    def upsert_relationships(self, rel_type: RelType) -> str:
        """Rows of source, target and ``RELATIONSHIP_COLUMNS``, of a type that is not derived."""
        if rel_type is RelType.INTERACTED:
            return self._upsert_interactions()
        # A type without properties is new where it was made just now.
        return f"""
            UNWIND $rows AS row
            {self.match_ends(rel_type)}
            OPTIONAL MATCH (a)-[old:{self.type(rel_type)}]->(b)
            WITH a, b, old IS NULL AS fresh
            MERGE (a)-[:{self.type(rel_type)}]->(b)
            RETURN count(*) AS rows, sum(CASE WHEN fresh THEN 1 ELSE 0 END) AS written
        """

    def _upsert_interactions(self) -> str:
        columns = ("source", "target", *RELATIONSHIP_COLUMNS[RelType.INTERACTED])
        new = {name: f"row[{place}]" for place, name in enumerate(columns)}
        return f"""
            UNWIND $rows AS row
            {self.match_ends(RelType.INTERACTED)}
            MERGE (a)-[r:{self.type(RelType.INTERACTED)}
                       {{kind: {new["kind"]}, event: {new["event"]}}}]->(b)
            WITH b, r, row, r.weight IS NULL AS fresh,
                CASE WHEN {new["first_at"]} IS NULL OR r.first_at <= {new["first_at"]}
                     THEN r.first_at ELSE {new["first_at"]} END AS first_at
            WITH b, r, row, fresh, first_at, fresh OR (
                ({new["at"]} IS NULL OR r.at IS NULL OR {new["at"]} >= r.at)
                AND (r.weight <> {new["weight"]} OR r.count <> {new["count"]}
                     OR coalesce(r.at, $no_time) <> coalesce({new["at"]}, $no_time)
                     OR coalesce(r.order, $no_time) <> coalesce({new["order"]}, $no_time))
            ) AS stands
            WITH b, r, row, first_at, stands, stands OR
                coalesce(r.first_at, $no_time) <> coalesce(first_at, $no_time) AS changed
            FOREACH (_ IN CASE WHEN stands THEN [1] ELSE [] END |
                SET r.weight = {new["weight"]}, r.count = {new["count"]}, r.at = {new["at"]},
                    r.order = {new["order"]})
            FOREACH (_ IN CASE WHEN changed THEN [1] ELSE [] END | SET r.first_at = first_at)
            WITH b, count(*) AS rows, sum(CASE WHEN changed THEN 1 ELSE 0 END) AS written,
                max({new["at"]}) AS last_at
            WITH b, rows, written, last_at,
                COUNT {{ (b)<-[:{self.type(RelType.INTERACTED)}]-() }} AS interactions
            FOREACH (_ IN CASE WHEN written > 0 THEN [1] ELSE [] END |
                SET b.interactions = interactions,
                    b.last_at = CASE WHEN b.last_at >= last_at OR last_at IS NULL
                                     THEN b.last_at ELSE last_at END)
            RETURN coalesce(sum(rows), 0) AS rows, coalesce(sum(written), 0) AS written
        """

    def match_ends(self, rel_type: RelType) -> str:
        """Bind ``a`` and ``b`` to the ends of the relationship of ``row``."""
        source, target = (self.label(label) for label in ENDS[rel_type])
        return f"MATCH (a:{source} {{key: row[0]}}) MATCH (b:{target} {{key: row[1]}})"

    def lost_end(self, rel_type: RelType) -> str:
        """One row whose ends are not both there."""
        source, target = (self.label(label) for label in ENDS[rel_type])
        return f"""
            UNWIND $rows AS row
            OPTIONAL MATCH (a:{source} {{key: row[0]}})
            OPTIONAL MATCH (b:{target} {{key: row[1]}})
            WITH row, a, b WHERE a IS NULL OR b IS NULL
            RETURN row[0] AS source, row[1] AS target, a IS NULL AS source_lost
            ORDER BY source, target LIMIT 1
        """

    def forgotten(self) -> str:
        """How many relationships of a user :meth:`forget_some` took; no row: no such user."""
        return (
            f"MATCH (u:{self.label(Label.USER)} {{key: $key}}) "
            "RETURN coalesce(u.forgotten, 0) AS relationships"
        )

    def forget_some(self) -> str:
        """Delete up to ``$limit`` relationships of a user, and count on the node those in force.

        The count is kept until the node goes, so that a deletion which was killed and is asked
        for again reports all.
        """
        interacted = self.type(RelType.INTERACTED)
        return f"""
            MATCH (u:{self.label(Label.USER)} {{key: $key}})-[r]-()
            WITH DISTINCT u, r LIMIT $limit
            WITH u, r, type(r) IN $types AND (r.run IS NULL OR r.run IN $runs) AS in_force,
                CASE WHEN type(r) = '{interacted}' THEN endNode(r) END AS item, r.at AS at
            DELETE r
            WITH u, count(*) AS deleted, sum(CASE WHEN in_force THEN 1 ELSE 0 END) AS told,
                collect({{item: item, at: at}}) AS touched
            SET u.forgotten = coalesce(u.forgotten, 0) + told
            WITH deleted, touched
            CALL (touched) {{
                UNWIND touched AS one
                WITH one.item AS n, max(one.at) AS at WHERE n IS NOT NULL
                CALL (n, at) {{
                    WITH n, at WHERE at >= n.last_at
                    MATCH (n)<-[r:{interacted}]-() RETURN max(r.at) AS latest
                }}
                SET n.last_at = CASE WHEN at >= n.last_at THEN latest ELSE n.last_at END,
                    n.interactions = COUNT {{ (n)<-[:{interacted}]-() }}
                RETURN count(*) AS items
            }}
            RETURN sum(deleted) AS rows
        """

    def forget(self) -> str:
        """Delete the user itself."""
        return f"MATCH (u:{self.label(Label.USER)} {{key: $key}}) DETACH DELETE u"

    # --- reading ------------------------------------------------------------------

    def read_nodes(self, label: Label, properties: Sequence[str] = ()) -> str:
        """One page of nodes after the key ``$after``, packed into one record.

        Args:
            label: Label of the nodes.
            properties: Checked names of further properties.
        """
        columns = ", ".join(f"n.`{c}`" for c in (*NODE_COLUMNS[label], *properties))
        return f"""
            MATCH (n:{self.label(label)}) WHERE n.key > $after
            WITH n ORDER BY n.key LIMIT $page
            RETURN collect([{columns}]) AS rows
        """

    def read_relationships(self, rel_type: RelType) -> str:
        """Those of one page of source nodes after ``$after``: a row a source, lists within."""
        source, target = (self.label(label) for label in ENDS[rel_type])
        names, where = self.type(rel_type), ""
        columns = dict.fromkeys(RELATIONSHIP_COLUMNS[rel_type], "")
        packed = "".join(
            f", collect({f'coalesce(r.{c}, $no_time)' if c in MAY_BE_NULL else f'r.{c}'}) AS {c}"
            for c in columns
        )
        if rel_type in ENRICHED:
            # Also of the other type: a begin or undo that was killed may be half way through.
            names += f"|{self.set_aside(rel_type)}"
            where = f"WHERE {in_runs('r')}"
            packed += ", collect(r.run) AS run"
        return f"""
            MATCH (a:{source}) WHERE a.key > $after
            WITH a ORDER BY a.key LIMIT $page
            CALL (a) {{
                MATCH (a)-[r:{names}]->(b:{target}) {where}
                RETURN collect(b.key) AS target{packed}
            }}
            RETURN a.key AS source, target{"".join(f", {c}" for c in columns)}
                {", run" if rel_type in ENRICHED else ""}
            ORDER BY source
        """

    def count_nodes(self, label: Label) -> str:
        """Count the nodes of a label; Neo4j keeps the count, so no node is read."""
        return f"MATCH (n:{self.label(label)}) RETURN count(n) AS n"

    def count_relationships(self, rel_type: RelType) -> str:
        """All, or those of the runs ``$runs``."""
        if rel_type not in ENRICHED:
            return f"MATCH ()-[r:{self.type(rel_type)}]->() RETURN count(r) AS n"
        names = f"{self.type(rel_type)}|{self.set_aside(rel_type)}"
        return f"MATCH ()-[r:{names}]->() WHERE r.run IN $runs RETURN count(r) AS n"

    def count_domains(self) -> str:
        """Users, items and interactions of each domain."""
        item, user = self.label(Label.ITEM), self.label(Label.USER)
        in_domain, interacted = self.type(RelType.IN_DOMAIN), self.type(RelType.INTERACTED)
        return f"""
            MATCH (d:{self.label(Label.DOMAIN)})
            CALL (d) {{
                MATCH (d)<-[:{in_domain}]-(i:{item}) RETURN count(i) AS items
            }}
            CALL (d) {{
                MATCH (d)<-[:{in_domain}]-(:{item})<-[r:{interacted}]-(u:{user})
                RETURN count(DISTINCT u) AS users, count(r) AS interactions
            }}
            RETURN d.key AS key, users, items, interactions ORDER BY key
        """

    def named(self, label: Label) -> str:
        """The nodes with these keys."""
        columns = ", ".join(f"n.{c} AS {c}" for c in NODE_COLUMNS[label])
        return f"MATCH (n:{self.label(label)}) WHERE n.key IN $keys RETURN {columns}"

    def touching(self, label: Label, rel_type: RelType, *, outward: bool) -> str:
        """At most ``$limit`` relationships per node of ``$keys``, the weightiest first.

        Args:
            label: Label of the nodes of ``$keys``.
            rel_type: Type of the relationships.
            outward: Whether the relationships leave the nodes of ``$keys`` or lead to them.
        """
        source, target = (self.label(end) for end in ENDS[rel_type])
        other = target if outward else source
        arrow = f"-[r:{self.type(rel_type)}]->" if outward else f"<-[r:{self.type(rel_type)}]-"
        columns = RELATIONSHIP_COLUMNS[rel_type]
        order = (
            "r.weight DESC, m.key, r.kind, r.event" if rel_type is RelType.INTERACTED else "m.key"
        )
        where = f"WHERE {in_runs('r')}" if rel_type in ENRICHED else ""
        ends = "n.key AS source, m.key AS target" if outward else "m.key AS source, n.key AS target"
        return f"""
            UNWIND $keys AS key
            MATCH (n:{self.label(label)} {{key: key}})
            CALL (n) {{
                MATCH (n){arrow}(m:{other}) {where}
                RETURN r, m ORDER BY {order} LIMIT $limit
            }}
            RETURN {ends}{"".join(f", r.{c} AS {c}" for c in columns)}
        """

    # --- ledger -------------------------------------------------------------------

    def begin_job(self) -> str:
        """Enter the job, or find it as it was begun."""
        return f"""
            OPTIONAL MATCH (other:{self.job})
            WITH coalesce(max(other.number), 0) + 1 AS number
            MERGE (j:{self.job} {{job: $job}})
            ON CREATE SET j.kind = $kind, j.source = $source, j.stage = '', j.offset = 0,
                j.started_at = $now, j.summary = '{{}}', j.number = number
            RETURN properties(j) AS job
        """

    def note_checkpoint(self) -> str:
        """Move the job on; a finished job that is run again is open again."""
        return f"""
            MATCH (j:{self.job} {{job: $job, source: $source}})
            SET j.stage = $stage, j.offset = $offset, j.finished_at = null
            RETURN count(*) AS rows
        """

    def finish_job(self) -> str:
        """Mark the job complete."""
        return f"""
            MATCH (j:{self.job} {{job: $job}})
            SET j.finished_at = $now, j.summary = $summary
            RETURN count(*) AS rows
        """

    def jobs(self) -> str:
        """The ledger."""
        return f"MATCH (j:{self.job}) RETURN properties(j) AS job ORDER BY j.number"
