"""Behaviour logs and catalogues become a graph; rows are checked at the door.

Example::

    from graph_store.open_store import open_store
    from loaders import ingest, open_source

    with open_store("graph.duckdb") as store:
        summary = ingest(open_source(["logs/"]), store)
"""

from loaders.errors import BadSourceError, LoaderError, SourceChangedError, TooManyRejectsError
from loaders.graph_builder import DEFAULT_MAX_REJECTS, IngestSummary, ingest
from loaders.source import FORMS, Source, SourceOptions, open_source

__all__ = [
    "DEFAULT_MAX_REJECTS",
    "FORMS",
    "BadSourceError",
    "IngestSummary",
    "LoaderError",
    "Source",
    "SourceChangedError",
    "SourceOptions",
    "TooManyRejectsError",
    "ingest",
    "open_source",
]
