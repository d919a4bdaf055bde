"""What texts say across domains: each text relative to the usual one of its domain.

In:   text vectors of all items, and the log.
Out:  :class:`Content`: unit vectors of items and of histories, whose products are cosines.

That a text speaks of a book and not of a film is nothing to recommend by, yet it is most of what
a raw cosine between a book and a film says. Less the mean of their domain, texts tell items
apart by what two domains may have in common. Where nobody links these, nothing else does.

Shapes: B people   I items   W width of the encoder   C width after whitening
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.config import ContentSettings
from kgrec.data.interactions import Interactions
from kgrec.solvers.whitening import NOISE_FLOOR, unit_rows, whitened

__all__ = ["Content"]

_NOTHING = 1e-3
"""A text this near to the mean of its domain, rows having length 1, says nothing."""


@dataclass(frozen=True)
class Content:
    """Texts of the items, told apart within each domain."""

    items: NDArray[np.float32]  # [I, C] unit rows; zero where a text says nothing or is missing

    @classmethod
    def relative(
        cls, text: NDArray[np.float32], log: Interactions, settings: ContentSettings
    ) -> Content:
        """Whitened ``text [I, W]`` less the mean of its domain.

        An item counts by its likes in that mean; where none with a text is liked, all count alike.
        """
        items = whitened(text, width=settings.width, floor=NOISE_FLOOR)
        likes = log.liked.getnnz(axis=0).astype(np.float32)
        for domain in range(log.num_domains):
            there = log.items_of(domain)
            there = there[items[there].any(axis=1)]
            if len(there):
                counts = likes[there] if likes[there].any() else None
                items[there] -= np.average(items[there], axis=0, weights=counts)
        items[np.linalg.norm(items, axis=1) < _NOTHING] = 0.0
        return cls(unit_rows(items))

    def people(self, histories: sp.csr_matrix) -> NDArray[np.float32]:
        """``[B, C]`` unit rows: the mean of each history."""
        return unit_rows(np.asarray(histories @ self.items, dtype=np.float32))
