"""iALS factors that several baselines share, so that each is computed once in a benchmark.

In:   a matrix of likes and the settings of a factorisation.
Out:  item factors; the same request gives the factors that are already there.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.solvers.als import als_item_factors, fold_in

__all__ = ["AlsSettings", "FactorCache", "person_factors"]


@dataclass(frozen=True)
class AlsSettings:
    """Settings of one factorisation."""

    rank: int = 64
    regularization: float = 1.0
    alpha: float = 10.0
    iterations: int = 15


class FactorCache:
    """Keeps the last few factorisations; pass one to baselines that may share."""

    def __init__(self, size: int = 8) -> None:
        self.size = size
        self._kept: OrderedDict[tuple[str, AlsSettings, int], NDArray[np.float32]] = OrderedDict()

    def item_factors(
        self, likes: sp.csr_matrix, settings: AlsSettings, *, seed: int
    ) -> NDArray[np.float32]:
        """``[I, rank]`` item factors of ``likes [P, I]``."""
        digest = hashlib.sha256(str(likes.shape).encode())
        digest.update(np.ascontiguousarray(likes.indptr, dtype=np.int64).tobytes())
        digest.update(np.ascontiguousarray(likes.indices, dtype=np.int64).tobytes())
        key = (digest.hexdigest(), settings, seed)
        if key not in self._kept:
            self._kept[key] = als_item_factors(
                likes,
                rank=settings.rank,
                regularization=settings.regularization,
                alpha=settings.alpha,
                iterations=settings.iterations,
                seed=seed,
            )
            while len(self._kept) > self.size:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    def clear(self) -> None:
        """Forget everything: what is timed next must do its own work."""
        self._kept.clear()


def person_factors(
    histories: sp.csr_matrix, items: NDArray[np.float32], settings: AlsSettings
) -> NDArray[np.float32]:
    """``[B, rank]`` factors of people the factorisation need not have seen."""
    return fold_in(histories, items, regularization=settings.regularization, alpha=settings.alpha)
