"""Finds names, and says what was probably meant where there is no such name.

In:   the sorted keys of a graph, and what somebody typed.
Out:  row numbers; or a :class:`kgrec.errors.NotFoundError` that names near matches.
"""

from __future__ import annotations

import difflib
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from kgrec.errors import NotFoundError

__all__ = ["KeyIndex", "near_names", "not_found", "unknown_user"]

_WINDOW = 5_000
"""In a longer list only this many names before and after the alphabetical place are compared."""


class KeyIndex:
    """Row numbers of keys.

    Example:
        >>> KeyIndex(np.array(["books:1", "books:2"])).find(["books:2", "films:9"]).tolist()
        [1, -1]
    """

    def __init__(self, keys: NDArray[np.str_]) -> None:
        self.keys = keys

    @cached_property
    def _number(self) -> dict[str, int]:
        return {key: number for number, key in enumerate(self.keys.tolist())}

    def find(self, keys: Iterable[str]) -> NDArray[np.int64]:
        """Row numbers, -1 where a key is unknown."""
        get = self._number.get
        return np.array([get(key, -1) for key in keys], dtype=np.int64)

    def number(self, key: str) -> int | None:
        """Row number of one key, or None."""
        return self._number.get(key)


def near_names(name: str, known: Sequence[str], *, count: int = 3) -> list[str]:
    """The names of sorted ``known`` that are most like ``name``, best first.

    Args:
        name: The name that was not found.
        known: All known names, sorted.
        count: Number of names to return at most.

    Example:
        >>> near_names("moveis", ["books", "movies", "music"])
        ['movies']
    """
    if len(known) > 2 * _WINDOW:
        at = bisect_left(known, name)
        known = known[max(0, at - _WINDOW) : at + _WINDOW]
    folded: dict[str, str] = {}
    for one in known:
        folded.setdefault(one.casefold(), one)
    matches = difflib.get_close_matches(name.casefold(), folded, n=count, cutoff=0.6)
    return [folded[match] for match in matches]


def not_found(what: str, name: str, known: Sequence[str], *, where: str) -> NotFoundError:
    """The error for a ``what`` (domain, tag) called ``name`` that is not there.

    Args:
        what: Kind of thing, e.g. ``domain`` or ``tag``.
        name: The name that was not found.
        known: All known names, sorted.
        where: Place that was searched, e.g. ``this run``.
    """
    near = near_names(name, known)
    if near:
        advice = f"did you mean {' or '.join(repr(one) for one in near)}?"
    else:
        advice = f"there are {_listed(known)}"
    return NotFoundError(f"no {what} {name!r} in {where}; {advice}", name=name)


def unknown_user(key: str, *, where: str) -> NotFoundError:
    """The error for a user that is not there; it never names another user."""
    return NotFoundError(
        f"no user {key!r} in {where}; check the id, or give a history or a text instead for "
        f"somebody new",
        name=key,
    )


def _listed(known: Sequence[str], most: int = 5) -> str:
    if not known:
        return "none"
    shown = ", ".join(repr(one) for one in known[:most])
    return shown + (f" and {len(known) - most:,} more" if len(known) > most else "")
