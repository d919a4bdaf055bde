"""From a ``--store`` value to a store.

In:   a path or a URL.
Out:  an open :class:`~graph_store.store.GraphStore`.

The drivers are imported only when their kind of store is asked for.
"""

from __future__ import annotations

from pathlib import Path

from graph_store.errors import BadLabelPrefixError, StoreUnavailableError
from graph_store.store import GraphStore
from graph_store.store_url import check_path, is_neo4j_url

__all__ = ["is_neo4j_url", "open_store"]


def open_store(
    url: str,
    *,
    read_only: bool = False,
    create: bool = True,
    label_prefix: str = "",
    wait: float | None = None,
    memory_limit: str = "1GB",
    threads: int | None = None,
) -> GraphStore:
    """Open the store that ``url`` names.

    Args:
        url: A path (DuckDB) or a Neo4j URL.
        read_only: Refuse to write; several may read one embedded file at once.
        create: Make an empty graph where there is none; False: that is an error.
        label_prefix: Stands before every label and type, for a Neo4j database with labels
            of its own.
        wait: Seconds for which a Neo4j server that does not answer is waited for. None: a server
            that does not answer at first is an error at once, one that is lost later is waited
            for two minutes.
        memory_limit: Memory that the embedded store may take, e.g. ``1GB``.
        threads: Threads of the embedded store; None: as many as there are CPUs.

    Raises:
        BadStoreUrlError: ``url`` is neither.
        BadLabelPrefixError: ``label_prefix`` cannot begin a label, or is of no graph.
        StoreUnavailableError: No such file or graph, no server, wrong password.
    """
    if is_neo4j_url(url):
        from graph_store.neo4j.store import Neo4jStore

        return Neo4jStore.from_url(
            url, label_prefix=label_prefix, read_only=read_only, create=create, wait=wait
        )
    check_path(url)
    if label_prefix:
        raise BadLabelPrefixError(
            f"a label prefix is for Neo4j, and {url!r} is a file of kgrec's own; leave it out"
        )
    path = Path(url).expanduser()
    if not create and not path.exists():
        raise StoreUnavailableError(
            f"there is no graph {path}; make one with `kgrec ingest FILES --store {path}`"
        )
    from graph_store.duckdb.store import EmbeddedStore

    return EmbeddedStore(path, read_only=read_only, memory_limit=memory_limit, threads=threads)
