"""A map in closed form from all that is known of a person to their target factors.

In:   likes, and texts where there are any.
Out:  a ridge map, linear or over random Fourier features of a Gaussian kernel.

Features of a person: iALS factors of their source history; the spectrum of the merged graph,
pooled over it; its texts, smoothed over the graph and as they are. The idea is EMCDR's (Man
et al., IJCAI 2017) with wide features; the kernel is approximated after Rahimi and Recht,
"Random features for large-scale kernel machines" (NeurIPS 2007), so nothing is quadratic in
people.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph_store.snapshot import Snapshot
from kgrec.evaluation.baselines.base import Baseline, with_offset
from kgrec.evaluation.baselines.factors import (
    AlsSettings,
    FactorCache,
    both_sides,
    person_factors,
)
from kgrec.evaluation.recommender import OnProgress
from kgrec.evaluation.text_vectors import TextVectors, has_text, pooled
from kgrec.solvers.ridge import ridge
from kgrec.solvers.spectrum import normalized
from kgrec.solvers.whitening import whitened

__all__ = ["FeatureMap"]

_WAVES = 2048
_TEXT_WIDTH = 128


@dataclass(frozen=True)
class _Side:
    source: NDArray[np.float32]  # [I, R] source factors
    target: NDArray[np.float32]  # [I_d, R] target factors
    mean: NDArray[np.float32]  # [F] of the training people's features
    spread: NDArray[np.float32]  # [F]
    waves: NDArray[np.float32]  # [F, _WAVES], or empty for the linear map
    phase: NDArray[np.float32]  # [_WAVES]
    map: NDArray[np.float32]  # [F or _WAVES + 1, R]


class FeatureMap(Baseline):
    """Ridge from wide features of the source side to iALS factors of the target side."""

    trials: ClassVar = tuple(
        {"strength": strength, "rank": rank, "regularization": regularization, "alpha": alpha}
        for rank, regularization, alpha in ((128, 1.0, 10.0), (64, 1.0, 10.0), (128, 10.0, 40.0))
        for strength in (300.0, 1000.0, 3000.0, 10000.0)
    )

    def __init__(
        self,
        *,
        kernel: Literal["linear", "gaussian"] = "gaussian",
        rank: int = 128,
        regularization: float = 1.0,
        alpha: float = 10.0,
        strength: float = 300.0,
        spectrum_rank: int = 256,
        cache: FactorCache | None = None,
        texts: TextVectors | None = None,
    ) -> None:
        self.kernel = kernel
        self.name = "kernel map" if kernel == "gaussian" else "ridge map (wide)"
        self.settings = AlsSettings(rank, regularization, alpha)
        self.strength = strength
        self.spectrum_rank = spectrum_rank
        self._cache = cache or FactorCache(3)
        self._texts = texts or TextVectors()

    def _learn(self, train: Snapshot, seed: int, on_progress: OnProgress) -> None:
        self._channels = self._item_channels(train, seed)
        self._sides: dict[int, _Side] = {}
        for done, domain in enumerate(self._targets):
            on_progress(done / len(self._targets), "mapping features")
            self._sides[domain] = self._side(domain, seed)

    def _item_channels(self, train: Snapshot, seed: int) -> list[NDArray[np.float32]]:
        """What is pooled over a history: ``[I, *]`` each."""
        vectors, values = self._cache.spectrum(self.log.liked, self.spectrum_rank, seed=seed)
        degree = np.maximum(np.asarray(self.log.liked.sum(axis=0)).ravel(), 1.0)
        channels = [(vectors * values / np.sqrt(degree)[:, None]).astype(np.float32)]
        if has_text(train):
            text = whitened(self._texts.of(train), width=_TEXT_WIDTH)
            graph = normalized(self.log.liked)
            smooth = np.asarray(graph.T @ (graph @ text), dtype=np.float32)
            channels += [smooth / (np.linalg.norm(smooth, axis=1, keepdims=True) + 1e-9), text]
        return channels

    def _side(self, domain: int, seed: int) -> _Side:
        sides = both_sides(self.log, domain, self.settings, self._cache, seed=seed)
        both, source, target = sides.people, sides.source, sides.target
        features = self._features(sides.source_likes[both], source)
        mean = features.mean(axis=0) if len(both) else np.zeros(features.shape[1], np.float32)
        spread = features.std(axis=0) + 1e-6 if len(both) else np.ones_like(mean)
        rng = np.random.default_rng(seed)
        waves = np.zeros((features.shape[1], 0), np.float32)
        if self.kernel == "gaussian":
            # Width of the kernel: the usual distance of two standardised people.
            waves = rng.standard_normal((features.shape[1], _WAVES)).astype(np.float32)
            waves /= np.float32(np.sqrt(2 * features.shape[1]))
        phase = rng.uniform(0, 2 * np.pi, waves.shape[1]).astype(np.float32)
        side = _Side(source, target, mean, spread, waves, phase, np.zeros((0, 0), np.float32))
        lifted = _lift(features, side)
        mapping = np.zeros((lifted.shape[1], target.shape[1]), np.float32)
        if len(both):
            wanted = person_factors(sides.target_likes[both], target, self.settings)
            mapping = ridge(lifted, wanted, strength=self.strength)
        return _Side(source, target, mean, spread, waves, phase, mapping)

    def _features(
        self, histories: sp.csr_matrix, source: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        lengths = np.diff(histories.indptr)
        parts = [person_factors(histories, source, self.settings)]
        parts += [pooled(histories @ channel, lengths) for channel in self._channels]
        return np.hstack(parts).astype(np.float32)

    def score(self, histories: sp.csr_matrix, domain: int) -> NDArray[np.float32]:
        """Mapped features times target item factors; target history is not used."""
        self._check(domain)
        side = self._sides[domain]
        source = self.log.outside(histories, domain)
        source.eliminate_zeros()
        lifted = _lift(self._features(source, side.source), side)
        return np.asarray(lifted @ side.map @ side.target.T, dtype=np.float32)


def _lift(features: NDArray[np.float32], side: _Side) -> NDArray[np.float32]:
    standard = (features - side.mean) / side.spread
    if not side.waves.shape[1]:
        return with_offset(standard.astype(np.float32))
    # The factor gives lifted people a length near that of their linear features.
    waves = np.cos(standard @ side.waves + side.phase) * np.sqrt(2 * features.shape[1] / _WAVES)
    return with_offset(waves.astype(np.float32))
