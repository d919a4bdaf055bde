"""Item-to-item matrices of the components whose sparse scores add up over the items of a history.

In:   such a component and its item vectors in force.
Out:  :class:`ItemPaths`: how much each item of a history adds to the score of each target item.

Random walks and what lies outside the directions of a ridge lead over users: as vectors they are as
wide as the number of users, and need the log. Multiplied out once they need neither. An item keeps
its strongest entries, so the matrices grow with the catalogue and not with the log
(docs/decisions/item-to-item-matrices.md).

Shapes: B users   I items   I_d items of a domain
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.data.histories import Histories
from kgrec.recommenders.base import VectorRecommender
from kgrec.vectors import Vectors

__all__ = ["ItemPaths", "path_matrix", "strongest"]

_BLOCK = 256
"""Items of which paths are multiplied out at once."""


@dataclass(frozen=True)
class ItemPaths:
    """One matrix for each component and target domain."""

    matrices: Mapping[tuple[str, int], sp.csr_matrix]
    """``[I, I_d]`` by the name of a component and the number of a domain."""

    @property
    def names(self) -> set[str]:
        """The components whose sparse columns these matrices replace."""
        return {name for name, _ in self.matrices}

    def scores(
        self,
        users: Histories,
        domain: int,
        weights: Mapping[str, NDArray[np.float32]],
        *,
        excluded: Collection[str] = (),
    ) -> sp.csr_matrix:
        """``[B, I_d]`` weighted sums of what all components' paths lead to.

        Args:
            users: ``[B]`` histories.
            domain: Number of the target domain.
            weights: ``[B]`` weights of each component.
            excluded: Names of components that do not count.
        """
        total = sp.csr_matrix((len(users), self._targets(domain)), dtype=np.float32)
        for (name, there), matrix in self.matrices.items():
            if there != domain or name in excluded or not matrix.nnz or not weights[name].any():
                continue
            found = users.items @ matrix
            found.data *= np.repeat(weights[name], np.diff(found.indptr))
            total = total + found if total.nnz else found
        return total

    def _targets(self, domain: int) -> int:
        return next(int(m.shape[1]) for (_, there), m in self.matrices.items() if there == domain)


def path_matrix(
    recommender: VectorRecommender,
    items: Vectors,
    domain: int,
    *,
    num_items: int,
    most: int | None,
) -> sp.csr_matrix:
    """``[I, I_d]`` the sparse scores of histories of one item each, cut to the strongest.

    Args:
        recommender: A component whose sparse columns add up.
        items: ``[I_d]`` its item vectors in force, those of cold items imputed.
        domain: Number of the target domain.
        num_items: I.
        most: Number of entries that each item of a history keeps; None: all.
    """
    targets = items.sparse
    if targets is None:
        return sp.csr_matrix((num_items, len(items)), dtype=np.float32)
    targets = targets.T.tocsr()
    identity = sp.identity(num_items, np.float32, "csr")
    found = []
    for start in range(0, num_items, _BLOCK):
        single = Histories.of_matrix(identity[start : start + _BLOCK])
        users = recommender.user_vectors(single, domain).sparse
        paths = sp.csr_matrix(users @ targets, dtype=np.float32)
        found.append(paths if most is None else strongest(paths, most))
    stacked = sp.csr_matrix(sp.vstack(found), dtype=np.float32)
    stacked.eliminate_zeros()
    stacked.sort_indices()
    return stacked


def strongest(matrix: sp.csr_matrix, most: int) -> sp.csr_matrix:
    """The ``most`` entries of each row that are farthest from zero; ties by column.

    Args:
        matrix: ``[N, M]``.
        most: Number of entries that a row keeps.

    Example:
        >>> strongest(sp.csr_matrix([[3.0, 1.0, -2.0]]), 2).toarray().tolist()
        [[3.0, 0.0, -2.0]]
    """
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    order = np.lexsort((matrix.indices, -np.abs(matrix.data), row))
    place = np.arange(len(row)) - matrix.indptr[row[order]]
    kept = order[place < most]
    return sp.csr_matrix((matrix.data[kept], (row[kept], matrix.indices[kept])), shape=matrix.shape)
