"""A graph small enough to know every answer by heart, and a model of it made by hand.

Two tastes, science fiction and romance, in books and films. The vector of an item says which
taste it is; a user's vector is the mean of what they liked.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from graph_store.schema import NODE_COLUMNS, Label, RelType
from graph_store.snapshot import NO_TIME, Snapshot
from graph_store.store import GraphStore
from kgrec.config import Settings
from kgrec.data.histories import Histories
from kgrec.data.interactions import Interactions
from kgrec.ranking.candidates import Tails
from kgrec.ranking.serving import ServingVectors
from kgrec.vectors import Vectors

ITEMS: dict[str, tuple[str, list[str]]] = {
    "books:dune": ("Dune", ["scifi", "desert"]),
    "books:emma": ("Emma", ["romance"]),
    "books:neuro": ("Neuromancer", ["scifi", "hackers"]),
    "books:pride": ("Pride and Prejudice", ["romance"]),
    "films:alien": ("Alien", ["scifi", "space"]),
    "films:clueless": ("Clueless", ["romance"]),
    "films:matrix": ("The Matrix", ["scifi", "hackers"]),
    "films:notebook": ("The Notebook", ["romance"]),
    "films:tron": ("Tron", ["scifi", "hackers"]),
}
LIKES: dict[str, list[str]] = {
    "ann": ["books:dune", "books:neuro"],
    "ben": ["books:dune", "books:neuro", "films:alien", "films:matrix"],
    "cat": ["books:neuro", "films:matrix", "films:alien"],
    "dan": ["books:neuro", "films:matrix", "films:tron"],
    "eve": ["books:emma", "films:clueless", "films:notebook"],
    "fay": ["books:emma", "books:pride", "films:notebook"],
    "shop:ann": ["films:tron"],
}
DISLIKES = {"ann": ["books:emma"], "ben": ["films:tron"]}
SAME_AS = [("ann", "shop:ann")]
TASTE = {"scifi": [1.0, 0.0], "romance": [0.0, 1.0]}


def small_snapshot() -> Snapshot:
    """The graph as arrays."""
    items, users = sorted(ITEMS), sorted(LIKES)
    domains = sorted({key.split(":")[0] for key in items})
    tags = sorted({tag for _, tags in ITEMS.values() for tag in tags})
    rows = sorted(
        [(users.index(u), items.index(i), 1.0) for u, liked in LIKES.items() for i in liked]
        + [(users.index(u), items.index(i), 0.2) for u, bad in DISLIKES.items() for i in bad]
    )
    pairs = sorted((items.index(i), tags.index(t)) for i, (_, own) in ITEMS.items() for t in own)
    return Snapshot(
        user_keys=np.array(users),
        item_keys=np.array(items),
        domain_keys=np.array(domains),
        tag_keys=np.array(tags),
        titles=[ITEMS[key][0] for key in items],
        texts=[f"{ITEMS[key][0]}. {', '.join(ITEMS[key][1])}" for key in items],
        text_hashes=[f"{at:016x}" for at in range(len(items))],
        item_domain=np.array([domains.index(k.split(":")[0]) for k in items], dtype=np.int32),
        kinds=("rating",),
        user=np.array([row[0] for row in rows], dtype=np.int32),
        item=np.array([row[1] for row in rows], dtype=np.int32),
        kind=np.zeros(len(rows), dtype=np.int16),
        weight=np.array([row[2] for row in rows], dtype=np.float32),
        count=np.ones(len(rows), dtype=np.int64),
        at=np.full(len(rows), NO_TIME),
        first_at=np.full(len(rows), NO_TIME),
        order=np.arange(len(rows)),
        item_tag=np.array(pairs, dtype=np.int32).T,
        same_as=np.array([[users.index(a), users.index(b)] for a, b in SAME_AS], np.int32).T,
    )


def write_to(store: GraphStore, snapshot: Snapshot) -> None:
    """Put a snapshot's graph into a store."""
    items = snapshot.item_keys.tolist()
    users = snapshot.user_keys.tolist()
    domains = snapshot.domain_keys.tolist()
    tags = snapshot.tag_keys.tolist()
    named = {"key": domains, "name": domains}
    store.upsert_nodes(Label.DOMAIN, pl.DataFrame(named))
    store.upsert_nodes(Label.USER, pl.DataFrame({"key": users}))
    store.upsert_nodes(Label.TAG, pl.DataFrame({"key": tags, "name": tags}))
    store.upsert_nodes(
        Label.ITEM,
        pl.DataFrame(
            {"key": items, "title": snapshot.titles, "text": snapshot.texts,
             "text_hash": snapshot.text_hashes},
            schema=NODE_COLUMNS[Label.ITEM],
        ),
    )  # fmt: skip
    store.upsert_relationships(
        RelType.IN_DOMAIN,
        pl.DataFrame({"source": items, "target": [domains[d] for d in snapshot.item_domain]}),
    )
    item, tag = snapshot.item_tag
    store.upsert_relationships(
        RelType.HAS_TAG,
        pl.DataFrame({"source": [items[i] for i in item], "target": [tags[t] for t in tag]}),
    )
    left, right = snapshot.same_as
    store.upsert_relationships(
        RelType.SAME_AS,
        pl.DataFrame({"source": [users[u] for u in left], "target": [users[u] for u in right]}),
    )
    like(store, [(users[u], items[i], float(w)) for u, i, w in
                 zip(snapshot.user, snapshot.item, snapshot.weight, strict=True)])  # fmt: skip


