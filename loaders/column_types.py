"""Which types a column may have for the field that it holds.

In:   the schema of a frame of fields.
Out:  nothing, or one sentence that names the column's type and what belongs there.

Text files know texts and lists only; Parquet has structs, maps, bytes and truth values as well,
of which no id, rating or title can be made without guessing.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from loaders.errors import BadSourceError
from loaders.ids import is_id_type
from loaders.times import is_time_type

__all__ = ["check_types"]

_LISTED = ("description", "tags")


def check_types(path: Path, columns: Mapping[str, str], schema: Mapping[str, pl.DataType]) -> None:
    """Refuse a file with a column that cannot hold its field.

    Args:
        path: The file.
        columns: Which column of the file holds which field.
        schema: The type of each field.

    Raises:
        BadSourceError: Says which column, its type, and what is expected there.
    """
    for field, dtype in schema.items():
        expected = _expected(field, dtype)
        if expected is not None:
            column = columns.get(field, field)
            name, is_property, _ = field.partition(":")
            option = f"--map {field}=COLUMN"
            if is_property:
                option = f"--item-property {name}=COLUMN:TYPE"
            raise BadSourceError(
                f"{path}: the column {column!r} holds {_name(dtype)} where {expected} belongs "
                f"({name}); write it as such, or name another column with {option}"
            )


def _expected(field: str, dtype: pl.DataType) -> str | None:
    """What belongs into a field if the type does not fit."""
    if field == "line":
        return None
    field = field.rpartition(":")[2]  # a property's type
    if field == "time":
        return None if is_time_type(dtype) else "a time"
    if field in ("rating", "number"):
        return None if _is_number_or_text(dtype) else "a number"
    if field == "order":
        return None if _is_number_or_text(dtype) else "a whole number"
    if field in _LISTED:
        return None if is_id_type(_innermost(dtype)) else "a text or a list of texts"
    return None if is_id_type(dtype) else "one text or number"


def _is_number_or_text(dtype: pl.DataType) -> bool:
    return isinstance(dtype, pl.String | pl.Null) or dtype.is_numeric()


def _innermost(dtype: pl.DataType) -> pl.DataType:
    while isinstance(dtype, pl.List | pl.Array):
        dtype = dtype.inner  # type: ignore[assignment]
    return dtype


def _name(dtype: pl.DataType) -> str:
    if isinstance(dtype, pl.List | pl.Array):
        return f"lists of {_name(dtype.inner)}"  # type: ignore[arg-type]
    if isinstance(dtype, pl.Struct):
        return f"structs ({', '.join(f.name for f in dtype.fields)})"
    if isinstance(dtype, pl.Binary):
        return "bytes"
    if isinstance(dtype, pl.Boolean):
        return "truth values"
    return {"String": "texts"}.get(str(dtype), f"values of the type {dtype}")
