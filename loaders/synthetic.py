"""Made-up logs: small ones whose right answer is known, and long ones to measure with.

In:   sizes and a seed; the same seed gives the same rows.
Out:  frames or files in the two-file format (:mod:`loaders.formats.tabular`).

The numbers that a model reaches on them mean nothing beyond "it finds what was planted".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow.parquet as pq

__all__ = ["Planted", "domain_names", "planted", "write_log", "write_planted"]

_SYLLABLES = ("ba", "de", "fi", "go", "ku", "la", "me", "ni", "po", "ra", "su", "ti", "vo", "ze")
_DOMAINS = ("books", "films", "games", "music", "plays")
_FIRST_SECOND = 1_600_000_000
_ROWS_PER_GROUP = 100_000

_INTERACTIONS: dict[str, Any] = {
    "user_id": pl.String,
    "item_id": pl.String,
    "domain": pl.String,
    "rating": pl.Float64,
    "timestamp": pl.Int64,
}
_ITEMS: dict[str, Any] = {
    "item_id": pl.String,
    "domain": pl.String,
    "title": pl.String,
    "description": pl.String,
    "categories": pl.List(pl.String),
}


@dataclass(frozen=True)
class Planted:
    """A small world in which everybody likes one concept, in every domain.

    Items of a concept share a word of their titles across domains; no item and no other word
    is shared. Cold users have no history in the last domain.
    """

    interactions: pl.DataFrame
    items: pl.DataFrame
    domains: tuple[str, ...]
    concept_of_user: dict[str, int]
    concept_of_item: dict[str, int]
    cold_users: tuple[str, ...]

    @property
    def target(self) -> str:
        """The domain in which cold users have no history."""
        return self.domains[-1]

    def right_items(self, user: str, domain: str | None = None) -> set[str]:
        """Ids of all items of a domain (default: the target) that a user likes."""
        domain = domain or self.target
        concept = self.concept_of_user[user]
        in_domain = self.items.filter(pl.col("domain") == domain)["item_id"].to_list()
        return {item for item in in_domain if self.concept_of_item[item] == concept}


def planted(
    num_users: int = 120,
    items_per_domain: int = 40,
    domains: int = 2,
    *,
    concepts: int = 8,
    events_per_domain: int = 4,
    cold_fraction: float = 0.2,
    tags: bool = False,
    seed: int = 0,
) -> Planted:
    """Make a world; with ``tags`` the concept is also a tag, so that the graph shows it.

    Args:
        num_users: Number of users.
        items_per_domain: Number of items of each domain.
        domains: Number of domains; the last one is the target.
        concepts: Number of concepts, of which each user likes one.
        events_per_domain: Number of interactions of a user in a domain.
        cold_fraction: Fraction of the users without interactions in the target domain.
        tags: Whether the concept of an item is also its tag.
        seed: Seed of all draws.

    Example:
        >>> world = planted(num_users=20, items_per_domain=8, concepts=4)
        >>> len(world.right_items(world.cold_users[0]))
        2
    """
    rng = np.random.default_rng(seed)
    names = domain_names(domains)
    items = _planted_items(names, items_per_domain, concepts, tags=tags)
    concept_of_item = {
        str(item["item_id"]): place % items_per_domain % concepts
        for place, item in enumerate(items)
    }
    users = [f"u{number}" for number in range(num_users)]
    concept_of_user = {user: number % concepts for number, user in enumerate(users)}
    num_cold = round(cold_fraction * num_users)
    cold = tuple(sorted(str(user) for user in rng.choice(users, num_cold, replace=False)))
    rows = []
    for user in users:
        for place, domain in enumerate(names):
            if user in cold and place == len(names) - 1:
                continue
            likes = [
                str(item["item_id"])
                for item in items[place * items_per_domain : (place + 1) * items_per_domain]
                if concept_of_item[str(item["item_id"])] == concept_of_user[user]
            ]
            count = min(events_per_domain, len(likes))
            for item_id in rng.choice(likes, count, replace=False):
                at = _FIRST_SECOND + int(rng.integers(0, 10_000_000))
                rows.append((user, str(item_id), domain, None, at))
    return Planted(
        interactions=pl.DataFrame(rows, schema=_INTERACTIONS, orient="row"),
        items=pl.DataFrame(items, schema=_ITEMS),
        domains=tuple(names),
        concept_of_user=concept_of_user,
        concept_of_item=concept_of_item,
        cold_users=cold,
    )


def _planted_items(
    names: list[str], items_per_domain: int, concepts: int, *, tags: bool
) -> list[dict[str, Any]]:
    """Rows of the catalogue; a title is the word of the concept and a word of the item's own."""
    words = _words(concepts + len(names) * items_per_domain)
    return [
        {
            "item_id": f"{domain[0]}{place}-{number}",
            "domain": domain,
            "title": f"{words[number % concepts]} "
            f"{words[concepts + place * items_per_domain + number]}",
            "description": None,
            "categories": [words[number % concepts]] if tags else None,
        }
        for place, domain in enumerate(names)
        for number in range(items_per_domain)
    ]


def write_planted(world: Planted, folder: Path) -> Path:
    """Write a world as ``interactions.parquet`` and ``items.parquet``; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    world.interactions.write_parquet(folder / "interactions.parquet")
    world.items.write_parquet(folder / "items.parquet")
    return folder


def write_log(
    path: Path, rows: int, *, users: int, items: int, domains: int = 2, seed: int = 0
) -> None:
    """Stream a log of random events into one Parquet file, in bounded memory.

    A few items take most events, as in a real log (popularity falls as one over rank).

    Args:
        path: File to write.
        rows: Number of events.
        users: Number of users.
        items: Number of items of each domain.
        domains: Number of domains.
        seed: Seed of all draws.
    """
    rng = np.random.default_rng(seed)
    names = np.array(domain_names(domains))
    writer: pq.ParquetWriter | None = None
    try:
        for first in range(0, rows, _ROWS_PER_GROUP):
            size = min(_ROWS_PER_GROUP, rows - first)
            rank = np.floor(np.exp(rng.random(size) * np.log(items))).astype(np.int64) - 1
            frame = pl.DataFrame(
                {
                    "user_id": pl.Series(rng.integers(0, users, size)).cast(pl.String),
                    "item_id": pl.Series(rank).cast(pl.String),
                    "domain": names[rank % domains],
                    "rating": rng.integers(1, 6, size).astype(np.float64),
                    "timestamp": _FIRST_SECOND + rng.integers(0, 100_000_000, size),
                },
                schema=_INTERACTIONS,
            ).select(pl.col("user_id").str.replace("^", "u"), pl.exclude("user_id"))
            table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
            if writer is None:
                writer = pq.ParquetWriter(path, table.schema, compression="zstd")  # type: ignore[no-untyped-call]
            writer.write_table(table)  # type: ignore[no-untyped-call]
    finally:
        if writer is not None:
            writer.close()  # type: ignore[no-untyped-call]


def domain_names(count: int) -> list[str]:
    """Names of made-up domains.

    Example:
        >>> domain_names(2)
        ['books', 'films']
    """
    return [_DOMAINS[n] if n < len(_DOMAINS) else f"domain{n}" for n in range(count)]


def _words(count: int) -> Sequence[str]:
    """Distinct made-up words."""
    size = len(_SYLLABLES)
    words = []
    for n in range(count):
        # A step without a common factor, so that neighbours do not begin alike.
        mixed = n * 1237 % size**3
        places = (mixed // size**2, mixed // size % size, mixed % size)
        again = str(n // size**3) if n >= size**3 else ""
        words.append("".join(_SYLLABLES[p] for p in places) + again)
    return words
