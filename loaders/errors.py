"""Everything loaders raises on purpose.

KgrecError                   the root of the three packages, see ``graph_store.errors``
└── LoaderError
    ├── BadSourceError       a file is missing, damaged or of an unreadable format; a wrong option
    ├── SourceChangedError   a file changed while it was read
    └── TooManyRejectsError  more rows than allowed cannot be used; nothing was written
"""

from __future__ import annotations

from graph_store.errors import KgrecError

__all__ = ["BadSourceError", "LoaderError", "SourceChangedError", "TooManyRejectsError"]


class LoaderError(KgrecError):
    """Base class of this package's errors."""


class BadSourceError(LoaderError, ValueError):
    """What was given cannot be read, or not under the options given."""


class SourceChangedError(LoaderError):
    """A file is no longer the one that the job began with; nothing was written."""


class TooManyRejectsError(LoaderError):
    """More rows cannot be used than ``max_rejects`` allows; nothing was written."""
