"""Puts a list together from a ranking: diversity, limits a group, minima of new and rare items.

In:   candidates in the order of their scores, and :class:`Rules`.
Out:  which of them make up a page, in order; or that more candidates are needed to tell.

A page is filled from the top, one place after another. At each place the best candidates that the
limits allow are compared, and of these the one is taken whose score, less its likeness to what
stands above on the page, is highest: maximal marginal relevance (Carbonell and Goldstein, SIGIR
1998). A page holds what the pages before it do not, and depends on nothing that comes after it,
so pages are the same however many are asked for. Nothing here scores.

Shapes: N candidates   G groups of a limit   I items
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.lookup.diversity import Likeness
from kgrec.lookup.list_options import ListOptions

__all__ = ["WINDOW", "Limit", "Minimum", "Rules", "arrange"]

WINDOW = 100
"""Number of candidates that compete for a place where lists are diverse."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Limit:
    """At most so many items of a page in each group."""

    groups: sp.csr_matrix
    """``[I, G]`` one where an item is in a group."""
    most: int


@dataclass(frozen=True)
class Minimum:
    """At least this fraction of a page from some items."""

    items: Mask
    """``[I]``."""
    fraction: float


@dataclass(frozen=True)
class Rules:
    """What a page keeps to."""

    options: ListOptions
    likeness: Likeness | None = None
    """Needed where ``options.diversity`` is above 0."""
    limits: Sequence[Limit] = ()
    minima: Sequence[Minimum] = ()


def arrange(
    items: NDArray[np.int64], relevance: NDArray[np.float32], rules: Rules, *, complete: bool
) -> list[int] | None:
    """Places in ``items`` of the page that is asked for, in order.

    Args:
        items: ``[N]`` numbers of candidates, best first.
        relevance: ``[N]`` descending, about 1 for the best and 0 for a weak one.
        rules: What the page keeps to.
        complete: Whether no other candidates exist.

    Returns:
        The places, fewer than ``k`` where no more items keep to the limits; None where candidates
        below those given could be on the page.
    """
    arranging = _Arranging(items, relevance, rules, complete)
    page: list[int] | None = []
    for _ in range(rules.options.page):
        page = arranging.next_page()
        if page is None:
            return None
    return page


class _Arranging:
    """One ranking, from which page after page is taken."""

    def __init__(
        self,
        items: NDArray[np.int64],
        relevance: NDArray[np.float32],
        rules: Rules,
        complete: bool,
    ) -> None:
        self._items, self._relevance, self._rules = items, relevance, rules
        self._complete = complete
        self._left = np.ones(len(items), dtype=np.bool_)
        self._groups = [limit.groups[items] for limit in rules.limits]
        self._wanted = [minimum.items[items] for minimum in rules.minima]
        self._window = WINDOW if rules.options.diversity else 1

    def next_page(self) -> list[int] | None:
        """The next ``k`` places, or None where more candidates are needed."""
        options = self._rules.options
        allowed = self._left.copy()
        counts = [np.zeros(groups.shape[1]) for groups in self._groups]
        alike = np.zeros(len(self._items), np.float32)
        page: list[int] = []
        for place in range(options.k):
            found = self._candidates(allowed, page, place)
            if found is None:
                return None
            if not len(found):
                break
            gain = (1 - options.diversity) * self._relevance[found]
            best = int(found[np.argmax(gain - options.diversity * alike[found])])
            page.append(best)
            self._left[best] = allowed[best] = False
            self._limit(allowed, counts, best)
            if self._rules.likeness is not None and options.diversity:
                one = int(self._items[best])
                alike = np.maximum(alike, self._rules.likeness.to_one(self._items, one))
        return page

    def _limit(self, allowed: Mask, counts: list[NDArray[np.float64]], taken: int) -> None:
        """Take from ``allowed`` what would exceed a limit now that ``taken`` is on the page."""
        for limit, groups, count in zip(self._rules.limits, self._groups, counts, strict=True):
            count[groups[taken].indices] += 1
            full = count >= limit.most
            if full.any():
                allowed &= groups @ full == 0

    def _candidates(self, allowed: Mask, page: list[int], place: int) -> NDArray[np.int64] | None:
        """The best candidates for a place; those of a minimum first where it must be met now."""
        options = self._rules.options
        needed = [
            wanted
            for wanted, minimum in zip(self._wanted, self._rules.minima, strict=True)
            if wanted[page].sum() < options.required(minimum.fraction, place)
        ]
        choices = [np.logical_and.reduce([allowed, *needed])] if needed else []
        choices += [allowed & wanted for wanted in needed] if len(needed) > 1 else []
        for mask in (*choices, allowed):
            found = np.flatnonzero(mask)[: self._window]
            if len(found) < self._window and not self._complete:
                return None
            if len(found):
                return found
        return np.zeros(0, np.int64)
