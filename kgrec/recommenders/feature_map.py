"""A map in closed form from everything that a source history tells to a user's target factors.

In:   likes, and texts where there are any.
Out:  a ridge map, linear or over random Fourier features of a Gaussian kernel.

Features of a user: iALS factors of the source history; the spectrum of the merged graph, pooled
over it; its texts, smoothed over the graph and as they are. The idea is EMCDR's (Man et al., IJCAI
2017) with many features; the kernel is approximated after Rahimi and Recht, "Random features for
large-scale kernel machines" (NeurIPS 2007), so nothing is quadratic in users.

Shapes: B users   I items   I_d items of the target domain   R factors   F features of a user
        G features of an item
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import PositiveFloat, PositiveInt

from kgrec.data.histories import Histories
from kgrec.data.interactions import Interactions
from kgrec.recommenders.base import BaseVectorRecommender, OnProgress, State, ignore_progress
from kgrec.recommenders.factors import AlsSettings, BothSides, both_sides, user_factors
from kgrec.recommenders.matrices import with_offset
from kgrec.recommenders.states import by_domain, one_state
from kgrec.solvers.ridge import ridge
from kgrec.solvers.spectrum import item_spectrum, normalized
from kgrec.solvers.whitening import whitened
from kgrec.vectors import Vectors

__all__ = ["FeatureMap", "FeatureMapSettings"]

_WAVES = 2048
_TEXT_WIDTH = 128


Floats = NDArray[np.float32]


class FeatureMapSettings(AlsSettings):
    """Settings of :class:`FeatureMap`."""

    rank: PositiveInt = 128
    """Number of factors of each side."""
    kernel: Literal["linear", "gaussian"] = "gaussian"
    """What the map reads: features as they are (linear), or 2048 random Fourier features of them
    (gaussian), which make it nonlinear; better where many users overlap."""
    strength: PositiveFloat = 300.0
    """Regularization strength of the ridge map; the more, the nearer mapped users are to zero,
    which is better where few users overlap."""
    spectrum_rank: PositiveInt = 256
    """Number of singular vectors of the merged graph that are features of an item."""


class FeatureMap(BaseVectorRecommender[FeatureMapSettings]):
    """Ridge from wide features of the source side to iALS factors of the target side."""

    settings_class: ClassVar = FeatureMapSettings
    reads_text = True
    trials: ClassVar = tuple(
        {"strength": strength, "rank": rank, "regularization": regularization, "alpha": alpha}
        for rank, regularization, alpha in ((128, 1.0, 10.0), (64, 1.0, 10.0), (128, 10.0, 40.0))
        for strength in (300.0, 1000.0, 3000.0, 10000.0)
    )

    item_features: Floats  # [I, G]
    learned: dict[int, State]
    """For each target domain: factors ``source [I, R]`` and ``target [I_d, R]``; ``mean`` and
    ``std [F]`` of the features of overlapping users; the ``map`` to target factors; and of a kernel
    ``waves [F, 2048]`` and ``phase [2048]``."""
    _start: FeatureMap | None = None

    @property
    def name(self) -> str:  # type: ignore[override]
        """Says which features the map reads."""
        return "kernel map" if self.settings.kernel == "gaussian" else "ridge map (wide)"

    def _fit(self, seed: int, on_progress: OnProgress) -> None:
        self.item_features = self._of_items(seed)
        self.learned = {}
        for done, domain in enumerate(self.targets):
            on_progress(done / len(self.targets), "mapping features")
            start = None
            if self._start is not None:
                before = self._start.learned[domain]
                start = (before["source"], before["target"])
            sides = both_sides(self.data, domain, self.settings, seed=seed, start=start)
            self.learned[domain] = self._map(sides, seed)
        self._start = None

    def _of_items(self, seed: int) -> Floats:
        """``[I, G]`` features that are pooled over a history; factors are not among them."""
        likes, rank = self.data.liked, self.settings.spectrum_rank
        vectors, values = item_spectrum(likes, rank=rank, seed=seed)
        degree = np.maximum(np.asarray(likes.sum(axis=0)).ravel(), 1.0)
        features = [(vectors * values / np.sqrt(degree)[:, None]).astype(np.float32)]
        if self.data.item_text is not None:
            text = whitened(self.data.item_text, width=_TEXT_WIDTH)
            graph = normalized(likes)
            smooth = np.asarray(graph.T @ (graph @ text), dtype=np.float32)
            features += [smooth / (np.linalg.norm(smooth, axis=1, keepdims=True) + 1e-9), text]
        return np.hstack(features)

    def _map(self, sides: BothSides, seed: int) -> State:
        """Factors and the map from features to them; a map of zeros where no user overlaps."""
        both, target = sides.overlapping, sides.target
        features = self._features(sides.source_likes[both], sides.source)
        mean = features.mean(axis=0) if len(both) else np.zeros(features.shape[1], np.float32)
        std = features.std(axis=0) + 1e-6 if len(both) else np.ones_like(mean)
        learned: State = {"source": sides.source, "target": target, "mean": mean, "std": std}
        if self.settings.kernel == "gaussian":
            # Width of the kernel: the usual distance of two standardised users.
            rng = np.random.default_rng(seed)
            waves = rng.standard_normal((features.shape[1], _WAVES)).astype(np.float32)
            learned["waves"] = waves / np.float32(np.sqrt(2 * features.shape[1]))
            learned["phase"] = rng.uniform(0, 2 * np.pi, _WAVES).astype(np.float32)
        lifted = _lifted(features, learned)
        learned["map"] = np.zeros((lifted.shape[1], target.shape[1]), np.float32)
        if len(both):
            wanted = user_factors(sides.target_likes[both], target, self.settings)
            learned["map"] = ridge(lifted, wanted, strength=self.settings.strength)
        return learned

    def _features(self, histories: sp.csr_matrix, source: Floats) -> Floats:
        """``[B, F]`` of histories outside the target domain."""
        factors = user_factors(histories, source, self.settings)
        scale = np.sqrt(np.maximum(np.diff(histories.indptr), 1))[:, None]
        pooled = np.asarray((histories @ self.item_features) / scale, dtype=np.float32)
        return np.hstack([factors, pooled])

    def refit(
        self, data: Interactions, *, seed: int = 0, on_progress: OnProgress = ignore_progress
    ) -> Self:
        """Go on from these factors; the map is solved anew."""
        made = type(self)(self.settings)
        made._start = self
        return made.fit(data, seed=seed, on_progress=on_progress)

    def user_vectors(self, users: Histories, domain: int) -> Vectors:
        """``[B, R]`` mapped features; history in the target domain is not used."""
        learned = self.learned[domain]
        outside = self.data.outside(users.items, domain)
        outside.eliminate_zeros()
        lifted = _lifted(self._features(outside, learned["source"]), learned)
        return Vectors(np.asarray(lifted @ learned["map"], dtype=np.float32))

    def item_vectors(self, domain: int) -> Vectors:
        """``[I_d, R]`` target factors."""
        return Vectors(self.learned[domain]["target"])

    def state(self) -> State:
        """The features of items, and what was learned of every target domain."""
        return {"item_features": self.item_features, **one_state(self.learned)}

    def _restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        self.item_features = state["item_features"]
        self.learned = by_domain({key: state[key] for key in state if key != "item_features"})


def _lifted(features: Floats, learned: State) -> Floats:
    """``[B, F + 1]`` standardised features, or ``[B, 2049]`` random Fourier features of these."""
    standard = (features - learned["mean"]) / learned["std"]
    if "waves" not in learned:
        return with_offset(standard.astype(np.float32))
    # The factor gives lifted users a length near that of their linear features.
    waves = np.cos(standard @ learned["waves"] + learned["phase"])
    return with_offset((waves * np.sqrt(2 * features.shape[1] / _WAVES)).astype(np.float32))
