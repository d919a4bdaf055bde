"""What the command line makes of an error: one sentence on stderr and an exit code.

In:   an exception.
Out:  the exit code of an expected error; None for one that nobody expected.

Expected are the errors that the three packages raise on purpose, wrong arguments, and what the
operating system says of files. The modules of errors import nothing heavy, so ``kgrec --help``
stays quick.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import typer

from graph_store.errors import (
    BadFilterError,
    BadLabelPrefixError,
    BadRowsError,
    BadStoreUrlError,
    KgrecError,
    StoreUnavailableError,
    UnknownNodeError,
)
from kgrec.cli.accounts import hide_accounts
from kgrec.cli.printable import printable
from kgrec.errors import ConfigError, InputError, MissingExtraError, NotFoundError
from loaders.errors import BadSourceError

__all__ = ["BAD_INPUT", "FAILURE", "INTERRUPTED", "MISSING", "interrupts", "tell"]

FAILURE = 1
BAD_INPUT = 2
MISSING = 3
INTERRUPTED = 130

EXIT_CODES: dict[type[Exception], int] = {
    ConfigError: BAD_INPUT,
    InputError: BAD_INPUT,
    NotFoundError: MISSING,
    MissingExtraError: MISSING,
    BadFilterError: BAD_INPUT,
    BadLabelPrefixError: BAD_INPUT,
    BadRowsError: BAD_INPUT,
    BadStoreUrlError: BAD_INPUT,
    StoreUnavailableError: MISSING,
    UnknownNodeError: MISSING,
    BadSourceError: BAD_INPUT,
    KgrecError: FAILURE,
    FileNotFoundError: MISSING,
    OSError: FAILURE,
}
"""Exit code by class; the nearest class in an error's ancestry decides."""


def tell(error: Exception, arguments: Sequence[str] = ()) -> int | None:
    """Say ``error`` in one line on stderr and return its exit code; None and silence if unknown.

    ``arguments`` are those of the command; a password that they hold is not repeated.
    """
    if isinstance(error, typer.Abort):
        return INTERRUPTED
    if hasattr(error, "format_message") and hasattr(error, "exit_code"):
        return _tell_usage(error, arguments)
    for kind in type(error).__mro__:
        code = EXIT_CODES.get(kind)
        if code is not None:
            say(hide_accounts(_sentence(error), arguments))
            return code
    return None


@contextmanager
def interrupts() -> Iterator[None]:
    """Ctrl-C is a KeyboardInterrupt, wherever it is noticed.

    DuckDB hears it first when it comes during a statement, and raises an error of its own.
    """
    try:
        yield
    except Exception as error:
        if type(error).__name__ == "InterruptException" or "Query interrupted" in str(error):
            raise KeyboardInterrupt from error
        raise


def say(sentence: str) -> None:
    """Write one error line to stderr, safe to be shown."""
    line = re.sub(r"\s*[\r\n]+\s*", " ", sentence)
    typer.echo(f"{typer.style('error:', fg='red')} {printable(line)}", err=True)


def _tell_usage(error: Exception, arguments: Sequence[str]) -> int:
    """Wrong arguments: typer's own exceptions, told apart by what they can do."""
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":  # making it has shown the help already
        return BAD_INPUT
    message = str(error.format_message()).strip()  # type: ignore[attr-defined]
    help_hint = f" (see `{context.command_path} --help`)" if context is not None else ""
    say(hide_accounts(f"{message.rstrip('.')}{help_hint}", arguments))
    return BAD_INPUT


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and type(error).__module__ == "builtins" and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error) or type(error).__name__
