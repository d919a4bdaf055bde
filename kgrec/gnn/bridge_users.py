"""The users on whom the bridge of a domain is solved: those active there and elsewhere.

In:   interactions and the fixed features of the items.
Out:  :class:`BridgeUsers`: what is read of them outside the domain, and their factors in it.

Shapes: I items   N users of a bridge   R factors
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kgrec.data.interactions import Interactions
from kgrec.gnn.item_features import ItemFeatures
from kgrec.gnn.user_tensors import UserTensors, read_user_tensors

__all__ = ["BridgeUsers", "choose_bridge_users"]

MOST_USERS = 50_000
"""Users of a bridge's solve; more change the map no further and cost time every step."""


@dataclass(frozen=True)
class BridgeUsers:
    """The overlapping users of a domain."""

    domain: int
    users: NDArray[np.int64]  # [N] ascending
    inputs: UserTensors  # of their outside history
    targets: Tensor  # [N, R] their factors in the domain


def choose_bridge_users(
    data: Interactions,
    item_features: ItemFeatures,
    domain: int,
    *,
    seed: int,
    device: torch.device | str = "cpu",
) -> BridgeUsers:
    """The users on whom ``domain``'s bridge is solved, at most ``MOST_USERS`` of them.

    Args:
        data: The interactions to learn from.
        item_features: Fixed features of the items.
        domain: Number of the target domain.
        seed: Seed that chooses users where there are too many.
        device: Device of the tensors.
    """
    both = data.overlapping(domain)
    if len(both) > MOST_USERS:
        both = np.sort(
            np.random.default_rng([seed, domain]).choice(both, MOST_USERS, replace=False)
        )
    rows = data.liked[both]
    outside = data.outside(rows, domain)
    inputs = read_user_tensors(outside, item_features, domain, data.num_domains, device)
    targets = item_features.user_factors(rows, domain)
    return BridgeUsers(domain, both, inputs, torch.from_numpy(targets).to(device))
