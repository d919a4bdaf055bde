"""From a ``--store`` value to a store.

In:   a path or a URL.
Out:  an open :class:`~graph_store.store.GraphStore`.

The drivers are imported only when their kind of store is asked for.
"""

from __future__ import annotations

import re
from pathlib import Path

from graph_store.errors import BadStoreUrlError
from graph_store.store import GraphStore

__all__ = ["NEO4J_SCHEMES", "is_neo4j_url", "open_store"]

NEO4J_SCHEMES = ("neo4j", "neo4j+s", "neo4j+ssc", "bolt", "bolt+s", "bolt+ssc")

_FORMS = (
    "a path such as graph.duckdb (embedded), or neo4j://, neo4j+s://, neo4j+ssc:// or bolt:// "
    "with user:password@host:port/database, or with NEO4J_USERNAME, NEO4J_PASSWORD and "
    "NEO4J_DATABASE in the environment"
)


def is_neo4j_url(url: str) -> bool:
    """Whether ``url`` names a Neo4j server rather than a file."""
    return url.partition("://")[0].lower() in NEO4J_SCHEMES and "://" in url


def open_store(
    url: str,
    *,
    read_only: bool = False,
    label_prefix: str = "",
    memory_limit: str = "1GB",
    threads: int | None = None,
) -> GraphStore:
    """Open the store that ``url`` names.

    Args:
        url: A path (DuckDB) or a Neo4j URL.
        read_only: Refuse to write; several may read one embedded file at once.
        label_prefix: Stands before every label and type, for a Neo4j database with labels
            of its own.
        memory_limit: Of the embedded store.
        threads: Of the embedded store.

    Raises:
        BadStoreUrlError: ``url`` is neither.
        StoreUnavailableError: No such file when reading, no server, wrong password.
    """
    if is_neo4j_url(url):
        from graph_store.neo4j_store import Neo4jStore

        return Neo4jStore.from_url(url, label_prefix=label_prefix, read_only=read_only)
    if not url.strip() or re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", url):
        shown = re.sub(r"//[^/@]*@", "//", url)  # no password in a message
        raise BadStoreUrlError(f"{shown!r} is no store; give {_FORMS}")
    if label_prefix:
        raise BadStoreUrlError(
            f"a label prefix is for Neo4j, and {url!r} is a file of kgrec's own; leave it out"
        )
    from graph_store.embedded import EmbeddedStore

    return EmbeddedStore(
        Path(url).expanduser(), read_only=read_only, memory_limit=memory_limit, threads=threads
    )
