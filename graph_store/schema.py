"""The names of the graph: labels, relationship types, their keys and properties.

This is the one place where they are spelled. Every store, statement and document
refers to it. Nothing here reads or writes.

Keys are strings: ``domain:item_id`` for items, ``platform:user_id`` or a shared
``user_id`` for users, the plain name for domains and tags.
"""

from __future__ import annotations

from enum import StrEnum

import polars as pl

__all__ = [
    "ENRICHED",
    "ENDS",
    "FORMAT_VERSION",
    "NODE_COLUMNS",
    "OPTIONAL_COLUMNS",
    "RELATIONSHIP_COLUMNS",
    "Label",
    "RelType",
    "item_key",
    "split_item_key",
]

FORMAT_VERSION = 2
"""Version of the format of stores and snapshots; another one is refused."""


class Label(StrEnum):
    """What a node is."""

    USER = "User"
    ITEM = "Item"
    DOMAIN = "Domain"
    TAG = "Tag"


class RelType(StrEnum):
    """What a relationship says; the last three are written by enrichment only."""

    IN_DOMAIN = "IN_DOMAIN"
    HAS_TAG = "HAS_TAG"
    SAME_AS = "SAME_AS"
    INTERACTED = "INTERACTED"
    SIMILAR_TO = "SIMILAR_TO"
    INTERESTED_IN = "INTERESTED_IN"
    SUGGESTED_TAG = "SUGGESTED_TAG"


ENDS: dict[RelType, tuple[Label, Label]] = {
    RelType.IN_DOMAIN: (Label.ITEM, Label.DOMAIN),
    RelType.HAS_TAG: (Label.ITEM, Label.TAG),
    RelType.SAME_AS: (Label.USER, Label.USER),
    RelType.INTERACTED: (Label.USER, Label.ITEM),
    RelType.SIMILAR_TO: (Label.ITEM, Label.ITEM),
    RelType.INTERESTED_IN: (Label.USER, Label.TAG),
    RelType.SUGGESTED_TAG: (Label.ITEM, Label.TAG),
}
"""Label of the source and of the target of each relationship type."""

ENRICHED = (RelType.SIMILAR_TO, RelType.INTERESTED_IN, RelType.SUGGESTED_TAG)
"""Relationships that kgrec derives; each has its enrichment id (``run``) and ``written_at``."""

NODE_COLUMNS: dict[Label, dict[str, pl.DataType]] = {
    Label.USER: {"key": pl.String()},
    Label.ITEM: {
        "key": pl.String(),
        "title": pl.String(),  # null: not in any catalogue
        "text": pl.String(),  # title, description and tags as one text; null: none known
        "text_hash": pl.String(),  # of `text`, so that only changed texts are encoded again
    },
    Label.DOMAIN: {"key": pl.String(), "name": pl.String()},
    Label.TAG: {"key": pl.String(), "name": pl.String()},
}
"""Columns of the frames that ``upsert_nodes`` takes and ``read_nodes`` gives."""

RELATIONSHIP_COLUMNS: dict[RelType, dict[str, pl.DataType]] = {
    RelType.IN_DOMAIN: {},
    RelType.HAS_TAG: {},
    RelType.SAME_AS: {},
    RelType.INTERACTED: {
        "kind": pl.String(),  # view, click, purchase, rating ...; part of the relationship's key
        "weight": pl.Float64(),  # in [0, 1]; see loaders.records for the rule
        "count": pl.Int64(),  # events merged into this relationship
        "at": pl.Int64(),  # Unix seconds of the last event; null: unknown
        "first_at": pl.Int64(),  # Unix seconds of the first event; null: unknown
        "order": pl.Int64(),  # rank of the last event in its log; decides where times are equal
        "event": pl.String(),  # names an event that is kept by itself; empty: events are merged
    },
    RelType.SIMILAR_TO: {"score": pl.Float64()},
    RelType.INTERESTED_IN: {"score": pl.Float64()},
    RelType.SUGGESTED_TAG: {"confidence": pl.Float64()},
}
"""Columns beside ``source`` and ``target`` (node keys) of relationship frames."""

OPTIONAL_COLUMNS = ("first_at", "order", "event")
"""Columns of ``INTERACTED`` that a frame to be written may leave out: unknown, unknown, merged."""


def item_key(domain: str, item_id: str) -> str:
    """The key of an item: ``domain:item_id``. A domain's name holds no colon.

    Example:
        >>> item_key("books", "B00:1")
        'books:B00:1'
    """
    return f"{domain}:{item_id}"


def split_item_key(key: str) -> tuple[str, str]:
    """Domain and item id, as they came in.

    Example:
        >>> split_item_key("books:B00:1")
        ('books', 'B00:1')
    """
    domain, _, item_id = key.partition(":")
    return domain, item_id
