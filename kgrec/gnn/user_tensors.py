"""What the joint model reads of users, as tensors on a device; see :mod:`kgrec.gnn.users`.

In:   histories ``[B, I]`` and the fixed features of the items.
Out:  :data:`UserTensors` for one target domain.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import Tensor

from kgrec.gnn.item_features import ItemFeatures
from kgrec.gnn.users import UserInputs, read_users
from kgrec.solvers.sparse import Sparse

__all__ = ["UserTensors", "read_user_tensors"]

UserTensors: TypeAlias = UserInputs[Sparse, Tensor]


def read_user_tensors(
    histories: sp.csr_matrix,
    item_features: ItemFeatures,
    domain: int,
    num_domains: int,
    device: torch.device | str = "cpu",
    last_time: NDArray[np.float32] | None = None,
) -> UserTensors:
    """What the model reads of users, on a device; see :func:`kgrec.gnn.users.read_users`.

    Args:
        histories: ``[B, I]``.
        item_features: Fixed features of the items.
        domain: Number of the target domain.
        num_domains: M.
        device: Device of the tensors.
        last_time: ``[B, N]`` bins of the last event's time; None: no time is known.
    """
    read = read_users(histories, item_features, domain, num_domains, last_time)

    def tensor(array: NDArray[np.float32]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32)).to(device)

    return UserInputs(
        pooling=Sparse(read.pooling, device),
        outside=Sparse(read.outside, device),
        spectrum=tensor(read.spectrum),
        factors=tensor(read.factors),
        inside_factors=tensor(read.inside_factors),
        inside_count=tensor(read.inside_count),
        last_time=tensor(read.last_time),
    )
