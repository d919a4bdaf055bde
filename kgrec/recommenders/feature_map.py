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
from pydantic import PositiveFloat, PositiveInt

from kgrec.data.histories import Histories
from kgrec.recommenders.base import BaseRecommender, OnProgress, Scores, with_offset
from kgrec.recommenders.factors import AlsSettings, both_sides, user_factors
from kgrec.solvers.ridge import ridge
from kgrec.solvers.spectrum import item_spectrum, normalized
from kgrec.solvers.whitening import whitened

__all__ = ["FeatureMap", "FeatureMapSettings"]

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


class FeatureMapSettings(AlsSettings):
    """Settings of :class:`FeatureMap`."""

    rank: PositiveInt = 128
    """Number of factors."""
    kernel: Literal["linear", "gaussian"] = "gaussian"
    """Whether the map reads features as they are or random Fourier features of them."""
    strength: PositiveFloat = 300.0
    """Ridge strength of the map."""
    spectrum_rank: PositiveInt = 256
    """Singular vectors of the merged graph among the features."""


class FeatureMap(BaseRecommender[FeatureMapSettings]):
    """Ridge from wide features of the source side to iALS factors of the target side."""

    settings_class: ClassVar = FeatureMapSettings
    reads_text = True
    trials: ClassVar = tuple(
        {"strength": strength, "rank": rank, "regularization": regularization, "alpha": alpha}
        for rank, regularization, alpha in ((128, 1.0, 10.0), (64, 1.0, 10.0), (128, 10.0, 40.0))
        for strength in (300.0, 1000.0, 3000.0, 10000.0)
    )

    @property
    def name(self) -> str:  # type: ignore[override]
        """Says which features the map reads."""
        return "kernel map" if self.settings.kernel == "gaussian" else "ridge map (wide)"

    def _fit(self, seed: int, on_progress: OnProgress) -> None:
        self._channels = self._item_channels(seed)
        self._sides: dict[int, _Side] = {}
        for done, domain in enumerate(self.targets):
            on_progress(done / len(self.targets), "mapping features")
            self._sides[domain] = self._side(domain, seed)

    def _item_channels(self, seed: int) -> list[NDArray[np.float32]]:
        """What is pooled over a history: ``[I, *]`` each."""
        likes, rank = self.data.liked, self.settings.spectrum_rank
        vectors, values = item_spectrum(likes, rank=rank, seed=seed)
        degree = np.maximum(np.asarray(likes.sum(axis=0)).ravel(), 1.0)
        channels = [(vectors * values / np.sqrt(degree)[:, None]).astype(np.float32)]
        if self.data.item_text is not None:
            text = whitened(self.data.item_text, width=_TEXT_WIDTH)
            graph = normalized(likes)
            smooth = np.asarray(graph.T @ (graph @ text), dtype=np.float32)
            channels += [smooth / (np.linalg.norm(smooth, axis=1, keepdims=True) + 1e-9), text]
        return channels

    def _side(self, domain: int, seed: int) -> _Side:
        sides = both_sides(self.data, domain, self.settings, seed=seed)
        both, source, target = sides.people, sides.source, sides.target
        features = self._features(sides.source_likes[both], source)
        mean = features.mean(axis=0) if len(both) else np.zeros(features.shape[1], np.float32)
        spread = features.std(axis=0) + 1e-6 if len(both) else np.ones_like(mean)
        rng = np.random.default_rng(seed)
        waves = np.zeros((features.shape[1], 0), np.float32)
        if self.settings.kernel == "gaussian":
            # Width of the kernel: the usual distance of two standardised people.
            waves = rng.standard_normal((features.shape[1], _WAVES)).astype(np.float32)
            waves /= np.float32(np.sqrt(2 * features.shape[1]))
        phase = rng.uniform(0, 2 * np.pi, waves.shape[1]).astype(np.float32)
        side = _Side(source, target, mean, spread, waves, phase, np.zeros((0, 0), np.float32))
        lifted = _lift(features, side)
        mapping = np.zeros((lifted.shape[1], target.shape[1]), np.float32)
        if len(both):
            wanted = user_factors(sides.target_likes[both], target, self.settings)
            mapping = ridge(lifted, wanted, strength=self.settings.strength)
        return _Side(source, target, mean, spread, waves, phase, mapping)

    def _features(
        self, histories: sp.csr_matrix, source: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        lengths = np.diff(histories.indptr)
        parts = [user_factors(histories, source, self.settings)]
        parts += [_pooled(histories @ channel, lengths) for channel in self._channels]
        return np.hstack(parts).astype(np.float32)

    def score(self, users: Histories, domain: int) -> Scores:
        """Mapped features times target item factors; target history is not used."""
        self._require_fitted(domain)
        side = self._sides[domain]
        source = self.data.outside(users.items, domain)
        source.eliminate_zeros()
        lifted = _lift(self._features(source, side.source), side)
        return np.asarray(lifted @ side.map @ side.target.T, dtype=np.float32)


def _pooled(total: NDArray[np.float32], lengths: NDArray[np.integer]) -> NDArray[np.float32]:
    """Sums over histories, divided by the root of their lengths."""
    return np.asarray(total / np.sqrt(np.maximum(lengths, 1))[:, None], dtype=np.float32)


def _lift(features: NDArray[np.float32], side: _Side) -> NDArray[np.float32]:
    standard = (features - side.mean) / side.spread
    if not side.waves.shape[1]:
        return with_offset(standard.astype(np.float32))
    # The factor gives lifted people a length near that of their linear features.
    waves = np.cos(standard @ side.waves + side.phase) * np.sqrt(2 * features.shape[1] / _WAVES)
    return with_offset(waves.astype(np.float32))
