"""Does the memory of an ingest grow with the log?

    python benchmarks/ingest_memory.py --out benchmarks/results/ingest_memory.md

Generates logs of random events (seed 0, a user per 20 rows, 50,000 items), ingests each into a
new embedded store in a process of its own, and reports the largest resident memory that the
system counted for that process. Exits with 1 when the longest log took more than 1.2 times the
memory of the shortest, or when a count is not the one of the log.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from memory import peak_bytes

ALLOWED = 1.2
ITEMS = 50_000
STORE_MEMORY = "192MB"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 3_000_000, 10_000_000])
    parser.add_argument("--out", type=Path, help="write the table here as well")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(ingest_one(args.one)))
        return 0

    from loaders.synthetic import write_log

    results = []
    with tempfile.TemporaryDirectory(prefix="kgrec-memory-") as folder:
        for rows in sorted(args.rows):
            log = Path(folder) / f"log-{rows}" / "interactions.parquet"
            log.parent.mkdir()
            write_log(log, rows, users=max(1, rows // 20), items=ITEMS)
            done = subprocess.run(
                [sys.executable, __file__, "--one", str(log.parent)],
                check=True,
                stdout=subprocess.PIPE,
                text=True,
            )
            result = json.loads(done.stdout)
            if result["rows_read"] != rows:  # a small wrong answer is not a result
                raise AssertionError(f"read {result['rows_read']} of {rows} rows")
            results.append(result)
            print(json.dumps(result), file=sys.stderr)
            log.unlink()
    text = table(results)
    print(text)
    if args.out:
        args.out.write_text(text, encoding="utf-8")
    return int(results[-1]["peak_mib"] > ALLOWED * results[0]["peak_mib"])


def ingest_one(folder: Path) -> dict[str, float]:
    from graph_store.open_store import open_store
    from loaders import ingest, open_source

    with open_store(str(folder / "graph.duckdb"), memory_limit=STORE_MEMORY) as store:
        summary = ingest(open_source([folder]), store, work_dir=folder)
    return {
        "rows_read": summary.rows_read,
        "interacted": summary.relationships["INTERACTED"],
        "users": summary.nodes["User"],
        "peak_mib": round(peak_bytes() / 2**20),
        "seconds": round(summary.seconds, 1),
    }


def table(results: list[dict[str, float]]) -> str:
    lines = [
        "# Memory of an ingest",
        "",
        "`python benchmarks/ingest_memory.py`, embedded store with a memory_limit of "
        f"{STORE_MEMORY}, other settings the default, seed 0.",
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {platform.platform()}, "
        f"Python {platform.python_version()}; one run each, other work on the machine.",
        "",
        "| rows | users | relationships | peak resident memory, MiB | of the first | seconds |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    for r in results:
        ratio = r["peak_mib"] / results[0]["peak_mib"]
        lines.append(
            f"| {r['rows_read']:,} | {r['users']:,} | {r['interacted']:,} | {r['peak_mib']:,} "
            f"| {ratio:.2f} | {r['seconds']:,} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
