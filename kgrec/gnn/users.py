"""What the joint model reads of users, made from histories alone.

In:   histories ``[B, I]`` and the fixed features of the items.
Out:  :class:`UserInputs` for one target domain, as arrays; :mod:`kgrec.gnn.user_tensors` makes
      tensors of them.

Shapes: B users   I items   M domains   R factors   S spectrum   N time bins
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.data.interactions import by_root_of_length
from kgrec.data.sparse_rows import with_columns
from kgrec.gnn.item_features import ItemFeatures

__all__ = ["UserInputs", "read_users"]

Matrix = TypeVar("Matrix")
"""A sparse matrix that multiplies an ``Array``."""
Array = TypeVar("Array")
"""A numpy array, or a tensor."""


@dataclass(frozen=True)
class UserInputs(Generic[Matrix, Array]):
    """What the model reads of B users, for one target domain."""

    pooling: Matrix  # [B, I] outside history (cold) or all of it; rows scaled by length**-1/2
    outside: Matrix  # [B, I] the same without the target domain
    spectrum: Array  # [B, S] of the outside history
    factors: Array  # [B, (M - 1) * R] fold-in in every other domain
    inside_factors: Array  # [B, R] fold-in of the target domain's rows
    inside_count: Array  # [B] how many of those there are
    last_time: Array  # [B, N] bins of the last event's time; zeros where it is unknown


def read_users(
    histories: sp.csr_matrix,
    item_features: ItemFeatures,
    domain: int,
    num_domains: int,
    last_time: NDArray[np.float32] | None = None,
) -> UserInputs[sp.csr_matrix, NDArray[np.float32]]:
    """What the model reads of users for a target domain.

    Args:
        histories: ``[B, I]``.
        item_features: Fixed features of the items.
        domain: Number of the target domain.
        num_domains: M.
        last_time: ``[B, N]`` bins of the last event's time; None: no time is known.
    """
    outside = with_columns(histories, item_features.item_domain != domain)
    others = [d for d in range(num_domains) if d != domain]
    folded = [item_features.user_factors(histories, d) for d in others]
    if not folded:
        folded = [np.zeros((histories.shape[0], item_features.factors.shape[1]), np.float32)]
    if last_time is None:
        last_time = np.zeros((histories.shape[0], len(item_features.time_bins)), np.float32)
    total = np.diff(histories.indptr).astype(np.float32)
    outside_count = np.diff(outside.indptr).astype(np.float32)
    return UserInputs(
        pooling=by_root_of_length(histories),
        outside=by_root_of_length(outside),
        spectrum=item_features.user_spectrum(outside),
        factors=np.concatenate(folded, axis=1),
        inside_factors=item_features.user_factors(histories, domain),
        inside_count=total - outside_count,
        last_time=last_time,
    )
