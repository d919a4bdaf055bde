"""iALS of each domain by itself: items of all domains in one matrix, users folded in by domain.

In:   interactions; later, histories of users it need not have seen.
Out:  :class:`DomainFactors`. Factors of two domains have nothing to do with each other.

Shapes: B users   I items   R factors   M domains
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.data.interactions import Interactions
from kgrec.solvers.als import als_item_factors
from kgrec.solvers.fold_in import FoldIn

__all__ = ["DomainFactors"]


@dataclass(frozen=True)
class DomainFactors:
    """Item factors, and what they were solved with."""

    items: NDArray[np.float32]  # [I, R]
    item_domain: NDArray[np.int32]  # [I]
    regularization: float
    alpha: float

    @classmethod
    def solve(
        cls,
        interactions: Interactions,
        *,
        rank: int,
        regularization: float,
        alpha: float,
        seed: int,
        start: NDArray[np.float32] | None = None,
        on_domain: Callable[[int], None] = lambda _: None,
    ) -> DomainFactors:
        """One factorisation a domain; a domain too small for one has zero rows.

        ``start [I, R]`` are factors of nearly the same interactions, to continue from.

        Args:
            interactions: Interactions to factorise.
            rank: R.
            regularization: Weight of the squared norm of every factor.
            alpha: Confidence in a like beyond 1.
            seed: Seed of the first factors.
            start: Factors of similar interactions to continue from; None begins anew.
            on_domain: Called with the number of each domain before it is solved.
        """
        items = np.zeros((interactions.liked.shape[1], rank), np.float32)
        for domain in range(interactions.num_domains):
            on_domain(domain)
            inside = interactions.items_of(domain)
            likes = interactions.liked[:, inside].tocsr()
            likes = likes[np.diff(likes.indptr) > 0]
            if min(likes.shape) > 1:
                solved = als_item_factors(
                    likes, rank=rank, regularization=regularization, alpha=alpha, seed=seed,
                    start=None if start is None else start[inside],
                )  # fmt: skip
                items[inside, : solved.shape[1]] = solved
        return cls(items, interactions.item_domain, regularization, alpha)

    def user_factors(self, histories: sp.csr_matrix, domain: int) -> NDArray[np.float32]:
        """``[B, R]`` fold-in of the part of ``histories [B, I]`` that lies in ``domain``."""
        if domain not in self._folds:
            self._folds[domain] = FoldIn(
                self.items, regularization=self.regularization, alpha=self.alpha,
                within=self.item_domain == domain,
            )  # fmt: skip
        return self._folds[domain].users(histories)

    @cached_property
    def _folds(self) -> dict[int, FoldIn]:
        """By domain; each inverts its Gram matrix once."""
        return {}
