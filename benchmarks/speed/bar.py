"""The best single baseline on the users of a course: the quality that is to be reached.

    python -m speed.bar COURSE --baselines emcdr ridge-map --seconds 600

Each is tuned as in ``kgrec benchmark``, on the same validation users, with its part of the
seconds (the first setting is always tried). Prints JSON; the seconds of the winner are those of
one fit with the chosen settings, with nothing left over from tuning.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

from speed.clock import peak_bytes

from kgrec.evaluation.evaluate import main_value
from kgrec.evaluation.registry import BenchmarkResources, entry
from kgrec.evaluation.split import load_split
from kgrec.evaluation.text_vectors import has_text
from kgrec.evaluation.tuning import tune


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("course", type=Path)
    parser.add_argument("--baselines", nargs="+", required=True)
    parser.add_argument("--seconds", type=float, required=True)
    args = parser.parse_args()
    split = load_split(args.course / "split")
    with_text = has_text(split.train)
    rows = []
    for name in args.baselines:
        known = entry(name, BenchmarkResources())
        if known.needs_text and not with_text:
            continue
        tuned = tune(
            known.make, known.trials, split, max_seconds=args.seconds / len(args.baselines)
        )
        os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(dir=os.environ.get("XDG_CACHE_HOME"))
        model = entry(name, BenchmarkResources()).make(**tuned.settings)
        start = time.perf_counter()
        model.fit(split.train, seed=0, domains=[split.target])
        seconds = time.perf_counter() - start
        value = main_value(model, split.validation, train=split.train, target=split.target)
        rows.append(
            {
                "name": name, "label": model.name, "settings": tuned.settings,
                "trials": len(tuned.trials), "ndcg": value, "seconds": seconds,
                "peak_bytes": peak_bytes(),
            }
        )  # fmt: skip
        print(json.dumps(rows[-1]), flush=True)


if __name__ == "__main__":
    main()
