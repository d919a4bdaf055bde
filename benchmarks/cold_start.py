"""Does kgrec beat popularity, item-kNN and EMCDR for cold users?

    python benchmarks/cold_start.py --data DIR --out DIR [--target food]

Strict cold users: a tenth of those active in both domains lose every row in the target
domain; the whole target catalogue is ranked (docs/explanation/metrics.md). Baselines are tuned
on other users (at most 20 trials), kgrec runs with its default settings. Prints the table and ends
with exit code 1 where kgrec is not above all three in NDCG@10. A run that was stopped goes on.

On 2 cores the food_kitchen set takes about 40 minutes a direction (benchmarks/data.md).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from kgrec.evaluation.columns import COLUMNS, cells_of
from kgrec.evaluation.data import read_data
from kgrec.evaluation.evaluate import MAIN_MEASURE
from kgrec.evaluation.report import write_report
from kgrec.evaluation.runner import run_benchmark
from kgrec.evaluation.settings import BenchmarkSettings

BASELINES = ("popularity", "item-knn", "emcdr")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", required=True, metavar="DIR", help="a snapshot or logs")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR")
    parser.add_argument("--target", action="append", metavar="DOMAIN", help="default: each")
    parser.add_argument("--domains", nargs="+", metavar="DOMAIN", help="default: all")
    parser.add_argument("--config", default="default", help="training config of kgrec")
    args = parser.parse_args()

    settings = BenchmarkSettings(
        models=(*BASELINES, "kgrec"),
        targets=args.target and tuple(args.target),
        domains=args.domains and tuple(args.domains),
        kgrec_config=args.config,
    )
    snapshot = read_data(args.data, args.out)
    run_benchmark(snapshot, settings, args.out, on_cell=tell)
    results = write_report(args.out)

    ahead = True
    for (protocol, direction), rows in results.tables().items():
        print(f"\n{protocol}: {direction}")
        print_aligned([list(COLUMNS), *(cells_of(row) for row in rows)])
        value = {row.model: row.measures[MAIN_MEASURE].mean for row in rows}
        behind = [name for name in BASELINES if value["kgrec"] <= value[name]]
        ahead &= not behind
        verdict = f"is not above {', '.join(behind)}" if behind else "is above all three"
        print(f"kgrec {verdict} in {MAIN_MEASURE}")
    return 0 if ahead else 1


def tell(what: str, done: int, total: int) -> None:
    print(f"[{done}/{total}] {what}", file=sys.stderr)


def print_aligned(rows: list[list[str]]) -> None:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)))


if __name__ == "__main__":
    raise SystemExit(main())
