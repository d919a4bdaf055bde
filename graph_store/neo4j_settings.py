"""Where a Neo4j server is and how to get in: from a URL, filled up from the environment.

In:   ``neo4j://user:password@host:7687/database`` (or ``?database=``), and NEO4J_URI,
      NEO4J_USERNAME (or NEO4J_USER), NEO4J_PASSWORD, NEO4J_DATABASE.
Out:  :class:`Neo4jSettings`. Nothing here opens a connection.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

from graph_store.errors import BadStoreUrlError

__all__ = ["Neo4jSettings", "read_settings"]


@dataclass(frozen=True, slots=True)
class Neo4jSettings:
    """One server, one database."""

    uri: str
    """What the driver takes: scheme, host and port only."""
    user: str | None
    password: str | None = field(repr=False)
    database: str | None
    """None: the server's default database."""

    @property
    def shown(self) -> str:
        """For messages and manifests: with the database, without user and password."""
        return f"{self.uri}/{self.database}" if self.database else self.uri


def read_settings(url: str, environment: Mapping[str, str] | None = None) -> Neo4jSettings:
    """Take ``url`` apart; what it does not say comes from the environment.

    Example:
        >>> read_settings("neo4j://ann:p%40ss@db.example:7687/movies", {}).shown
        'neo4j://db.example:7687/movies'
    """
    env = os.environ if environment is None else environment
    parts = urlsplit(url)
    try:
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise BadStoreUrlError(f"the Neo4j URL has no usable host and port ({error})") from error
    if not host:
        raise BadStoreUrlError(
            f"the Neo4j URL names no host; write {parts.scheme}://user:password@host:7687/database"
        )
    asked = parse_qs(parts.query)
    unknown = sorted(set(asked) - {"database"})
    path = unquote(parts.path.strip("/"))
    if unknown or "/" in path:
        raise BadStoreUrlError(
            f"the Neo4j URL may end in /database or ?database=NAME, got {parts.path}"
            f"{'?' + parts.query if parts.query else ''}"
        )
    bracketed = f"[{host}]" if ":" in host else host
    user = unquote(parts.username) if parts.username else None
    return Neo4jSettings(
        uri=f"{parts.scheme}://{bracketed}" + (f":{port}" if port else ""),
        user=user or env.get("NEO4J_USERNAME") or env.get("NEO4J_USER"),
        password=unquote(parts.password) if parts.password else env.get("NEO4J_PASSWORD"),
        database=path or asked.get("database", [""])[0] or env.get("NEO4J_DATABASE") or None,
    )
