"""Whether a statement in Cypher that somebody else wrote only reads, and only the graph.

In:   a plan, as ``EXPLAIN`` gives it; nothing of it was run.
Out:  nothing, or one sentence that says what it would do.

This is the second lock: such statements also run in transactions that the server does not let
write. A plan tells before anything is run, and tells of files and procedures, which a reading
transaction may use.
"""

from __future__ import annotations

from typing import Any

from neo4j.exceptions import ClientError

from graph_store.errors import BadFilterError, GraphStoreError
from graph_store.neo4j.connection import Connection

__all__ = ["check_reads_only"]


def check_reads_only(
    connection: Connection,
    explain: str,
    params: dict[str, Any],
    *,
    what: str,
    only_the_graph: bool = True,
) -> None:
    """Refuse a statement that writes; where asked for also one that reads more than the graph.

    Args:
        connection: The database.
        explain: The statement, behind ``EXPLAIN``.
        params: Its parameters.
        what: What the statement is, for the message.
        only_the_graph: Whether a file or a procedure is refused as well.

    Raises:
        BadFilterError: The statement cannot be read as Cypher, or does more than to read.
    """

    try:
        summary = connection.read(lambda tx: tx.run(explain, params).consume())
    except GraphStoreError as error:
        if not isinstance(error.__cause__, ClientError):
            raise
        problem = str(error.__cause__.message or error.__cause__).splitlines()[0]
        raise BadFilterError(f"{what} is no Cypher that the server can read: {problem}") from error
    if summary.query_type != "r":
        raise BadFilterError(
            f"{what} would write into the graph; nothing was run; give one that only reads"
        )
    if not only_the_graph:
        return
    operators = _operators(summary.plan or {})
    for operator, does in (("LoadCSV", "read a file"), ("ProcedureCall", "call a procedure")):
        if any(one.startswith(operator) for one in operators):
            raise BadFilterError(
                f"{what} would {does}; nothing was run; give a pattern of nodes and relationships"
            )


def _operators(plan: dict[str, Any]) -> list[str]:
    found, open_ = [], [plan]
    while open_:
        one = open_.pop()
        found.append(str(one.get("operatorType", "")))
        open_ += one.get("children", [])
    return found
