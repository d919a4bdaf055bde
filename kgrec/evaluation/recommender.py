"""The one interface that kgrec itself and every baseline keep in the benchmark.

In:   a snapshot to learn from; then histories of people, known to it or not.
Out:  a score for every item of one domain.

All are inductive: at scoring time a person is what they are known to like, and no id. So a
person who was hidden and one who never existed are the same case.

Shapes: B people of a block   I items   I_d items of the scored domain
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph_store.snapshot import Snapshot

__all__ = ["OnProgress", "Recommender", "Scores", "ignore_progress"]

Scores: TypeAlias = NDArray[np.float32]

OnProgress: TypeAlias = Callable[[float, str], None]
"""Called with the share that is done (0 to 1) and a few words on what is being done."""


class Recommender(Protocol):
    """Learns from a snapshot and scores a domain's items for any histories."""

    name: str
    """As it stands in the tables."""

    def fit(
        self,
        train: Snapshot,
        *,
        seed: int = 0,
        domains: Sequence[int] | None = None,
        on_progress: OnProgress = ...,
    ) -> None:
        """Learn; the only randomness is that of ``seed``.

        Args:
            train: What may be known. Hidden rows are not in it.
            seed: Same seed, same scores.
            domains: The domains that will be scored; all of them where None.
            on_progress: Hears how far it is.
        """
        ...

    def score(self, histories: sp.csr_matrix, domain: int) -> Scores:
        """``[B, I_d]``, higher is better, columns as ``snapshot.items_of(domain)``.

        Args:
            histories: ``[B, I]`` ones where a person is known to like an item.
            domain: Whose items are scored.
        """
        ...


def ignore_progress(_share: float, _doing: str) -> None:
    """For callers who do not want to hear."""
