"""What a lookup asks of the embedded file: histories, tags, and which items satisfy a filter.

In:   a cursor inside a reading transaction; keys, a filter.
Out:  frames and lists of keys; each question is one statement.

DuckDB scans the columns that a condition names, since no table has an index; only what satisfies
the condition leaves the engine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import polars as pl

from graph_store.duckdb.file import select
from graph_store.duckdb.reading import item_properties
from graph_store.errors import BadFilterError
from graph_store.filters import selects_items, users_left_out
from graph_store.properties import PropertyType, typed_conditions
from graph_store.store import ItemSelection, ItemTagRows, NodeFilter, UserHistories

__all__ = ["conditions", "histories_of", "select_items", "tags_of"]

# From the users asked for, again and again to the accounts that are linked to those found.
_ACCOUNTS = """
WITH RECURSIVE account AS (
    SELECT u.id AS "user", u.id AS account FROM node_user u WHERE u.key IN (SELECT unnest({users}))
    UNION
    SELECT a."user", s.other FROM account a JOIN (
        SELECT source AS one, target AS other FROM rel_same_as
        UNION ALL SELECT target, source FROM rel_same_as
    ) s ON s.one = a.account
)"""

_HISTORIES = f"""
{_ACCOUNTS.format(users="$users")}
SELECT u.key AS "user", k.key AS account, i.key AS target, r.kind, r.event, r.weight, r."at",
       r."order"
