"""Keeps two processes from changing one run folder at once, and tells readers of a change.

In:   a run folder.
Out:  a lock that is held while the folder changes; what a reader read undisturbed.

The lock is that of the operating system on a hidden file of the folder, so it ends with the
process that holds it, however that ends. Reading takes no lock, since a run may lie in a folder
that cannot be written to: a reader that finds the folder inconsistent waits until no process
changes it, and reads again. Windows has no such lock; there two calls must not overlap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from kgrec.errors import RunError
from kgrec.runs.checksums import MANIFEST

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["changing", "undisturbed"]

LOCK_FILE = ".lock"

T = TypeVar("T")


@contextmanager
def changing(run: Path) -> Iterator[None]:
    """Hold the lock of the folder ``run``; another process that holds it is waited for.

    Raises:
        OSError: The folder cannot be written to.
    """
    with (run / LOCK_FILE).open("a") as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def undisturbed(run: Path, read: Callable[[], T]) -> T:
    """What ``read`` returns; it is called again if it failed while ``run`` was being changed.

    Args:
        run: The run folder, whose lock the caller must not hold.
        read: Reads files of the folder; it must raise :class:`RunError` where they do not fit
            together.

    Raises:
        RunError: ``read`` raised it, and no process was changing the folder.
    """
    while True:
        before = _manifest(run)
        try:
            return read()
        except RunError:
            if not _waited_for_change(run) and _manifest(run) == before:
                raise


def _waited_for_change(run: Path) -> bool:
    """Whether a process was changing ``run``; returns when it has ended."""
    if fcntl is None:
        return False
    try:
        file = (run / LOCK_FILE).open("rb")
    except OSError:  # no process ever changed this run
        return False
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            fcntl.flock(file, fcntl.LOCK_SH)
            return True
        return False


def _manifest(run: Path) -> bytes:
    try:
        return (run / MANIFEST).read_bytes()
    except OSError:
        return b""
