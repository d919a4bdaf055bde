"""What does a busy neighbour cost training, and does passive waiting cure it?

    python benchmarks/shared_machine.py --repeats 3 --json shared_machine.json

OpenMP's threads wait for each other at the end of every parallel loop. By default GNU's OpenMP
spins while it waits; beside another busy process the thread that is waited for may not even be
running, so that the others spin away its turn. With ``OMP_WAIT_POLICY=PASSIVE``, the default of
the command line, they sleep instead.

Trains on the bundled sample, in processes of its own: alone, and beside as many busy loops as
there are CPUs. Variants take turns within a repeat. The validation NDCG of all must agree.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

VARIANTS: dict[str, dict[str, str]] = {
    # What GNU's OpenMP takes when nothing is said: 300,000 turns of a loop, then sleep.
    "spinning (GNU's default)": {"GOMP_SPINCOUNT": "300000"},
    "passive": {"OMP_WAIT_POLICY": "PASSIVE"},
    "passive, one thread": {"OMP_WAIT_POLICY": "PASSIVE", "KGREC_THREADS": "1"},
}
TRAINING = ("--set", "text.tuning=frozen", "--set", "train.epochs=2", "--device", "cpu")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()
    cpus = len(os.sched_getaffinity(0))
    seconds: dict[tuple[str, int], list[tuple[float, float]]] = {}
    scores = set()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        run(folder, "ingest", "--format", "sample", "--store", "g.duckdb")
        run(folder, "snapshot", "--store", "g.duckdb", "--out", "s")
        run(folder, "train", "--snapshot", "s", "--out", "warm", *TRAINING)  # fills the text cache
        for repeat in range(args.repeats):
            for neighbours in (0, cpus):
                for variant, env in VARIANTS.items():
                    with Neighbours(neighbours):
                        out = f"{repeat}-{neighbours}-{len(scores)}-{len(seconds)}-{variant[:9]}"
                        took = train(folder, out, env)
                    seconds.setdefault((variant, neighbours), []).append(took)
                    scores.add(best_score(folder / out))
    if len(scores) != 1:
        print(f"note: the variants found {sorted(scores)}; sums differ by threads", file=sys.stderr)
    rows = [
        {
            "variant": variant, "busy_neighbours": neighbours,
            "wall_seconds": [round(wall, 2) for wall, _ in took],
            "cpu_seconds": [round(cpu, 2) for _, cpu in took],
        }
        for (variant, neighbours), took in seconds.items()
    ]  # fmt: skip
    print(f"{'variant':26} {'neighbours':>10} {'wall s':>8} {'CPU s':>8}   (medians)")
    for row in rows:
        wall, cpu = median(row["wall_seconds"]), median(row["cpu_seconds"])
        print(f"{row['variant']:26} {row['busy_neighbours']:10} {wall:8.1f} {cpu:8.1f}")
    if args.json:
        machine = {"python": platform.python_version(), "cpus": cpus, "os": platform.platform()}
        result = {"settings": {"repeats": args.repeats}, "machine": machine, "rows": rows}
        args.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return 0


class Neighbours:
    """Busy processes beside what is measured."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._running: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> None:
        loop = [sys.executable, "-c", "while True: pass"]
        self._running = [subprocess.Popen(loop) for _ in range(self._count)]

    def __exit__(self, *_: object) -> None:
        for process in self._running:
            process.kill()
            process.wait()


def train(folder: Path, out: str, env: dict[str, str]) -> tuple[float, float]:
    """Wall and CPU seconds of one training."""
    env = dict(env)
    threads = env.pop("KGREC_THREADS", None)
    more = ["--threads", threads] if threads else []
    before, start = os.times(), time.perf_counter()
    run(folder, "train", "--snapshot", "s", "--out", out, *TRAINING, *more, env=env)
    wall, after = time.perf_counter() - start, os.times()
    cpu = (after.children_user + after.children_system) - (
        before.children_user + before.children_system
    )
    return wall, cpu


def best_score(run_folder: Path) -> str:
    """What the training found, to three digits: threads add up in other orders."""
    rows: list[dict[str, Any]] = [
        json.loads(line) for line in (run_folder / "history.jsonl").read_text().splitlines()
    ]
    return json.dumps({k: round(v, 3) for k, v in rows[-1].items() if "ndcg" in k})


def run(folder: Path, *args: str, env: dict[str, str] | None = None) -> None:
    clean = {
        k: v for k, v in os.environ.items()
        if not k.startswith(("OMP_", "GOMP_", "OPENBLAS_NUM", "MKL_NUM", "POLARS_MAX"))
    }  # fmt: skip
    subprocess.run(
        [sys.executable, "-m", "kgrec", *args], cwd=folder, env={**clean, **(env or {})},
        check=True, capture_output=True,
    )  # fmt: skip


if __name__ == "__main__":
    raise SystemExit(main())
