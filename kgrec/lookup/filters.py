"""Which items may be in an answer: the conditions of a ``NodeFilter`` as a mask.

In:   a filter, the facts of the graph, the items of one domain.
Out:  a mask over those items, and a word in the log where a condition cannot do what it says.
      What a user has seen is not decided here, save ``not_seen_by``.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from graph_store.schema import split_item_key
from graph_store.snapshot import NO_TIME
from graph_store.store import NodeFilter
from kgrec.errors import InputError
from kgrec.lookup.facts import Facts
from kgrec.lookup.keys import key_of, keys_of
from kgrec.lookup.names import KeyIndex, not_found, unknown_user

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
    """
    mask = np.ones(len(items), dtype=np.bool_)
    if where is None:
        return mask
    if where.allow is not None:
        mask &= _named("allow", keys_of(where.allow, "allow"), facts, keys, items)
    if deny := keys_of(where.deny, "deny"):
        mask &= ~_named("deny", deny, facts, keys, items)
    mask &= _by_tags(where, facts, items)
    if where.since is not None:
        mask &= _since(where.since, facts, items)
    if users := _users(where.not_seen_by):
        found = facts.of_users(users)
        for user, known in zip(users, found.known, strict=True):
            if not known:
                raise unknown_user(user, where=facts.where)
        mask &= ~np.isin(items, found.seen.indices)
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


def _since(since: int, facts: Facts, items: NDArray[np.int64]) -> NDArray[np.bool_]:
    if isinstance(since, bool) or not isinstance(since, int | np.integer):
        raise InputError(f"since must be whole Unix seconds, got {since!r}")
    last = facts.last_times()[items]
    if len(items) and (last == NO_TIME).all():
        log.warning(
            "no interaction with these items has a time in %s, so a condition on times leaves "
            "nothing to recommend; ingest a log with times, or leave the condition out",
            facts.where,
        )
    mask: NDArray[np.bool_] = last >= since
    return mask


def _by_tags(where: NodeFilter, facts: Facts, items: NDArray[np.int64]) -> NDArray[np.bool_]:
    any_of, all_of, none_of = (
        keys_of(getattr(where, name), name) for name in ("tags_any", "tags_all", "tags_none")
    )
    if not (any_of or all_of or none_of):
        return np.ones(len(items), dtype=np.bool_)
    tags = facts.item_tags(items)
    column = {name: number for number, name in enumerate(tags.names)}
    rows = tags.matrix[items]

    def count(names: Sequence[str]) -> NDArray[np.float32]:
        for name in names:
            if name not in column:
                raise not_found("tag", name, tags.names, where=facts.where)
        chosen = rows[:, [column[name] for name in dict.fromkeys(names)]]
        return np.asarray(chosen.sum(axis=1), dtype=np.float32).ravel()

    mask = np.ones(len(items), dtype=np.bool_)
    if any_of:
        mask &= count(any_of) > 0
    if all_of:
        mask &= count(all_of) == len(set(all_of))
    if none_of:
        mask &= count(none_of) == 0
    return mask
