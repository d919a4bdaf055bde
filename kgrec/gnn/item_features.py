"""What is known of items before anything is learned: spectrum, factors, times, pairs of items.

In:   the :class:`~kgrec.data.interactions.Interactions` to learn from, and histories in order.
Out:  :class:`ItemFeatures`: fixed arrays of items, and what they say of a user by fold-in.

Text and the ID embedding are item features too, but they are learned; see
:mod:`kgrec.gnn.model`. Nothing here is a tensor.

Shapes: B users   I items   S spectrum   R factors   N time bins
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.config import ModelSettings
from kgrec.data.histories import Histories
from kgrec.data.interactions import Interactions
from kgrec.gnn.item_pairs import NO_PAIRS, ItemPairs, count_item_pairs
from kgrec.gnn.time_bins import count_times, make_time_bins
from kgrec.solvers.domain_factors import DomainFactors
from kgrec.solvers.spectrum import item_spectrum

__all__ = ["ItemFeatures", "solve_item_features"]


@dataclass(frozen=True)
class ItemFeatures:
    """Fixed features of items; widths may be 0 where a feature is left out."""

    spectrum: NDArray[np.float32]  # [I, S] singular vectors times values, degree-normalised
    factors: NDArray[np.float32]  # [I, R] iALS of the item's own domain
    popularity: NDArray[np.float32]  # [I] log(1 + likes), centred within the domain
    is_liked: NDArray[np.float32]  # [I] 1 where anybody likes the item, else 0
    item_domain: NDArray[np.int32]  # [I]
    times: NDArray[np.float32]  # [I, N] log(1 + events) by bin of time; N is 0 where none is known
    time_bins: NDArray[np.float32]  # [N] see kgrec.gnn.time_bins
    pairs: ItemPairs
    regularization: float
    alpha: float

    def user_factors(self, histories: sp.csr_matrix, domain: int) -> NDArray[np.float32]:
        """``[B, R]`` fold-in of the part of ``histories [B, I]`` that lies in ``domain``."""
        return self._domain_factors.user_factors(histories, domain)

    @cached_property
    def _domain_factors(self) -> DomainFactors:
        return DomainFactors(self.factors, self.item_domain, self.regularization, self.alpha)

    def with_counts(
        self, data: Interactions, sequences: Histories | None, bins: NDArray[np.float32]
    ) -> ItemFeatures:
        """The same solutions, with what is counted in these interactions and no others.

        Args:
            data: Interactions of the same items.
            sequences: The same likes in order, each once; None: no order is read.
            bins: ``[N]`` of time.
        """
        times = np.zeros((len(self.item_domain), 0), np.float32)
        if sequences is not None:
            times = count_times(
                bins, sequences.event_item, sequences.event_time, sequences.num_items
            )
        return replace(
            self,
            popularity=data.popularity,
            is_liked=(data.liked.getnnz(axis=0) > 0).astype(np.float32),
            times=times,
            time_bins=bins,
            pairs=count_item_pairs(data.liked, sequences, data.item_domain),
        )

    def rotated_to(self, other: ItemFeatures) -> ItemFeatures:
        """The same features, solutions rotated to those of ``other``, so that one map reads both.

        Rotation changes no fold-in and no score that is made of these features alone.
        """
        factors = np.zeros_like(other.factors)
        for domain in np.unique(self.item_domain):
            items = self.item_domain == domain
            factors[items] = _rotated(self.factors[items], other.factors[items])
        return replace(self, spectrum=_rotated(self.spectrum, other.spectrum), factors=factors)

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
    sequences: Histories | None = None,
    time_bins: NDArray[np.float32] | None = None,
    on_stage: Callable[[str], None] = lambda _: None,
) -> ItemFeatures:
    """Solve for spectrum and factors, and count the rest; seconds for a million likes.

    Args:
        data: The interactions to learn from.
        settings: Which features there are, and how wide they are.
        seed: Seed of the solvers.
        sequences: The same likes in order, each once; None: no order is read.
        time_bins: Bins that were made before; None: makes them.
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

    on_stage("pairs of items")
    if time_bins is None:
        time_bins = make_time_bins(None if sequences is None else sequences.event_time)
    return ItemFeatures(
        spectrum=spectrum.astype(np.float32),
        factors=factors.items,
        popularity=np.empty(0, np.float32),
        is_liked=np.empty(0, np.float32),
        item_domain=data.item_domain,
        times=np.empty((0, 0), np.float32),
        time_bins=time_bins,
        pairs=NO_PAIRS,
        regularization=settings.factor_regularization,
        alpha=settings.factor_alpha,
    ).with_counts(data, sequences, time_bins)


def _rotated(array: NDArray[np.float32], like: NDArray[np.float32]) -> NDArray[np.float32]:
    """``array [I, r]`` turned so that it lies as close to ``like [I, R]`` as can be.

    Orthogonal Procrustes (Schoenemann, Psychometrika 1966): products of two rows stay as they are.
    A narrower array gets as many columns as the other one.
    """
    if not array.size:
        return np.zeros_like(like)
    left, _, right = np.linalg.svd(array.T.astype(np.float64) @ like, full_matrices=False)
    return np.asarray(array @ (left @ right), dtype=np.float32)
