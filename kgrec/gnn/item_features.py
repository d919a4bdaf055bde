"""What is known of items before anything is learned: spectrum and factors.

In:   the :class:`~kgrec.data.interactions.Interactions` to learn from.
Out:  :class:`ItemFeatures`: fixed arrays of items, and what they say of a user by fold-in.

Text and the ID embedding are item features too, but they are learned; see
:mod:`kgrec.gnn.model`. Nothing here is a tensor.

Shapes: B users   I items   S spectrum   R factors
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.config import ModelSettings
from kgrec.data.interactions import Interactions
from kgrec.solvers.domain_factors import DomainFactors
from kgrec.solvers.spectrum import item_spectrum

__all__ = ["ItemFeatures", "solve_item_features"]


@dataclass(frozen=True)
class ItemFeatures:
    """Fixed features of items; widths may be 0 where a feature is left out."""

    spectrum: NDArray[np.float32]  # [I, S] singular vectors times values, degree-normalised
    factors: NDArray[np.float32]  # [I, R] iALS of the item's own domain
    popularity: NDArray[np.float32]  # [I] log(1 + likes), centred within the domain
    item_domain: NDArray[np.int32]  # [I]
    regularization: float
    alpha: float

    def user_factors(self, histories: sp.csr_matrix, domain: int) -> NDArray[np.float32]:
        """``[B, R]`` fold-in of the part of ``histories [B, I]`` that lies in ``domain``."""
        factors = DomainFactors(self.factors, self.item_domain, self.regularization, self.alpha)
        return factors.user_factors(histories, domain)

    def user_spectrum(self, histories: sp.csr_matrix) -> NDArray[np.float32]:
        """``[B, S]`` sum over the history, divided by the root of its length."""
        length = np.maximum(np.diff(histories.indptr), 1).astype(np.float32)
        summed: NDArray[np.float32] = np.asarray(histories @ self.spectrum, dtype=np.float32)
        return np.asarray(summed / np.sqrt(length)[:, None], dtype=np.float32)


def solve_item_features(
    data: Interactions,
    settings: ModelSettings,
    *,
    seed: int,
    on_stage: Callable[[str], None] = lambda _: None,
) -> ItemFeatures:
    """Solve for spectrum and factors; seconds for a million likes.

    Args:
        data: The interactions to learn from.
        settings: Which features there are, and how wide they are.
        seed: Of the solvers.
        on_stage: Told what is solved.
    """
    likes = data.liked
    num_items = likes.shape[1]
    likes_per_item = np.bincount(likes.indices, minlength=num_items).astype(np.float32)

    spectrum = np.zeros((num_items, 0), np.float32)
    if "spectrum" in settings.item_features and likes.nnz:
        on_stage("spectrum of the merged graph")
        vectors, values = item_spectrum(likes, rank=settings.spectrum_rank, seed=seed)
        spectrum = vectors * values / np.sqrt(np.maximum(likes_per_item, 1.0))[:, None]
        spectrum /= np.sqrt((spectrum**2).sum(1)[likes_per_item > 0].mean()) + 1e-12

    factors = DomainFactors.solve(
        data, rank=settings.factor_rank, seed=seed,
        regularization=settings.factor_regularization, alpha=settings.factor_alpha,
        on_domain=lambda d: on_stage(f"factors of domain {d + 1} of {data.num_domains}"),
    )  # fmt: skip

    return ItemFeatures(
        spectrum=spectrum.astype(np.float32),
        factors=factors.items,
        popularity=data.popularity,
        item_domain=data.item_domain,
        regularization=settings.factor_regularization,
        alpha=settings.factor_alpha,
    )
