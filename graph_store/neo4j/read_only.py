"""Whether a statement in Cypher that somebody else wrote only reads, and only the graph.

In:   a plan, as ``EXPLAIN`` gives it; nothing of it was run.
Out:  nothing, or one sentence that says what it would do.

This is the second lock: such statements also run in transactions that the server does not let
write. A plan tells before anything is run, and tells of files and procedures, which a reading
transaction may use.
"""

from __future__ import annotations

from typing import Any

import neo4j
from neo4j.exceptions import ClientError, CypherSyntaxError

from graph_store.errors import BadFilterError
from graph_store.neo4j.connection import Connection, Transaction

__all__ = ["check_reads_only"]


def check_reads_only(
    connection: Connection, explain: str, params: dict[str, Any], *, what: str
) -> None:
    """Refuse a statement that writes, reads a file or calls a procedure.

    Args:
        connection: The database.
        explain: The statement, behind ``EXPLAIN``.
        params: Its parameters.
        what: The option that it came by, for the message.

    Raises:
        BadFilterError: The statement cannot be read as Cypher, or does more than to read.
    """

    def work(tx: Transaction) -> neo4j.ResultSummary | str:
        try:
            return tx.run(explain, params).consume()
        except (CypherSyntaxError, ClientError) as error:
            return _first_line(error)

    summary = connection.read(work)
    if isinstance(summary, str):
        raise BadFilterError(f"{what} is no Cypher that the server can read: {summary}")
    if summary.query_type != "r":
        raise BadFilterError(
            f"{what} would write into the graph; nothing was run; give a pattern that only reads"
        )
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


def _first_line(error: ClientError) -> str:
    return str(error.message or error).splitlines()[0]
