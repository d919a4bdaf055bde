"""Properties of items that a filter can ask about: price, stock, language, date of publication.

In:   names, types, and conditions as a caller or the command line writes them.
Out:  checked declarations, and conditions with values of the property's type.

A property is a number, a text or a time, and lies on the item's node under its own name. An item
without the property satisfies no condition on it, ``!=`` included. Nothing here knows a store.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

import polars as pl

from graph_store.errors import BadFilterError, BadRowsError

__all__ = [
    "LONGEST_TEXT",
    "PROPERTY_DTYPES",
    "PropertyCondition",
    "PropertyType",
    "check_declared",
    "check_property_name",
    "read_condition",
    "typed_conditions",
    "types_of",
]

Value = float | int | str


class PropertyType(StrEnum):
    """What the values of a property are."""

    NUMBER = "number"
    TEXT = "text"
    TIME = "time"
    """Unix seconds in the graph; a date or a time of ISO 8601 in a condition."""


PROPERTY_DTYPES: dict[PropertyType, pl.DataType] = {
    PropertyType.NUMBER: pl.Float64(),
    PropertyType.TEXT: pl.String(),
    PropertyType.TIME: pl.Int64(),
}
"""Type of the column that holds a property; no two property types have the same one."""

LONGEST_TEXT = 1_000
"""Characters of a text property at most: Neo4j's index takes 8,167 bytes a value."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}")
_RESERVED = {
    "key", "title", "text", "text_hash", "name", "domain", "id", "interactions", "last_at", "line",
    "seq", "item", "description", "tags", "run", "kgrec",
}  # fmt: skip
_RESERVED_BEGINNINGS = ("vector", "embedding", "serving", "kgrec_")
"""Names that kgrec itself writes on items, or may come to write."""

_OPERATORS = ("=", "!=", "<", "<=", ">", ">=", "in")


@dataclass(frozen=True, slots=True)
class PropertyCondition:
    """A condition on one property of an item, such as ``price <= 20``."""

    name: str
    """Name of the property, as it was given to ``kgrec ingest --item-property``."""
    operator: str
    """One of ``= != < <= > >= in``."""
    value: Value | Sequence[Value]
    """A number, a text, or for a time Unix seconds or ISO 8601; a list of them for ``in``."""


def read_condition(text: str) -> PropertyCondition:
    """A condition as the command line takes it: ``price<=20``, ``language in en|fr``.

    Raises:
        BadFilterError: It has not the form NAME OPERATOR VALUE.

    Example:
        >>> read_condition("price <= 20")
        PropertyCondition(name='price', operator='<=', value='20')
        >>> read_condition("language in en|fr").value
        ('en', 'fr')
    """
    found = re.fullmatch(r"\s*(\w+)\s*(<=|>=|!=|<|>|=|\s+in\s)\s*(.*?)\s*", text, re.DOTALL)
    if found is None or not found[3]:
        raise BadFilterError(
            f"a condition on a property must look like 'price<=20', 'language=fr' or "
            f"'language in en|fr', got {text!r}"
        )
    operator = found[2].strip()
    if operator == "in":
        return PropertyCondition(found[1], operator, tuple(found[3].split("|")))
    return PropertyCondition(found[1], operator, found[3])


def check_property_name(name: str) -> None:
    """Refuse a name that cannot be a property of an item.

    Raises:
        BadRowsError: It is no plain name, or one that kgrec uses itself.
    """
    if not _NAME.fullmatch(name):
        raise BadRowsError(
            f"an item property must have a name of letters, digits and underscores, a letter "
            f"first and at most 63 of them, got {name!r}"
        )
    if name.lower() in _RESERVED or name.lower().startswith(_RESERVED_BEGINNINGS):
        raise BadRowsError(
            f"an item property cannot be called {name!r}, since kgrec uses that name on items; "
            f"choose another name, e.g. {'shop_' + name!r}"
        )


