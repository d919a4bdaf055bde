"""The Cypher of filters: which items satisfy a filter, and what a lookup asks beside it.

In:   :class:`~graph_store.neo4j.statements.Names`, a filter with checked conditions.
Out:  statement texts and parameters. Parameters of kgrec begin with ``kgrec_``, so that those of
      a caller's own pattern have every other name.

Every condition starts from what it names: the tag, the user, the index of a property. None
starts from a relationship type, and none looks at the interactions of an item: their number and
the last time are properties of its node.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from graph_store.filters import selects_items, users_left_out
from graph_store.neo4j.statements import Names
from graph_store.properties import PropertyCondition
from graph_store.schema import Label, RelType
from graph_store.store import NodeFilter

__all__ = ["Compiled", "conditions", "explain_pattern", "histories_of", "select_items", "tags_of"]

_INSIDE = "left(n.key, size($kgrec_beginning)) = $kgrec_beginning"
"""Whether the item ``n`` is of the domain. By ``STARTS WITH`` the planner would take all items of
the domain from the index on ``key``, and leave the index of a rarer property aside."""


@dataclass(frozen=True)
class Compiled:
    """A filter as its parts; ``params`` belong to all of them."""

    names: Names
    where: NodeFilter
    """Its ``properties`` have values of the right types."""
    has_activity: bool
    """Whether items hold the number and the last time of their interactions."""

    @property
    def params(self) -> dict[str, Any]:
        """Parameters of every statement made of the filter."""
        where = self.where
        tags = [*where.tags_any, *where.tags_all, *where.tags_none]
        found: dict[str, Any] = {
            "kgrec_beginning": f"{where.domain or ''}:",
            "kgrec_tags_any": list(where.tags_any),
            "kgrec_tags_none": list(where.tags_none),
            "kgrec_tags": list(dict.fromkeys(tags)),
            "kgrec_users": users_left_out(where),
            "kgrec_allow": list(where.allow or ()),
            "kgrec_deny": list(where.deny),
            "kgrec_since": where.since,
            "kgrec_min_popularity": where.min_popularity,
            "kgrec_max_popularity": where.max_popularity,
        }
        for place, tag in enumerate(sorted(set(where.tags_all))):
            found[f"kgrec_tag_{place}"] = tag
        for place, one in enumerate(where.properties):
            value = list(one.value) if isinstance(one.value, tuple) else one.value
            found[f"kgrec_property_{place}"] = value
        return found | dict(where.cypher.params if where.cypher is not None else {})

    def scalars(self) -> list[str]:
        """Conditions on the item ``n`` that its own properties answer."""
        where, texts = self.where, []
        if where.domain is not None:
            texts.append(_INSIDE)
        if where.allow is not None:
            texts.append("n.key IN $kgrec_allow")
        if where.deny:
            texts.append("NOT n.key IN $kgrec_deny")
        texts += self._activity()
        return texts + [_property(place, one) for place, one in enumerate(where.properties)]

    def _activity(self) -> list[str]:
        interacted = self.names.type(RelType.INTERACTED)
        last, number = "n.last_at >= $kgrec_since", "coalesce(n.interactions, 0)"
        if not self.has_activity:
            last = f"EXISTS {{ MATCH ()-[r:{interacted}]->(n) WHERE r.at >= $kgrec_since }}"
            number = f"COUNT {{ ()-[:{interacted}]->(n) }}"
        elif (self.where.min_popularity or 0) > 0:
            number = "n.interactions"  # so that the index answers
        texts = [last] if self.where.since is not None else []
        if self.where.min_popularity is not None:
            texts.append(f"{number} >= $kgrec_min_popularity")
        if self.where.max_popularity is not None:
            texts.append(f"{number} <= $kgrec_max_popularity")
        return texts

    def passing(self) -> str:
        """``passing``: keys of the items that the conditions select."""
        names, where = self.names, self.where
        item, tag = names.label(Label.ITEM), names.label(Label.TAG)
        has_tag = names.type(RelType.HAS_TAG)
        texts = self.scalars()
        tags_all = [f"{{key: $kgrec_tag_{place}}}" for place in range(len(set(where.tags_all)))]
        any_of = "t.key IN $kgrec_tags_any"
        # One condition gives the items, the others are asked of each of these.
        if where.cypher is not None:
            # The line break ends a comment in the pattern; what follows matches its items again.
            begin = f"MATCH (item:{item}) MATCH {where.cypher.text}\nWITH DISTINCT item AS n"
        elif tags_all:
            begin = f"MATCH (t:{tag} {tags_all.pop(0)}) {self._bearers()}"
        elif where.tags_any:
            begin = f"MATCH (t:{tag}) WHERE {any_of} {self._bearers()}"
            any_of = ""
        else:
            begin = ""
        for key in tags_all:
            texts.append(f"EXISTS {{ MATCH (n)-[:{has_tag}]->(:{tag} {key}) }}")
        if where.tags_any and any_of:
            texts.append(f"EXISTS {{ MATCH (n)-[:{has_tag}]->(t:{tag}) WHERE {any_of} }}")
        if where.tags_none:
            lost = f"(n)-[:{has_tag}]->(t:{tag}) WHERE t.key IN $kgrec_tags_none"
            texts.append(f"NOT EXISTS {{ MATCH {lost} }}")
        if begin:
            begin += f" WHERE {' AND '.join([f'n:{item}', *texts])}"
        else:
            begin = f"MATCH (n:{item}) WHERE {' AND '.join(texts)}"
        return f"{begin} RETURN collect(DISTINCT n.key) AS passing"

    def _bearers(self) -> str:
        """From the tags ``t`` to the items ``n``; nothing is said of ``n`` where it is matched.

        Otherwise the planner may begin at the items of the domain, and look at the tags of all.
        """
        return f"WITH t MATCH (t)<-[:{self.names.type(RelType.HAS_TAG)}]-(n) WITH DISTINCT n"

    def refused(self) -> list[str]:
        """``refused``: keys of items that a condition leaves out, a subquery each."""
        names, where = self.names, self.where
        item = names.label(Label.ITEM)
        inside = f"WHERE n:{item} {f'AND {_INSIDE}' if where.domain is not None else ''}"
        parts = []
        if not selects_items(where) and where.tags_none:
            parts.append(
                f"MATCH (t:{names.label(Label.TAG)}) WHERE t.key IN $kgrec_tags_none "
                f"{self._bearers()} {inside} RETURN n.key AS key"
            )
        if not selects_items(where) and where.deny:
            parts.append(
                f"MATCH (n:{item}) WHERE n.key IN $kgrec_deny WITH n {inside} RETURN n.key AS key"
            )
        if users_left_out(where):
            parts.append(
                f"""MATCH (u:{names.label(Label.USER)}) WHERE u.key IN $kgrec_users
                {_accounts(names, "WITH u")}
                MATCH (a)-[:{names.type(RelType.INTERACTED)}]->(n) WITH DISTINCT n {inside}
                RETURN n.key AS key"""
            )
        return parts


def select_items(filter: Compiled) -> str:
    """One record: ``passing`` (null: all), ``refused``, ``tags``, ``users``, ``has_times``."""
    names, where = filter.names, filter.where
    passing = filter.passing() if selects_items(where) else "RETURN null AS passing"
    refused = " UNION ".join(filter.refused())
    refused = (
        f"CALL () {{ {refused} }} RETURN collect(DISTINCT key) AS refused"
        if refused
        else "RETURN [] AS refused"
    )
    timed = "RETURN true AS has_times"
    if where.since is not None and filter.has_activity:
        inside = f"{_INSIDE} AND" if where.domain is not None else ""
        timed = (
            f"OPTIONAL MATCH (n:{names.label(Label.ITEM)}) WHERE {inside} n.last_at IS NOT NULL "
            "WITH n LIMIT 1 RETURN n IS NOT NULL AS has_times"
        )
    return f"""
        CALL () {{ {passing} }}
        CALL () {{ {refused} }}
        CALL () {{ MATCH (t:{names.label(Label.TAG)}) WHERE t.key IN $kgrec_tags
                   RETURN collect(t.key) AS tags }}
        CALL () {{ MATCH (u:{names.label(Label.USER)}) WHERE u.key IN $kgrec_users
                   RETURN collect(u.key) AS users }}
        CALL () {{ {timed} }}
        RETURN passing, refused, tags, users, has_times
    """


def explain_pattern(filter: Compiled) -> str:
    """The plan of a filter's own pattern, which is not run."""
    return f"EXPLAIN {filter.passing()}"


