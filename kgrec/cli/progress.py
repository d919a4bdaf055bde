"""Progress and messages on stderr, so that stdout holds results only.

In:   what libraries log, and their callbacks of how far they are.
Out:  bars on a terminal; elsewhere (a file, a CI log) a line now and then.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from rich.console import Console
from rich.text import Text

from kgrec.cli.printable import printable

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID
    from rich.status import Status

__all__ = ["Report", "configure", "message", "messages", "reporting", "waiting"]

OURS = ("kgrec", "graph_store", "loaders")
SECONDS_BETWEEN_LINES = 15.0

messages = Console(stderr=True, highlight=False)
"""Where messages and bars are drawn; one console, so that neither tears the other."""


def message(text: str) -> None:
    """Write one line beside the bars, safe to be shown."""
    messages.print(Text(printable(text)), soft_wrap=True)


def waiting(what: str) -> Status:
    """Say on a terminal what is being done, for as long as the block takes."""
    return messages.status(Text(printable(what)))


class Report(Protocol):
    """How far something is; libraries' callbacks are led here."""

    def __call__(self, what: str, done: int, total: int | None = None, note: str = "") -> None:
        """``done`` of ``total`` (None: nobody knows) of the stage ``what``; ``note`` beside it."""
        ...


class _Lines(logging.Handler):
    """Writes log records as plain lines beside the bars."""

    def emit(self, record: logging.LogRecord) -> None:
        style = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "red"}.get(record.levelname)
        text = Text(printable(self.format(record), keep="\n\t"))
        if style:
            text = Text.assemble((f"{record.levelname.lower()}: ", style), text)
        messages.print(text, soft_wrap=True)


def configure(*, verbose: bool = False, quiet: bool = False) -> None:
    """Send log records to stderr: our packages' from INFO on, others' from WARNING on.

    Messages of the Neo4j driver are shown under ``verbose`` only: the error that it ends with
    says the same in one sentence.
    """
    if not verbose:  # what libraries will change one day is no news to who runs a command
        warnings.filterwarnings("ignore", category=FutureWarning)
    level = logging.DEBUG if verbose else logging.WARNING if quiet else logging.INFO
    logging.basicConfig(
        level=logging.WARNING, format="%(message)s", handlers=[_Lines()], force=True
    )
    logging.getLogger("neo4j").setLevel(logging.WARNING if verbose else logging.CRITICAL)
    for name in OURS:
        logging.getLogger(name).setLevel(level)


@contextmanager
def reporting() -> Iterator[Report]:
    """Draw a bar per stage while the block runs; a stage is known by its name.

    Example::

        with reporting() as report:
            for done, batch in enumerate(batches, start=1):
                report("reading", done, len(batches))
    """
    if logging.getLogger(OURS[0]).getEffectiveLevel() > logging.INFO:
        yield lambda what, done, total=None, note="": None
    elif messages.is_terminal:
        with _bars() as bars:
            yield _Bars(bars)
    else:
        yield _SparseLines()


def _bars() -> Progress:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),
        console=messages,
    )


class _Bars:
    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, what: str, done: int, total: int | None = None, note: str = "") -> None:
        if what not in self._tasks:
            self._tasks[what] = self._bars.add_task(printable(what), total=total, note="")
        task = self._tasks[what]
        self._bars.update(task, completed=done, total=total)
        if note:
            self._bars.update(task, note=printable(note))


class _SparseLines:
    def __init__(self) -> None:
        self._spoke_at = time.monotonic()
        self._finished: set[str] = set()

    def __call__(self, what: str, done: int, total: int | None = None, note: str = "") -> None:
        now = time.monotonic()
        complete = done == total and what not in self._finished
        if not complete and now - self._spoke_at < SECONDS_BETWEEN_LINES:
            return
        self._spoke_at = now
        if complete:
            self._finished.add(what)
        of_total = f" of {total:,}" if total is not None else ""
        tail = f"  {note}" if note else ""
        message(f"{what}: {done:,}{of_total}{tail}")
