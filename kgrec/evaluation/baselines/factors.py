"""Factors and spectra that several baselines share, so that each is computed once in a benchmark.

In:   a matrix of likes and the settings of a factorisation.
Out:  item factors; the same request gives those that are already there.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.data.interactions import Interactions
from kgrec.evaluation.baselines.base import columns_of
from kgrec.solvers.als import als_item_factors, fold_in
from kgrec.solvers.spectrum import item_spectrum

__all__ = ["AlsSettings", "BothSides", "FactorCache", "both_sides", "person_factors"]


@dataclass(frozen=True)
class AlsSettings:
    """Settings of one factorisation."""

    rank: int = 64
    regularization: float = 1.0
    alpha: float = 10.0


_Arrays: TypeAlias = tuple[NDArray[np.float32], ...]


class FactorCache:
    """Keeps the last few factorisations; pass one to baselines that may share."""

    def __init__(self, size: int = 8) -> None:
        self.size = size
        self._kept: OrderedDict[tuple[str, AlsSettings | int, int], _Arrays] = OrderedDict()

    def item_factors(
        self, likes: sp.csr_matrix, settings: AlsSettings, *, seed: int
    ) -> NDArray[np.float32]:
        """``[I, rank]`` item factors of ``likes [P, I]``."""
        (items,) = self._get(
            (_digest(likes), settings, seed),
            lambda: (
                als_item_factors(
                    likes,
                    rank=settings.rank,
                    regularization=settings.regularization,
                    alpha=settings.alpha,
                    seed=seed,
                ),
            ),
        )
        return items

    def spectrum(
        self, likes: sp.csr_matrix, rank: int, *, seed: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Item vectors ``[I, rank]`` and values ``[rank]`` of the normalised ``likes``.

        A smaller rank is not cut out of a larger one: what a model gets must not depend on
        what was asked for before.
        """
        vectors, values = self._get(
            (_digest(likes), rank, seed), lambda: item_spectrum(likes, rank=rank, seed=seed)
        )
        return vectors, values

    def _get(
        self, key: tuple[str, AlsSettings | int, int], compute: Callable[[], _Arrays]
    ) -> _Arrays:
        if key not in self._kept:
            self._kept[key] = compute()
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


@dataclass(frozen=True)
class BothSides:
    """What a map from all other domains to a target is learned from."""

    people: NDArray[np.int64]
    """``[N]`` who are active on both sides."""
    source_likes: sp.csr_matrix
    """``[P, I]`` without the target's."""
    target_likes: sp.csr_matrix
    """``[P, I_d]``"""
    source: NDArray[np.float32]
    """``[I, R]`` factors, zero rows in the target domain."""
    target: NDArray[np.float32]
    """``[I_d, R]`` factors."""


def both_sides(
    log: Interactions, domain: int, settings: AlsSettings, cache: FactorCache, *, seed: int
) -> BothSides:
    """iALS of all other domains together, and of ``domain``."""
    source_likes = log.outside(log.liked, domain)
    source_likes.eliminate_zeros()
    target_likes = columns_of(log.liked, log.items_of(domain))
    return BothSides(
        people=log.overlapping(domain),
        source_likes=source_likes,
        target_likes=target_likes,
        source=cache.item_factors(source_likes, settings, seed=seed),
        target=cache.item_factors(target_likes, settings, seed=seed),
    )


def _digest(likes: sp.csr_matrix) -> str:
    digest = hashlib.sha256(str(likes.shape).encode())
    digest.update(np.ascontiguousarray(likes.indptr, dtype=np.int64).tobytes())
    digest.update(np.ascontiguousarray(likes.indices, dtype=np.int64).tobytes())
    return digest.hexdigest()
