"""What a lookup asks of Neo4j: histories, tags, and which items satisfy a filter.

In:   keys, a filter.
Out:  frames and lists of keys; each question is one statement, packed into few records.

A pattern of somebody's own is checked once (:mod:`graph_store.neo4j.read_only`) and runs in a
reading transaction like everything here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from graph_store.errors import BadFilterError
from graph_store.neo4j import filter_statements as statements
from graph_store.neo4j.connection import Connection
from graph_store.neo4j.filter_statements import Compiled
from graph_store.neo4j.read_only import check_reads_only
from graph_store.neo4j.statements import NO_TIME, Names
from graph_store.properties import PropertyType, typed_conditions
from graph_store.store import CypherPattern, ItemSelection, ItemTagRows, NodeFilter, UserHistories

__all__ = ["Questions", "read_properties"]

_USERS = 1_000
"""Users of one statement: some megabytes of histories."""

_COLUMNS = {
    "source": pl.String(), "target": pl.String(), "kind": pl.String(), "event": pl.String(),
    "weight": pl.Float64(), "at": pl.Int64(), "order": pl.Int64(),
}  # fmt: skip


class Questions:
    """Answers what lookups ask.

    Args:
        connection: The database.
        names: Spelling of labels, types and indexes of this graph.
    """

    has_activity = False
    """Whether items hold the number and the last time of their interactions."""
    properties: Mapping[str, PropertyType] = {}
    """The declared properties of items."""

    def __init__(self, connection: Connection, names: Names) -> None:
        self._db = connection
        self._names = names
        self._checked: set[str] = set()

    def histories_of(self, users: Sequence[str]) -> UserHistories:
        """What some users did, over all accounts of each person."""
        keys = list(dict.fromkeys(users))
        statement = statements.histories_of(self._names)
        accounts: list[tuple[str, str]] = []
        columns: dict[str, list[Any]] = {name: [] for name in _COLUMNS}
        for start in range(0, len(keys), _USERS):
            part = keys[start : start + _USERS]
            for record in self._db.rows(statement, users=part, no_time=NO_TIME):
                accounts += [(user, record["source"]) for user in record["users"]]
                columns["source"] += [record["source"]] * len(record["target"])
                for name in list(columns)[1:]:
                    columns[name] += record[name]
        rows = pl.DataFrame(columns, schema=_COLUMNS)
        by = ["source", "target", "kind", "event"]
        return UserHistories(
            pl.DataFrame(
                accounts, schema={"user": pl.String(), "account": pl.String()}, orient="row"
            ).sort("user", "account"),
            rows.with_columns(pl.col("at", "order").replace(NO_TIME, None)).unique(by).sort(by),
        )

    def tags_of(self, items: Sequence[str]) -> ItemTagRows:
        """The tags of some items."""
        found = self._db.rows(statements.tags_of(self._names), items=list(items))
        rows = [(source, one["target"]) for one in found for source in one["source"]]
        schema = {"source": pl.String(), "target": pl.String()}
        return ItemTagRows(
            pl.DataFrame(rows, schema=schema, orient="row").sort("source", "target"),
            {one["target"]: one["bearers"] for one in found},
        )

    def select_items(self, where: NodeFilter) -> ItemSelection:
        """Which items satisfy a filter."""
        compiled = self.compiled(where)
        params = compiled.params
        (found,) = self._db.rows(statements.select_items(compiled), **params)
        known_tags, known_users = {*found["tags"]}, {*found["users"]}
        return ItemSelection(
            None if found["passing"] is None else sorted(found["passing"]),
            sorted(found["refused"]),
            [tag for tag in params["kgrec_tags"] if tag not in known_tags],
            [user for user in params["kgrec_users"] if user not in known_users],
            found["has_times"],
        )

    def compiled(self, where: NodeFilter) -> Compiled:
        """The filter, checked, as parts of statements.

        Raises:
            BadFilterError: An unknown property, a value of another type, or a pattern that is
                refused.
        """
        if any(one.name not in self.properties for one in where.properties):
            # Declared by another process since this store was opened, if at all.
            (record,) = self._db.rows(self._names.read_properties())
            self.properties = read_properties(record["item_properties"])
        typed = typed_conditions(where.properties, self.properties, where=self._db.shown)
        compiled = Compiled(self._names, replace(where, properties=typed), self.has_activity)
        if where.cypher is not None:
            _check_names(where.cypher)
            if where.cypher.text not in self._checked:
                explain = statements.explain_pattern(compiled)
                what = "the pattern in Cypher"
                check_reads_only(self._db, explain, compiled.params, what=what)
                self._checked.add(where.cypher.text)
        return compiled


def read_properties(noted: str) -> dict[str, PropertyType]:
    """The declared properties of items, as the store's node holds them."""
    return {name: PropertyType(kind) for name, kind in json.loads(noted).items()}


def _check_names(pattern: CypherPattern) -> None:
    """Refuse a pattern that is not about ``item``, or whose parameters have no value."""
    if not re.search(r"\bitem\b", pattern.text):
        raise BadFilterError(
            f"the pattern in Cypher must be about the variable item, such as "
            f"'(item)-[:IN_STOCK]->(:Shop)', got {pattern.text!r}"
        )
    used = set(re.findall(r"\$(\w+)", pattern.text))
    ours = [name for name in (*used, *pattern.params) if name.lower().startswith("kgrec_")]
    if ours:
        raise BadFilterError(
            f"parameters of a pattern cannot begin with kgrec_, got {', '.join(sorted(set(ours)))};"
            f" give them another name"
        )
    if missing := sorted(used - set(pattern.params)):
        raise BadFilterError(
            f"the pattern in Cypher has parameters without a value: {', '.join(missing)}; give "
            f"each with --param NAME=VALUE"
        )
