"""Ridge regression from what people like to what they like in the target domain.

In:   likes.  Out: nothing but the likes; the regression is solved when people are scored.

Score of a history ``h`` is ``h W`` with ``W = (X'X + s I)^-1 X'Y``, ``X`` the source likes and
``Y`` the target likes of all people (or of overlapping ones): the linear autoencoder of
Steck, "Markov random fields for collaborative filtering" (NeurIPS 2019), between domains and
without its zero diagonal, which plays no part there. ``W`` is never formed: conjugate
gradients solve ``(X'X + s I) z = h'`` for a block of histories by sparse products alone, so
nothing is quadratic in people or items.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph_store.snapshot import Snapshot
from kgrec.evaluation.baselines.base import Baseline, columns_of
from kgrec.evaluation.recommender import OnProgress
from kgrec.ranking.topk import blocks

__all__ = ["ItemRidge", "solve_gram"]

_BLOCK = 256


class ItemRidge(Baseline):
    """Ridge on the merged matrix, source items to target items."""

    name = "ridge"
    trials: ClassVar = tuple(
        {"strength": strength, "among": among, "popularity": popularity}
        for strength in (300.0, 30.0, 100.0, 1000.0, 3000.0)
        for among in ("overlap", "all")
        for popularity in (0.0, 0.5)
    )

    def __init__(
        self,
        *,
        strength: float = 300.0,
        among: Literal["all", "overlap"] = "overlap",
        popularity: float = 0.0,
    ) -> None:
        self.strength = strength
        self.among = among
        self.popularity = popularity
        """Power of an item's count that its column is divided by before the regression."""

    def _learn(self, train: Snapshot, seed: int, on_progress: OnProgress) -> None:
        self._sides: dict[int, tuple[sp.csr_matrix, sp.csr_matrix, NDArray[np.float32]]] = {}
        for domain in self._targets:
            likes = self.log.liked
            if self.among == "overlap":
                likes = likes[self.log.overlapping(domain)]
            source = self.log.outside(likes, domain)
            source.eliminate_zeros()
            counts = np.maximum(np.asarray(source.sum(axis=0)).ravel(), 1.0)
            scale = (counts**-self.popularity).astype(np.float32)
            weighted = (source @ sp.diags(scale)).tocsr().astype(np.float32)
            self._sides[domain] = (weighted, columns_of(likes, self.log.items_of(domain)), scale)

    def score(self, histories: sp.csr_matrix, domain: int) -> NDArray[np.float32]:
        """``h (X'X + s I)^-1 X'Y``; target history is not used."""
        self._check(domain)
        source, target, scale = self._sides[domain]
        asked = (self.log.outside(histories, domain) @ sp.diags(scale)).tocsr()
        result = np.empty((histories.shape[0], target.shape[1]), dtype=np.float32)
        for rows in blocks(histories.shape[0], _BLOCK):
            solved = solve_gram(source, asked[rows].toarray().T, self.strength)
            result[rows] = (target.T @ (source @ solved)).T
        return result


def solve_gram(
    matrix: sp.csr_matrix,
    right: NDArray[np.float32],
    strength: float,
    *,
    tolerance: float = 1e-4,
    steps: int = 200,
) -> NDArray[np.float32]:
    """``z [I, B]`` of ``(matrix' matrix + strength I) z = right`` by conjugate gradients.

    Every column has its own steps; the work ends when all are within ``tolerance``.
    """
    transposed = matrix.T.tocsr()
    solution = np.zeros_like(right, dtype=np.float32)
    residual = right.astype(np.float32).copy()
    direction = residual.copy()
    size = (residual**2).sum(axis=0)
    goal = tolerance**2 * np.maximum(size, 1e-30)
    for _ in range(steps):
        if (size <= goal).all():
            break
        pushed = transposed @ (matrix @ direction) + np.float32(strength) * direction
        along = (direction * pushed).sum(axis=0)
        step = np.where(size > goal, size / np.where(along > 0, along, 1.0), 0.0)
        solution += step.astype(np.float32) * direction
        residual -= step.astype(np.float32) * pushed
        renewed = (residual**2).sum(axis=0)
        turn = np.where(size > goal, renewed / np.where(size > 0, size, 1.0), 0.0)
        direction = residual + turn.astype(np.float32) * direction
        size = np.where(size > goal, renewed, size)
    return solution
