"""What a log and a catalogue say, in one form; the rules by which they become a graph.

Every loader gives *fields*: ``user``, ``item``, ``rating`` ... (:data:`FIELDS`), under
whatever type its file has. The checks (:mod:`loaders.checks`) turn fields into *records*
with the schemas below; everything after that reads records only.

**Weight.** A rating becomes ``weight = rating / scale``, in [0, 1]: 8 of 10 and 4 of 5 are both
exactly 0.8. An event without a rating has weight 1. Each domain has a scale of its own
(:mod:`loaders.ratings`); a rating below 0 or above it cannot be used.

**Text.** Title, description and tags, each on a line of its own, white space made single; what
is missing is left out. Its hash says whether it has to be encoded again.

**Kind.** What the log says, else what the caller says, else ``rating`` for an event with a
rating and ``interaction`` for one without.

**Events.** Events of one user, item and kind are merged into one relationship with their number,
the first and the last time. Those with an event id stay apart, and so do all where every event is
kept (:class:`loaders.source.SourceOptions`).

**Order.** The column that the caller names, else the place of the row in the log: files by name,
rows as they lie. It decides where times are equal or missing.
"""

from __future__ import annotations

import hashlib
from typing import Literal

import polars as pl

__all__ = [
    "CATALOGUE",
    "FIELDS",
    "INTERACTIONS",
    "LINKS",
    "NO_RATING_WEIGHT",
    "Role",
    "add_text",
    "text_hash",
]

Role = Literal["interactions", "items", "links"]
"""What the rows of a file are."""

FIELDS: dict[Role, tuple[str, ...]] = {
    "interactions": (
        "user", "item", "domain", "kind", "rating", "time", "order", "event_id", "platform",
    ),
    "items": ("item", "domain", "title", "description", "tags"),
    "links": ("account_a", "account_b", "platform_a", "platform_b"),
}  # fmt: skip
"""The names that ``--map FIELD=COLUMN`` knows."""

INTERACTIONS: dict[str, pl.DataType] = {
    "user": pl.String(),  # the key of a user node
    "item": pl.String(),  # the key of an item node, ``domain:item_id``
    "kind": pl.String(),
    "rating": pl.Float64(),  # null: none
    "at": pl.Int64(),  # Unix seconds; null: unknown
    "order": pl.Int64(),  # as the log says; null: by the place of the row
    "event": pl.String(),  # id of an event that is not merged with others; null: none
}
CATALOGUE: dict[str, pl.DataType] = {
    "item": pl.String(),
    "title": pl.String(),
    "description": pl.String(),
    "tags": pl.List(pl.String()),
}
LINKS: dict[str, pl.DataType] = {"source": pl.String(), "target": pl.String()}

NO_RATING_WEIGHT = 1.0


def add_text(items: pl.DataFrame) -> pl.DataFrame:
    """Compose ``text`` and ``text_hash`` from ``title``, ``description`` and ``tags``.

    Example:
        >>> item = {"title": ["The  Long Orbit"], "description": ["Alone."], "tags": [["space"]]}
        >>> add_text(pl.DataFrame(item))["text"][0]
        'The Long Orbit\\nAlone.\\nspace'
    """
    parts = [_tidy("title"), _tidy("description"), _none_if_empty(pl.col("tags").list.join(", "))]
    text = _none_if_empty(pl.concat_str(parts, separator="\n", ignore_nulls=True))
    return items.with_columns(text.alias("text")).with_columns(
        pl.col("text").map_elements(text_hash, return_dtype=pl.String).alias("text_hash")
    )


def text_hash(text: str) -> str:
    """Sixteen hex digits of SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _tidy(column: str) -> pl.Expr:
    words = pl.col(column).cast(pl.String).str.replace_all(r"\s+", " ").str.strip_chars()
    return _none_if_empty(words)


def _none_if_empty(text: pl.Expr) -> pl.Expr:
    return pl.when(text != "").then(text)
