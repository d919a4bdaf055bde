"""Graph filters: nothing is learned, likes flow over the normalised graph of people and items.

In:   likes.  Out: a normalised matrix, and the leading spectrum of the graph.

:class:`GraphFilter` is GF-CF: one step over the graph plus an ideal low-pass filter; Shen et
al., "How powerful is graph convolution for recommendation?" (CIKM 2021). :class:`SVDFilter`
keeps the low-pass part alone, with tuned degree powers; a truncated SVD as in Cremonesi,
Koren and Turrin's PureSVD (RecSys 2010), of the normalised matrix. All products are sparse or
of narrow factors.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph_store.snapshot import Snapshot
from kgrec.evaluation.baselines.base import Baseline, columns_of
from kgrec.evaluation.baselines.factors import FactorCache
from kgrec.evaluation.recommender import OnProgress
from kgrec.solvers.spectrum import normalized

__all__ = ["GraphFilter", "SVDFilter"]


class SVDFilter(Baseline):
    """Histories projected on the leading singular vectors of the merged graph."""

    name = "SVD filter"
    trials: ClassVar = tuple(
        {"rank": rank, "read": read, "write": write}
        for rank in (128, 64, 256, 512)
        for read, write in ((0.5, 0.5), (0.5, 0.0), (0.25, 0.25), (0.5, 0.25))
    )

    def __init__(
        self,
        *,
        rank: int = 128,
        read: float = 0.5,
        write: float = 0.5,
        cache: FactorCache | None = None,
    ) -> None:
        self.rank = rank
        self._cache = cache or FactorCache(1)
        self.read = read
        """Power of a history item's degree by which it is divided."""
        self.write = write
        """Power of a target item's degree by which its score is multiplied."""

    def _learn(self, train: Snapshot, seed: int, on_progress: OnProgress) -> None:
        self._vectors, _ = self._cache.spectrum(self.log.liked, self.rank, seed=seed)
        degree = np.asarray(self.log.liked.sum(axis=0)).ravel()
        self._degree = np.maximum(degree, 1.0).astype(np.float32)

    def score(self, histories: sp.csr_matrix, domain: int) -> NDArray[np.float32]:
        """``(h / d^read) V V' d^write``."""
        self._check(domain)
        items = self.log.items_of(domain)
        read = self._vectors * (self._degree**-self.read)[:, None]
        write = self._vectors[items] * (self._degree[items] ** self.write)[:, None]
        return np.asarray((histories @ read) @ write.T, dtype=np.float32)


class GraphFilter(Baseline):
    """One step over the graph, and ``share`` of its low-pass part."""

    name = "graph filter (GF-CF)"
    trials: ClassVar = tuple(
        {"rank": rank, "share": share, "write": write}
        for rank in (128, 256)
        for share in (0.3, 0.0, 1.0)
        for write in (0.5, 0.25, 0.0)
    )

    def __init__(
        self,
        *,
        rank: int = 128,
        share: float = 0.3,
        write: float = 0.5,
        cache: FactorCache | None = None,
    ) -> None:
        self.share = share
        self._low_pass = SVDFilter(rank=rank, read=0.5, write=write, cache=cache)
        self.write = write

    def _learn(self, train: Snapshot, seed: int, on_progress: OnProgress) -> None:
        self._matrix = normalized(self.log.liked)
        degree = np.asarray(self.log.liked.sum(axis=0)).ravel()
        self._degree = np.maximum(degree, 1.0).astype(np.float32)
        self._columns = {
            domain: columns_of(self._matrix, self.log.items_of(domain)) for domain in self._targets
        }
        if self.share:
            self._low_pass.fit(train, seed=seed, domains=self._targets)

    def score(self, histories: sp.csr_matrix, domain: int) -> NDArray[np.float32]:
        """``(h D^-1/2) (R'R + share V V') D^write``, ``R`` the normalised matrix."""
        self._check(domain)
        read = (histories @ sp.diags(self._degree**-0.5)).tocsr()
        step = (read @ self._matrix.T) @ self._columns[domain]
        weight = self._degree[self.log.items_of(domain)] ** self.write
        scores: NDArray[np.float32] = np.asarray(step.toarray(), dtype=np.float32) * weight
        if self.share:
            scores += np.float32(self.share) * self._low_pass.score(histories, domain)
        return scores
