"""What a :class:`~graph_store.store.NodeFilter` may ask of which label, for every store."""

from __future__ import annotations

from graph_store.errors import GraphStoreError
from graph_store.schema import Label
from graph_store.store import NodeFilter

__all__ = ["check_filter"]


def check_filter(label: Label, where: NodeFilter) -> None:
    """Refuse conditions that only items can meet when other nodes are searched."""
    if label is Label.ITEM:
        return
    names = ("domain", "tags_any", "tags_all", "tags_none", "not_seen_by", "since")
    asked = [name for name in names if getattr(where, name) not in (None, ())]
    if asked:
        raise GraphStoreError(
            f"a search among {label} nodes cannot be filtered by {', '.join(asked)}; "
            f"only allow and deny apply there"
        )
