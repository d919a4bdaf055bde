"""How a list is put together from a ranking: its length and page, diversity, limits and minima.

In:   values as a caller gives them.
Out:  :class:`ListOptions`, checked. Nothing here arranges a list.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np

from kgrec.errors import InputError

__all__ = ["ListOptions"]


@dataclass(frozen=True)
class ListOptions:
    """Rules of one list; the default is the ``k`` best items.

    Raises:
        InputError: A value is of the wrong type or out of range.
    """

    k: int = 10
    """Length of a list, 1 or more."""
    page: int = 1
    """Which list of ``k`` items: 1 holds the best, 2 those that come next, and so on."""
    diversity: float = 0.0
    """From 0 to 1: weight of being unlike the items above, against the score."""
    max_per_tag: int | None = None
    """Largest number of items of a list with the same tag."""
    max_per_series: int | None = None
    """Largest number of items of a list from the same series, as titles tell it."""
    min_new: float = 0.0
    """From 0 to 1: smallest fraction of a list that is new."""
    new_since: int | None = None
    """Unix seconds: an item is new if nobody interacted with it before; None: if nobody did yet."""
    min_long_tail: float = 0.0
    """From 0 to 1: smallest fraction of a list from the long tail of popularity."""

    def __post_init__(self) -> None:
        for name in ("k", "page", "max_per_tag", "max_per_series"):
            value = getattr(self, name)
            if value is None and name.startswith("max"):
                continue
            if isinstance(value, bool) or not isinstance(value, int | np.integer):
                raise InputError(f"{name} must be a whole number, got {value!r}")
            if value < 1:
                raise InputError(f"{name} must be at least 1, got {value}")
        for name in ("diversity", "min_new", "min_long_tail"):
            value = getattr(self, name)
            number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
            if not number or not 0 <= value <= 1:
                raise InputError(f"{name} must be a number from 0 to 1, got {value!r}")
        since = self.new_since
        if since is None:
            return
        if isinstance(since, bool) or not isinstance(since, int | np.integer):
            raise InputError(f"new_since must be whole Unix seconds, got {since!r}")
        if not self.min_new:
            raise InputError("new_since says which items are new for min_new; give min_new as well")

    @property
    def keeps_ranking(self) -> bool:
        """Whether lists are the ranking itself, cut into pages."""
        return not (
            self.diversity
            or self.max_per_tag
            or self.max_per_series
            or self.min_new
            or self.min_long_tail
        )

    def required(self, fraction: float, place: int) -> int:
        """How many of the items up to ``place`` (from 0) a minimum of ``fraction`` asks for.

        They are spaced evenly, so that the best item stays first where it can.

        Example:
            >>> [ListOptions(k=4).required(0.5, place) for place in range(4)]
            [0, 1, 1, 2]
        """
        whole = ceil(fraction * self.k - 1e-9)
        return max(int(fraction * (place + 1) + 1e-9), whole - (self.k - place - 1))
