"""Item ridge: regression from what users like elsewhere to what they like in the target domain.

In:   likes.  Out: scores ``h W`` of a history ``h`` with ``W = (X'X + s I)^-1 X'Y``, ``X`` the
likes outside the domain and ``Y`` those inside it, of all users or of overlapping ones.

This is the linear autoencoder of Steck, "Embarrassingly shallow autoencoders for sparse data" (WWW
2019) and "Markov random fields for collaborative filtering" (NeurIPS 2019), between domains, where
its zero diagonal plays no part. ``W`` is never formed, so nothing is quadratic in users or items.
Two solvers apply the inverse to a history:

    cg    conjugate gradients solve ``(X'X + s I) z = h'`` for each history when it is scored:
          exact up to a tolerance, and slow where many users are asked about
    svd   in the leading directions ``V`` of ``X``, with singular values ``e``, the inverse is
          ``1 / (e^2 + s)``; in all others it is taken for ``1 / s``, since there ``e^2`` is small
          beside ``s``:

              h V (1 / (e^2 + s) - 1 / s) V'X'Y  +  h X'Y / s

          Solved once; the second term is paths through users. In all directions it is exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt

from kgrec.data.histories import Histories
from kgrec.ranking.topk import blocks
from kgrec.recommenders.base import BaseVectorRecommender, OnProgress, RecommenderSettings, Scores
from kgrec.recommenders.matrices import columns_of, only_sparse
from kgrec.solvers.conjugate_gradients import solve_gram
from kgrec.solvers.spectrum import leading_directions
from kgrec.vectors import Vectors

__all__ = ["ItemRidge", "ItemRidgeSettings"]

_BLOCK = 256


class ItemRidgeSettings(RecommenderSettings):
    """Settings of :class:`ItemRidge`."""

    strength: PositiveFloat = 300.0
    """Regularization strength, in likes: added to the diagonal of the items' co-occurrences. The
    more, the less items with few likes count."""
    among: Literal["all", "overlap"] = "overlap"
    """Whose likes are read: those of all users, or only of overlapping users, who are active in the
    domain and in another one. Without overlap only `all` learns anything of two sources."""
    history_exponent: NonNegativeFloat = 0.0
    """Exponent of a source item's number of likes, by which its column is divided before the
    regression; above 0, popular items of a history count less."""
    solver: Literal["cg", "svd"] = "cg"
    """`cg` solves by conjugate gradients for each user that is scored, exactly; `svd` solves once,
    in the leading directions of the likes, and is quicker where many users are scored."""
    rank: PositiveInt = 128
    """Number of directions of the likes in which `svd` solves; beyond them it is approximate."""


@dataclass(frozen=True)
class _Side:
    """The likes that a domain's regression reads."""

    source: sp.csr_matrix  # [P, I] X
    scale: NDArray[np.float32]  # [I] of its columns
    target: sp.csr_matrix  # [P, I_d] Y


