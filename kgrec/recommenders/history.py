"""History: an item's score is 1 for users who like it already, and 0 for all others.

In:   nothing.  Out: the history itself.

It recommends nothing by itself, since known items are left out of a list. It becomes content-based
filtering where the ensemble imputes items without likes from their neighbours in text
(:mod:`kgrec.ensemble.cold_items`): then a new item's score is how similar it is to what the user
likes.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from kgrec.data.histories import Histories
from kgrec.data.sparse_rows import picked_columns
from kgrec.recommenders.base import (
    BaseVectorRecommender,
    OnProgress,
    RecommenderSettings,
    Scores,
)
from kgrec.recommenders.matrices import only_sparse
from kgrec.vectors import Vectors

__all__ = ["History"]


class History(BaseVectorRecommender[RecommenderSettings]):
    """Scores the items that a user likes already."""

    name = "history"
    paths_add_up = True

    def _fit(self, seed: int, on_progress: OnProgress) -> None:
        """Nothing is learned: scores follow from the interactions alone."""

    def user_vectors(self, users: Histories, domain: int) -> Vectors:
        """``[B, I_d]`` ones where the user likes an item of the domain."""
        return only_sparse(picked_columns(users.items, self.data.items_of(domain)))

    def dense_user_vectors(self, users: Histories, domain: int) -> Scores:
        """``[B, 0]``."""
        return np.zeros((len(users), 0), np.float32)

    def item_vectors(self, domain: int) -> Vectors:
        """``[I_d, I_d]`` the identity."""
        return only_sparse(sp.identity(len(self.data.items_of(domain)), np.float32, "csr"))
