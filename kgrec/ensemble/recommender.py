"""The ensemble: components side by side, each with vectors of its own, and how much each counts.

In:   fitted recommenders by name, the imputation of cold items, weights.
Out:  user and item vectors whose inner product is the weighted sum of all components' scores.

The components err in different ways, so their sum ranks better than any of them
(docs/decisions/ensemble-of-components.md). Nothing here is a tensor or moves with a gradient.

Shapes: B users   I items   I_d items of a domain   M domains
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kgrec.data.histories import Histories
from kgrec.data.interactions import count_inside
from kgrec.ensemble.cold_items import ColdItemImputer
from kgrec.ensemble.settings import GNN, Component
from kgrec.ensemble.weights import ComponentWeights
from kgrec.errors import InputError
from kgrec.recommenders.base import Scores, VectorRecommender
from kgrec.vectors import Vectors

__all__ = ["Components", "Ensemble"]


@dataclass(frozen=True)
class Components:
    """Fitted recommenders by name, not yet weighed; the joint model is the first."""

    recommenders: Mapping[str, VectorRecommender]
    imputer: ColdItemImputer
    item_domain: NDArray[np.int32]  # [I]

    def item_vectors(self, domain: int) -> dict[str, Vectors]:
        """``[I_d]`` rows of each component, those of cold items imputed."""
        items = self.items_of(domain)
        return {
            name: self.imputer.impute(recommender.item_vectors(domain), items)
            for name, recommender in self.recommenders.items()
        }

    def user_vectors(self, users: Histories, domain: int) -> dict[str, Vectors]:
        """``[B]`` rows of each component.

        Raises:
            InputError: The histories lack the order that a component reads.
        """
        return {
            name: recommender.user_vectors(users, domain)
            for name, recommender in self.recommenders.items()
        }

    def items_of(self, domain: int) -> NDArray[np.int64]:
        """Numbers of one domain's items, ascending."""
        return np.flatnonzero(self.item_domain == domain)

    def only(self, names: Collection[str]) -> Components:
        """The joint model and the components of ``names``, in the order of ``names``."""
        chosen = {name: self.recommenders[name] for name in (GNN, *names)}
        return Components(chosen, self.imputer, self.item_domain)


class Ensemble:
    """Scores by all components; nothing it does changes it."""

    name = "ensemble"

    def __init__(
        self,
        components: Components,
        weights: ComponentWeights,
        settings: Mapping[str, Component],
    ) -> None:
        """Keep fitted components and their weights; nothing is computed yet.

        Args:
            components: All components, fitted, with what imputes vectors of cold items.
            weights: Weight of each component, by domain and kind of user.
            settings: Settings of all components but the joint model, by name.
        """
        self.components = components
        self.weights = weights
        self.settings = settings
        self._items: dict[int, Vectors] = {}

    @property
    def imputer(self) -> ColdItemImputer:
        """How items without likes get their vectors."""
        return self.components.imputer

    @property
    def not_for_texts(self) -> tuple[str, ...]:
        """The components that do not count where a user is described in words."""
        return tuple(name for name, given in self.settings.items() if not given.for_texts)

    def item_vectors(self, domain: int) -> Vectors:
        """``[I_d]`` rows as ``snapshot.items_of(domain)``: the columns of all components.

        Raises:
            NotFiniteError: A value is NaN or infinite.
        """
        if domain not in self._items:
            items = self.components.items_of(domain)
            cold = self.imputer.imputed[items].astype(np.float32)
            vectors = {
                name: found.scaled(cold) if self._cold_items_only(name) else found
                for name, found in self.components.item_vectors(domain).items()
            }
            beside = Vectors.beside(list(vectors.values()))
            self._items[domain] = self.imputer.discounted(beside, items).finite("of items")
        return self._items[domain]

    def user_vectors(
        self, users: Histories, domain: int, *, excluded: Collection[str] = ()
    ) -> Vectors:
        """``[B]`` rows; products with items are scores.

        Args:
            users: Whose scores are wanted.
            domain: Where they are recommended from.
            excluded: Names of components that do not count.

        Raises:
            InputError: ``excluded`` names no component, or the histories lack the order that a
                component reads.
            NotFiniteError: A value is NaN or infinite.
        """
        known = self.components.recommenders
        if not set(excluded) <= known.keys():
            raise InputError(f"excluded must name some of {', '.join(known)}, got {excluded!r}")
        inside = count_inside(users.items, self.components.item_domain, domain)
        weights = self.weights.of(inside, domain)
        vectors = self.components.user_vectors(users, domain)
        return Vectors.beside(
            [
                found.scaled(np.zeros_like(weights[name]) if name in excluded else weights[name])
                for name, found in vectors.items()
            ]
        ).finite("of users")

    def score(self, users: Histories, domain: int) -> Scores:
        """``[B, I_d]`` weighted sums of all components' scores.

        Raises:
            InputError: The histories lack the order that a component reads.
            NotFiniteError: A vector holds NaN or infinity.
        """
        return self.user_vectors(users, domain).products(self.item_vectors(domain))

    def _cold_items_only(self, name: str) -> bool:
        return name in self.settings and self.settings[name].cold_items_only
