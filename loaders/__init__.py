"""Behaviour logs and catalogues become a graph; rows are checked at the door.

Importing this package imports nothing heavy; each name is imported when it is first used.

Example::

    from graph_store.open_store import open_store
    from loaders import ingest, open_source

    with open_store("graph.duckdb") as store:
        summary = ingest(open_source(["logs/"]), store)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from graph_store.lazy_names import lazy_names

if TYPE_CHECKING:
    from loaders.errors import BadSourceError, LoaderError, SourceChangedError, TooManyRejectsError
    from loaders.formats import FORMATS
    from loaders.graph_builder import DEFAULT_MAX_REJECTS, ingest
    from loaders.item_properties import ItemProperty
    from loaders.opening import open_source
    from loaders.ratings import DomainScale
    from loaders.source import Source, SourceOptions
    from loaders.summary import IngestSummary
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "loaders.errors": [
                "BadSourceError",
                "LoaderError",
                "SourceChangedError",
                "TooManyRejectsError",
            ],
            "loaders.formats": ["FORMATS"],
            "loaders.graph_builder": ["DEFAULT_MAX_REJECTS", "ingest"],
            "loaders.item_properties": ["ItemProperty"],
            "loaders.opening": ["open_source"],
            "loaders.ratings": ["DomainScale"],
            "loaders.source": ["Source", "SourceOptions"],
            "loaders.summary": ["IngestSummary"],
        },
    )

__all__ = [
    "DEFAULT_MAX_REJECTS",
    "FORMATS",
    "BadSourceError",
    "DomainScale",
    "IngestSummary",
    "ItemProperty",
    "LoaderError",
    "Source",
    "SourceChangedError",
    "SourceOptions",
    "TooManyRejectsError",
    "ingest",
    "open_source",
]
