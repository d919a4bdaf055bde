"""Content similarity: items whose texts are like those of the history.

In:   text vectors of all items, and likes.
Out:  item vectors whose products with a user's are cosines, or sums of their powers.

The plainest content-based recommender (Lops, de Gemmis and Semeraro, in "Recommender Systems
Handbook", 2011). Encoders' vectors crowd in a narrow cone, so they may be whitened first. That a
text speaks of a book and not of a film is nothing to recommend by, yet it is most of what a raw
cosine between a book and a film says: between unrelated domains raw cosines are close to chance.
Less the mean of their domain (``centre``), texts tell items apart by what two domains may have in
common. Where nobody links the domains, nothing else does.

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
from kgrec.recommenders.base import (
    BaseVectorRecommender,
    OnProgress,
    RecommenderSettings,
    Scores,
    only_sparse,
)
from kgrec.solvers.whitening import unit_rows, whitened
from kgrec.vectors import Vectors

__all__ = ["ContentSettings", "ContentSimilarity", "WhitenedContent", "WhitenedContentSettings"]

_BLOCK = 256

_NOTHING = 1e-3
"""A text this near to the mean of its domain, rows having length 1, says nothing."""


class ContentSettings(RecommenderSettings):
    """Settings of :class:`ContentSimilarity`."""

    width: PositiveInt | None = None
    """Text vectors are whitened to this many dimensions at most; null: they stay as they are."""
    noise_floor: NonNegativeFloat = 0.0
    """Fraction of the widest direction's variance added to all when whitening, against noise."""
    centre: bool = False
    """Whether each text is read relative to the mean text of its domain, weighed by likes."""
    exponent: PositiveFloat = 1.0
    """Power of a cosine before it is summed over a history; above 1 the nearest count most."""


class ContentSimilarity(BaseVectorRecommender[ContentSettings]):
    """Cosine between the texts of the history and each target text."""

    settings_class: ClassVar = ContentSettings
    trials: ClassVar[tuple[dict[str, Any], ...]] = ({"exponent": 1.0}, {"exponent": 3.0})
    reads_text = needs_text = True
    arrays = ("items",)

    items: NDArray[np.float32]  # [I, C] unit rows; zero where a text says nothing or is missing

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
    """Text vectors are whitened to this many dimensions at most; null: they stay as they are."""


class WhitenedContent(ContentSimilarity):
    """The same recommender with other defaults and trials."""

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
