"""What every store asks of a search's filter and of vectors before it takes them.

In:   a label and a :class:`~graph_store.store.NodeFilter`; keys and vectors.
Out:  nothing, or one clear error; a filter's users. Nothing here knows a store.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from graph_store.errors import BadRowsError, GraphStoreError
from graph_store.schema import Label
from graph_store.store import NodeFilter

__all__ = ["check_filter", "check_vectors", "selects_items", "users_left_out"]


def check_filter(label: Label, where: NodeFilter) -> None:
    """Refuse conditions that only items can meet when other nodes are searched.

    Args:
        label: Label of the nodes that are searched.
        where: The conditions.

    Raises:
        GraphStoreError: A condition has no meaning for nodes of this label.
    """
    if label is Label.ITEM:
        return
    names = [one.name for one in fields(where) if one.name not in ("allow", "deny")]
    asked = [name for name in names if getattr(where, name) not in (None, ())]
    if asked:
        raise GraphStoreError(
            f"a search among {label} nodes cannot be filtered by {', '.join(asked)}; "
            f"only allow and deny apply there"
        )


def selects_items(where: NodeFilter) -> bool:
    """Whether any condition says which items pass; the others only say which do not.

    The domain alone selects nothing that a caller would not know.
    """
    return (
        any((where.tags_any, where.tags_all, where.properties))
        or where.allow is not None
        or where.since is not None
        or where.min_popularity is not None
        or where.max_popularity is not None
        or where.cypher is not None
    )


def users_left_out(where: NodeFilter) -> list[str]:
    """The users of ``not_seen_by`` as a list, empty where there is no such condition."""
    if where.not_seen_by is None:
        return []
    if isinstance(where.not_seen_by, str):
        return [where.not_seen_by]
    return list(where.not_seen_by)


def check_vectors(keys: Sequence[str], vectors: NDArray[np.float32]) -> None:
    """Refuse vectors that do not fit their keys, or hold what is no number.

    Raises:
        BadRowsError: There are not as many vectors as keys, or a number is not finite.
    """
    if vectors.ndim != 2 or len(keys) != len(vectors) or vectors.shape[1] == 0:
        raise BadRowsError(f"{len(keys)} keys need vectors [{len(keys)}, D], got {vectors.shape}")
    if not np.isfinite(vectors).all():
        raise BadRowsError("a vector holds a number that is not finite; nothing was written")
