"""A trained ensemble that answers: vectors of items, and of users from their histories alone.

In:   the ensemble, text vectors of the catalogue, and a function that encodes texts, when texts are
      asked about.
Out:  user and item vectors whose inner product is a score; embeddings comparable across domains.

This is what the benchmark scores with and what a run folder holds. All of it are arrays: answering
needs no tensor library.

Shapes: B users   I items   I_d items of a domain   D width of embeddings   W width of the encoder
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from kgrec.data.histories import Histories
from kgrec.ensemble.new_items import find_neighbours, new_item_vectors
from kgrec.ensemble.recommender import Ensemble
from kgrec.ensemble.settings import GNN, ColdItemSettings
from kgrec.errors import InputError
from kgrec.gnn import formula
from kgrec.gnn.recommender import GNNRecommender
from kgrec.ranking.candidates import Tails
from kgrec.ranking.serving import ServingVectors
from kgrec.ranking.topk import top_k_of_products
from kgrec.text.catalogue import CatalogueTexts
from kgrec.vectors import Vectors

__all__ = ["Encode", "Scorer"]

TEXT_NEIGHBOURS = 10
"""Catalogue items that stand for a free text."""

Floats = NDArray[np.float32]

Encode = Callable[[Sequence[str]], Floats]
"""Raw vectors ``[B, W]`` of texts, from the encoder as it was trained."""


class Scorer:
    """Computes embeddings and serving vectors as arrays; it is never changed.

    Args:
        ensemble: The fitted ensemble.
        texts: Text embeddings of the catalogue, for histories made from free text.
        encode: Gives the raw vectors ``[B, W]`` of texts.
        serving: Serving vectors by domain; a run has them, what was only fitted has none.
        tails: By domain, for the search among candidates; None where every item is scored.
    """

    def __init__(
        self,
        ensemble: Ensemble,
        texts: CatalogueTexts,
        encode: Encode,
        *,
        serving: Mapping[int, ServingVectors] | None = None,
        tails: Mapping[int, Tails] | None = None,
    ) -> None:
        self.ensemble = ensemble
        self.serving = dict(serving or {})
        self.tails = dict(tails or {})
        self.texts = texts
        self.encode = encode

    @property
    def joint_model(self) -> GNNRecommender:
        """The joint model, which is the first component.

        Raises:
            TypeError: The component of that name is another recommender.
        """
        found = self.ensemble.components.recommenders[GNN]
        if not isinstance(found, GNNRecommender):
            raise TypeError(f"the component {GNN} is a {type(found).__name__}")
        return found

    @cached_property
    def item_embeddings(self) -> NDArray[np.float32]:
        """``[I, D]`` unit rows, comparable across domains; those of cold items are imputed."""
        return self.ensemble.imputer.impute_directions(self.joint_model.item_embeddings)

    def user_embeddings(self, users: Histories) -> NDArray[np.float32]:
        """``[B, D]`` unit rows: the mean embedding of each history; zero if it is empty."""
        return formula.unit(np, np.asarray(users.items @ self.item_embeddings))

    def item_vectors(self, domain: int) -> Vectors:
        """``[I_d]`` rows as ``snapshot.items_of(domain)``: the columns of all components.

        Raises:
            NotFiniteError: A value is NaN or infinite.
        """
        return self.ensemble.item_vectors(domain)

    def user_vectors(
        self, users: Histories, domain: int, *, excluded: Collection[str] = ()
    ) -> Vectors:
        """Serving vectors ``[B]`` of users; products with items are scores.

        Args:
            users: ``[B]`` histories.
            domain: Number of the target domain.
            excluded: Names of components that do not count.

        Raises:
            InputError: ``excluded`` names no component, or the histories lack the order that a
                component reads.
            NotFiniteError: A value is NaN or infinite.
        """
        return self.ensemble.user_vectors(users, domain, excluded=excluded)

    def text_user_vectors(self, texts: Sequence[str], domain: int) -> Vectors:
        """``[B]`` rows of free texts: the catalogue items nearest in text stand as the history.

        Args:
            texts: B descriptions of what a user likes.
            domain: Number of the target domain.

        Raises:
            InputError: No item of the catalogue has a text.
            NotFiniteError: A value is NaN or infinite.
        """
        known = np.flatnonzero(self.texts.known)
        if not len(known):
            raise InputError("no item of this run has a text, so a text cannot be compared to any")
        asked = Vectors(self.texts.unit(self.encode(texts)))
        items = Vectors(self.texts.unit(self.texts.vectors[known]))
        nearest = known[top_k_of_products(asked, items, min(TEXT_NEIGHBOURS, len(known)))[0]]
        # A text asks for what it describes, not for what is popular, and nothing of it is known to
        # the user yet.
        # Components that read an order see the nearest item last.
        users = Histories.of_lists(nearest[:, ::-1].tolist(), len(self.texts.known))
        return self.ensemble.user_vectors(
            users, domain, excluded=self.ensemble.not_for_texts,
            without_columns=[self.joint_model.popularity_column],  # the joint model has some too
        )  # fmt: skip

    def new_items(
        self,
        texts: Sequence[str],
        domain: int,
        likes: NDArray[np.integer],
        settings: ColdItemSettings,
    ) -> tuple[Vectors, Floats]:
        """Vectors and embeddings ``[N]`` of items that came after the training.

        Args:
            texts: N texts of new items.
            domain: Number of their domain.
            likes: ``[I]`` how many users like each item of the catalogue.
            settings: How items without likes are imputed.

        Raises:
            InputError: No liked item of the domain has a text.
            NotFiniteError: A value is NaN or infinite.
        """
        items = self.ensemble.components.items_of(domain)
        known = self.texts.unit(self.texts.vectors[items])
        known[~self.texts.known[items]] = 0.0
        if not (known.any(axis=1) & (likes[items] > 0)).any():
            raise InputError(
                "no liked item of the domain has a text, so a new item cannot be compared to any"
            )
        new = self.texts.unit(self.encode(texts))
        near = find_neighbours(new, known, likes[items], settings)
        vectors = new_item_vectors(self.ensemble, domain, near, discount=settings.discount)
        return vectors, formula.unit(np, np.asarray(near.new @ self.item_embeddings[items]))
