"""Opens the embedded file, or says in one sentence why it does not open.

In:   a path and limits.
Out:  a DuckDB connection to a file that holds kgrec's tables in this format version;
      the rows of a SELECT as a frame.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from graph_store.duckdb.statements import create_all
from graph_store.errors import (
    GraphStoreError,
    StoreLockedError,
    StoreUnavailableError,
    StoreVersionError,
)
from graph_store.schema import FORMAT_VERSION

__all__ = ["one_number", "open_file", "select"]

_SEALED = {
    "enable_external_access": False,
    "python_enable_replacements": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "lock_configuration": True,
}
"""No statement reaches a file but the graph's own, the network, an extension or a variable of the
calling program, and no statement changes that: queries are often written by others."""


_MARK, _MARK_AT = b"DUCK", 8
"""What every DuckDB file holds behind the checksum of its first block."""


def open_file(
    path: Path, *, read_only: bool, memory_limit: str, threads: int | None
) -> duckdb.DuckDBPyConnection:
    """Connect to ``path`` and check it; a new file gets its tables.

    Args:
        path: The store's file.
        read_only: Whether the file must be there and is not written.
        memory_limit: Memory that DuckDB may take, e.g. ``1GB``; beyond it, it uses files.
        threads: Threads of DuckDB; None: as many as there are CPUs.

    Raises:
        StoreUnavailableError: The file is not there and may not be made, or DuckDB cannot open it.
        StoreLockedError: Another process has the file open.
        StoreVersionError: The file has another format version.
        GraphStoreError: The path is a folder, or a file of another kind.
    """
    if read_only and not path.is_file():
        raise StoreUnavailableError(
            f"there is no graph at {path}; make one with `kgrec ingest FILES --store {path}`"
        )
    if path.is_dir():
        raise GraphStoreError(f"{path} is a folder; name a file in it, e.g. {path / 'g.duckdb'}")
    path.parent.mkdir(parents=True, exist_ok=True)
    _refuse_other_file(path)
    # DuckDB spills into a folder beside the file, which is where the room is.
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": memory_limit,
        "preserve_insertion_order": False,
        **_SEALED,
    }
    if threads:
        config["threads"] = threads
    try:
        connection = duckdb.connect(str(path), read_only=read_only, config=config)
    except duckdb.Error as error:
        raise _why(path, error) from error
    try:
        _check(connection, path, read_only=read_only)
    except BaseException:
        connection.close()
        raise
    return connection


def _refuse_other_file(path: Path) -> None:
    """Refuse a file that is no database, such as a log given as the store.

    Raises:
        GraphStoreError: The file holds something, and not the mark of a DuckDB file.
    """
    if not path.is_file():
        return
    with path.open("rb") as file:
        head = file.read(_MARK_AT + len(_MARK))
    if head and head[_MARK_AT:] != _MARK:
        raise GraphStoreError(
            f"{path} is no graph but a file of another kind; the store is kgrec's own file, such "
            f"as {path.with_name('graph.duckdb')}, which `kgrec ingest FILES --store PATH` makes"
        )


def _check(connection: duckdb.DuckDBPyConnection, path: Path, *, read_only: bool) -> None:
    tables = {
        row[0] for row in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()
    }
    if not tables and not read_only:
        connection.execute("BEGIN TRANSACTION")
        for statement in create_all():
            connection.execute(statement)
        connection.execute(
            "INSERT INTO kgrec_meta VALUES ('format_version', $1)", [str(FORMAT_VERSION)]
        )
        connection.execute("COMMIT")
        return
    if "kgrec_meta" not in tables:
        raise GraphStoreError(
            f"{path} is a DuckDB file that kgrec did not make; choose another path"
        )
    row = connection.execute(
        "SELECT value FROM kgrec_meta WHERE name = 'format_version'"
    ).fetchone()
    if row is None or row[0] != str(FORMAT_VERSION):
        raise StoreVersionError(
            f"{path} has format version {row[0] if row else 'unknown'}, this kgrec works with "
            f"{FORMAT_VERSION}; ingest the sources into a new file"
        )


def _why(path: Path, error: duckdb.Error) -> GraphStoreError:
    text = str(error)
    if "lock" in text.lower():
        return StoreLockedError(
            f"another process holds {path}; wait until it is done, or stop it and try again"
        )
    if "different configuration" in text:
        return StoreLockedError(
            f"this process holds {path} open in another way; close that store first"
        )
    if "version" in text.lower() and "storage" in text.lower():
        return StoreVersionError(f"{path} was written by another DuckDB: {text.splitlines()[0]}")
    return GraphStoreError(f"{path} cannot be opened as a graph: {text.splitlines()[0]}")


def select(
    connection: duckdb.DuckDBPyConnection,
    statement: str,
    params: list[Any] | dict[str, Any] | None = None,
) -> pl.DataFrame:
    """The rows of one SELECT, by way of Arrow.

    Args:
        connection: An open connection or cursor.
        statement: A single SELECT.
        params: Values of its parameters, by place or by name.
    """
    relation = connection.sql(statement, params=params) if params else connection.sql(statement)
    frame = pl.from_arrow(relation.to_arrow_table())
    if not isinstance(frame, pl.DataFrame):  # from_arrow gives a Series for a single array
        raise TypeError(f"DuckDB gave {type(frame).__name__} where a table was expected")
    return frame


def one_number(result: duckdb.DuckDBPyConnection) -> int:
    """The number a statement gives: a count, or the rows that a write touched."""
    row = result.fetchone()
    return int(row[0]) if row else 0
