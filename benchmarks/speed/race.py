"""One contestant after the other, each in a process of its own, on the same course.

In:   the command of a worker that speaks :mod:`speed.clock`, and a way to measure vectors.
Out:  a :class:`Race`: what it had reached after how many seconds of its own work.

A contestant goes on until its own end, until ``patience`` points brought nothing better, or
until its seconds are spent.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Measure = Callable[[NDArray[np.float32], NDArray[np.float32]], float]
"""NDCG@10 of user vectors ``[B, D]`` and item vectors ``[I_d, D]``; without any of these
the first are scores ``[B, I_d]``."""


@dataclass(frozen=True)
class Point:
    epoch: int
    seconds: float
    """What whoever stops here has waited for."""
    ndcg: float
    delivering: float = 0.0
    """Seconds, of these, that make the vectors; training that continues does not repeat it."""


@dataclass(frozen=True)
class Race:
    """What one contestant did."""

    name: str
    points: list[Point] = field(default_factory=list)
    setup: float = 0.0
    """Seconds before its first epoch."""
    peak_bytes: int = 0
    end: Literal["its own", "patience", "time", "failed"] = "failed"
    why: str = ""
    """The last words of one that failed."""

    @property
    def best(self) -> Point:
        """The first point of the highest NDCG@10."""
        return max(self.points, key=lambda point: point.ndcg)

    @property
    def still_rising(self) -> bool:
        """Time was up before it was clear that the best had been reached."""
        return self.end in ("time", "failed")

    def seconds_to(self, ndcg: float) -> float | None:
        """Until this quality was reached; None where it never was."""
        return next((point.seconds for point in self.points if point.ndcg >= ndcg), None)

    def seconds_an_epoch(self) -> float | None:
        """Mean over all epochs; None before the first has ended."""
        # The last epoch may have a second point, of what is done when training is over.
        last = next(p for p in self.points if p.epoch == self.points[-1].epoch)
        worked = last.seconds - last.delivering - self.setup
        return worked / last.epoch if last.epoch else None


def run_race(
    name: str,
    command: Sequence[str],
    measure: Measure,
    *,
    env: Mapping[str, str],
    seconds: float,
    patience: int,
    on_point: Callable[[str, Point], None],
) -> Race:
    """Start ``command`` and listen until it ends."""
    points: list[Point] = []
    setup, peak, end = 0.0, 0, "its own"
    with tempfile.TemporaryDirectory() as cwd, (Path(cwd) / "words").open("w+") as words:
        process = subprocess.Popen(
            command, env=dict(env), cwd=cwd, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=words,
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        # An epoch may outlast the budget; one that never ends may not.
        guard = threading.Timer(3 * seconds + 300, process.kill)
        guard.start()
        try:
            for line in process.stdout:
                if not line.startswith("{"):
                    continue  # what a library prints before the clock is there
                message: dict[str, Any] = json.loads(line)
                with np.load(message["file"]) as held:
                    ndcg = measure(held["user"], held["item"])
                Path(message["file"]).unlink()
                points.append(
                    Point(message["epoch"], message["seconds"], ndcg, message["delivering"])
                )
                setup, peak = message["setup"], message["peak_bytes"]
                on_point(name, points[-1])
                verdict = judge(points, seconds=seconds, patience=patience)
                end = verdict or "its own"
                with contextlib.suppress(BrokenPipeError):  # its exit code tells
                    process.stdin.write("stop\n" if verdict else "go\n")
                    process.stdin.flush()
            code = process.wait()
        finally:
            guard.cancel()
            process.kill()
        words.seek(0)
        said = [line for line in words.read().splitlines() if line.strip()]
    if code != 0:
        last = said[-1] if said else "it said nothing"
        return Race(name, points, setup, peak, "failed", f"exit {code}: {last}")
    return Race(name, points, setup, peak, end)  # type: ignore[arg-type]


def judge(points: Sequence[Point], *, seconds: float, patience: int) -> str | None:
    """Why a contestant is stopped after its last point, if it is."""
    if points[-1].seconds >= seconds:
        return "time"
    best = max(range(len(points)), key=lambda n: points[n].ndcg)  # the first of equals
    return "patience" if len(points) - 1 - best >= patience else None
