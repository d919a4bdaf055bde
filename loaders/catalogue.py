"""What a catalogue says of items: titles, descriptions and tags as plain texts.

In:   a frame of fields whose types :mod:`loaders.column_types` has let pass.
Out:  ``title``, ``description`` and ``tags``, and what was done to how many values.

A description or tags may be a text, a list of texts however nested, or such a list written as
text. HTML is removed from all of them (:mod:`loaders.markup`).
"""

from __future__ import annotations

from collections import Counter

import polars as pl

from loaders.ids import NO_EXACT_NUMBER
from loaders.markup import plain_lists, plain_texts
from loaders.text_lists import read_lists

__all__ = ["HTML_REMOVED", "LISTS_READ", "LISTS_UNREAD", "read_catalogue"]

HTML_REMOVED = "texts with HTML, which was removed"
LISTS_READ = "lists written as text, which were read as lists"
LISTS_UNREAD = "tags that look like a list and could not be read as one, which were taken as text"


def read_catalogue(fields: pl.DataFrame, tag_separator: str) -> tuple[pl.DataFrame, Counter[str]]:
    """Read the three columns; those that the frame lacks are null.

    Example:
        >>> fields = pl.DataFrame({"title": ["A &amp; B"], "tags": ["['x', 'y']"]})
        >>> read_catalogue(fields, "|")[0].row(0)
        ('A & B', None, ['x', 'y'])
    """
    remarks: Counter[str] = Counter()
    columns = [
        _text(_column(fields, "title"), remarks).alias("title"),
        _description(_column(fields, "description"), remarks).alias("description"),
        _tags(_column(fields, "tags"), tag_separator, remarks).alias("tags"),
    ]
    return pl.DataFrame(columns), remarks


def _column(fields: pl.DataFrame, name: str) -> pl.Series:
    """A column as texts or as lists of texts, one level deep."""
    if name not in fields.columns:
        return pl.Series(name, [None], dtype=pl.String).new_from_index(0, len(fields))
    values = fields[name]
    if isinstance(values.dtype, pl.Array):
        values = values.arr.to_list()
    if not isinstance(values.dtype, pl.List):
        return fields.select(_as_text(pl.col(name), values.dtype)).to_series()
    while isinstance(values.dtype, pl.List) and isinstance(values.dtype.inner, pl.List | pl.Array):
        values = values.list.eval(pl.element().explode())
    inner = values.explode().dtype
    return values.list.eval(_as_text(pl.element(), inner).drop_nulls())


def _as_text(value: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Texts and numbers as text; null where nothing is written, and for NaN."""
    text = value.cast(pl.String)
    if dtype.is_float():
        whole = value.is_finite() & (value == value.floor()) & (value.abs() < 2**53)
        text = (
            pl.when(whole)
            .then(value.cast(pl.Int64, strict=False).cast(pl.String))
            .otherwise(pl.when(value.is_finite()).then(text))
        )
    return pl.when(text.str.strip_chars() != "", text != NO_EXACT_NUMBER).then(text)


def _text(values: pl.Series, remarks: Counter[str]) -> pl.Series:
    plain, changed = plain_texts(values)
    remarks[HTML_REMOVED] += changed
    return plain.set(plain == "", None) if changed else plain


def _description(values: pl.Series, remarks: Counter[str]) -> pl.Series:
    lists, count, _ = read_lists(values)
    remarks[LISTS_READ] += count
    texts = values if values.dtype == pl.String else values.list.join(" ")
    if count:
        joined = lists.list.join(" ")
        texts = joined.zip_with(joined.is_not_null(), texts)
    return _text(texts.set(texts == "", None), remarks)


def _tags(values: pl.Series, separator: str, remarks: Counter[str]) -> pl.Series:
    lists, count, unread = read_lists(values)
    remarks[LISTS_READ] += count
    remarks[LISTS_UNREAD] += unread
    if values.dtype == pl.String:
        # Before the split: a separator may stand in an entity.
        values, changed = plain_texts(values)
        remarks[HTML_REMOVED] += changed
        values = values.str.split(separator)
    if count:
        values = lists.zip_with(lists.is_not_null(), values)
    values, changed = plain_lists(values)
    remarks[HTML_REMOVED] += changed
    tag = pl.element().str.strip_chars()
    return values.list.eval(tag.filter(tag != "").unique(maintain_order=True))
