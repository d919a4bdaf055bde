"""The graph of users, items, domains and tags: its schema, its stores, its snapshots.

Nothing here knows a model or a tensor; see ``docs/graph-model.md``.
"""

from __future__ import annotations

from graph_store.errors import GraphStoreError
from graph_store.schema import Label, RelType
from graph_store.snapshot import Snapshot, load_snapshot, save_snapshot, take_snapshot
from graph_store.store import Checkpoint, GraphStore

__all__ = [
    "Checkpoint",
    "GraphStore",
    "GraphStoreError",
    "Label",
    "RelType",
    "Snapshot",
    "load_snapshot",
    "save_snapshot",
    "take_snapshot",
]
