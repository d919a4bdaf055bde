"""How alike items are, by embeddings and tags; what a diverse list avoids.

In:   item embeddings and the tags of the graph.
Out:  likeness in [0, 1] of items to one item: half the cosine of their embeddings, half the Jaccard
      similarity of their tags, rare tags weighing more. Where one of the two has no tag, the
      cosine alone.

Shapes: N items
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kgrec.lookup.facts import ItemTags

__all__ = ["Likeness"]

Floats = NDArray[np.float32]


class Likeness:
    """Compares items of one run.

    Args:
        embeddings: ``[I, D]`` unit rows.
        tags: Tags of all items.
    """

    def __init__(self, embeddings: Floats, tags: ItemTags) -> None:
        self._embeddings = embeddings
        self._tags = tags

    def to_one(self, items: NDArray[np.int64], one: int) -> Floats:
        """``[N]`` likeness of ``items`` to the item ``one``."""
        cosine = np.clip(self._embeddings[items] @ self._embeddings[one], 0.0, 1.0)
        bears = self._tags.matrix[one].indices
        if not len(bears):
            return np.asarray(cosine, dtype=np.float32)
        rarity = self._tags.rarity
        theirs = self._tags.matrix[items]
        own = np.zeros(len(rarity), np.float32)
        own[bears] = rarity[bears]
        common, total = theirs @ own, theirs @ rarity
        jaccard = common / np.maximum(total + own.sum() - common, 1e-9)
        both = np.where(total > 0, (cosine + jaccard) / 2, cosine)
        return np.asarray(both, dtype=np.float32)
