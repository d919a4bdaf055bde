"""How many CPU seconds does a command of kgrec take from a shell, imports included?

    python benchmarks/start_seconds.py --json out.json

Makes a small graph (120 users, 80 items, two domains), trains a run on it, and starts every
command in turn, the answer of each being checked. CPU seconds are user and system time of the
whole process; the median of the repetitions is shown, after one that is not counted. Bytecode of
all installed packages should be compiled before (`python -m compileall -q .venv/lib`), as it is
wherever a package has been imported once.

Only commands are called, so another checkout can be timed: put it first in PYTHONPATH.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from loaders.synthetic import Planted, planted, write_planted

QUICK = ("text.tuning=frozen", "model.dim=16", "model.layers=1", "model.text_width=16",
         "model.spectrum_rank=16", "model.factor_rank=8", "train.epochs=2")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", metavar="FILE")
    args = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        rows = []
        for command, expected in commands(Path(folder)):
            seconds = [
                cpu_seconds([word.format(n=n) for word in command], expected)
                for n in range(args.repeats + 1)
            ][1:]
            middle = statistics.median(seconds)
            least, most = min(seconds), max(seconds)
            shown = " ".join(command).replace(folder + "/", "")
            rows.append({"command": shown, "cpu_s": middle, "least": least, "most": most})
            print(f"{middle:6.2f} s ({least:.2f} to {most:.2f})  kgrec {shown}")
    if args.json:
        machine = {"python": platform.python_version(), "machine": platform.platform(),
                   "cpus": os.cpu_count()}  # fmt: skip
        result = {"settings": vars(args), "machine": machine, "rows": rows}
        Path(args.json).write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def commands(folder: Path) -> list[tuple[list[str], str]]:
    """Arguments, and a text that the answer must hold; ``{n}`` is the number of the repetition."""
    world = planted(tags=True)
    store, run = make_run(world, folder)
    user, domain = world.cold_users[0], world.target
    item = f"{domain}:{sorted(world.right_items(user))[0]}"
    title = world.items["title"][0]
    ask = ["recommend", "--run", run, "--domain", domain]
    return [
        (["--help"], "recommend"),
        (["train", "--help"], "--resume"),
        (["status", "--store", store], "INTERACTED"),
        ([*ask, "--user", user], domain),
        ([*ask, "--user", user, "--explain"], "liked"),
        ([*ask, "--history", item, "--include-seen"], domain),
        (["similar", "--run", run, item], domain),
        (["explain", "--run", run, user, item], "reason"),
        ([*ask, "--likes", title], domain),
        (["forget", "u{n}", "--store", store, "--run", run], "deleted"),  # one after another
    ]


def make_run(world: Planted, folder: Path) -> tuple[str, str]:
    """The store and the run folder of a world."""
    source = write_planted(world, folder / "source")
    store, run = str(folder / "g.duckdb"), str(folder / "run")
    settings = [word for setting in QUICK for word in ("--set", setting)]
    for command in (["ingest", str(source), "--store", store],
                    ["train", "--store", store, "--out", run, *settings]):  # fmt: skip
        kgrec(command)
    return store, run


def cpu_seconds(command: list[str], expected: str) -> float:
    """CPU seconds of one process, which must answer: a fast wrong answer is not a result."""
    before = os.times()
    said = kgrec(command)
    after = os.times()
    if expected not in said:
        raise AssertionError(f"kgrec {' '.join(command)} said {said!r}, without {expected!r}")
    return (after.children_user - before.children_user
            + after.children_system - before.children_system)  # fmt: skip


def kgrec(command: list[str]) -> str:
    """Run one command; what it wrote on stdout."""
    done = subprocess.run(
        [sys.executable, "-m", "kgrec", *command], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise AssertionError(f"kgrec {' '.join(command)} failed: {done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
