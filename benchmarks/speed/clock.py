"""A worker's side of a race: seconds of its own work, and a point whenever it has a result.

In:   work, cut into epochs.
Out:  lines of JSON to whoever started the process, and a file of vectors a point.

A point costs what whoever stops there has waited for: the work so far and the making of its
vectors, which for some is nothing and for some the largest part. Whoever goes on is charged for the
work alone. The clock stands still until the starter has measured a point and said `go`.
Needs no more than numpy, so that it also runs in an environment of another library.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from memory import peak_bytes

Vectors = Callable[[], "tuple[Any, Any]"]
"""Makes ``[B, D]`` of the users asked about and ``[I_d, D]`` of the target's items."""


class Stop(Exception):  # noqa: N818  (not an error: the starter has seen enough)
    """The starter wants no more points."""


class Clock:
    """Starts when it is made; what a library prints goes to stderr from then on."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)
        self._spent = 0.0
        self._points = 0
        self._ready: float | None = None
        self._since = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Spent on work so far."""
        return self._spent + time.perf_counter() - self._since

    def ready(self) -> None:
        """Everything is made, the first epoch begins."""
        self._ready = self.seconds

    def point(self, epoch: int, vectors: Vectors) -> None:
        """Hand over a result; raises :class:`Stop` where no more are wanted."""
        work = self.seconds
        user, item = vectors()
        delivered = self.seconds
        file = self._folder / f"{os.getpid()}-{self._points}.npz"
        np.savez(file, user=np.asarray(user, np.float32), item=np.asarray(item, np.float32))
        self._points += 1
        message = {
            "epoch": epoch,
            "seconds": delivered,
            "delivering": delivered - work,
            "setup": self._ready or 0.0,
            "peak_bytes": peak_bytes(),
            "file": str(file),
        }
        self._answers.write(json.dumps(message) + "\n")
        self._answers.flush()
        go_on = sys.stdin.readline().strip() == "go"
        self._spent, self._since = work, time.perf_counter()
        if not go_on:
            raise Stop


def import_what_comes_late() -> None:
    """torch imports its compiler with the first optimizer; no contestant is charged for that."""
    import torch

    torch.optim.Adam([torch.zeros(1, requires_grad=True)])