def conditions(filter: Compiled) -> str:
    """The filter as one condition on the item ``n``, for a search that has candidates.

    ``not_seen_by`` stands for the accounts that are named, not for all of the person.
    """
    names, where = filter.names, filter.where
    tagged = f"(n)-[:{names.type(RelType.HAS_TAG)}]->(t:{names.label(Label.TAG)})"
    texts = ["n.vector_run IN $runs", *filter.scalars()]
    if where.tags_any:
        texts.append(f"EXISTS {{ MATCH {tagged} WHERE t.key IN $kgrec_tags_any }}")
    for place in range(len(set(where.tags_all))):
        texts.append(f"EXISTS {{ MATCH {tagged} WHERE t.key = $kgrec_tag_{place} }}")
    if where.tags_none:
        texts.append(f"NOT EXISTS {{ MATCH {tagged} WHERE t.key IN $kgrec_tags_none }}")
    if users_left_out(where):
        seen = f"(u:{names.label(Label.USER)})-[:{names.type(RelType.INTERACTED)}]->(n)"
        texts.append(f"NOT EXISTS {{ MATCH {seen} WHERE u.key IN $kgrec_users }}")
    if where.cypher is not None:
        pattern = f"WITH n AS item MATCH {where.cypher.text}\nRETURN item"
        texts.append(f"EXISTS {{ {pattern} }}")
    return " AND ".join(texts)


