"""What ties liked items to others: tags in common, users who liked both, nearness of embeddings.

In:   a trained model, the tags of a graph, numbers of liked items and of items to explain.
Out:  :class:`Ties`, arrays with a cell for each pair. Nothing here chooses or is put into words.

A tie through users is a count of those who liked both, never who they are; where it is below a
given number, the cell is empty as if there were no such tie.

Shapes: H liked items   X items to explain   T tags   P users   I items
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.lookup.facts import ItemTags
from kgrec.trained import TrainedModel

__all__ = ["Evidence", "Ties"]

_MIN_COSINE = 0.3
"""Items less alike than this are not called near."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Ties:
    """How strongly each liked item is tied to each item; 0 where it is not. All in [0, 1]."""

    tag: Floats
    """``[H, X]`` Jaccard similarity of the tags, rare tags weighing more."""
    users: Floats
    """``[H, X]`` cosine of the sets of users who liked either."""
    counts: NDArray[np.int64]
    """``[H, X]`` number of users who liked both, without the one who asks; 0 where too few."""
    vector: Floats
    """``[H, X]`` cosine of the embeddings."""


class Evidence:
    """Finds ties in one model; what it counts is made when it is first needed, and kept."""

    def __init__(self, model: TrainedModel) -> None:
        self._model = model

    @cached_property
    def popularity(self) -> NDArray[np.int64]:
        """``[I]`` number of users who like each item."""
        return np.asarray(np.diff(self._model.interactions.likers.indptr), dtype=np.int64)

    def ties(
        self,
        liked: NDArray[np.int64],
        items: NDArray[np.int64],
        tags: ItemTags,
        *,
        had: NDArray[np.bool_],
        min_users: int,
    ) -> Ties:
        """All ties between ``liked [H]`` and ``items [X]``; no item is tied to itself.

        Args:
            liked: Numbers of the items that the user likes.
            items: Numbers of the items to explain.
            tags: The tags of all items.
            had: ``[X]`` whether the user has an item; they may then be one of those counted.
            min_users: Smallest number of users behind a tie.
        """
        other = (liked[:, None] != items[None, :]).astype(np.float32)
        counts = self._counts(liked, items) - had.astype(np.int64)
        counts = np.where((counts >= min_users) & (other > 0), counts, 0)
        either = np.sqrt(np.maximum(np.outer(self.popularity[liked], self.popularity[items]), 1))
        embeddings = self._model.item_embeddings
        cosine = np.minimum(embeddings[liked] @ embeddings[items].T, 1.0) * other
        return Ties(
            tag=_jaccard(tags.matrix[liked], tags.matrix[items], tags.rarity) * other,
            users=np.minimum(counts / either, 1.0).astype(np.float32),
            counts=counts,
            vector=np.where(cosine >= _MIN_COSINE, cosine, 0.0).astype(np.float32),
        )

    def _counts(self, liked: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.int64]:
        likers = self._model.interactions.likers
        both = likers[:, liked].T @ likers[:, items]
        return np.asarray(both.toarray(), dtype=np.float64).round().astype(np.int64)


def _jaccard(left: sp.csr_matrix, right: sp.csr_matrix, weights: Floats) -> Floats:
    """``[H, X]`` weighted Jaccard similarities of the rows of two matrices of ones."""
    common = np.asarray((left.multiply(weights).tocsr() @ right.T).toarray())
    either = (left @ weights)[:, None] + (right @ weights)[None, :] - common
    return np.asarray(common / np.maximum(either, 1e-9), dtype=np.float32)
