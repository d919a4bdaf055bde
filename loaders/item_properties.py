"""Properties of items in a catalogue: which column holds which, and their values, checked.

In:   ``NAME=COLUMN:TYPE`` as a person gives it; columns of fields.
Out:  declarations; values of the property's type, and the reason where one cannot be used.

Within a frame of fields a property is a field called ``NAME:TYPE``, which no other field can be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import polars as pl

from graph_store.errors import BadRowsError
from graph_store.properties import (
    LONGEST_TEXT,
    PROPERTY_DTYPES,
    PropertyType,
    check_declared,
)
from loaders.errors import BadSourceError
from loaders.ids import NO_EXACT_NUMBER, id_text
from loaders.times import BEFORE_1970, read_times

__all__ = [
    "ItemProperty",
    "PropertyValues",
    "check_names",
    "field_of",
    "property_fields",
    "read_declarations",
    "read_values",
]

_LATEST = 4_102_444_800
"""The year 2100: what is to be published may lie in the future."""


@dataclass(frozen=True, slots=True)
class ItemProperty:
    """A column of a catalogue that becomes a property of items."""

    column: str
    type: PropertyType


class PropertyValues(NamedTuple):
    """One entry a row."""

    values: pl.Series
    """Values of the property's type; null where there is none."""
    faults: pl.Series
    """The reason why a value cannot be used; null where it can."""


def read_declarations(given: Sequence[str]) -> dict[str, ItemProperty]:
    """Properties as the command line takes them.

    Args:
        given: ``NAME=COLUMN:TYPE`` each.

    Raises:
        BadSourceError: One has another form, an unknown type, a name that cannot be used, or is
            there twice.

    Example:
        >>> read_declarations(["price=cost_eur:number"])["price"].column
        'cost_eur'
    """
    found: dict[str, ItemProperty] = {}
    kinds = [str(kind) for kind in PropertyType]
    for one in given:
        name, _, rest = one.partition("=")
        column, _, kind = rest.rpartition(":")
        if not (name and column and kind in kinds):
            raise BadSourceError(
                f"--item-property must look like NAME=COLUMN:TYPE with a type of "
                f"{', '.join(kinds)}, got {one!r}"
            )
        if name in found:
            raise BadSourceError(f"--item-property: {name} is given twice; give it once")
        found[name] = ItemProperty(column, PropertyType(kind))
    check_names(found)
    return found


def check_names(properties: Mapping[str, ItemProperty]) -> None:
    """Refuse names that cannot be those of properties.

    Raises:
        BadSourceError: A name cannot be used.
    """
    try:
        check_declared({name: one.type for name, one in properties.items()}, {})
    except BadRowsError as error:
        raise BadSourceError(f"--item-property: {error}") from error


def field_of(name: str, kind: PropertyType) -> str:
    """The name of a property's field in a frame of fields."""
    return f"{name}:{kind}"


def property_fields(fields: Sequence[str]) -> dict[str, PropertyType]:
    """Name and type of each property among the fields of a frame."""
    parts = [field.partition(":") for field in fields if ":" in field]
    return {name: PropertyType(kind) for name, _, kind in parts}


def read_values(values: pl.Series, kind: PropertyType) -> PropertyValues:
    """Read a column of one property.

    Args:
        values: The column, of a type that fits (:mod:`loaders.column_types`).
        kind: Type of the property.

    Example:
        >>> read = read_values(pl.Series(["9.5", "", "cheap"]), PropertyType.NUMBER)
        >>> read.values.to_list(), read.faults.to_list()
        ([9.5, None, None], [None, None, 'is no number'])
    """
    if values.dtype == pl.String:
        values = values.str.strip_chars()
        values = values.set(values == "", None)
    if kind is PropertyType.TIME:
        return _times(values)
    if kind is PropertyType.NUMBER:
        if values.dtype.is_float():
            values = values.fill_nan(None)  # how pandas writes a missing value
        numbers = values.cast(pl.Float64, strict=False)
        numbers = numbers.set(~numbers.is_finite(), None)
        return PropertyValues(numbers, _reason(values.is_not_null() & numbers.is_null(),
                                               "is no number"))  # fmt: skip
    texts = values.to_frame("value").select(id_text("value", values.dtype)).to_series()
    texts = texts.set(texts == NO_EXACT_NUMBER, None)
    long = texts.str.len_chars() > LONGEST_TEXT
    return PropertyValues(texts, _reason(long, f"is longer than {LONGEST_TEXT:,} characters"))


def _times(values: pl.Series) -> PropertyValues:
    read = read_times(values, "auto", latest=_LATEST)
    seconds = read.seconds.cast(PROPERTY_DTYPES[PropertyType.TIME])
    if read.faults is None:
        return PropertyValues(seconds, _reason(seconds.is_null() & False, ""))
    faults = read.faults.set((read.faults == BEFORE_1970) & seconds.is_not_null(), None)
    return PropertyValues(seconds, pl.select(pl.lit("is no time: ") + faults).to_series())


def _reason(at_fault: pl.Series, reason: str) -> pl.Series:
    fault = pl.DataFrame({"at": at_fault}).select(pl.when(pl.col("at")).then(pl.lit(reason)))
    return fault.to_series()
