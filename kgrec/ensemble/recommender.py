"""The ensemble: components side by side, each with vectors of its own, and how much each counts.

In:   fitted recommenders by name, the imputation of cold items, weights.
Out:  user and item vectors whose inner product is the weighted sum of all components' scores.

The components err in different ways, so their sum ranks better than any of them
(docs/decisions/ensemble-of-components.md). Nothing here is a tensor or moves with a gradient.

Shapes: B users   I items   I_d items of a domain   M domains
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.data.histories import Histories
from kgrec.data.interactions import count_inside
from kgrec.ensemble.cold_items import ColdItemImputer
from kgrec.ensemble.item_paths import ItemPaths, path_matrix
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
        *,
        paths: ItemPaths | None = None,
        items: Mapping[int, Vectors] | None = None,
        rotations: Mapping[int, NDArray[np.float32]] | None = None,
    ) -> None:
        """Keep fitted components and their weights; nothing is computed yet.

        Args:
            components: All components, fitted, with what imputes vectors of cold items.
            weights: Weight of each component, by domain and kind of user.
            settings: Settings of all components but the joint model, by name.
            paths: Item-to-item matrices in place of sparse columns that add up; None: users have
                these columns.
            items: Item vectors by domain, as :meth:`item_vectors` gave them before.
            rotations: ``[D, D]`` by domain: what users' dense columns are multiplied by, where
                those of ``items`` are in another basis than the components'.
        """
        self.components = components
        self.weights = weights
        self.settings = settings
        self.paths = paths
        self.rotations = dict(rotations or {})
        self._widths: dict[tuple[str, int], int] = {}  # of components without sparse columns
        self._items: dict[int, Vectors] = dict(items or {})

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
            parts = [self._component_items(name, domain) for name in self.components.recommenders]
            if self.paths is not None:  # a column for each item, of which users have the scores
                none = np.zeros((len(items), 0), np.float32)
                parts.append(Vectors(none, sp.identity(len(items), np.float32, "csr")))
            beside = Vectors.beside(parts)
            self._items[domain] = self.imputer.discounted(beside, items).finite("of items")
        return self._items[domain]

    def user_vectors(
        self,
        users: Histories,
        domain: int,
        *,
        excluded: Collection[str] = (),
        without_columns: Sequence[int] = (),
    ) -> Vectors:
        """``[B]`` rows; products with items are scores.

        Args:
            users: Whose scores are wanted.
            domain: Where they are recommended from.
            excluded: Names of components that do not count.
            without_columns: Numbers of dense columns of the components that do not count.

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
        parts = []
        for name in known:
            counts = name not in excluded and bool(weights[name].any())
            parts.append(self._component_users(name, users, domain, weights[name], counts=counts))
        if self.paths is not None:
            none = np.zeros((len(users), 0), np.float32)
            scores = self.paths.scores(users, domain, weights, excluded=excluded)
            parts.append(Vectors(none, scores))
        beside = Vectors.beside(parts).finite("of users")
        beside.dense[:, list(without_columns)] = 0.0
        if domain not in self.rotations:
            return beside
        return Vectors(beside.dense @ self.rotations[domain], beside.sparse)

    def rotated(
        self, rotations: Mapping[int, NDArray[np.float32]], items: Mapping[int, Vectors]
    ) -> Ensemble:
        """The same scores by dense columns in another basis.

        Args:
            rotations: ``[D, D]`` by domain, for users.
            items: Item vectors by domain in the new basis.
        """
        return Ensemble(
            self.components, self.weights, self.settings, paths=self.paths, items=items,
            rotations=rotations,
        )  # fmt: skip

    def with_paths(self, most: int | None) -> Ensemble:
        """The same ensemble with item-to-item matrices in place of paths over users.

        Components that count for cold items only keep their columns: items that come later are
        made of liked ones, in whose scores such a component has no part.

        Args:
            most: Number of entries that each item of a history keeps, of each component and target
                domain; None: all, and so the same scores.
        """
        recommenders, size = self.components.recommenders, len(self.components.item_domain)
        whole = Ensemble(self.components, self.weights, self.settings)
        matrices = {
            (name, domain): path_matrix(
                recommender, whole._component_items(name, domain), domain,
                num_items=size, most=most,
            )
            for name, recommender in recommenders.items()
            if recommender.paths_add_up and not self._for_cold_items_only(name)
            for domain in range(self.num_domains)
        }  # fmt: skip
        paths = ItemPaths(matrices) if matrices else None
        return Ensemble(self.components, self.weights, self.settings, paths=paths)

    @property
    def num_domains(self) -> int:
        """M."""
        return int(next(iter(self.weights.values.values())).shape[1])

    def score(self, users: Histories, domain: int) -> Scores:
        """``[B, I_d]`` weighted sums of all components' scores.

        Raises:
            InputError: The histories lack the order that a component reads.
            NotFiniteError: A vector holds NaN or infinity.
        """
        return self.user_vectors(users, domain).products(self.item_vectors(domain))

    def _component_users(
        self,
        name: str,
        users: Histories,
        domain: int,
        weight: NDArray[np.float32],
        *,
        counts: bool,
    ) -> Vectors:
        """``[B]`` weighed rows of one component; zeros, not computed, where it does not count."""
        width = self._widths.get((name, domain))
        if not counts and width is not None:
            return Vectors(np.zeros((len(users), width), np.float32))
        recommender = self.components.recommenders[name]
        if self.paths is not None and name in self.paths.names:
            found = Vectors(recommender.dense_user_vectors(users, domain))
        else:
            found = recommender.user_vectors(users, domain)
        if found.sparse is None:
            self._widths[name, domain] = found.dense.shape[1]
        return found.scaled(weight if counts else np.zeros_like(weight))

    def _component_items(self, name: str, domain: int) -> Vectors:
        """``[I_d]`` rows of one component as they count, without columns that paths replace."""
        items = self.components.items_of(domain)
        own = self.components.recommenders[name].item_vectors(domain)
        if self.paths is not None and name in self.paths.names:
            own = Vectors(own.dense)
        found = self.imputer.impute(own, items)
        if self._for_cold_items_only(name):
            return found.scaled(self.imputer.imputed[items].astype(np.float32))
        return found

    def _for_cold_items_only(self, name: str) -> bool:
        return name in self.settings and self.settings[name].cold_items_only
