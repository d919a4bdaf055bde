"""The ids of whole frames: read, trimmed, counted, and judged where they are numbers.

In:   a frame of fields (:data:`loaders.records.FIELDS`).
Out:  the frame with a column ``user~`` beside ``user`` and so on, the ids as text.
"""

from __future__ import annotations

from collections import Counter

import polars as pl

from loaders.ids import id_text, no_exact_id
from loaders.records import Role

__all__ = ["ID_FIELDS", "TRIMMED", "faults_of_ids", "read_ids"]

TRIMMED = "ids and names with white space at their ends, which was trimmed"

ID_FIELDS: dict[Role, dict[str, str]] = {
    "interactions": {
        "user": "user id",
        "item": "item id",
        "domain": "domain",
        "kind": "kind",
        "platform": "platform",
        "event_id": "event id",
    },
    "items": {"item": "item id", "domain": "domain"},
    "links": {
        "account_a": "account",
        "account_b": "account",
        "platform_a": "platform",
        "platform_b": "platform",
    },
}
"""Fields that are read as ids, and what a reason calls them."""
_NEEDED = ("user", "item", "account_a", "account_b")
"""In the other fields NaN is a missing value, as pandas writes it, and not a fault."""


def read_ids(role: Role, fields: pl.DataFrame) -> tuple[pl.DataFrame, Counter[str]]:
    """Add ``user~`` and so on, the ids as text; count those that were trimmed."""
    names = [name for name in ID_FIELDS[role] if name in fields.columns]
    frame = fields.with_columns(
        id_text(name, fields.schema[name]).alias(f"{name}~") for name in names
    )
    trimmed = [
        (pl.col(name).str.len_bytes() != pl.col(f"{name}~").str.len_bytes()).sum().alias(name)
        for name in names
        if fields.schema[name] == pl.String
    ]
    count = sum(frame.select(trimmed).row(0)) if trimmed else 0
    return frame, Counter({TRIMMED: count} if count else {})


def faults_of_ids(role: Role, fields: pl.DataFrame) -> list[tuple[pl.Expr, str]]:
    """Values that are there and of which no id can be made, each with the reason."""
    faults = []
    for name, called in ID_FIELDS[role].items():
        fault = no_exact_id(name, fields.schema[name]) if name in fields.columns else None
        if name in fields.columns and fields.schema[name] == pl.String:
            # NumPy ends a text at such a character: two ids could become one.
            faults.append((pl.col(name).str.contains("\0", literal=True), f"{called} holds a NUL"))
        if fault is None:
            continue
        if name not in _NEEDED:
            fault = fault & ~_is_nan(name, fields.schema[name])
        faults.append((fault, f"{called} is NaN, infinite, a fraction or too large to be exact"))
    return faults


def _is_nan(column: str, dtype: pl.DataType) -> pl.Expr:
    if dtype.is_float():
        return pl.col(column).is_nan()
    return pl.lit(dtype == pl.String)
