"""The Cypher of enrichment: derived relationships, and the ledger of what wrote them.

In:   :class:`~graph_store.neo4j.statements.Names`, a type of derived relationship.
Out:  statement texts.

Every derived relationship has its enrichment id as the property ``run``, and each type has an index
on it. The index serves the statements that start from an enrichment: set aside and delete are told
to use it, since the planner may read the whole type while its statistics know of no enrichment, and
keep that plan. A statement that starts from a node must not use it; see
:func:`~graph_store.neo4j.statements.in_runs`.
"""

from __future__ import annotations

from graph_store.neo4j.statements import Names
from graph_store.schema import RELATIONSHIP_COLUMNS, RelType

__all__ = [
    "create_run",
    "delete_run",
    "delete_some_of_run",
    "finish_run",
    "move_some",
    "note_taken_back",
    "reopen_run",
    "runs",
    "start_undo",
    "upsert_derived",
]


def upsert_derived(names: Names, rel_type: RelType) -> str:
    """Rows of source, target and the one column of the type, under ``$run``.

    Pairs must be distinct within ``$rows``, and the transaction must hold the store's lock:
    unlike MERGE, OPTIONAL MATCH and CREATE do not keep a second writer out. A MERGE on
    ``{run: $run}`` does, but is planned as an index seek for each row while the type is empty,
    which takes time by the square of the number of rows.
    """
    (column,) = RELATIONSHIP_COLUMNS[rel_type]
    name = names.type(rel_type)
    return f"""
        UNWIND $rows AS row
        {names.match_ends(rel_type)}
        OPTIONAL MATCH (a)-[old:{name}]->(b) WHERE coalesce(old.run, '') = $run
        WITH row, a, b, old, old IS NULL AS fresh,
            old IS NOT NULL AND coalesce(old.{column} <> row[2], true) AS changed
        FOREACH (_ IN CASE WHEN fresh THEN [1] ELSE [] END |
            CREATE (a)-[:{name} {{run: $run, {column}: row[2], written_at: $at}}]->(b))
        FOREACH (_ IN CASE WHEN changed THEN [1] ELSE [] END |
            SET old.{column} = row[2], old.written_at = $at)
        RETURN count(*) AS rows, sum(CASE WHEN fresh OR changed THEN 1 ELSE 0 END) AS written
    """


def move_some(names: Names, rel_type: RelType, *, back: bool) -> str:
    """Set up to ``$limit`` relationships of ``$run`` aside, or bring them back.

    Args:
        names: Spelling of labels, types and indexes of this graph.
        rel_type: A derived type.
        back: Whether they are brought back.
    """
    ends = (names.type(rel_type), names.set_aside(rel_type))
    old, new = reversed(ends) if back else ends
    return f"""
        MATCH (a)-[r:{old}]->(b) USING INDEX SEEK r:{old}(run) WHERE r.run = $run
        WITH a, r, b LIMIT $limit
        CREATE (a)-[s:{new}]->(b)
        SET s = properties(r)
        DELETE r
        RETURN count(*) AS rows
    """


def delete_some_of_run(names: Names, rel_type: RelType) -> str:
    """Delete up to ``$limit`` relationships of ``$run``."""
    name = names.type(rel_type)
    return f"""
        MATCH ()-[r:{name}]->() USING INDEX SEEK r:{name}(run) WHERE r.run = $run
        WITH r LIMIT $limit DELETE r RETURN count(*) AS rows
    """


# --- the ledger -------------------------------------------------------------------


def runs(names: Names) -> str:
    """Every enrichment, oldest first."""
    return f"MATCH (e:{names.run}) RETURN properties(e) AS run ORDER BY e.number"


def create_run(names: Names) -> str:
    """Enter an enrichment as the one in force of its job."""
    return f"""
        OPTIONAL MATCH (other:{names.run})
        WITH coalesce(max(other.number), 0) + 1 AS number
        CREATE (e:{names.run} {{run: $run, job: $job, at: $at, number: number,
            finished: false, in_force: true, counts: '{{}}'}})
        WITH e
        MATCH (other:{names.run} {{job: $job}}) WHERE other <> e
        SET other.in_force = false
    """


def reopen_run(names: Names) -> str:
    """Write to an enrichment once more."""
    return f"MATCH (e:{names.run} {{run: $run}}) SET e.finished = false"


def finish_run(names: Names) -> str:
    """Mark an enrichment complete."""
    return f"MATCH (e:{names.run} {{run: $run}}) SET e.finished = true, e.counts = $counts"


def start_undo(names: Names) -> str:
    """The enrichment before this one is in force again; this one is on its way out."""
    return f"""
        MATCH (e:{names.run} {{run: $run}})
        SET e.in_force = false, e.undoing = true
        WITH e
        MATCH (before:{names.run} {{job: e.job}}) WHERE before.number < e.number
        WITH before ORDER BY before.number DESC LIMIT 1
        SET before.in_force = true
    """


def note_taken_back(names: Names) -> str:
    """Add ``$rows`` to what the undo of an enrichment took back.

    Runs in the transaction that deletes these rows, so that an undo which was killed and is
    asked for again knows what it took back before.
    """
    return f"""
        MATCH (e:{names.run} {{run: $run}})
        SET e.taken_back = coalesce(e.taken_back, 0) + $rows
    """


def delete_run(names: Names) -> str:
    """The last step of an undo."""
    return f"MATCH (e:{names.run} {{run: $run}}) DELETE e"