def like(store: GraphStore, rows: list[tuple[str, str, float]]) -> None:
    """Put interactions (user, item, weight) into a store."""
    store.upsert_relationships(
        RelType.INTERACTED,
        pl.DataFrame(
            [(user, item, "rating", weight, 1, None) for user, item, weight in rows],
            schema={"source": pl.String, "target": pl.String, "kind": pl.String,
                    "weight": pl.Float64, "count": pl.Int64, "at": pl.Int64},
            orient="row",
        ),
    )  # fmt: skip


@dataclass
class SmallModel:
    """Keeps ``TrainedModel``: an item is its taste, plus a trace of itself to break ties."""

    snapshot: Snapshot = field(default_factory=small_snapshot)
    path: Path = Path("small-run")
    settings: Settings = field(default_factory=Settings)
    manifest: dict[str, Any] = field(default_factory=lambda: {"format_version": 1, "seed": 0})

    @cached_property
    def interactions(self) -> Interactions:
        return Interactions.of(self.snapshot)

    @cached_property
    def item_embeddings(self) -> NDArray[np.float32]:
        taste = [TASTE["scifi" if "scifi" in (t or "") else "romance"] for t in self.snapshot.texts]
        own = 0.1 * np.eye(self.snapshot.num_items)
        return _unit(np.hstack([np.array(taste), own]).astype(np.float32))

    def item_vectors(self, domain: int) -> Vectors:
        return Vectors(self.item_embeddings[self.snapshot.items_of(domain)])

    def tails(self, domain: int) -> Tails | None:
        return None

    def serving_vectors(self, domain: int) -> ServingVectors:
        raise NotImplementedError("a model made by hand has exact vectors only")

    def user_vectors(self, users: Histories, domain: int) -> Vectors:
        return Vectors(np.asarray(users.items @ self.item_embeddings, dtype=np.float32))

    def user_embeddings(self, users: Histories) -> NDArray[np.float32]:
        return _unit(np.asarray(users.items @ self.item_embeddings, dtype=np.float32))

    def new_items(self, texts: list[str], domain: int) -> tuple[Vectors, NDArray[np.float32]]:
        taste = [TASTE["scifi" if "scifi" in text else "romance"] for text in texts]
        rest = np.zeros((len(texts), self.snapshot.num_items))
        rows = np.hstack([np.array(taste), rest]).astype(np.float32)
        return Vectors(rows), rows

    def text_user_vectors(self, texts: list[str], domain: int) -> Vectors:
        word = [[float(taste in text) for taste in ("scifi", "romance")] for text in texts]
        rest = np.zeros((len(texts), self.snapshot.num_items))
        return Vectors(np.hstack([np.array(word), rest]).astype(np.float32))


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-9), dtype=np.float32)
