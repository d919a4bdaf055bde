"""Lists that were written as text: ``['Drama', 'Comedy']``, ``["Drama"]``, NumPy's ``['a' 'b']``.

In:   one text, or a series of texts or of lists of texts.
Out:  its parts where the whole text is a list of texts and numbers; otherwise it stands as it is.

Tuples and sets count as lists; the parts of a set are sorted, since a set has no order. Tables
are often written so by a program that held lists (``to_csv`` of pandas).
"""

from __future__ import annotations

import ast
import io
import json
import re
import tokenize
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import polars as pl

__all__ = ["ReadLists", "read_lists", "read_text_list"]

_UNREADABLE = (
    ValueError, SyntaxError, TypeError, MemoryError, RecursionError, tokenize.TokenError
)  # fmt: skip
_SUSPECT = r"(?s)^\s*[\[({].*[\])}]\s*$"
_LIKE_A_LIST = re.compile(r"\s*[\[{].*[,'\"].*[\]}]\s*", re.DOTALL)
_TEXTS_APART = re.compile(r"""['"]\s+['"]""")


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


class ReadLists(NamedTuple):
    """What was found in a series."""

    lists: pl.Series
    """Lists of texts where values are written so, null elsewhere."""
    found: int
    """How many there are."""
    unread: int
    """Values in brackets with commas or quotes that could not be read as lists."""


def read_lists(values: pl.Series) -> ReadLists:
    """Read the values of a series that are lists written as text.

    Args:
        values: Texts, or lists of texts of which some may be written lists.
    """
    if values.dtype == pl.String:
        suspect = values.str.contains(_SUSPECT)
    else:
        suspect = values.list.eval(pl.element().str.contains(_SUSPECT)).list.any()
    found: list[list[str] | None] = [None] * len(values)
    count = unread = 0
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
        else:
            unread += any(_LIKE_A_LIST.fullmatch(text) for text in texts)
    return ReadLists(pl.Series(values.name, found, dtype=pl.List(pl.String)), count, unread)


def _parts(value: Any) -> list[str]:
    """The texts of a list, however nested."""
    if isinstance(value, set):
        return sorted(_parts(list(value)))
    if not isinstance(value, list | tuple):
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
    """A Python literal; NaN in it is nothing.

    Texts with nothing but a space between are two, as NumPy prints them.
    """
    if not _TEXTS_APART.search(text):
        try:
            return ast.literal_eval(text.strip())
        except ValueError:  # a name such as nan
            pass
    tokens = [
        token
        for token in tokenize.generate_tokens(io.StringIO(text.strip()).readline)
        if token.type in (tokenize.STRING, tokenize.NUMBER, tokenize.OP, tokenize.NAME)
    ]
    pieces = [tokens[0].string]
    for before, token in pairwise(tokens):
        if before.type == token.type == tokenize.STRING and before.end != token.start:
            pieces.append(",")
        pieces.append("None" if token.string.lower() == "nan" else token.string)
    return ast.literal_eval(" ".join(pieces))