class ItemRidge(BaseVectorRecommender[ItemRidgeSettings]):
    """Regresses the likes of target items on those of source items."""

    name = "item ridge"
    settings_class: ClassVar = ItemRidgeSettings
    trials: ClassVar = tuple(
        {"strength": strength, "among": among, "history_exponent": exponent}
        for strength in (300.0, 30.0, 100.0, 1000.0, 3000.0)
        for among in ("overlap", "all")
        for exponent in (0.0, 0.5)
    )
    arrays = ("read", "write", "scale")

    read: NDArray[np.float32]  # [M, I, R] V of the likes outside each domain
    write: NDArray[np.float32]  # [I, R] the rest of the first term, an item's own domain being Y
    scale: NDArray[np.float32]  # [M, I] factor of each item of a history outside each domain
    _sides: dict[int, _Side]  # made when a domain is first asked for

    def _prepare(self) -> None:
        self._sides = {}
        self.read = np.zeros((self.data.num_domains, 0, 0), np.float32)
        self.write = np.zeros((0, 0), np.float32)
        self.scale = np.zeros((self.data.num_domains, 0), np.float32)

    @property
    def paths_add_up(self) -> bool:
        """Whether ``svd`` solves; ``cg`` solves for whole histories."""
        return self.settings.solver == "svd"

    def _side(self, domain: int) -> _Side:
        if domain not in self._sides:
            likes = self.data.liked
            if self.settings.among == "overlap":
                likes = likes[self.data.overlapping(domain)]
            source = self.data.outside(likes, domain)
            source.eliminate_zeros()
            counts = np.maximum(np.asarray(source.sum(axis=0)).ravel(), 1.0)
            scale = (counts**-self.settings.history_exponent).astype(np.float32)
            weighted = (source @ sp.diags(scale)).tocsr().astype(np.float32)
            target = columns_of(likes, self.data.items_of(domain))
            self._sides[domain] = _Side(weighted, scale, target)
        return self._sides[domain]

    def _fit(self, seed: int, on_progress: OnProgress) -> None:
        if self.settings.solver == "cg":
            return
        num_items, strength = self.data.liked.shape[1], self.settings.strength
        shape = (self.data.num_domains, num_items, self.settings.rank)
        self.read, self.write = np.zeros(shape, np.float32), np.zeros(shape[1:], np.float32)
        self.scale = np.ones(shape[:2], np.float32)
        for done, domain in enumerate(self.targets):
            on_progress(done / len(self.targets), "directions of the likes elsewhere")
            source = self._side(domain).source
            self.scale[domain] = self._side(domain).scale
            if not source.nnz:
                continue
            v, e = leading_directions(source, rank=self.settings.rank, seed=seed)
            inverse = 1 / (e**2 + strength) - 1 / strength
            inside = self._side(domain).target.T.tocsr()
            self.read[domain, :, : len(e)] = v
            self.write[self.data.items_of(domain), : len(e)] = inside @ (source @ v) * inverse

    def _asked(self, users: Histories, domain: int) -> sp.csr_matrix:
        """``[B, I]`` histories outside the domain, columns scaled as those of ``X``."""
        outside = self.data.outside(users.items, domain)
        stored = self.settings.solver == "svd"
        scale = self.scale[domain] if stored else self._side(domain).scale
        outside.data *= scale[outside.indices]
        return outside

    def user_vectors(self, users: Histories, domain: int) -> Vectors:
        """``[B, R + P]``: directions, and how much the history outside leads to each user."""
        asked, source = self._asked(users, domain), self._side(domain).source
        if self.settings.solver == "svd":
            paths = sp.csr_matrix(asked @ source.T) / np.float32(self.settings.strength)
            return Vectors(self.dense_user_vectors(users, domain), paths)
        solved = [
            (source @ solve_gram(source, asked[rows].toarray().T, self.settings.strength)).T
            for rows in blocks(len(users), _BLOCK)
        ]
        found = np.vstack([np.zeros((0, source.shape[0]), np.float32), *solved])
        return only_sparse(sp.csr_matrix(found))

    def dense_user_vectors(self, users: Histories, domain: int) -> Scores:
        """``[B, R]`` directions of the history outside; no columns without them."""
        if self.settings.solver == "cg":
            return np.zeros((len(users), 0), np.float32)
        return np.asarray(self._asked(users, domain) @ self.read[domain], dtype=np.float32)

    def item_vectors(self, domain: int) -> Vectors:
        """``[I_d, R + P]``."""
        likers = sp.csr_matrix(self._side(domain).target.T)
        if self.settings.solver == "svd":
            return Vectors(self.write[self.data.items_of(domain)], likers)
        return only_sparse(likers)

    def score(self, users: Histories, domain: int) -> Scores:
        """``h (X'X + s I)^-1 X'Y``; history in the target domain is not used."""
        self._require_fitted(domain)
        if self.settings.solver == "svd":
            return super().score(users, domain)
        asked, source = self._asked(users, domain), self._side(domain).source
        target = self._side(domain).target
        result = np.empty((len(users), target.shape[1]), dtype=np.float32)
        for rows in blocks(len(users), _BLOCK):
            solved = solve_gram(source, asked[rows].toarray().T, self.settings.strength)
            result[rows] = (target.T @ (source @ solved)).T
        return result
