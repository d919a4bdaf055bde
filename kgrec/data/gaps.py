"""What interactions lack so that little can be learned from them, in sentences.

In:   interactions and the names of their domains.
Out:  warnings; none where every domain has likes and overlapping users.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from kgrec.data.interactions import Interactions

__all__ = ["gaps"]


def gaps(data: Interactions, domains: Sequence[str] | NDArray[np.str_]) -> list[str]:
    """One sentence on domains without likes, and one on domains without overlapping users.

    Args:
        data: What a model will learn from.
        domains: Name of each domain, by its number.
    """
    liked = np.asarray(data.active.any(axis=0))  # [D]
    overlapping = data.active[data.active.sum(axis=1) > 1]
    linked = np.asarray(overlapping.any(axis=0))  # [D]
    found = []
    if not liked.all():
        found.append(
            f"nobody likes anything in {_names(domains, ~liked)} (no weight there is "
            f"{data.positive_weight:g} or more), so recommendations there rest on texts alone; "
            f"lower positive_weight, or ingest more"
        )
    if liked.sum() > 1 and not linked[liked].all():
        found.append(
            f"no user who likes items in {_names(domains, liked & ~linked)} likes items in another "
            f"domain, so recommendations to or from there rest on texts alone; if the logs have "
            f"users in common, ingest them with the same user ids or with --links"
        )
    return found


def _names(
    domains: Sequence[str] | NDArray[np.str_], chosen: NDArray[np.bool_], most: int = 5
) -> str:
    """``a, b and 3 more``."""
    names = [str(domains[int(number)]) for number in np.flatnonzero(chosen)]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
