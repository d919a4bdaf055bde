"""What a ``--store`` value is: the URL of a Neo4j server, the path of a file, or neither.

In:   the value as it was typed.
Out:  a decision, or an error that says how a store is named.

A value that cannot be understood may hold a password at any place, so no message here repeats
more of it than its scheme.
"""

from __future__ import annotations

import re

from graph_store.errors import BadStoreUrlError

__all__ = ["ENCODING", "NEO4J_SCHEMES", "URL_FORM", "check_path", "is_neo4j_url"]

NEO4J_SCHEMES = ("neo4j", "neo4j+s", "neo4j+ssc", "bolt", "bolt+s", "bolt+ssc")

URL_FORM = "neo4j://user:password@host:7687/database"

ENCODING = "write / as %2F, # as %23, ? as %3F, @ as %40 and % as %25 in a user or password"

_FORMS = (
    "a path such as graph.duckdb (embedded), or neo4j://, neo4j+s://, neo4j+ssc:// or bolt:// "
    "with user:password@host:port/database, or with NEO4J_USERNAME, NEO4J_PASSWORD and "
    "NEO4J_DATABASE in the environment"
)
_MISTYPED = re.compile(
    "(" + "|".join(map(re.escape, (*NEO4J_SCHEMES, "http", "https"))) + ")(:|//)", re.IGNORECASE
)


def is_neo4j_url(value: str) -> bool:
    """Whether ``value`` names a Neo4j server rather than a file.

    Example:
        >>> is_neo4j_url("neo4j+s://db.example"), is_neo4j_url("graph.duckdb")
        (True, False)
    """
    scheme, found, _ = value.strip().partition("://")
    return bool(found) and scheme.lower() in NEO4J_SCHEMES


def check_path(value: str) -> None:
    """Refuse what is no path: another kind of URL, or a mistyped one.

    Raises:
        BadStoreUrlError: Without the value, which may hold a password.
    """
    if not value.strip():
        raise BadStoreUrlError(f"the store is empty; give {_FORMS}")
    scheme = re.match(r"\s*([A-Za-z][A-Za-z0-9+.-]+)://", value)
    if scheme:
        raise BadStoreUrlError(f"no store begins with {scheme[1]}://; give {_FORMS}")
    mistyped = _MISTYPED.match(value.strip())
    if mistyped:
        raise BadStoreUrlError(
            f"the store begins with {mistyped[1]} but not with {mistyped[1]}://; "
            f"for a Neo4j server write {URL_FORM}"
        )
    # The colon of a Windows drive stands before no user name.
    if re.search(r":.*@", re.sub(r"^[A-Za-z]:(?=[\\/])", "", value), re.DOTALL):
        raise BadStoreUrlError(
            f"the store has a colon before an @, as a URL with a password has, but it does not "
            f"begin with neo4j:// or bolt://; for a Neo4j server write {URL_FORM}, for a file "
            f"choose a name without them"
        )
