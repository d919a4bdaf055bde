"""Content similarity: items whose texts are like those of the history.

In:   text vectors of all items, and likes.
Out:  item vectors whose products with a user's are cosines, or sums of their powers.

The simplest content-based recommender (Lops, de Gemmis and Semeraro, in "Recommender Systems
Handbook", 2011). Text encoders' vectors lie in a narrow cone, so they may be whitened first. Most
of a raw cosine between a book and a film says that one text is about a book and the other about a
film, which is no reason to recommend: between unrelated domains raw cosines rank at chance.
Relative to the mean of their domain (``centre``), texts differ by what two domains can have in
common. Where no user overlaps, nothing else connects the domains.

Shapes: B users   I items   W width of the encoder   C width after whitening
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt

from kgrec.data.histories import Histories
from kgrec.data.interactions import Interactions
from kgrec.errors import InputError
from kgrec.ranking.topk import blocks
from kgrec.recommenders.base import BaseVectorRecommender, OnProgress, RecommenderSettings, Scores
from kgrec.recommenders.matrices import only_sparse
from kgrec.solvers.whitening import unit_rows, whitened
from kgrec.vectors import Vectors

__all__ = ["ContentSettings", "ContentSimilarity", "WhitenedContent", "WhitenedContentSettings"]

_BLOCK = 256

_NOTHING = 1e-3
"""Texts nearer than this to the mean of their domain, rows having length 1, become zero."""


class ContentSettings(RecommenderSettings):
    """Settings of :class:`ContentSimilarity`."""

    width: PositiveInt | None = None
    """Number of dimensions to which text vectors are whitened, at most; null: they stay as they
    are. Whitening makes cosines differ where the encoder's are nearly all alike."""
    noise_floor: NonNegativeFloat = 0.0
    """Fraction of the largest variance of a direction that whitening adds to every variance, 0 to
    1; above 0 where there are few texts, whose smallest directions are noise."""
    centre: bool = False
    """Whether the mean text vector of a domain, weighed by likes, is subtracted from its texts; set
    it where domains differ in what their texts are about, such as books and films."""
    exponent: PositiveFloat = 1.0
    """Power to which a cosine is raised before it is summed over a history; above 1 the items most
    similar to a single item of the history come first. With 1, the history is averaged instead."""


class ContentSimilarity(BaseVectorRecommender[ContentSettings]):
    """Cosine between the texts of the history and each target text."""

    settings_class: ClassVar = ContentSettings
    trials: ClassVar[tuple[dict[str, Any], ...]] = ({"exponent": 1.0}, {"exponent": 3.0})
    reads_text = needs_text = True
    arrays = ("items",)

    items: NDArray[np.float32]  # [I, C] unit rows; zero without a text, or with the mean text

    @property
    def name(self) -> str:  # type: ignore[override]
        """Says whether vectors are whitened."""
        return "content cosine" + (" (whitened)" if self.settings.width else "")

    def _fit(self, seed: int, on_progress: OnProgress) -> None:
        if self.data.item_text is None:
            raise InputError(f"{self.name} compares texts, and these interactions have none")
        items = unit_rows(self.data.item_text)
        if self.settings.width is not None:
            items = whitened(
                self.data.item_text, width=self.settings.width, floor=self.settings.noise_floor
            )
        self.items = _relative(items, self.data) if self.settings.centre else items

    def user_vectors(self, users: Histories, domain: int) -> Vectors:
        """``[B, C]`` unit rows, the mean of each history.

        With an ``exponent`` other than 1 no vector of C columns gives the scores; then a user's
        row ``[B, I_d]`` holds the scores themselves, and an item's one 1.
        """
        if self.settings.exponent != 1:
            return only_sparse(sp.csr_matrix(self._sums_of_powers(users, domain)))
        return Vectors(unit_rows(np.asarray(users.items @ self.items, dtype=np.float32)))

    def item_vectors(self, domain: int) -> Vectors:
        """``[I_d, C]`` unit rows; the identity with an ``exponent`` other than 1."""
        items = self.data.items_of(domain)
        if self.settings.exponent != 1:
            return only_sparse(sp.identity(len(items), np.float32, "csr"))
        return Vectors(self.items[items])

    def score(self, users: Histories, domain: int) -> Scores:
        """Cosines with the mean of the history, or sums of powers of cosines."""
        if self.settings.exponent == 1:
            return super().score(users, domain)
        self._require_fitted(domain)
        return self._sums_of_powers(users, domain)

    def _sums_of_powers(self, users: Histories, domain: int) -> Scores:
        targets, histories = self.items[self.data.items_of(domain)].T, users.items
        result = np.empty((len(users), targets.shape[1]), dtype=np.float32)
        for rows in blocks(len(users), _BLOCK):
            some = histories[rows]
            known, column = np.unique(some.indices, return_inverse=True)
            near = np.maximum(self.items[known] @ targets, 0.0) ** self.settings.exponent
            shape = (some.shape[0], len(known))
            result[rows] = sp.csr_matrix((some.data, column, some.indptr), shape=shape) @ near
        return result


class WhitenedContentSettings(ContentSettings):
    """Settings of :class:`WhitenedContent`."""

    width: PositiveInt | None = 128
    """Number of dimensions to which text vectors are whitened, at most; null: they stay as they
    are. Whitening makes cosines differ where the encoder's are nearly all alike."""


class WhitenedContent(ContentSimilarity):
    """Content similarity of whitened texts: other defaults and trials."""

    settings_class: ClassVar = WhitenedContentSettings
    trials: ClassVar = tuple(
        {"width": width, "exponent": exponent} for width in (128, 384) for exponent in (1.0, 3.0)
    )


def _relative(items: NDArray[np.float32], data: Interactions) -> NDArray[np.float32]:
    """Unit rows less the mean of their domain, brought to length one again.

    An item counts by its likes in that mean; where none with a text is liked, all count alike.
    """
    items = items.copy()
    likes = data.liked.getnnz(axis=0).astype(np.float32)
    for domain in range(data.num_domains):
        there = data.items_of(domain)
        there = there[items[there].any(axis=1)]
        if len(there):
            counts = likes[there] if likes[there].any() else None
            items[there] -= np.average(items[there], axis=0, weights=counts)
    items[np.linalg.norm(items, axis=1) < _NOTHING] = 0.0
    return unit_rows(items)