def histories_of(names: Names) -> str:
    """A record for each account of the users ``$users``, its interactions packed into lists."""
    user, item = names.label(Label.USER), names.label(Label.ITEM)
    return f"""
        MATCH (u:{user}) WHERE u.key IN $users
        CALL (u) {{ {_accounts(names, "WITH u")} RETURN a }}
        WITH a, collect(DISTINCT u.key) AS users
        CALL (a) {{
            MATCH (a)-[r:{names.type(RelType.INTERACTED)}]->(i:{item})
            RETURN collect(i.key) AS target, collect(r.kind) AS kind, collect(r.event) AS event,
                collect(r.weight) AS weight, collect(coalesce(r.at, $no_time)) AS at,
                collect(coalesce(r.order, $no_time)) AS order
        }}
        RETURN users, a.key AS source, target, kind, event, weight, at, order
    """


def tags_of(names: Names) -> str:
    """The tags of the items ``$items``: a record for each tag, with the items and their number."""
    item, has_tag = names.label(Label.ITEM), names.type(RelType.HAS_TAG)
    return f"""
        MATCH (n:{item}) WHERE n.key IN $items
        WITH n MATCH (n)-[:{has_tag}]->(t)
        WITH t, collect(n.key) AS source
        RETURN t.key AS target, source, COUNT {{ (t)<-[:{has_tag}]-() }} AS bearers
    """


def _accounts(names: Names, begin: str = "") -> str:
    """From the user ``u`` to every account ``a`` of the person, itself included.

    ``DISTINCT`` lets the planner visit each account once, however many ways lead to it.
    """
    same_as = names.type(RelType.SAME_AS)
    return f"{begin} MATCH (u)-[:{same_as}*0..]-(a:{names.label(Label.USER)}) WITH DISTINCT a"


def _property(place: int, condition: PropertyCondition) -> str:
    value = f"$kgrec_property_{place}"
    if condition.operator == "in":
        return f"n.`{condition.name}` IN {value}"
    operator = "<>" if condition.operator == "!=" else condition.operator
    return f"n.`{condition.name}` {operator} {value}"