def check_declared(
    new: Mapping[str, PropertyType], known: Mapping[str, PropertyType]
) -> dict[str, PropertyType]:
    """Those of ``new`` that are not known yet.

    Args:
        new: Name and type of each property that is to be written.
        known: The properties that the graph has.

    Raises:
        BadRowsError: A name cannot be used, or is known with another type or spelling.
    """
    spelled = {name.lower(): name for name in known}
    fresh = {}
    for name, kind in new.items():
        check_property_name(name)
        before = spelled.setdefault(name.lower(), name)
        if before != name:
            raise BadRowsError(
                f"the item property {name!r} differs from {before!r} in upper and lower case only; "
                f"use one spelling"
            )
        if known.get(name, kind) != kind:
            raise BadRowsError(
                f"the item property {name!r} is a {known[name]} in this graph, got it as a {kind}; "
                f"declare it as before, or under another name"
            )
        if name not in known:
            fresh[name] = kind
    return fresh


def types_of(frame: pl.DataFrame, *, but: Sequence[str]) -> dict[str, PropertyType]:
    """The properties among the columns of a frame of items.

    Args:
        frame: Items, with columns of the types of :data:`PROPERTY_DTYPES`.
        but: Columns that are no properties.
    """
    kinds = {dtype: kind for kind, dtype in PROPERTY_DTYPES.items()}
    return {name: kinds[dtype] for name, dtype in frame.schema.items() if name not in but}


def typed_conditions(
    conditions: Sequence[PropertyCondition], known: Mapping[str, PropertyType], *, where: str
) -> list[PropertyCondition]:
    """The conditions with values of the property's own type.

    Args:
        conditions: As a caller gave them; a number or a time may be written as text.
        known: The properties that the graph has.
        where: The graph's name, for messages.

    Raises:
        BadFilterError: There is no such property or operator, or a value is of another type.
    """
    typed = []
    for one in conditions:
        if one.name not in known:
            there = ", ".join(sorted(known)) or "none"
            raise BadFilterError(
                f"no item property {one.name!r} in {where}, there are: {there}; properties come "
                f"from `kgrec ingest --item-property NAME=COLUMN:TYPE`"
            )
        if one.operator not in _OPERATORS:
            raise BadFilterError(
                f"the operator of a condition on {one.name} must be one of "
                f"{' '.join(_OPERATORS)}, got {one.operator!r}"
            )
        kind = known[one.name]
        listed = one.value if not isinstance(one.value, float | int | str) else None
        if (listed is not None) != (one.operator == "in"):
            raise BadFilterError(
                f"a condition on {one.name} with {one.operator} takes "
                f"{'a list of values' if listed is None else 'one value'}, got {one.value!r}"
            )
        value: Value | tuple[Value, ...]
        if listed is None:
            value = _typed(one.name, kind, one.value)
        else:
            value = tuple(_typed(one.name, kind, part) for part in listed)
        typed.append(replace(one, value=value))
    return typed


def _typed(name: str, kind: PropertyType, value: object) -> Value:
    """One value of a condition as the graph holds it."""
    found: Value | None = None
    if kind is PropertyType.TEXT:
        found = value if isinstance(value, str) else None
    elif isinstance(value, bool):
        found = None
    elif kind is PropertyType.NUMBER:
        found = _number(value)
    else:
        found = value if isinstance(value, int) else _seconds(value)
    if found is None:
        expected = {
            PropertyType.TEXT: "a text",
            PropertyType.NUMBER: "a finite number",
            PropertyType.TIME: "a date such as 2023-01-05, a time such as 2023-01-05T18:30, or "
            "Unix seconds",
        }[kind]
        raise BadFilterError(f"the item property {name} is compared with {expected}, got {value!r}")
    return found


def _number(value: object) -> float | None:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _seconds(value: object) -> int | None:
    if not isinstance(value, str):
        return None
    written = value.strip()
    if re.fullmatch(r"-?[0-9]{9,11}", written):  # fewer digits are a year or a date
        return int(written)
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        return None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
