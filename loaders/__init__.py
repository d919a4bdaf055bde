"""Behaviour logs and catalogues become a graph; rows are checked at the door.

Example::

    from graph_store.open_store import open_store
    from loaders import ingest, open_source

    with open_store("graph.duckdb") as store:
        summary = ingest(open_source(["logs/"]), store)
"""

from loaders.errors import BadSourceError, LoaderError, SourceChangedError, TooManyRejectsError
from loaders.graph_builder import DEFAULT_MAX_REJECTS, ingest
from loaders.ratings import DomainScale
from loaders.source import FORMS, Source, SourceOptions, open_source
from loaders.summary import IngestSummary

__all__ = [
    "DEFAULT_MAX_REJECTS",
    "FORMS",
    "BadSourceError",
    "DomainScale",
    "IngestSummary",
    "LoaderError",
    "Source",
    "SourceChangedError",
    "SourceOptions",
    "TooManyRejectsError",
    "ingest",
    "open_source",
]
