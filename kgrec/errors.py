"""Everything kgrec raises on purpose; ``except kgrec.KgrecError`` catches all of it.

KgrecError             the root of the three packages
├── ConfigError        a setting is unknown, of the wrong kind or out of range
├── InputError         what the caller gave cannot be used (an option, a file, a history)
├── NotFoundError      a run, user, item or domain does not exist
├── RunError           a run folder is unfinished, damaged or of another version
├── TrainingError      training cannot go on (the loss is no number, nothing to learn from)
├── NotFiniteError     vectors or scores are NaN or infinite, so nothing can be ranked by them
├── MissingExtraError  an optional package is needed and not installed
├── GraphStoreError    a store or a snapshot cannot be used, see ``graph_store.errors``
└── LoaderError        a source cannot be read or used, see ``loaders.errors``
"""

from __future__ import annotations

from graph_store.errors import KgrecError

__all__ = [
    "ConfigError",
    "InputError",
    "KgrecError",
    "MissingExtraError",
    "NotFiniteError",
    "NotFoundError",
    "RunError",
    "TrainingError",
]


class ConfigError(KgrecError, ValueError):
    """A setting cannot be used; the message starts with its full name.

    Args:
        key: Full name of the setting, or the option of the command line.
        problem: What is wrong and what was got.
        hint: What to do, put in brackets; empty for none.
    """

    def __init__(self, key: str, problem: str, *, hint: str = "") -> None:
        self.key = key
        super().__init__(f"{key}: {problem}" + (f" ({hint})" if hint else ""))


class InputError(KgrecError, ValueError):
    """What the caller gave cannot be used."""


class NotFoundError(KgrecError, LookupError):
    """A run, user, item or domain that was named does not exist."""

    def __init__(self, message: str, *, name: str | None = None) -> None:
        self.name = name
        """What was named, where the message is about one name."""
        super().__init__(message)


class RunError(KgrecError):
    """A run folder is unfinished, damaged or of another format version."""


class TrainingError(KgrecError, RuntimeError):
    """Training cannot begin or go on."""


class NotFiniteError(KgrecError, ArithmeticError):
    """Vectors or scores are NaN or infinite."""


class MissingExtraError(KgrecError, ImportError):
    """An optional package is needed and not installed; the message is the command that installs it.

    Args:
        package: The Python package that is not installed.
        extra: The optional extra of kgrec that brings it.
        wanted_for: What needs the package, as the message begins with it.
    """

    def __init__(self, package: str, *, extra: str, wanted_for: str) -> None:
        super().__init__(f"{wanted_for} needs {package}: pip install 'kgrec[{extra}]'")
