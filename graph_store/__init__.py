"""The graph of users, items, domains and tags: its schema, its stores, its snapshots.

Nothing here knows a model or a tensor; see ``docs/explanation/graph-model.md``. Importing this
package imports nothing else; each name is imported when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from graph_store.lazy_names import lazy_names

if TYPE_CHECKING:
    from graph_store.errors import GraphStoreError
    from graph_store.schema import Label, RelType
    from graph_store.snapshot import Snapshot, load_snapshot, save_snapshot, take_snapshot
    from graph_store.store import Checkpoint, GraphStore
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "graph_store.errors": ["GraphStoreError"],
            "graph_store.schema": ["Label", "RelType"],
            "graph_store.snapshot": ["Snapshot", "load_snapshot", "save_snapshot", "take_snapshot"],
            "graph_store.store": ["Checkpoint", "GraphStore"],
        },
    )

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
