"""Which items belong to one series, as their titles tell it.

In:   titles.
Out:  a number for each item, the same for items of one series.

A series is what stands in a title before a colon, a dash, a bracket, a number or a word such as
``Movie`` or ``Season``: ``Dragon Ball Z Movie 11`` and ``Dragon Ball Z: Bio-Broly`` are of one
series. Items without a title, or whose title begins with such a sign, are each their own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["series_name", "series_of"]

_WORDS = (
    "movie|film|season|series|part|volume|vol|episode|chapter|book|ova|tv|special|specials|"
    "the movie|the film"
)
_END = re.compile(
    rf"\s*(?:[:;(\[{{/|]|\s[-–—~]\s|\bno\.\s|#|\s(?:{_WORDS})\b|\s[0-9]+|\s[ivx]+\b(?!\w)).*",
    re.DOTALL,
)


def series_name(title: str) -> str:
    """The part of a title that names its series, in lower case; empty where there is none.

    Example:
        >>> series_name("Dragon Ball Z Movie 11"), series_name("Dragon Ball Z: Bio-Broly")
        ('dragon ball z', 'dragon ball z')
    """
    folded = " ".join(title.casefold().split())
    return _END.sub("", folded).strip(" ,.!?-")


def series_of(titles: Sequence[str | None]) -> NDArray[np.int64]:
    """``[I]`` number of each item's series.

    Args:
        titles: ``[I]`` titles, None where there is none.
    """
    number: dict[str, int] = {}
    found = np.empty(len(titles), dtype=np.int64)
    alone = len(titles)
    for at, title in enumerate(titles):
        name = series_name(title or "")
        found[at] = number.setdefault(name, len(number)) if name else alone + at
    return found
