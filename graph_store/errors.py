"""Everything graph_store raises on purpose, and the root of all errors of the three packages.

KgrecError                      the root, also as ``kgrec.KgrecError``
├── GraphStoreError             below; everything that graph_store raises on purpose
│   ├── BadStoreUrlError        a --store value cannot be understood
│   ├── BadLabelPrefixError     a --label-prefix is no name, or not that of a graph in this database
│   ├── BadFilterError          a condition on items cannot be evaluated
│   ├── BadRowsError            nodes, relationships or vectors to be written are malformed
│   ├── StoreUnavailableError   the server does not answer, or refuses the password
│   ├── StoreLockedError        another process writes to the embedded file
│   ├── StoreVersionError       the data has another format version, or the server is too old
│   ├── UnknownNodeError        a relationship names a node that was never written
│   ├── CheckpointError         a job was begun from another source than the one given now
│   └── SnapshotError           a snapshot folder is missing, damaged or of another version
├── LoaderError                 see ``loaders.errors``
└── ConfigError, InputError, …  see ``kgrec.errors``

The root stands here because this package is at the bottom: the other two import from it. Not
under it are what the operating system says of a file (``OSError``), Python's own ``TypeError`` for
a call with wrong arguments, and faults of the packages themselves.
"""

from __future__ import annotations

__all__ = [
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
]


class KgrecError(Exception):
    """Base class of all errors that kgrec, loaders and graph_store raise on purpose.

    The message is one sentence or two: what was wrong, what was got, what to do.
    """


class GraphStoreError(KgrecError):
    """Base class of this package's errors."""


class BadStoreUrlError(GraphStoreError, ValueError):
    """A store URL cannot be understood."""


class BadLabelPrefixError(GraphStoreError, ValueError):
    """A label prefix cannot begin a label, or is not that of a graph in this database."""


class BadFilterError(GraphStoreError, ValueError):
    """A condition on items cannot be evaluated: an unknown property, a pattern that writes ..."""


class BadRowsError(GraphStoreError, ValueError):
    """Nodes, relationships or vectors to be written are malformed; nothing was written."""


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
