"""What is known of items before anything is learned: spectrum and factors.

In:   :class:`~kgrec.data.interactions.Interactions` of the training log.
Out:  :class:`Channels`: fixed arrays an item, and what they say of a person by fold-in.

Text and the id residual are channels too, but they are learned; see
:mod:`kgrec.model.joint`. Nothing here is a tensor.

Shapes: B people   I items   S spectrum   R factors
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

__all__ = ["Channels", "build_channels"]


@dataclass(frozen=True)
class Channels:
    """Fixed item channels; widths may be 0 where a channel is left out."""

    spectrum: NDArray[np.float32]  # [I, S] singular vectors times values, degree-normalised
    factors: NDArray[np.float32]  # [I, R] iALS of the item's own domain
    popularity: NDArray[np.float32]  # [I] log(1 + likes), centred within the domain
    item_domain: NDArray[np.int32]  # [I]
    regularization: float
    alpha: float

    def person_factors(self, histories: sp.csr_matrix, domain: int) -> NDArray[np.float32]:
        """``[B, R]`` fold-in of the part of ``histories [B, I]`` that lies in ``domain``."""
        factors = DomainFactors(self.factors, self.item_domain, self.regularization, self.alpha)
        return factors.user_factors(histories, domain)

    def person_spectrum(self, histories: sp.csr_matrix) -> NDArray[np.float32]:
        """``[B, S]`` sum over the history, divided by the root of its length."""
        length = np.maximum(np.diff(histories.indptr), 1).astype(np.float32)
        summed: NDArray[np.float32] = np.asarray(histories @ self.spectrum, dtype=np.float32)
        return np.asarray(summed / np.sqrt(length)[:, None], dtype=np.float32)


def build_channels(
    interactions: Interactions,
    settings: ModelSettings,
    *,
    seed: int,
    on_stage: Callable[[str], None] = lambda _: None,
) -> Channels:
    """Solve for spectrum and factors on the training log; seconds for a million likes."""
    likes = interactions.liked
    num_items = likes.shape[1]
    likes_per_item = np.bincount(likes.indices, minlength=num_items).astype(np.float32)

    spectrum = np.zeros((num_items, 0), np.float32)
    if "spectrum" in settings.item_features and likes.nnz:
        on_stage("spectrum of the merged graph")
        vectors, values = item_spectrum(likes, rank=settings.spectrum_rank, seed=seed)
        spectrum = vectors * values / np.sqrt(np.maximum(likes_per_item, 1.0))[:, None]
        spectrum /= np.sqrt((spectrum**2).sum(1)[likes_per_item > 0].mean()) + 1e-12

    factors = DomainFactors.solve(
        interactions, rank=settings.factor_rank, seed=seed,
        regularization=settings.factor_regularization, alpha=settings.factor_alpha,
        on_domain=lambda d: on_stage(f"factors of domain {d + 1} of {interactions.num_domains}"),
    )  # fmt: skip

    return Channels(
        spectrum=spectrum.astype(np.float32),
        factors=factors.items,
        popularity=interactions.popularity,
        item_domain=interactions.item_domain,
        regularization=settings.factor_regularization,
        alpha=settings.factor_alpha,
    )
