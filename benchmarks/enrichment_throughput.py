"""How many derived relationships a second does Neo4j take from kgrec, beside the bare driver?

    python benchmarks/enrichment_throughput.py --edges 1000000 --json out.json
    python benchmarks/enrichment_throughput.py --edges 100000 --neo4j 2026.09.0

Items with 20 SIMILAR_TO each, fixed seed, written in the order and the batches of `kgrec enrich
similar-items`. The bare driver sends the same batches by one statement without a ledger, an index
on the run or a look at what is there (CREATE), and by MERGE on the pair. Into an empty type: the
first relationships of it; into a filled one: another job has written as many before. What is
there afterwards is counted before a time stands. One run each: the whole takes minutes, and the
processor seconds beside the wall time show what other work on the machine did to it.
`--neo4j VERSION` says which server is started (Java and Maven needed).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import neo4j
import numpy as np
import polars as pl

from graph_store import GraphStore, Label, RelType
from graph_store.neo4j.settings import read_settings
from graph_store.neo4j.store import Neo4jStore
from tests.neo4j_server.server import LTS, THROUGHPUT, Neo4jServer

K = 20
"""Relationships of one item."""

ROWS = 5_000
"""Rows of one statement of the bare driver, as in the store."""

ENDS = "UNWIND $rows AS row MATCH (a:Item {key: row[0]}) MATCH (b:Item {key: row[1]})"
BARE = {
    "CREATE": f"{ENDS} CREATE (a)-[:BARE_CREATE {{score: row[2]}}]->(b)",
    "MERGE": f"{ENDS} MERGE (a)-[r:BARE_MERGE]->(b) SET r.score = row[2]",
    "WARM_UP": f"{ENDS} CREATE (a)-[:BARE_WARM_UP {{score: row[2]}}]->(b)",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--edges", type=int, default=100_000)
    parser.add_argument("--batch", type=int, default=10_000)
    parser.add_argument("--neo4j", metavar="VERSION", default=LTS)
    parser.add_argument("--json", metavar="FILE")
    args = parser.parse_args()

    items, edges = made_up(args.edges, seed=0)
    rows: list[dict[str, Any]] = []
    print(
        f"{'what':44} {'relationships/s':>15} {'seconds':>8} {'client CPU':>10} {'server CPU':>10}"
    )
    with (
        Neo4jServer(args.neo4j, heap="1g", java_options=THROUGHPUT) as server,
        Neo4jStore.from_url(server.url) as store,
    ):
        for start in range(0, items.height, args.batch):
            store.upsert_nodes(Label.ITEM, items[start : start + args.batch])
        bare(server.url, "WARM_UP", edges.head(50_000), args.batch)  # the server compiles itself
        for what, work in measures(store, server.url, edges, args.batch).items():
            before = time.perf_counter(), time.process_time(), server_cpu(server)
            work()
            after = time.perf_counter(), time.process_time(), server_cpu(server)
            seconds, client, at_server = (b - a for a, b in zip(before, after, strict=True))
            row = {"what": what, "per_second": round(edges.height / seconds),
                   "seconds": round(seconds, 1), "client_cpu": round(client, 1),
                   "server_cpu": round(at_server, 1)}  # fmt: skip
            rows.append(row)
            print(f"{what:44} {row['per_second']:>15,} {seconds:>8.1f} {client:>10.1f} "
                  f"{at_server:>10.1f}", flush=True)  # fmt: skip
    machine = {
        "python": platform.python_version(),
        "machine": platform.platform(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
    }
    print(f"{machine['cores']} cores, Python {machine['python']}, {machine['machine']}")
    if args.json:
        result = {"settings": vars(args), "machine": machine, "rows": rows}
        Path(args.json).write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def measures(
    store: GraphStore, url: str, edges: pl.DataFrame, batch: int
) -> dict[str, Callable[[], None]]:
    """What is measured, in this order; each step checks what it left behind."""

    def write(run: str, job: str, *, expected: int) -> None:
        store.begin_enrichment(run, job, at=1)
        written = 0
        for part in edges.iter_slices(batch):
            written += store.write_enrichment(run, RelType.SIMILAR_TO, part).written
        check("written", written, expected)

    def set_aside() -> None:
        store.begin_enrichment("next", "first job", at=2)
        check("in force", drawn(), edges.height)  # those of the other job

    def bring_back() -> None:
        store.undo_enrichment("next")
        check("in force", drawn(), 2 * edges.height)

    def undo() -> None:
        check("taken back", store.undo_enrichment("first"), edges.height)

    def drawn() -> int:
        return store.counts().relationships["SIMILAR_TO"]

    every = edges.height
    return {
        "bare driver, CREATE, empty type": lambda: bare(url, "CREATE", edges, batch),
        "bare driver, CREATE, filled type": lambda: bare(url, "CREATE", edges, batch),
        "bare driver, MERGE, empty type": lambda: bare(url, "MERGE", edges, batch),
        "kgrec, empty type": lambda: write("first", "first job", expected=every),
        "kgrec, the same rows again": lambda: write("first", "first job", expected=0),
        "kgrec, filled type (by another job)": lambda: write("other", "other job", expected=every),
        "kgrec, a next run sets the first aside": set_aside,
        "kgrec, undo of the next run brings it back": bring_back,
        "kgrec, undo of the first run": undo,
    }


def bare(url: str, kind: str, edges: pl.DataFrame, batch: int) -> None:
    """The same rows by one statement, in transactions of the same size."""
    settings = read_settings(url)
    auth = (settings.user or "neo4j", settings.password or "")

    def send(tx: neo4j.ManagedTransaction, rows: list[tuple[Any, ...]]) -> None:
        for start in range(0, len(rows), ROWS):
            tx.run(BARE[kind], {"rows": rows[start : start + ROWS]}).consume()

    with (
        neo4j.GraphDatabase.driver(
            settings.uri, auth=auth, notifications_min_severity="OFF"
        ) as driver,
        driver.session(database=settings.database) as session,
    ):
        count = f"MATCH ()-[r:BARE_{kind}]->() RETURN count(r) AS n"
        before = session.run(count).single(strict=True)["n"]
        for part in edges.iter_slices(batch):
            session.execute_write(send, part.rows())
        after = session.run(count).single(strict=True)["n"]
        check("written", after - before, edges.height)


def check(what: str, found: int, expected: int) -> None:
    if found != expected:  # a fast wrong answer is not a result
        raise AssertionError(f"{found} relationships {what} where {expected} were due")


def server_cpu(server: Neo4jServer) -> float:
    """Processor seconds of the server until now; 0 where the system does not say."""
    stat = Path(f"/proc/{server.pid}/stat")
    if not stat.exists():
        return 0.0
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def made_up(count: int, *, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Items, and ``K`` distinct others of each with a score, sorted as enrichment gives them."""
    rng = np.random.default_rng(seed)
    num_items = max(2 * K, count // K)
    near = rng.integers(1, num_items // K, size=(num_items, K)).cumsum(axis=1)  # [I, K] distinct
    target = (np.arange(num_items)[:, None] + near) % num_items
    keys = pl.Series([f"d:{i}" for i in range(num_items)])
    items = pl.DataFrame({"key": keys}).with_columns(
        title=pl.lit(None), text=pl.lit(None), text_hash=pl.lit(None)
    )
    edges = pl.DataFrame(
        {
            "source": keys.gather(np.repeat(np.arange(num_items), K)),
            "target": keys.gather(target.ravel()),
            "score": rng.random(num_items * K),
        }
    )
    return items, edges.head(count).sort("source", "target")


if __name__ == "__main__":
    main()
