"""The options that give a history: items, a file, or a query of the live graph.

In:   values as the command line gives them.
Out:  what :meth:`kgrec.lookup.Run.recommend` takes as ``history``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kgrec.cli.conditions import read_params
from kgrec.errors import InputError

if TYPE_CHECKING:
    from kgrec.lookup import GivenHistory, HistoryQuery

__all__ = [
    "HistoryFileOption",
    "HistoryOption",
    "HistoryParamOption",
    "HistoryQueryOption",
    "read_history_options",
]

HistoryOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="ITEM",
        help="Item that a user liked, by key or whole title; repeat the option for several, "
        "oldest first. With --user: what happened since the graph was written.",
    ),
]
HistoryFileOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Items that a user liked: a text file with one item a line, oldest first, or CSV, "
        "TSV, Parquet or JSON Lines with a column `item` and, where known, `time` and `kind`.",
    ),
]
HistoryQueryOption = Annotated[
    str | None,
    typer.Option(
        "--history-query", metavar="QUERY",
        help="Query of the graph of --store that finds what a user liked, such as an anonymous "
        "session: Cypher on Neo4j, SQL on DuckDB. It returns `item` (a key) and, where known, "
        "`time` (Unix seconds) and `kind`; it reads only.",
    ),
]  # fmt: skip
HistoryParamOption = Annotated[
    list[str] | None,
    typer.Option(
        "--history-param", metavar="NAME=VALUE",
        help="Value of a parameter of --history-query: JSON where it is any, else text; repeat the "
        "option for several.",
    ),
]  # fmt: skip


def read_history_options(
    items: Sequence[str] | None,
    file: Path | None,
    query: str | None = None,
    params: Sequence[str] | None = None,
) -> list[str] | GivenHistory | HistoryQuery | None:
    """The history that is given, None where there is none.

    Args:
        items: Values of ``--history``.
        file: That of ``--history-file``.
        query: That of ``--history-query``.
        params: Values of ``--history-param``.

    Raises:
        InputError: More than one is given, or a parameter without a query.
        NotFoundError: There is no such file.
    """
    options = {"--history": items, "--history-file": file, "--history-query": query}
    given = [name for name, value in options.items() if value]
    if len(given) > 1:
        raise InputError(f"give one of {', '.join(options)}, got {' and '.join(given)}")
    if params and not query:
        raise InputError("--history-param: is for a query of --history-query; give one")
    if query:
        from kgrec.lookup import HistoryQuery

        return HistoryQuery(query, read_params(params or (), "--history-param"))
    if file is not None:
        from kgrec.lookup.history_files import read_history

        return read_history(file)
    return list(items) if items else None
