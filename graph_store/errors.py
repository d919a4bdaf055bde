"""Everything graph_store raises on purpose.

GraphStoreError
├── BadStoreUrlError     a --store value cannot be understood
├── BadLabelPrefixError  a --label-prefix is no name, or not that of a graph in this database
├── StoreUnavailableError the server does not answer, or refuses the password
├── StoreLockedError     another process writes to the embedded file
├── StoreVersionError    the data was written in another format version, or the server is too old
├── UnknownNodeError     a relationship names a node that was never written
├── CheckpointError      a job was begun from another source than the one given now
└── SnapshotError        a snapshot folder is missing, damaged or of another version
"""

from __future__ import annotations

__all__ = [
    "BadLabelPrefixError",
    "BadStoreUrlError",
    "CheckpointError",
    "GraphStoreError",
    "SnapshotError",
    "StoreLockedError",
    "StoreUnavailableError",
    "StoreVersionError",
    "UnknownNodeError",
]


class GraphStoreError(Exception):
    """Base class of this package's errors; the message says what, got what, do what."""


class BadStoreUrlError(GraphStoreError, ValueError):
    """A store URL cannot be understood."""


class BadLabelPrefixError(GraphStoreError, ValueError):
    """A label prefix cannot begin a label, or is not that of a graph in this database."""


class StoreUnavailableError(GraphStoreError, ConnectionError):
    """The server does not answer, or refuses the user and password."""


class StoreLockedError(GraphStoreError):
    """Another process holds the embedded file for writing."""


class StoreVersionError(GraphStoreError):
    """The store's content or server has a version that this kgrec does not work with."""


class UnknownNodeError(GraphStoreError, KeyError):
    """A relationship names a node that was never written; nothing of its batch was written."""

    def __str__(self) -> str:
        return str(self.args[0])  # KeyError would quote the sentence


class CheckpointError(GraphStoreError):
    """A job cannot be resumed, since its source is not the one it was begun with."""


class SnapshotError(GraphStoreError):
    """A snapshot folder is missing, damaged or of another format version."""
