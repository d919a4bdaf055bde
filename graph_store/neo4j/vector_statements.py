"""The Cypher of vectors: their index, their search, setting them aside.

In:   :class:`~graph_store.neo4j.statements.Names`, a label, a condition on the node ``n``.
Out:  statement texts and parameters. A vector in force is the property ``vector`` beside
      ``vector_run``; one that was set aside is ``vector_of_run_<number>`` on the same node.
"""

from __future__ import annotations

from graph_store.neo4j.statements import Names
from graph_store.schema import Label

__all__ = [
    "bring_back_vectors",
    "create_index",
    "drop_index",
    "drop_vectors",
    "nearest_exact",
    "nearest_indexed",
    "other_run",
    "read_vectors",
    "set_vectors_aside",
    "write_vectors",
]


def create_index(names: Names, label: Label, width: int) -> str:
    """Create a cosine index; its width must be spelled in the statement.

    Args:
        names: Spelling of labels, types and indexes of this graph.
        label: Label of the nodes.
        width: Length of the vectors.
    """
    return (
        f"CREATE VECTOR INDEX {names.vector_index(label)} IF NOT EXISTS "
        f"FOR (n:{names.label(label)}) ON (n.vector) OPTIONS {{indexConfig: {{"
        f"`vector.dimensions`: {int(width)}, `vector.similarity_function`: 'cosine'}}}}"
    )


def drop_index(names: Names, label: Label) -> str:
    """Drop the index, before vectors of another width are written."""
    return f"DROP INDEX {names.vector_index(label)} IF EXISTS"


def write_vectors(names: Names, label: Label) -> str:
    """Rows of key and vector, under ``$run``."""
    return f"""
        UNWIND $rows AS row
        MATCH (n:{names.label(label)} {{key: row[0]}})
        CALL db.create.setNodeVectorProperty(n, 'vector', row[1])
        SET n.vector_run = $run
        RETURN count(*) AS rows
    """


def other_run(names: Names, label: Label) -> str:
    """One vector in force that is of another enrichment than ``$run``, or of another width."""
    return f"""
        MATCH (n:{names.label(label)})
        WHERE n.vector_run IN $runs AND (n.vector_run <> $run OR size(n.vector) <> $width)
        RETURN n.vector_run AS run, size(n.vector) AS width LIMIT 1
    """


def read_vectors(names: Names, label: Label) -> str:
    """One page after ``$after``, packed."""
    return f"""
        MATCH (n:{names.label(label)}) WHERE n.key > $after AND n.vector_run IN $runs
        WITH n ORDER BY n.key LIMIT $page
        RETURN collect(n.key) AS key, collect(n.vector) AS vector
    """


def set_vectors_aside(names: Names, label: Label, number: int) -> str:
    """Set the vectors of ``$run`` aside, on one page of nodes after ``$after``; gives its last key.

    Args:
        names: Spelling of labels, types and indexes of this graph.
        label: Label of the nodes.
        number: Number of the enrichment ``$run``.
    """
    aside = f"n.vector_of_run_{int(number)}"
    return f"""
        MATCH (n:{names.label(label)}) WHERE n.key > $after
        WITH n ORDER BY n.key LIMIT $page
        FOREACH (_ IN CASE WHEN n.vector_run = $run THEN [1] ELSE [] END |
            SET {aside} = n.vector REMOVE n.vector, n.vector_run)
        RETURN max(n.key) AS last
    """


def bring_back_vectors(names: Names, label: Label, number: int) -> str:
    """The reverse of :func:`set_vectors_aside`.

    Args:
        names: Spelling of labels, types and indexes of this graph.
        label: Label of the nodes.
        number: Number of the enrichment ``$run``.
    """
    aside = f"n.vector_of_run_{int(number)}"
    return f"""
        MATCH (n:{names.label(label)}) WHERE n.key > $after
        WITH n ORDER BY n.key LIMIT $page
        FOREACH (_ IN CASE WHEN {aside} IS NOT NULL THEN [1] ELSE [] END |
            SET n.vector = {aside}, n.vector_run = $run REMOVE {aside})
        RETURN max(n.key) AS last, max(size(n.vector)) AS width
    """


def drop_vectors(names: Names, label: Label) -> str:
    """Delete the vectors of ``$run``, on one page of nodes after ``$after``."""
    return f"""
        MATCH (n:{names.label(label)}) WHERE n.key > $after
        WITH n ORDER BY n.key LIMIT $page
        WITH n, n.vector_run IS NOT NULL AND n.vector_run = $run AS mine
        FOREACH (_ IN CASE WHEN mine THEN [1] ELSE [] END | REMOVE n.vector, n.vector_run)
        RETURN max(n.key) AS last, sum(CASE WHEN mine THEN 1 ELSE 0 END) AS rows
    """


def nearest_indexed(names: Names, label: Label, where: str, *, search_clause: bool) -> str:
    """``$fetch`` candidates from the index, filtered, scored exactly, the best ``$k``.

    The index keeps vectors in fewer bits, so its own score is not the last word.

    Args:
        names: Spelling of labels, types and indexes of this graph.
        label: Label of the nodes.
        where: Condition on the node ``n``.
        search_clause: Whether the server knows the clause ``SEARCH`` of Cypher 25.
    """
    if search_clause:
        head = f"""CYPHER 25
            MATCH (n:{names.label(label)})
            SEARCH n IN (VECTOR INDEX {names.vector_index(label)} FOR $vector LIMIT $fetch)
            WITH n"""
    else:
        head = """CALL db.index.vector.queryNodes($index, $fetch, $vector) YIELD node
            WITH node AS n"""
    return f"{head} WHERE {where} {_SCORE}"


def nearest_exact(names: Names, label: Label, where: str) -> str:
    """Every vector that passes the filter is compared: slow and right.

    Args:
        names: Spelling of labels, types and indexes of this graph.
        label: Label of the nodes.
        where: Condition on the node ``n``.
    """
    return f"MATCH (n:{names.label(label)}) WHERE {where} {_SCORE}"


# Neo4j gives (1 + cosine) / 2, and refuses a vector of zeros, which here is like nothing.
_SCORE = """
    RETURN n.key AS key, CASE
        WHEN $usable AND any(x IN n.vector WHERE x <> 0.0)
        THEN 2 * vector.similarity.cosine(n.vector, $vector) - 1
        ELSE 0.0
    END AS score
    ORDER BY score DESC, key LIMIT $k
"""
