"""Which items may be in an answer: the conditions of a ``NodeFilter`` as a mask.

In:   a filter, the facts of the graph, the items of one domain.
Out:  a mask over those items. What a person has seen is not decided here, save ``not_seen_by``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from graph_store.store import NodeFilter
from kgrec.lookup.facts import Facts
from kgrec.lookup.names import KeyIndex, not_found

__all__ = ["allowed_items"]


def allowed_items(
    where: NodeFilter | None, facts: Facts, keys: KeyIndex, items: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """``[len(items)]`` whether an item satisfies every condition given.

    Keys of ``allow`` and ``deny`` that the run does not know change nothing, since such lists
    often serve several platforms; a tag that no item bears is an error, since it is a typo.

    Raises:
        NotFoundError: A tag or the user of ``not_seen_by`` is not in the graph.
    """
    mask = np.ones(len(items), dtype=np.bool_)
    if where is None:
        return mask
    if where.allow is not None:
        mask &= np.isin(items, keys.find(where.allow))
    if where.deny:
        mask &= ~np.isin(items, keys.find(where.deny))
    if where.tags_any or where.tags_all or where.tags_none:
        mask &= _by_tags(where, facts, items)
    if where.since is not None:
        mask &= facts.last_times()[items] >= where.since
    if where.not_seen_by is not None:
        people = facts.people([where.not_seen_by])
        if not people.known[0]:
            raise not_found("user", where.not_seen_by, facts.user_keys(), where=facts.where)
        mask &= ~np.isin(items, people.seen.indices)
    return mask


def _by_tags(where: NodeFilter, facts: Facts, items: NDArray[np.int64]) -> NDArray[np.bool_]:
    tags = facts.item_tags()
    column = {name: number for number, name in enumerate(tags.names)}
    rows = tags.matrix[items]

    def count(names: Sequence[str]) -> NDArray[np.float32]:
        for name in names:
            if name not in column:
                raise not_found("tag", name, tags.names, where=facts.where)
        chosen = rows[:, [column[name] for name in dict.fromkeys(names)]]
        return np.asarray(chosen.sum(axis=1), dtype=np.float32).ravel()

    mask = np.ones(len(items), dtype=np.bool_)
    if where.tags_any:
        mask &= count(where.tags_any) > 0
    if where.tags_all:
        mask &= count(where.tags_all) == len(set(where.tags_all))
    if where.tags_none:
        mask &= count(where.tags_none) == 0
    return mask
