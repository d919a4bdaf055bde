"""A small snapshot whose right answers are known: users have a taste, items belong to one.

Two domains, joined by nothing but the users (and, in texts, by a word for the taste).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from graph_store.snapshot import NO_TIME, Snapshot

TASTES = 4
PER_TASTE = 15


def planted(users: int = 240, *, seed: int = 0, times: bool = False) -> Snapshot:
    """Users who like six items of each domain, five of them in their own taste."""
    rng = np.random.default_rng(seed)
    per_domain = TASTES * PER_TASTE
    rows: set[tuple[int, int]] = set()
    for user in range(users):
        for domain in range(2):
            own = domain * per_domain + taste_of_user(user) * PER_TASTE
            # Skewed draws, so that items differ in popularity.
            weight = 1.0 / np.arange(1, PER_TASTE + 1)
            for item in rng.choice(PER_TASTE, 5, replace=False, p=weight / weight.sum()):
                rows.add((user, own + int(item)))
            rows.add((user, domain * per_domain + int(rng.integers(per_domain))))
    pairs = np.array(sorted(rows), dtype=np.int32)
    at = np.full(len(pairs), NO_TIME)
    if times:
        at = rng.integers(1_000_000, 2_000_000, len(pairs))
    texts: list[str | None] = [
        f"{'ab'[i // per_domain]} taste{taste_of_item(i)} number{i}" for i in range(2 * per_domain)
    ]
    return Snapshot(
        user_keys=np.array([f"u{user:04d}" for user in range(users)]),
        item_keys=np.array([f"{'ab'[i // per_domain]}:{i:04d}" for i in range(2 * per_domain)]),
        domain_keys=np.array(["a", "b"]),
        tag_keys=np.zeros(0, dtype=np.str_),
        titles=texts,
        texts=texts,
        text_hashes=list(texts),
        item_domain=(np.arange(2 * per_domain) // per_domain).astype(np.int32),
        kinds=("rating",),
        user=pairs[:, 0],
        item=pairs[:, 1],
        kind=np.zeros(len(pairs), np.int16),
        weight=np.ones(len(pairs), np.float32),
        count=np.ones(len(pairs), np.int64),
        at=at,
        first_at=at,
        order=np.arange(len(pairs)),
        item_tag=np.zeros((2, 0), np.int32),
        same_as=np.zeros((2, 0), np.int32),
    )


def taste_of_user(user: int) -> int:
    return user % TASTES


def taste_of_item(item: int) -> int:
    return item // PER_TASTE % TASTES


class PlantedTexts:
    """Stands in for the encoder, whose weights tests must not need: a noisy taste."""

    def of(self, snapshot: Snapshot) -> NDArray[np.float32]:
        rng = np.random.default_rng(7)
        tastes = [taste_of_item(i) for i in range(snapshot.num_items)]
        vectors = np.eye(8)[tastes] + 0.1 * rng.standard_normal((snapshot.num_items, 8))
        return vectors.astype(np.float32)
