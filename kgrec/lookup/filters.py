"""Which items may be in an answer: the conditions of a ``NodeFilter`` as a mask.

In:   a filter, the facts of the graph, the items of one domain.
Out:  a mask over those items, and a word in the log where a condition cannot do what it says.
      What a user has seen is not decided here, save ``not_seen_by``.

Lists of keys are compared here, in the numbers of the run; every other condition is one question
to the graph (:meth:`kgrec.lookup.facts.Facts.select`).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import fields, replace

import numpy as np
from numpy.typing import NDArray

from graph_store.properties import PropertyCondition
from graph_store.schema import split_item_key
from graph_store.store import CypherPattern, NodeFilter
from kgrec.errors import InputError
from kgrec.lookup.facts import Facts
from kgrec.lookup.keys import key_of, keys_of
from kgrec.lookup.names import KeyIndex

__all__ = ["allowed_items"]

log = logging.getLogger(__name__)


def allowed_items(
    where: NodeFilter | None, facts: Facts, keys: KeyIndex, items: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """``[len(items)]`` whether an item satisfies every condition given.

    Keys of ``allow`` and ``deny`` that the run does not know are no error, since such lists
    often serve several platforms; they are told in the log, as a warning where a list names no
    item at all that it could have an effect on. A tag that no item bears is an error, since it
    is a typo.

    Args:
        where: The conditions; None allows every item.
        facts: The graph that tags, times and interactions are read from.
        keys: Row numbers of item keys in the run.
        items: Numbers of the items that are asked about.

    Raises:
        InputError: A condition is of the wrong type, e.g. one tag instead of a list.
        NotFoundError: A tag or a user of ``not_seen_by`` is not in the graph.
        BadFilterError: A condition on a property or a pattern cannot be evaluated.
    """
    mask = np.ones(len(items), dtype=np.bool_)
    if where is None:
        return mask
    where = _checked(where)
    if where.allow is not None:
        mask &= _named("allow", list(where.allow), facts, keys, items)
    if where.deny:
        mask &= ~_named("deny", list(where.deny), facts, keys, items)
    if _asks_the_graph(where) and len(items):
        mask &= facts.select(where, items)
    return mask


def _named(
    what: str, named: list[str], facts: Facts, keys: KeyIndex, items: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which of ``items`` a list names; what it names in vain is told in the log."""
    numbers = keys.find(named)
    mask = np.isin(items, numbers)
    unknown = np.flatnonzero(numbers < 0)
    if not named or not len(items):
        return mask
    domain = split_item_key(str(keys.keys[items[0]]))[0]
    effect = {"allow": "nothing is left to recommend", "deny": "it leaves nothing out"}[what]
    if len(unknown) == len(named):
        log.warning(
            "none of the %s keys of the %s list is an item of %s, so %s; %s",
            f"{len(named):,}", what, facts.where, effect, _meant(named[0], domain, keys),
        )  # fmt: skip
    elif not mask.any():
        log.warning("no item of the %s list is of domain %r, so %s", what, domain, effect)
    elif len(unknown):
        first = named[unknown[0]]
        log.info(
            "%s of the %s keys of the %s list are no items of %s and change nothing; %s",
            f"{len(unknown):,}", f"{len(named):,}", what, facts.where, _meant(first, domain, keys),
        )  # fmt: skip
    return mask


def _meant(key: str, domain: str, keys: KeyIndex) -> str:
    """An example of an unknown key, and how it should have been written."""
    if keys.number(f"{domain}:{key}") is not None:
        return f"write {f'{domain}:{key}'!r} instead of {key!r}"
    return f"items are named domain:item_id, the first unknown one is {key!r}"


def _users(given: object) -> list[str]:
    """The users of ``not_seen_by``: one key, or many."""
    if given is None:
        return []
    if isinstance(given, str) or not isinstance(given, Iterable):
        return [key_of(given, "not_seen_by")]
    return keys_of(given, "not_seen_by")


def _checked(where: NodeFilter) -> NodeFilter:
    """The same filter with keys as text, or one sentence on what is no list, key or number."""
    for name in ("since", "min_popularity", "max_popularity"):
        value = getattr(where, name)
        if isinstance(value, bool) or not isinstance(value, int | np.integer | None):
            what = "whole Unix seconds" if name == "since" else "a whole number"
            raise InputError(f"{name} must be {what}, got {value!r}")
    conditions = where.properties
    if isinstance(conditions, PropertyCondition) or not all(
        isinstance(one, PropertyCondition) for one in conditions
    ):
        raise InputError(f"properties must be a list of PropertyCondition, got {conditions!r}")
    if not isinstance(where.cypher, CypherPattern | None):
        raise InputError(f"cypher must be a CypherPattern, got {where.cypher!r}")
    return replace(
        where,
        allow=None if where.allow is None else keys_of(where.allow, "allow"),
        deny=keys_of(where.deny, "deny"),
        tags_any=keys_of(where.tags_any, "tags_any"),
        tags_all=keys_of(where.tags_all, "tags_all"),
        tags_none=keys_of(where.tags_none, "tags_none"),
        not_seen_by=_users(where.not_seen_by) or None,
    )


def _asks_the_graph(where: NodeFilter) -> bool:
    """Whether there is a condition beside lists and domain."""
    others = [one.name for one in fields(where) if one.name not in ("domain", "allow", "deny")]
    return any(getattr(where, name) not in (None, (), []) for name in others)