FROM account a JOIN node_user u ON u.id = a."user" JOIN node_user k ON k.id = a.account
LEFT JOIN rel_interacted r ON r.source = a.account LEFT JOIN node_item i ON i.id = r.target
"""

_TAGS = """
WITH asked AS (
    SELECT n.key AS source, h.target AS tag FROM node_item n JOIN rel_has_tag h ON h.source = n.id
    WHERE n.key IN (SELECT unnest($items))
), bearers AS (
    SELECT target AS tag, count(*) AS bearers FROM rel_has_tag
    WHERE target IN (SELECT tag FROM asked) GROUP BY target
)
SELECT a.source, t.key AS target, b.bearers
FROM asked a JOIN bearers b ON b.tag = a.tag JOIN node_tag t ON t.id = a.tag
"""

_SEEN = (
    "SELECT r.target FROM rel_interacted r WHERE r.source IN ("
    + _ACCOUNTS.format(users="$not_seen_by")
    + " SELECT account FROM account)"
)


def histories_of(cursor: duckdb.DuckDBPyConnection, users: Sequence[str]) -> UserHistories:
    """What some users did, over all accounts of each person.

    Args:
        cursor: A cursor of the store.
        users: Keys of users.
    """
    rows = select(cursor, _HISTORIES, {"users": list(users)}).rename({"account": "source"})
    names = ["source", "target", "kind", "event", "weight", "at", "order"]
    types = {"weight": pl.Float64(), "at": pl.Int64(), "order": pl.Int64()}
    return UserHistories(
        rows.select("user", pl.col("source").alias("account")).unique().sort("user", "account"),
        rows.filter(pl.col("target").is_not_null())
        .select(names)
        .cast({name: types.get(name, pl.String()) for name in names})
        .unique(names[:4])
        .sort(names[:4]),
    )


def tags_of(cursor: duckdb.DuckDBPyConnection, items: Sequence[str]) -> ItemTagRows:
    """The tags of some items.

    Args:
        cursor: A cursor of the store.
        items: Keys of items.
    """
    found = select(cursor, _TAGS, {"items": list(items)})
    return ItemTagRows(
        found.select("source", "target").sort("source", "target"),
        dict(found.select("target", "bearers").unique().rows()),
    )


def select_items(cursor: duckdb.DuckDBPyConnection, where: NodeFilter, store: str) -> ItemSelection:
    """Which items satisfy a filter.

    Args:
        cursor: A cursor of the store.
        where: The conditions.
        store: Name of the store, for messages.

    Raises:
        BadFilterError: An unknown property, a value of another type, or a pattern in Cypher.
    """
    selects = selects_items(where)
    properties = item_properties(cursor) if where.properties else {}
    texts, params = conditions(where, properties, store, but_seen=True)
    passing = (
        f"(SELECT list(n.key ORDER BY n.key) FROM node_item n WHERE {' AND '.join(texts)})"
        if selects
        else "NULL"
    )
    inside = " AND starts_with(n.key, $beginning)" if where.domain is not None else ""
    refused = []
    if where.deny and not selects:
        refused.append(
            f"SELECT n.key FROM node_item n WHERE n.key IN (SELECT unnest($deny)){inside}"
        )
    if where.tags_none and not selects:
        refused.append(
            "SELECT n.key FROM rel_has_tag h JOIN node_tag t ON t.id = h.target JOIN node_item n "
            f"ON n.id = h.source WHERE t.key IN (SELECT unnest($tags_none)){inside}"
        )
    users, tags = users_left_out(where), [*where.tags_any, *where.tags_all, *where.tags_none]
    if users:
        refused.append(f"SELECT n.key FROM node_item n WHERE n.id IN ({_SEEN}){inside}")
        params["not_seen_by"] = users
    timed = "true"
    if where.since is not None:
        timed = (
            "EXISTS (SELECT 1 FROM rel_interacted r JOIN node_item n ON n.id = r.target "
            f'WHERE r."at" IS NOT NULL{inside})'
        )
    statement = (
        f"SELECT {passing}, (SELECT list(DISTINCT key) FROM ("
        f"{' UNION ALL '.join(refused) or 'SELECT NULL AS key WHERE false'})), "
        "(SELECT list(key) FROM node_tag WHERE key IN (SELECT unnest($kgrec_tags::VARCHAR[]))), "
        "(SELECT list(key) FROM node_user WHERE key IN (SELECT unnest($kgrec_users::VARCHAR[]))), "
        f"{timed}"
    )
    params |= {"kgrec_tags": tags, "kgrec_users": users}
    used = {name: value for name, value in params.items() if f"${name}" in statement}
    row = cursor.execute(statement, used).fetchone()
    found, left_out, known_tags, known_users, has_times = row or (None, None, None, None, True)
    known = {*(known_tags or ())}, {*(known_users or ())}
    return ItemSelection(
        (found or []) if selects else None,
        sorted(left_out or []),
        [tag for tag in dict.fromkeys(tags) if tag not in known[0]],
        [user for user in users if user not in known[1]],
        bool(has_times),
    )


def conditions(
    where: NodeFilter,
    properties: Mapping[str, PropertyType],
    store: str,
    *,
    but_seen: bool = False,
) -> tuple[list[str], dict[str, Any]]:
    """The filter as SQL over the item ``n``, and its parameters.

    Args:
        where: The conditions.
        properties: The declared properties of items.
        store: Name of the store, for messages.
        but_seen: Whether ``not_seen_by`` is left to the caller.

    Raises:
        BadFilterError: An unknown property, a value of another type, or a pattern in Cypher.
    """
    if where.cypher is not None:
        raise BadFilterError(
            f"a pattern in Cypher needs a graph in Neo4j, this one is {store}; leave it out, or "
            f"ask a store such as neo4j://host:7687"
        )
    parts = [_by_tags(where), _by_interactions(where, but_seen=but_seen), _by_keys(where)]
    texts = [text for part, _ in parts for text in part]
    params = {name: value for _, values in parts for name, value in values.items()}
    for place, one in enumerate(typed_conditions(where.properties, properties, where=store)):
        name = f"kgrec_property_{place}"
        value = f"(SELECT unnest(${name}))" if one.operator == "in" else f"${name}"
        texts.append(f'n."{one.name}" {one.operator} {value}')
        params[name] = list(one.value) if isinstance(one.value, tuple) else one.value
    return texts, params


_Conditions = tuple[list[str], dict[str, Any]]
"""Conditions on the item ``n``, and their parameters."""


def _by_keys(where: NodeFilter) -> _Conditions:
    texts: list[str] = []
    params: dict[str, Any] = {}
    if where.domain is not None:
        texts.append("starts_with(n.key, $beginning)")
        params["beginning"] = f"{where.domain}:"
    if where.allow is not None:
        texts.append("n.key IN (SELECT unnest($allow::VARCHAR[]))")
        params["allow"] = list(where.allow)
    if where.deny:
        texts.append("n.key NOT IN (SELECT unnest($deny::VARCHAR[]))")
        params["deny"] = list(where.deny)
    return texts, params


def _by_tags(where: NodeFilter) -> _Conditions:
    tags = (
        "SELECT {what} FROM rel_has_tag h JOIN node_tag t ON t.id = h.target "
        "WHERE h.source = n.id AND t.key IN (SELECT unnest({names}))"
    )
    texts: list[str] = []
    params: dict[str, Any] = {}
    if where.tags_any:
        texts.append(f"EXISTS ({tags.format(what='1', names='$tags_any')})")
        params["tags_any"] = list(where.tags_any)
    if where.tags_all:
        params["tags_all"] = sorted(set(where.tags_all))
        found = tags.format(what="count(*)", names="$tags_all")
        texts.append(f"({found}) = {len(params['tags_all'])}")
    if where.tags_none:
        texts.append(f"NOT EXISTS ({tags.format(what='1', names='$tags_none')})")
        params["tags_none"] = list(where.tags_none)
    return texts, params


def _by_interactions(where: NodeFilter, *, but_seen: bool) -> _Conditions:
    texts: list[str] = []
    params: dict[str, Any] = {}
    if (users := users_left_out(where)) and not but_seen:
        texts.append(
            "n.id NOT IN (SELECT r.target FROM rel_interacted r JOIN node_user u "
            "ON u.id = r.source WHERE u.key IN (SELECT unnest($not_seen_by)))"
        )
        params["not_seen_by"] = users
    if where.since is not None:
        texts.append('n.id IN (SELECT target FROM rel_interacted WHERE "at" >= $since)')
        params["since"] = where.since
    for name, sign in (("min_popularity", ">="), ("max_popularity", "<=")):
        if (bound := getattr(where, name)) is not None:
            texts.append(
                f"(SELECT count(*) FROM rel_interacted r WHERE r.target = n.id) {sign} ${name}"
            )
            params[name] = bound
    return texts, params
