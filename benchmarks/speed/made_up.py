"""Graphs of any size for measuring, straight as the arrays that training reads.

In:   a number of interactions.
Out:  a :class:`Snapshot` whose users and items grow with it; the same every time.

Ten interactions a user and twenty an item, popularity falling as one over rank, two domains,
a fifth of the users in both. What a model reaches on them means nothing.
"""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from graph_store.snapshot import NO_TIME, Snapshot
from kgrec.config import TextSettings

EACH_USER, EACH_ITEM = 10, 20
IN_BOTH = 0.2
DISTINCT_TEXTS = 2_000
"""Encoding grows by the text and is measured on these; items share them."""


def made_up(edges: int, *, with_text: bool, seed: int = 0) -> Snapshot:
    """Exactly ``edges`` interactions, each between another pair."""
    rng = np.random.default_rng(seed)
    users, items = max(edges // EACH_USER, 20), max(edges // EACH_ITEM, 20) // 2 * 2
    pairs = distinct_pairs(edges, users, items, rng)
    user, item = pairs // items, pairs % items
    texts: list[str | None] = [None] * items
    hashes: list[str | None] = [None] * items
    if with_text:
        texts = [text_of(i % DISTINCT_TEXTS) for i in range(items)]
        hashes = [f"{i % DISTINCT_TEXTS:016x}" for i in range(items)]
    return Snapshot(
        user_keys=np.char.add("u", np.char.zfill(np.arange(users).astype(np.str_), 8)),
        item_keys=np.char.add("i", np.char.zfill(np.arange(items).astype(np.str_), 8)),
        domain_keys=np.array(["books", "films"]),
        tag_keys=np.array([], dtype=np.str_),
        titles=texts,
        texts=texts,
        text_hashes=hashes,
        item_domain=(np.arange(items) % 2).astype(np.int32),
        kinds=("like",),
        user=user.astype(np.int32),
        item=item.astype(np.int32),
        kind=np.zeros(edges, np.int16),
        weight=np.ones(edges, np.float32),
        count=np.ones(edges, np.int64),
        at=np.full(edges, NO_TIME, np.int64),
        first_at=np.full(edges, NO_TIME, np.int64),
        order=np.arange(edges),
        item_tag=np.zeros((2, 0), np.int32),
        same_as=np.zeros((2, 0), np.int32),
    )


def distinct_pairs(
    edges: int, users: int, items: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """``user * items + item``, ascending; users of one domain like items of that parity."""
    kept = np.zeros(0, np.int64)
    while len(kept) < edges:
        size = int(1.3 * (edges - len(kept))) + 100
        user = rng.integers(0, users, size)
        item = np.floor(np.exp(rng.random(size) * np.log(items))).astype(np.int64) - 1
        in_one = user % round(1 / IN_BOTH) != 0
        item = np.where(in_one, item // 2 * 2 + user % 2, item)
        kept = np.unique(np.concatenate([kept, user * items + item]))
    return np.sort(rng.choice(kept, edges, replace=False))


def text_of(number: int) -> str:
    """Some ten words, as a title has."""
    return f"A thing of kind {number % 97}, number {number}, in a box of {number % 31} pieces"


def encode_distinct_texts(snapshot: Snapshot, settings: TextSettings) -> float:
    """Put the vectors of all texts where training finds them; seconds a text."""
    from kgrec.text.cache import TextCache, default_folder
    from kgrec.text.encoder import TextEncoder

    count = min(DISTINCT_TEXTS, snapshot.num_items)
    cache = TextCache(
        snapshot.texts[:count], snapshot.text_hashes[:count], TextEncoder.load(settings),
        folder=default_folder(),
    )  # fmt: skip
    start = time.perf_counter()
    cache.refresh()
    return (time.perf_counter() - start) / count
