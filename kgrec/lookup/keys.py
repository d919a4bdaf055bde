"""Turns what a Python caller gives as a key into the text that the graph keeps.

In:   text and whole numbers; lists, arrays and columns of them.
Out:  keys as text, or one clear error. Nothing here knows whether such a key exists.

The rule is that of ``kgrec ingest``, where the number 3 and the whole float 3.0 both become
``"3"`` and what is no whole number (NaN, 1.5, a missing value) names nobody.
"""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np

from kgrec.errors import InputError

__all__ = ["GivenHistory", "Key", "Keys", "key_of", "keys_of"]

Key = str | int | float | np.integer[Any] | np.floating[Any]
"""A key as text, or a whole number that stands for its digits."""
Keys = Iterable[Key]
"""A list, an array, or a column of polars or pandas."""


@dataclass(frozen=True)
class GivenHistory:
    """Events of one user in the order given; where times are known, they decide."""

    items: Sequence[str]
    """Item keys, or titles that only one item has."""
    times: Sequence[int | None] | None = None
    """Unix seconds of each event; None where unknown."""
    kinds: Sequence[str | None] | None = None
    """Kind of each event, such as ``view``."""

    def __post_init__(self) -> None:
        for name, values in (("times", self.times), ("kinds", self.kinds)):
            if values is not None and len(values) != len(self.items):
                raise InputError(
                    f"a history of {len(self.items)} items needs as many {name}, got {len(values)}"
                )


def key_of(value: object, what: str) -> str:
    """One key as text; ``what`` names the argument in the error.

    Raises:
        InputError: Neither text nor a whole number.

    Example:
        >>> key_of("u3", "user"), key_of(3, "user"), key_of(3.0, "user")
        ('u3', '3', '3')
    """
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Real) and not isinstance(value, bool):
        if isinstance(value, Integral):
            return str(int(value))
        if _is_exact(value):
            return str(int(float(value)))
        raise InputError(f"{what} must be a text or a whole number, got {value}")
    raise InputError(
        f"{what} must be a text or a whole number, "
        f"got {reprlib.repr(value)} of type {type(value).__name__}"
    )


def _is_exact(value: Real) -> bool:
    """Whether a float is a whole number, and not so large that others are the same float."""
    digits = np.finfo(type(value) if isinstance(value, np.floating) else np.float64).nmant
    return float(value).is_integer() and abs(float(value)) < 2 ** (digits + 1)


def keys_of(values: object, what: str) -> list[str]:
    """Many keys as text, in their order; ``what`` names the argument in the error.

    Raises:
        InputError: No list, array or column, or a value of it is no key.

    Example:
        >>> keys_of(np.array([3, 7]), "users")
        ['3', '7']
    """
    if isinstance(values, str | bytes):
        kind = "text" if isinstance(values, str) else "bytes"
        raise InputError(f"{what} must be a list of keys, got the {kind} {reprlib.repr(values)}")
    table = isinstance(values, Mapping) or hasattr(values, "columns")
    if table or not isinstance(values, Iterable):
        hint = "give one column of it" if table else "put it into a list"
        raise InputError(f"{what} must be a list of keys, got {type(values).__name__}; {hint}")
    listed = values.tolist() if isinstance(values, np.ndarray) else values
    if not isinstance(listed, Iterable):  # an array without a dimension
        listed = [listed]
    return [
        one if type(one) is str else key_of(one, f"{what}[{place}]")
        for place, one in enumerate(listed)
    ]
