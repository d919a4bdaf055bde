"""What every store asks of a batch before it writes it.

In:   a frame as a caller gives it.
Out:  the same rows with exactly the columns of the schema, one row a key.

Nothing here knows a store. A wrong frame is the caller's mistake and a
:class:`~graph_store.errors.BadRowsError`.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from graph_store.errors import BadRowsError, GraphStoreError
from graph_store.properties import PROPERTY_DTYPES, PropertyType
from graph_store.schema import (
    ENRICHED,
    NODE_COLUMNS,
    OPTIONAL_COLUMNS,
    RELATIONSHIP_COLUMNS,
    Label,
    RelType,
)

__all__ = [
    "check_base_type",
    "check_derived_type",
    "check_nodes",
    "check_relationships",
    "relationship_key",
]

_MAY_BE_NULL = {"title", "text", "text_hash", "name", "at", "first_at", "order"}


def check_nodes(
    label: Label, rows: pl.DataFrame, properties: Mapping[str, PropertyType] | None = None
) -> pl.DataFrame:
    """``rows`` with ``NODE_COLUMNS[label]``, of items also with properties; keys must be distinct.

    Args:
        label: Label of the nodes.
        rows: A frame with at least ``NODE_COLUMNS[label]``.
        properties: The declared properties of items; those of ``rows`` are kept.

    Raises:
        BadRowsError: A column is missing, a value is null, a key is empty or there twice.
    """
    columns = dict(NODE_COLUMNS[label])
    if label is Label.ITEM:
        columns |= {
            name: PROPERTY_DTYPES[kind]
            for name, kind in sorted((properties or {}).items())
            if name in rows.columns
        }
    rows = _select(f"nodes of {label}", rows, columns, properties or {})
    if rows["key"].n_unique() != rows.height:
        twice = rows.filter(pl.col("key").is_duplicated())["key"][0]
        raise BadRowsError(f"nodes of {label}: key {twice!r} is there twice; give each node once")
    return rows


def check_relationships(rel_type: RelType, rows: pl.DataFrame) -> pl.DataFrame:
    """``rows`` with the columns of the schema, the standing statement of each key only."""
    columns = {"source": pl.String(), "target": pl.String(), **RELATIONSHIP_COLUMNS[rel_type]}
    if rel_type is RelType.INTERACTED:
        absent = [name for name in OPTIONAL_COLUMNS if name not in rows.columns]
        rows = rows.with_columns(pl.lit(None, columns[name]).alias(name) for name in absent)
        rows = rows.with_columns(pl.col("event").cast(pl.String).fill_null(""))
    rows = _select(str(rel_type), rows, columns)
    keys = relationship_key(rel_type)
    if rows.n_unique(keys) == rows.height:
        return rows
    if rel_type is not RelType.INTERACTED:
        return rows.unique(keys, keep="last", maintain_order=True)
    return _standing(rows, keys)


def check_base_type(rel_type: RelType) -> None:
    """Refuse a derived type: such relationships belong to an enrichment, which can be undone.

    Raises:
        GraphStoreError: The type is derived.
    """
    if rel_type in ENRICHED:
        raise GraphStoreError(
            f"{rel_type} is written by enrichment only; begin one and use write_enrichment"
        )


def check_derived_type(rel_type: RelType) -> None:
    """Refuse a type that no enrichment writes; the reverse of :func:`check_base_type`.

    Raises:
        GraphStoreError: The type is not derived.
    """
    if rel_type not in ENRICHED:
        raise GraphStoreError(f"{rel_type} is no derived relationship; use upsert_relationships")


def relationship_key(rel_type: RelType) -> list[str]:
    """The columns that tell two relationships of one type apart."""
    own = ["kind", "event"] if rel_type is RelType.INTERACTED else []
    return ["source", "target", *own]


def _standing(rows: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """What is left when the rows are stated one after another; see ``upsert_relationships``.

    A row of unknown time replaces all before it; of those after it the latest time stands. The
    first time is the earliest that any row states.
    """
    last_unknown = pl.col("_row").filter(pl.col("at").is_null()).max().over(keys).fill_null(0)
    return (
        rows.with_row_index("_row")
        .with_columns(pl.col("first_at").min().over(keys))
        .filter(pl.col("_row") >= last_unknown)
        .sort("at", "_row", nulls_last=False)
        .unique(keys, keep="last", maintain_order=True)
        .sort("_row")
        .drop("_row")
    )


def _select(
    what: str,
    rows: pl.DataFrame,
    columns: Mapping[str, pl.DataType],
    properties: Mapping[str, PropertyType] | None = None,
) -> pl.DataFrame:
    missing = [name for name in columns if name not in rows.columns]
    if missing:
        raise BadRowsError(f"{what}: columns {missing} are missing; got {rows.columns}")
    selected = rows.select(pl.col(name).cast(dtype) for name, dtype in columns.items())
    for name in columns:
        may_be_null = name in _MAY_BE_NULL or name in (properties or {})
        if not may_be_null and selected[name].null_count():
            raise BadRowsError(f"{what}: column {name!r} holds a null; every row needs one")
    for name in ("key", "source", "target"):
        if name in columns and (selected[name] == "").any():
            raise BadRowsError(f"{what}: column {name!r} holds an empty key; every node needs one")
    return selected
