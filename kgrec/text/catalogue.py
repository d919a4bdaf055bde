"""The text vectors of a catalogue as a run keeps them, for texts that are asked about.

In:   raw vectors of all items, and how they are whitened.
Out:  unit rows in which the catalogue and a new text are compared. No tensor library is needed.

Shapes: I items   N texts   W width of the encoder
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kgrec.solvers.whitening import unit_rows, whiten

__all__ = ["CatalogueTexts"]

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class CatalogueTexts:
    """Raw text vectors of the catalogue, and how they are whitened."""

    vectors: Floats  # [I, W]
    known: NDArray[np.bool_]  # [I] whether the item has a text
    mean: Floats  # [W]
    directions: Floats  # [W, width]

    def unit(self, vectors: Floats) -> Floats:
        """``[N, width]`` unit rows of raw ``vectors [N, W]``."""
        return unit_rows(whiten(vectors, self.mean, self.directions))
