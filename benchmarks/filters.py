"""How long does a store take to say which items satisfy a filter, and how much does it touch?

    python benchmarks/filters.py --edges 200000 --neo4j 5.26.21

A made-up graph, fixed seed: twenty interactions an item, five of 200 tags an item, a price and a
language. Each filter is asked --repeats times of a store that is warm; the table has the median
and the 99th percentile of the milliseconds, and the number of keys that came back. For Neo4j it
also has the database hits by `PROFILE`, which say what the server touched: compare them with the
relationships of the graph in the head of the table. The first row is the history of a user, the
second those of 1,000 users. Both stores must give the same items before a time counts.
`--neo4j VERSION` starts a server (Java and Maven needed).
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from graph_store import GraphStore, Label, RelType
from graph_store.neo4j.filter_statements import histories_of, select_items
from graph_store.neo4j.statements import NO_TIME
from graph_store.neo4j.store import Neo4jStore
from graph_store.open_store import open_store
from graph_store.properties import PropertyType, read_condition
from graph_store.store import NodeFilter

TAGS, LANGUAGES = 200, ("de", "en", "fr", "it")
FILTERS = {
    "tag": NodeFilter(domain="d", tags_any=["tag 7"]),
    "two tags": NodeFilter(domain="d", tags_all=["tag 7", "tag 8"]),
    "not a tag": NodeFilter(domain="d", tags_none=["tag 7"]),
    "not seen by a user": NodeFilter(domain="d", not_seen_by=["u:7"]),
    "since, 1% of the time": NodeFilter(domain="d", since=1_689_000_000),
    "popularity of 30 and more": NodeFilter(domain="d", min_popularity=30),
    "price, 1% of the items": NodeFilter(domain="d", properties=[read_condition("price<=1")]),
    "price, 10%": NodeFilter(domain="d", properties=[read_condition("price<=10")]),
    "price, 50%": NodeFilter(domain="d", properties=[read_condition("price<=50")]),
    "all of these": NodeFilter(
        domain="d", tags_any=["tag 7", "tag 8"], tags_none=["tag 9"], not_seen_by=["u:7"],
        since=1_500_000_000, min_popularity=10,
        properties=[read_condition("price<=50"), read_condition("language in en|fr")],
    ),
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--edges", type=int, default=200_000)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--neo4j", metavar="VERSION", action="append", default=[])
    args = parser.parse_args()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        stores = {"DuckDB": open_store(str(Path(folder) / "g.duckdb"))}
        for version in args.neo4j:
            from tests.neo4j_server.server import THROUGHPUT, Neo4jServer

            server = stack.enter_context(Neo4jServer(version, java_options=THROUGHPUT))
            stores[f"Neo4j {version}"] = open_store(server.url)
        for store in stores.values():
            stack.callback(store.close)
            fill(store, args.edges)
        count = stores["DuckDB"].counts()
        print(f"{count.nodes['Item']:,} items, {count.nodes['User']:,} users, "
              f"{count.relationships['INTERACTED']:,} INTERACTED, "
              f"{count.relationships['HAS_TAG']:,} HAS_TAG")  # fmt: skip
        print("| question | store | median ms | p99 ms | keys | database hits |")
        print("|---|---|---:|---:|---:|---:|")
        for name, users in {"a history": ["u:7"], "1,000 histories": some_users()}.items():
            report(name, stores, args.repeats, lambda store, u=users: store.histories_of(u),
                   lambda found: found.interactions.height,
                   lambda store, u=users: (histories_of(store._names),
                                           {"users": u, "no_time": NO_TIME}))  # fmt: skip
        for name, where in FILTERS.items():
            report(name, stores, args.repeats, lambda store, w=where: store.select_items(w),
                   lambda found: len(found.passing or ()) + len(found.refused),
                   lambda store, w=where: compiled(store, w))  # fmt: skip
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    print(f"{cores} cores, Python {platform.python_version()}, {platform.platform()}")


def some_users() -> list[str]:
    return [f"u:{number}" for number in range(1_000)]


def compiled(store: Neo4jStore, where: NodeFilter) -> tuple[str, dict[str, Any]]:
    found = store._questions.compiled(where)
    return select_items(found), found.params


def report(
    name: str,
    stores: dict[str, GraphStore],
    repeats: int,
    ask: Callable[[GraphStore], Any],
    size: Callable[[Any], int],
    statement: Callable[[Neo4jStore], tuple[str, dict[str, Any]]],
) -> None:
    sizes = set()
    for label, store in stores.items():
        sizes.add(size(ask(store)))
        taken = []
        for _ in range(repeats):
            start = time.perf_counter()
            ask(store)
            taken.append(1_000 * (time.perf_counter() - start))
        hits = f"{touched(store, *statement(store)):,}" if isinstance(store, Neo4jStore) else ""
        print(f"| {name} | {label} | {np.median(taken):.1f} | {np.percentile(taken, 99):.1f} "
              f"| {max(sizes):,} | {hits} |")  # fmt: skip
    if len(sizes) != 1:  # a fast wrong answer is not a result
        raise AssertionError(f"{name}: the stores give {sizes}")


def touched(store: Neo4jStore, statement: str, params: dict[str, Any]) -> int:
    profile = store._db.read(lambda tx: tx.run(f"PROFILE {statement}", params).consume().profile)
    hits, open_ = 0, [profile or {}]
    while open_:
        one = open_.pop()
        hits += one.get("dbHits", 0)
        open_ += one.get("children", [])
    return hits


def fill(store: GraphStore, count: int, *, batch: int = 20_000) -> None:
    """Write the graph; the popularity of items is uneven, as in a shop."""
    rng = np.random.default_rng(0)
    num_users, num_items = max(1_000, count // 20), max(100, count // 20)
    users = pl.DataFrame({"key": [f"u:{number}" for number in range(num_users)]})
    items = pl.DataFrame({"key": [f"d:{number}" for number in range(num_items)]}).with_columns(
        title=pl.lit(None, pl.String), text=pl.lit(None, pl.String),
        text_hash=pl.lit(None, pl.String),
        price=pl.Series(rng.uniform(0, 100, num_items)),
        language=pl.Series(rng.choice(LANGUAGES, num_items)),
    )  # fmt: skip
    tags = pl.DataFrame({"key": [f"tag {number}" for number in range(TAGS)]})
    store.declare_item_properties({"price": PropertyType.NUMBER, "language": PropertyType.TEXT})
    store.upsert_nodes(Label.DOMAIN, pl.DataFrame({"key": ["d"], "name": ["D"]}))
    store.upsert_nodes(Label.USER, users)
    store.upsert_nodes(Label.ITEM, items)
    store.upsert_nodes(Label.TAG, tags.with_columns(name="key"))
    has_tag = pl.DataFrame(
        {
            "source": items["key"].gather(np.repeat(np.arange(num_items), 5)),
            "target": tags["key"].gather(rng.integers(0, TAGS, 5 * num_items)),
        }
    )
    store.upsert_relationships(RelType.HAS_TAG, has_tag)
    item = (num_items * rng.random(count) ** 2).astype(np.int64)
    edges = pl.DataFrame(
        {
            "source": users["key"].gather(rng.integers(0, num_users, count)),
            "target": items["key"].gather(item),
            "kind": "view",
            "weight": 1.0,
            "count": 1,
            "at": 1_400_000_000 + rng.integers(0, 290_000_000, count),
        }
    ).unique(["source", "target"], maintain_order=True)
    for start in range(0, edges.height, batch):
        store.upsert_relationships(RelType.INTERACTED, edges[start : start + batch])


if __name__ == "__main__":
    main()
