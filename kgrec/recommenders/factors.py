"""iALS factors that several recommenders are made of: settings, item factors, users folded in.

In:   a matrix of likes and the settings of a factorisation.
Out:  item factors, and factors of users that the factorisation need not have seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import PositiveFloat, PositiveInt

from kgrec.data.interactions import Interactions
from kgrec.recommenders.base import RecommenderSettings
from kgrec.recommenders.matrices import columns_of
from kgrec.solvers.als import als_item_factors
from kgrec.solvers.fold_in import FoldIn

__all__ = ["AlsSettings", "BothSides", "both_sides", "folding", "item_factors", "user_factors"]


class AlsSettings(RecommenderSettings):
    """Settings of one iALS factorisation."""

    rank: PositiveInt = 64
    """Number of factors of a user and of an item; more for large, dense catalogues."""
    regularization: PositiveFloat = 1.0
    """Weight of the squared norm of all factors in the loss; more where users have few likes."""
    alpha: PositiveFloat = 10.0
    """How much more a like weighs in the loss than a cell without one, whose weight is 1."""


def item_factors(
    likes: sp.csr_matrix,
    settings: AlsSettings,
    *,
    seed: int,
    start: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """``[I, R]`` item factors of ``likes [P, I]`` by iALS (Hu, Koren and Volinsky, ICDM 2008).

    Args:
        likes: Ones.
        settings: The settings of the factorisation.
        seed: The seed of the factors that it starts from.
        start: ``[I, R]`` item factors of nearly the same likes, to go on from instead.
    """
    return als_item_factors(
        likes, rank=settings.rank, regularization=settings.regularization, alpha=settings.alpha,
        start=start, seed=seed,
    )  # fmt: skip


def folding(
    items: NDArray[np.float32],
    settings: AlsSettings,
    *,
    within: NDArray[np.bool_] | None = None,
) -> FoldIn:
    """What folds users into item factors ``items [I, R]``; kept, it inverts their Gram matrix once.

    Args:
        items: Item factors.
        settings: Settings of the factorisation that made ``items``.
        within: ``[I]`` whether an item takes part; None: all do.
    """
    return FoldIn(
        items, regularization=settings.regularization, alpha=settings.alpha, within=within
    )


def user_factors(
    histories: sp.csr_matrix, items: NDArray[np.float32], settings: AlsSettings
) -> NDArray[np.float32]:
    """``[B, R]`` factors of users, folded in once from ``histories [B, I]``.

    Args:
        histories: Ones ``[B, I]`` where a user likes an item.
        items: Item factors ``[I, R]``.
        settings: Settings of the factorisation that made ``items``.
    """
    return folding(items, settings).users(histories)


@dataclass(frozen=True)
class BothSides:
    """What a map from all other domains to a target domain is learned from."""

    overlapping: NDArray[np.int64]
    """``[N]`` users who are active on both sides."""
    source_likes: sp.csr_matrix
    """``[P, I]`` without those of the target domain."""
    target_likes: sp.csr_matrix
    """``[P, I_d]``"""
    source: NDArray[np.float32]
    """``[I, R]`` factors, zero rows in the target domain."""
    target: NDArray[np.float32]
    """``[I_d, R]`` factors."""


def both_sides(
    data: Interactions,
    domain: int,
    settings: AlsSettings,
    *,
    seed: int,
    start: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None,
) -> BothSides:
    """iALS of all other domains together, and of ``domain``.

    Args:
        data: The interactions.
        domain: Number of the target domain.
        settings: Settings of both factorisations.
        seed: Seed of the factors that both start from.
        start: Source and target item factors of nearly the same likes, from which the solver
            continues; None: random factors.
    """
    source_likes = data.outside(data.liked, domain)
    source_likes.eliminate_zeros()
    target_likes = columns_of(data.liked, data.items_of(domain))
    source_start, target_start = start or (None, None)
    return BothSides(
        overlapping=data.overlapping(domain),
        source_likes=source_likes,
        target_likes=target_likes,
        source=item_factors(source_likes, settings, seed=seed, start=source_start),
        target=item_factors(target_likes, settings, seed=seed, start=target_start),
    )
