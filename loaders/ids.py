"""Ids of users, items, domains, platforms and kinds: any column to the text that a key is made of.

In:   a column of text, of whole numbers, or of floats that hold whole numbers.
Out:  text without white space at its ends; null where there is no id.

Every reader of ids uses these functions, so that 7, 7.0 and " 7 " name one user wherever they
come from. Text is never judged by its letters: a user may be called ``nan`` or ``null``. A JSON or
Parquet ``NaN`` is a number and no id.
"""

from __future__ import annotations

import polars as pl

__all__ = ["NO_EXACT_NUMBER", "id_text", "id_texts", "is_id_type", "no_exact_id"]

NO_EXACT_NUMBER = "\ufdd0"
"""What a layout that turns all values into text writes for NaN, Infinity and inexact floats.

A code point that Unicode keeps for use inside a program: no file means anything by it."""

_EXACT_BELOW = {"Float64": 2**53, "Float32": 2**24, "Float16": 2**11}
"""Whole numbers from this one on may share a float with another one, by type."""


def is_id_type(dtype: pl.DataType) -> bool:
    """Whether a column of this type can hold ids.

    Example:
        >>> is_id_type(pl.Float64()), is_id_type(pl.Boolean()), is_id_type(pl.Struct({}))
        (True, False, False)
    """
    text = isinstance(dtype, pl.String | pl.Categorical | pl.Enum | pl.Null)
    return text or dtype.is_numeric()


def id_text(column: str, dtype: pl.DataType) -> pl.Expr:
    """An id as text; null where there is none (missing, blank, or no exact whole number).

    Args:
        column: The column's name.
        dtype: Its type, one for which :func:`is_id_type` is true.

    Example:
        >>> ids = pl.DataFrame({"id": [7.0, float("nan"), 2.0**53]})
        >>> ids.select(id_text("id", ids.schema["id"]))["id"].to_list()
        ['7', None, None]
    """
    value = pl.col(column)
    if dtype.is_integer():
        return value.cast(pl.String)
    if dtype.is_numeric():
        return (
            pl.when(_is_exact(value, dtype))
            .then(value.cast(pl.Int128, strict=False))
            .cast(pl.String)
        )
    text = value.cast(pl.String).str.strip_chars()
    return pl.when(text.str.len_bytes() > 0, text != NO_EXACT_NUMBER).then(text)


def id_texts(ids: pl.Series) -> pl.Series:
    """The ids of a series as :func:`id_text` gives them.

    Example:
        >>> id_texts(pl.Series(["u1 ", " ", None])).to_list()
        ['u1', None, None]
    """
    return ids.to_frame("id").select(id_text("id", ids.dtype))["id"].rename(ids.name)


def no_exact_id(column: str, dtype: pl.DataType) -> pl.Expr | None:
    """Whether a number is there from which no id can be made; None if the type has no such values.

    NaN, Infinity, fractions, and floats so large that another whole number is the same float.
    """
    value = pl.col(column)
    if dtype.is_numeric() and not dtype.is_integer():
        return value.is_not_null() & ~_is_exact(value, dtype)
    return None if dtype != pl.String else value == NO_EXACT_NUMBER


def _is_exact(value: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    if not dtype.is_float():  # decimal
        return value == value.floor()
    return value.is_finite() & (value == value.floor()) & (value.abs() < _EXACT_BELOW[str(dtype)])
