"""Where a Neo4j server is and how to get in: from a URL, filled up from the environment.

In:   ``neo4j://user:password@host:7687/database`` (or ``?database=``), and NEO4J_URI,
      NEO4J_USERNAME (or NEO4J_USER), NEO4J_PASSWORD, NEO4J_DATABASE; KGREC_CONNECT_TIMEOUT.
Out:  :class:`Neo4jSettings`. Nothing here opens a connection.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote

from graph_store.errors import BadStoreUrlError
from graph_store.store_url import ENCODING, URL_FORM, check_path, is_neo4j_url

__all__ = ["Neo4jSettings", "read_settings"]

CONNECT_TIMEOUT = 15.0
"""Seconds after which a server that takes a connection and says nothing counts as away."""

_PLACE = re.compile(
    r"(?P<host>\[[0-9A-Fa-f:.]+(?:%\w+)?\]|[^\s:/?#\[\]@]+)(?::(?P<port>[0-9]{1,5}))?"
    r"(?:/(?P<database>[^/?#]*)/?)?(?:\?(?P<query>[^#]*))?"
)


@dataclass(frozen=True, slots=True)
class Neo4jSettings:
    """One server, one database."""

    uri: str
    """What the driver takes: scheme, host and port only."""
    user: str | None
    password: str | None = field(repr=False)
    database: str | None
    """None: the server's default database."""
    connect_timeout: float = CONNECT_TIMEOUT
    """Seconds that one attempt to connect may take, greeting and login included."""

    @property
    def shown(self) -> str:
        """The address for messages and manifests: with the database, without user and password."""
        return f"{self.uri}/{self.database}" if self.database else self.uri


def read_settings(url: str, environment: Mapping[str, str] | None = None) -> Neo4jSettings:
    """Take ``url`` apart; what it does not say comes from the environment.

    Raises:
        BadStoreUrlError: Without any of what stands before the ``@``; or a timeout is no number.

    Example:
        >>> read_settings("neo4j://ann:p%40ss@db.example:7687/movies", {}).shown
        'neo4j://db.example:7687/movies'
    """
    env = os.environ if environment is None else environment
    if not is_neo4j_url(url):
        check_path(url)  # says what is wrong where it can
        raise BadStoreUrlError(f"this is a path and no Neo4j URL; write {URL_FORM}")
    scheme, _, rest = url.strip().partition("://")
    scheme = scheme.lower()
    # By hand, since `urlsplit` ends the host at the first / ? or #, and its errors quote the URL.
    account, _, place = rest.rpartition("@")
    if re.search("[/?#@]", account):
        raise BadStoreUrlError(
            f"the user or password in the {scheme}:// URL holds a character that has a meaning in "
            f"URLs; {ENCODING}, or give them as NEO4J_USERNAME and NEO4J_PASSWORD"
        )
    found = _PLACE.fullmatch(place)
    query = parse_qs(found["query"] or "") if found else {}
    if found is None or set(query) - {"database"} or int(found["port"] or 0) > 65_535:
        raise BadStoreUrlError(
            f"the {scheme}:// URL must end in host, host:port, host:port/database or "
            f"host:port?database=NAME, and does not; the whole is {scheme}://user:password@"
            f"host:7687/database ({ENCODING})"
        )
    user, _, password = (_decoded(text) for text in account.partition(":"))
    return Neo4jSettings(
        uri=f"{scheme}://{found['host']}" + (f":{found['port']}" if found["port"] else ""),
        user=user or env.get("NEO4J_USERNAME") or env.get("NEO4J_USER"),
        password=password or env.get("NEO4J_PASSWORD"),
        database=_decoded(found["database"] or "")
        or query.get("database", [""])[0]
        or env.get("NEO4J_DATABASE")
        or None,
        connect_timeout=_seconds(env.get("KGREC_CONNECT_TIMEOUT")),
    )


def _seconds(given: str | None) -> float:
    """The time limit of one attempt to connect."""
    if not given:
        return CONNECT_TIMEOUT
    try:
        seconds = float(given)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise BadStoreUrlError(
            f"KGREC_CONNECT_TIMEOUT must be a number of seconds above 0, got {given!r}"
        )
    return seconds


def _decoded(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        pass  # the error would quote what is decoded
    raise BadStoreUrlError(f"a percent sign in the Neo4j URL is not of an encoded text; {ENCODING}")
