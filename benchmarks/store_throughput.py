"""How many relationships a second does each graph store take, take again, and give back?

    python benchmarks/store_throughput.py --edges 1000000
    python benchmarks/store_throughput.py --edges 200000 --neo4j 5.26.21 --json out.json

A made-up graph of users and items, fixed seed, written in batches with their checkpoints as
an ingest does. Each store starts empty; `write` is the first time, `re-write` the same rows
again, `read` all of them as columns (best of --repeats). The result is checked before its
time counts. `--neo4j VERSION` starts a server (Java and Maven needed); `--store URL` takes
one that runs, under the label prefix KgBench.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from graph_store import Checkpoint, GraphStore, Label, RelType, take_snapshot
from graph_store.open_store import open_store


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--edges", type=int, default=200_000)
    parser.add_argument("--batch", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--neo4j", metavar="VERSION", action="append", default=[])
    parser.add_argument("--store", metavar="URL", help="a Neo4j server that runs already")
    parser.add_argument("--json", metavar="FILE")
    args = parser.parse_args()

    users, items, edges = made_up(args.edges, seed=0)
    rows: list[dict[str, Any]] = []
    fingerprints = set()
    print(f"{'store':22} {'what':9} {'relationships/s':>16} {'seconds':>9}")
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        stores = {"DuckDB": open_store(str(Path(folder) / "g.duckdb"))}
        for version in args.neo4j:
            from tests.neo4j_server.server import THROUGHPUT, Neo4jServer

            server = stack.enter_context(Neo4jServer(version, java_options=THROUGHPUT))
            stores[f"Neo4j {version}"] = open_store(server.url)
        if args.store:
            stores[args.store.rpartition("@")[2]] = open_store(args.store, label_prefix="KgBench")
        for name, store in stores.items():
            stack.callback(store.close)
            timed = {
                "write": write(store, users, items, edges, args.batch, job="first"),
                "re-write": write(store, users, items, edges, args.batch, job="second"),
                "read": min(read(store, len(edges)) for _ in range(args.repeats)),
            }
            for what, seconds in timed.items():
                per_second = round(len(edges) / seconds)
                rows.append({"store": name, "what": what, "per_second": per_second,
                             "seconds": round(seconds, 3)})  # fmt: skip
                print(f"{name:22} {what:9} {per_second:>16,} {seconds:>9.2f}")
            fingerprints.add(take_snapshot(store).fingerprint)
    if len(fingerprints) != 1:  # a fast wrong answer is not a result
        raise AssertionError("the stores hold different graphs")
    machine = {
        "python": platform.python_version(),
        "machine": platform.platform(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
    }
    print(f"{machine['cores']} cores, Python {machine['python']}, {machine['machine']}")
    if args.json:
        result = {"settings": vars(args) | {"store": None}, "machine": machine, "rows": rows}
        Path(args.json).write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def write(
    store: GraphStore,
    users: pl.DataFrame,
    items: pl.DataFrame,
    edges: pl.DataFrame,
    batch: int,
    *,
    job: str,
) -> float:
    """Seconds for the relationships; the nodes are there before the clock runs."""
    for start in range(0, users.height, batch):
        store.upsert_nodes(Label.USER, users[start : start + batch])
    for start in range(0, items.height, batch):
        store.upsert_nodes(Label.ITEM, items[start : start + batch])
    store.upsert_nodes(Label.DOMAIN, pl.DataFrame({"key": ["d"], "name": ["D"]}))
    store.upsert_relationships(RelType.IN_DOMAIN, items.select(source="key", target=pl.lit("d")))
    store.begin_job(job, kind="ingest", source="made-up", now=0)
    start_time = time.perf_counter()
    for start in range(0, edges.height, batch):
        rows = edges[start : start + batch]
        checkpoint = Checkpoint(job, "made-up", "relationships:INTERACTED", start + rows.height)
        written = store.upsert_relationships(RelType.INTERACTED, rows, checkpoint=checkpoint)
        expected = rows.height if job == "first" else 0
        if written.written != expected:
            raise AssertionError(f"{written} of a batch where {expected} were due")
    return time.perf_counter() - start_time


def read(store: GraphStore, expected: int) -> float:
    """Seconds for all relationships as columns."""
    start_time = time.perf_counter()
    found = store.read_relationships(RelType.INTERACTED).height
    seconds = time.perf_counter() - start_time
    if found != expected:
        raise AssertionError(f"read {found} of {expected} relationships")
    return seconds


def made_up(count: int, *, seed: int) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """About ten interactions a user and twenty an item, in the order of a log: by time."""
    rng = np.random.default_rng(seed)
    num_users, num_items = max(2, count // 10), max(20, count // 20)
    pairs = np.unique(rng.integers(0, num_users * num_items, size=2 * count))
    pairs = rng.permutation(pairs)[:count]
    users = pl.DataFrame({"key": [f"p:{i}" for i in range(num_users)]})
    items = pl.DataFrame(
        {
            "key": [f"d:{i}" for i in range(num_items)],
            "title": [f"Item {i}" for i in range(num_items)],
            "text": [f"Item {i}. A thing of kind {i % 97}." for i in range(num_items)],
            "text_hash": [f"{i:016x}" for i in range(num_items)],
        }
    )
    edges = pl.DataFrame(
        {
            "source": users["key"].gather(pairs // num_items),
            "target": items["key"].gather(pairs % num_items),
            "kind": "rating",
            "weight": rng.integers(1, 6, size=len(pairs)) / 5,
            "count": 1,
            "at": np.arange(len(pairs)),
        }
    )
    return users, items, edges


if __name__ == "__main__":
    main()
