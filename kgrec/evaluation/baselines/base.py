"""What baselines share: they read a snapshot once and remember its likes.

In:   a training snapshot.
Out:  ``self.log`` and checks of what is scored.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph_store.snapshot import Snapshot
from kgrec.data.interactions import Interactions
from kgrec.errors import InputError
from kgrec.evaluation.recommender import OnProgress, ignore_progress

__all__ = ["Baseline", "columns_of", "with_offset"]


class Baseline:
    """Keeps the :class:`~kgrec.evaluation.recommender.Recommender` interface.

    A subclass sets ``name``, offers ``trials`` and writes ``_learn`` and ``score``.
    """

    name: str = "baseline"
    trials: ClassVar[tuple[dict[str, Any], ...]] = ({},)
    """Settings that tuning tries on validation people: at most 20, the first is the default."""

    log: Interactions

    def fit(
        self,
        train: Snapshot,
        *,
        seed: int = 0,
        domains: Sequence[int] | None = None,
        on_progress: OnProgress = ignore_progress,
    ) -> None:
        """Learn from ``train``; see :class:`~kgrec.evaluation.recommender.Recommender`."""
        self.log = Interactions.of(train)
        self._targets = list(range(self.log.num_domains)) if domains is None else list(domains)
        self._learn(train, seed, on_progress)
        on_progress(1.0, self.name)

    def _learn(self, train: Snapshot, seed: int, on_progress: OnProgress) -> None:
        raise NotImplementedError

    def score(self, histories: sp.csr_matrix, domain: int) -> NDArray[np.float32]:
        """``[B, I_d]`` scores of one domain's items."""
        raise NotImplementedError

    def _check(self, domain: int) -> None:
        if domain not in self._targets:
            raise InputError(
                f"{self.name} was fitted for domains {self._targets}, not for {domain}; "
                f"name it in fit(domains=...)"
            )


def columns_of(matrix: sp.csr_matrix, items: NDArray[np.int64]) -> sp.csr_matrix:
    """Some columns of a matrix, in the order given."""
    chosen: sp.csr_matrix = matrix.tocsc()[:, items].tocsr()
    chosen.sort_indices()
    return chosen


def with_offset(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """``[N, F + 1]``: the same with a column of ones."""
    return np.hstack([features, np.ones((len(features), 1), np.float32)])
