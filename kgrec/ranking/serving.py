"""Serving vectors: dense and narrow, their inner product stands for the whole score.

In:   what :mod:`kgrec.training.serving` made of one target domain; exact vectors of users.
Out:  serving vectors of users, by one small product.

With the scores ``s [I_d]`` of a user over a domain, the basis ``B`` of the leading directions of
the scores of many users, and ``Z`` the items' serving vectors, a user's serving vector is ``s B``
and the estimate ``Z B's``. The score is linear in the user's exact vector, so ``s B`` needs no
scores: dense columns are multiplied by ``V'B``, computed once, and of the sparse columns only
those that the user has are read.

Shapes: B users   I_d items of the domain   D dense columns   W width
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.vectors import Vectors

__all__ = ["ServingVectors"]

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class ServingVectors:
    """One target domain's serving vectors, and what users' are computed with."""

    items: Floats
    """``[I_d, W]`` the items' serving vectors."""
    emphasis: Floats
    """``[I_d]`` factors above 0: ``B`` is the items' serving vectors times these."""
    of_dense: Floats
    """``[D, W]`` product of the items' dense columns and ``B``."""

    @property
    def width(self) -> int:
        """W."""
        return int(self.items.shape[1])

    def of_users(self, users: Vectors, items: Vectors) -> Floats:
        """``[B, W]`` serving vectors of users.

        Args:
            users: ``[B]`` exact vectors for the domain.
            items: ``[I_d]`` the domain's exact vectors.
        """
        found: Floats = users.dense @ self.of_dense
        if users.sparse is not None and items.sparse is not None:
            found = found + self._emphasised(users.sparse @ items.by_column) @ self.items
        return np.asarray(found, dtype=np.float32)

    def _emphasised(self, scores: sp.csr_matrix) -> sp.csr_matrix:
        by = self.emphasis[scores.indices] * scores.data
        return sp.csr_matrix((by, scores.indices, scores.indptr), shape=scores.shape)
