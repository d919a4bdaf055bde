"""PTUPCDR: a map from source to target factors of each user's own, written by a meta network.

In:   likes.  Out: iALS factors of both sides, and a network from a source history to a map.

Zhu et al., "Personalized transfer of user preferences for cross-domain recommendation" (WSDM 2022):
attention pools the items of the source history, a network turns that into the map, and training
fits the target likes of overlapping users themselves, not their factors. The factors are those of
iALS, as for EMCDR here, and the loss is the logistic one, since the paper's is for ratings.
Training is :mod:`kgrec.recommenders.networks.ptupcdr`; what is here needs arrays only.

Shapes: B users   I items   I_d items of the target domain   R factors   H hidden units
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from kgrec.data.histories import Histories
from kgrec.data.interactions import Interactions
from kgrec.ranking.topk import blocks
from kgrec.recommenders.base import BaseVectorRecommender, OnProgress, State, ignore_progress
from kgrec.recommenders.factors import AlsSettings, BothSides, both_sides, user_factors
from kgrec.recommenders.states import by_domain, one_state
from kgrec.vectors import Vectors

__all__ = ["PTUPCDR", "PTUPCDRSettings"]

_BLOCK = 512  # users whose maps [R, R] are held at a time


class PTUPCDRSettings(AlsSettings):
    """Settings of :class:`PTUPCDR`."""

    rank: PositiveInt = 32
    """Number of factors of each side; a user's map has the square of it as entries."""
    epochs: NonNegativeInt = 10
    """Number of passes over the target likes of overlapping users in training."""
    decay: NonNegativeFloat = 1e-3
    """Weight decay of the network (AdamW); more where few users overlap."""
    learning_rate: PositiveFloat = 3e-3
    """Step size of AdamW."""


class PTUPCDR(BaseVectorRecommender[PTUPCDRSettings]):
    """Maps source factors to target factors by a map that each history determines."""

    name = "PTUPCDR (iALS)"
    settings_class: ClassVar = PTUPCDRSettings
    trials: ClassVar = tuple(
        {"rank": rank, "epochs": epochs, "decay": decay}
        for rank in (32, 64)
        for epochs in (10, 5)
        for decay in (1e-3, 1e-2)
    )

    learned: dict[int, State]
    """For each target domain: factors ``source [I, R]`` and ``target [I_d, R]``, the exponentials
    ``attention [I, 1]`` of what attention gives an item, and the two layers of the meta network,
    ``hidden [R, H]``, ``hidden_offset``, ``map [H, R * R]`` and ``map_offset``."""
    _start: PTUPCDR | None = None

    def _fit(self, seed: int, on_progress: OnProgress) -> None:
        self.learned = {}
        for domain in self.targets:
            start = None
            if self._start is not None:
                before = self._start.learned[domain]
                start = (before["source"], before["target"])
            sides = both_sides(self.data, domain, self.settings, seed=seed, start=start)
            self.learned[domain] = self._bridge(sides, seed, on_progress)
        self._start = None

    def _bridge(self, sides: BothSides, seed: int, on_progress: OnProgress) -> State:
        from kgrec.recommenders.networks.ptupcdr import train
        from kgrec.recommenders.networks.seeded import seeded_training

        both, given = sides.overlapping, self.settings
        source_likes = sides.source_likes[both]
        with seeded_training(seed):
            network = train(
                source_likes, sides.target_likes[both], sides.source, sides.target,
                user_factors(source_likes, sides.source, given),
                epochs=given.epochs, learning_rate=given.learning_rate, decay=given.decay,
                seed=seed, on_progress=on_progress,
            )  # fmt: skip
        return {"source": sides.source, "target": sides.target, **network}

    def refit(
        self, data: Interactions, *, seed: int = 0, on_progress: OnProgress = ignore_progress
    ) -> Self:
        """Go on from these factors; the network is trained anew."""
        made = type(self)(self.settings)
        made._start = self
        return made.fit(data, seed=seed, on_progress=on_progress)

    def user_vectors(self, users: Histories, domain: int) -> Vectors:
        """``[B, R]`` factors mapped to the target side; target history is not used."""
        learned = self.learned[domain]
        outside = self.data.outside(users.items, domain)
        factors = user_factors(outside, learned["source"], self.settings)
        weighted, attention = learned["attention"] * learned["source"], learned["attention"]
        pooled = (outside @ weighted) / np.maximum(outside @ attention, 1e-9)  # [B, R]
        hidden = np.maximum(pooled @ learned["hidden"] + learned["hidden_offset"], 0.0)  # [B, H]
        mapped = np.zeros((len(users), learned["target"].shape[1]), np.float32)
        for rows in blocks(len(users), _BLOCK):
            maps = hidden[rows] @ learned["map"] + learned["map_offset"]
            maps = maps.reshape(len(maps), factors.shape[1], -1)  # [B, R, R]
            mapped[rows] = (factors[rows, None, :] @ maps)[:, 0]
        return Vectors(mapped)

    def item_vectors(self, domain: int) -> Vectors:
        """``[I_d, R]`` target factors."""
        return Vectors(self.learned[domain]["target"])

    def state(self) -> State:
        """What was learned of every target domain."""
        return one_state(self.learned)

    def _restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        self.learned = by_domain(state)
