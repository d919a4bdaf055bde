"""Cross-domain recommendation from a knowledge graph and the words in it.

:func:`kgrec.train` makes a run from a graph, :func:`kgrec.load` opens one that was made earlier,
and a :class:`kgrec.Run` answers questions; :class:`kgrec.KgrecError` is the root of all errors.
Everything else is reached through its own package. Importing this package imports nothing heavy;
each name is imported when it is first used.

Example::

    import kgrec

    run = kgrec.train("graph.duckdb", "runs/first")
    run.recommend("u17", domain="books", k=3)
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from graph_store.lazy_names import lazy_names

if TYPE_CHECKING:
    from graph_store.errors import (
        BadFilterError,
        BadLabelPrefixError,
        BadRowsError,
        BadStoreUrlError,
        CheckpointError,
        GraphStoreError,
        KgrecError,
        SnapshotError,
        StoreLockedError,
        StoreUnavailableError,
        StoreVersionError,
        UnknownNodeError,
    )
    from graph_store.properties import PropertyCondition
    from graph_store.store import CypherPattern, NodeFilter
    from kgrec.api import train
    from kgrec.config import Settings
    from kgrec.errors import (
        ConfigError,
        InputError,
        MissingExtraError,
        NotFiniteError,
        NotFoundError,
        RunError,
        TrainingError,
    )
    from kgrec.lookup.run import Run, load
    from loaders.errors import (
        BadSourceError,
        LoaderError,
        SourceChangedError,
        TooManyRejectsError,
    )
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "graph_store.errors": [
                "BadFilterError",
                "BadLabelPrefixError",
                "BadRowsError",
                "BadStoreUrlError",
                "CheckpointError",
                "GraphStoreError",
                "KgrecError",
                "SnapshotError",
                "StoreLockedError",
                "StoreUnavailableError",
                "StoreVersionError",
                "UnknownNodeError",
            ],
            "graph_store.properties": ["PropertyCondition"],
            "graph_store.store": ["CypherPattern", "NodeFilter"],
            "kgrec.api": ["train"],
            "kgrec.config": ["Settings"],
            "kgrec.errors": [
                "ConfigError",
                "InputError",
                "MissingExtraError",
                "NotFiniteError",
                "NotFoundError",
                "RunError",
                "TrainingError",
            ],
            "kgrec.lookup.run": ["Run", "load"],
            "loaders.errors": [
                "BadSourceError",
                "LoaderError",
                "SourceChangedError",
                "TooManyRejectsError",
            ],
        },
    )

__all__ = [
    "BadFilterError",
    "BadLabelPrefixError",
    "BadRowsError",
    "BadSourceError",
    "BadStoreUrlError",
    "CheckpointError",
    "ConfigError",
    "CypherPattern",
    "GraphStoreError",
    "InputError",
    "KgrecError",
    "LoaderError",
    "MissingExtraError",
    "NodeFilter",
    "NotFiniteError",
    "NotFoundError",
    "PropertyCondition",
    "Run",
    "RunError",
    "Settings",
    "SnapshotError",
    "SourceChangedError",
    "StoreLockedError",
    "StoreUnavailableError",
    "StoreVersionError",
    "TooManyRejectsError",
    "TrainingError",
    "UnknownNodeError",
    "__version__",
    "load",
    "train",
]

__version__ = "0.1.0.dev0"

# Read by torch at its first tensor: large ones lie on huge pages, where Linux gives any. A graph's
# propagation reads all over hundreds of megabytes and is faster so
# (docs/decisions/fused-softmax-and-large-pages.md).
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
