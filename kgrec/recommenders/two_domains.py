"""The common part of CMF, BiTGCF and CDRIB: arrays learned of a source side and a target side.

In:   likes; a network that a subclass chooses.
Out:  for each target domain what the network learned, as arrays, from which users are read.

All domains but the target are one side. Training is
:mod:`kgrec.recommenders.networks.two_domains`; what is here needs arrays only.

Shapes: B users   I_d items of the target domain   D width
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from numpy.typing import NDArray
from pydantic import NonNegativeInt, PositiveFloat, PositiveInt

from kgrec.recommenders.base import BaseVectorRecommender, OnProgress, RecommenderSettings, State
from kgrec.recommenders.sides import Side, sides_of
from kgrec.recommenders.states import by_domain, one_state
from kgrec.vectors import Vectors

if TYPE_CHECKING:
    from kgrec.recommenders.networks.two_domains import Network

__all__ = ["TwoDomains", "TwoDomainsSettings"]


class TwoDomainsSettings(RecommenderSettings):
    """Settings of every :class:`TwoDomains`."""

    dim: PositiveInt = 64
    """Number of dimensions of a user's and an item's vector."""
    epochs: NonNegativeInt = 20
    """Number of passes over the likes of both sides in training."""
    learning_rate: PositiveFloat = 1e-2
    """Step size of Adam."""
    batch: PositiveInt = 16_384
    """Number of likes of the larger side in one training step; fewer need less memory."""
    negatives: PositiveInt = 512
    """Number of randomly drawn items of a side that each liked item of a step is compared with."""


T = TypeVar("T", bound=TwoDomainsSettings)


class TwoDomains(BaseVectorRecommender[T]):
    """A subclass gives ``_network``, and ``user_vectors`` from what it learned."""

    learned: dict[int, State]
    """Arrays by name for each target domain; ``items [I_d, D]`` are those of its items."""
    _sides: dict[int, tuple[Side, Side]]  # made when a domain is first asked for

    @property
    def source_weight(self) -> float:
        """Weight of the source side's likes in the loss, between 0 and 1."""
        return 0.5

    def _network(self, sides: tuple[Side, Side]) -> Network:
        raise NotImplementedError

    def _prepare(self) -> None:
        self._sides = {}

    def sides(self, domain: int) -> tuple[Side, Side]:
        """Source and target side of a target domain."""
        if domain not in self._sides:
            self._sides[domain] = sides_of(self.data, domain)
        return self._sides[domain]

    def _fit(self, seed: int, on_progress: OnProgress) -> None:
        from kgrec.recommenders.networks.seeded import seeded_training
        from kgrec.recommenders.networks.two_domains import train

        self.learned = {}
        given = self.settings
        for domain in self.targets:
            sides = self.sides(domain)
            with seeded_training(seed):
                self.learned[domain] = train(
                    self._network(sides), sides, source_weight=self.source_weight,
                    epochs=given.epochs, learning_rate=given.learning_rate, batch=given.batch,
                    negatives=given.negatives, seed=seed, on_progress=on_progress,
                )  # fmt: skip

    def item_vectors(self, domain: int) -> Vectors:
        """``[I_d, D]`` as learned."""
        return Vectors(self.learned[domain]["items"])

    def state(self) -> State:
        """What was learned of every target domain."""
        return one_state(self.learned)

    def _restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        self.learned = by_domain(state)
