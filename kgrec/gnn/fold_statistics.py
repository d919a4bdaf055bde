"""Statistics that are counted and solved without the users of a fold, for steps about them.

In:   interactions, histories in order, the fold of each user.
Out:  a :class:`FoldStatistics` a fold.

A model that reads how popular an item is, what follows it, or its factors, learns to read its own
answer where these were made from the history it predicts; then training looks well and answering
fails. So the users are divided into folds, and a step about users of one fold sees nothing that
they did but their own visible history.

Shapes: P users   I items   S spectrum   R factors   N time bins
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import Tensor

from kgrec.config import Settings
from kgrec.data.histories import Histories
from kgrec.data.interactions import Interactions
from kgrec.gnn.bridge_users import BridgeUsers, choose_bridge_users
from kgrec.gnn.graph import Graph
from kgrec.gnn.item_features import ItemFeatures, solve_item_features

__all__ = ["FoldStatistics", "ItemTensors", "assign_folds", "solve_folds"]


@dataclass(frozen=True)
class ItemTensors:
    """The dense features of :class:`ItemFeatures` on a device."""

    spectrum: Tensor  # [I, S]
    factors: Tensor  # [I, R]
    popularity: Tensor  # [I]
    is_liked: Tensor  # [I]
    times: Tensor  # [I, N]

    @classmethod
    def of(cls, known: ItemFeatures, device: torch.device | str = "cpu") -> ItemTensors:
        """The same arrays; on a CPU nothing is copied."""
        arrays = (known.spectrum, known.factors, known.popularity, known.is_liked, known.times)
        return cls(*(torch.from_numpy(array).to(device) for array in arrays))


@dataclass(frozen=True)
class FoldStatistics:
    """Everything that was made of likes, without the users of one fold."""

    item_features: ItemFeatures
    items: ItemTensors
    graph: Graph
    bridge_users: list[BridgeUsers]  # of each domain


def assign_folds(num_users: int, folds: int, *, seed: int) -> NDArray[np.int64]:
    """``[P]`` the fold of each user; sizes of folds differ by one at most.

    Args:
        num_users: P.
        folds: Number of folds.
        seed: Seed that assigns the users.
    """
    rng = np.random.default_rng([seed, 2**31 + 1])
    return rng.permutation(np.arange(num_users) % folds)


def solve_folds(
    data: Interactions,
    sequences: Histories | None,
    everybody: ItemFeatures,
    fold_of_user: NDArray[np.int64],
    settings: Settings,
    *,
    graph_of: Callable[[sp.csr_matrix], Graph],
    device: torch.device,
    on_stage: Callable[[str], None] = lambda _: None,
) -> tuple[FoldStatistics, ...]:
    """The statistics of every fold.

    Args:
        data: The interactions to learn from.
        sequences: The same likes in order, each once; None: no order is read.
        everybody: The features of all users, to which those of folds are rotated.
        fold_of_user: ``[P]``.
        settings: All settings.
        graph_of: The graph of visible likes ``[P, I]``.
        device: Where training computes.
        on_stage: Told what is solved.
    """
    seed, found = settings.train.seed, []
    for fold in range(settings.train.folds):
        on_stage(f"statistics without fold {fold + 1} of {settings.train.folds}")
        others = fold_of_user != fold
        likes = sp.csr_matrix(sp.diags(others.astype(np.float32)) @ data.liked)
        likes.eliminate_zeros()
        without = replace(data, liked=likes, snapshot=None)
        features = solve_item_features(
            without, settings.model, seed=seed,
            sequences=None if sequences is None else sequences[others],
            time_bins=everybody.time_bins,
        ).rotated_to(everybody)  # fmt: skip
        found.append(
            FoldStatistics(
                features,
                ItemTensors.of(features, device),
                graph_of(likes),
                [
                    choose_bridge_users(without, features, domain, seed=seed, device=device)
                    for domain in range(data.num_domains)
                ],
            )
        )
    return tuple(found)
