"""Lists that were written as text: ``['Drama', 'Comedy']``, ``["Drama"]``, NumPy's ``['a' 'b']``.

In:   one text, or a series of texts or of lists of texts.
Out:  its parts where the whole text is a list of texts and numbers; otherwise it stands as it is.

Tables are often written so by a program that held lists (``to_csv`` of pandas).
"""

from __future__ import annotations

import ast
import io
import json
import tokenize
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import polars as pl

__all__ = ["read_lists", "read_text_list"]

_UNREADABLE = (
    ValueError, SyntaxError, TypeError, MemoryError, RecursionError, tokenize.TokenError
)  # fmt: skip
_SUSPECT = r"(?s)^\s*\[.*\]\s*$"


def read_text_list(text: str) -> list[str] | None:
    """The parts of a list written as JSON or Python; None if the text is anything else.

    Example:
        >>> read_text_list("['Drama', 'Comedy']"), read_text_list("[Unfinished] Tales")
        (['Drama', 'Comedy'], None)
    """
    readers: tuple[Callable[[str], Any], ...] = (json.loads, _python)
    for read in readers:
        try:
            parts = _parts(read(text))
        except _UNREADABLE:
            continue
        return parts
    return None


def read_lists(values: pl.Series) -> tuple[pl.Series, int]:
    """Lists of texts where values are written so, null elsewhere; and how many there are.

    Args:
        values: Texts, or lists of texts of which some may be written lists.
    """
    if values.dtype == pl.String:
        suspect = values.str.contains(_SUSPECT)
    else:
        suspect = values.list.eval(pl.element().str.contains(_SUSPECT)).list.any()
    found: list[list[str] | None] = [None] * len(values)
    count = 0
    for place in suspect.fill_null(value=False).arg_true().to_list():
        value = values[place]
        texts = [value] if isinstance(value, str) else value.drop_nulls().to_list()
        read = [read_text_list(text) for text in texts]
        if any(parts is not None for parts in read):
            count += 1
            found[place] = [
                part
                for text, parts in zip(texts, read, strict=True)
                for part in ([text] if parts is None else parts)
            ]
    return pl.Series(values.name, found, dtype=pl.List(pl.String)), count


def _parts(value: Any) -> list[str]:
    """The texts of a list, however nested."""
    if not isinstance(value, list):
        raise TypeError(type(value).__name__)
    parts: list[str] = []
    for part in value:
        if isinstance(part, str):
            parts.append(part)
        elif isinstance(part, int) and not isinstance(part, bool):
            parts.append(str(part))
        elif part is not None:
            parts += _parts(part)
    return parts


def _python(text: str) -> Any:
    """A Python literal; texts with nothing but a space between are two, as NumPy prints them."""
    tokens = [
        token
        for token in tokenize.generate_tokens(io.StringIO(text.strip()).readline)
        if token.type in (tokenize.STRING, tokenize.NUMBER, tokenize.OP, tokenize.NAME)
    ]
    pieces = [tokens[0].string]
    for before, token in pairwise(tokens):
        if before.type == token.type == tokenize.STRING and before.end != token.start:
            pieces.append(",")
        pieces.append(token.string)
    return ast.literal_eval(" ".join(pieces))
