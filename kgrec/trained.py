"""The interface of a trained run that lookups and enrichment need.

``kgrec.runs.open_run`` returns such a run; tests use a small hand-made one. Only types here:
nothing is computed. A user is a person: all accounts joined by ``SAME_AS``.

Shapes: B users   I items   I_d items of one domain   D width of embeddings
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from graph_store.snapshot import Snapshot
from kgrec.config import Settings
from kgrec.data.histories import Histories
from kgrec.data.interactions import Interactions
from kgrec.ranking.candidates import Tails
from kgrec.ranking.serving import ServingVectors
from kgrec.vectors import Vectors

__all__ = ["TrainedModel"]


class TrainedModel(Protocol):
    """Embeddings and serving vectors of users and items, and the graph they were learned from.

    Embeddings are of one width in all domains, so that their cosine compares any two. All other
    vectors are made for one target domain: the inner product of a user's and an item's exact
    vector is a score, that of their serving vectors stands for one.
    """

    @property
    def path(self) -> Path:
        """The run folder."""
        ...

    @property
    def settings(self) -> Settings:
        """The settings that it was trained with."""
        ...

    @property
    def manifest(self) -> dict[str, Any]:
        """The content of ``manifest.json``: format version, fingerprint, versions, seconds."""
        ...

    @property
    def snapshot(self) -> Snapshot:
        """The graph as it was when the run was trained."""
        ...

    @property
    def interactions(self) -> Interactions:
        """The interactions of that graph, one row per user."""
        ...

    @property
    def item_embeddings(self) -> NDArray[np.float32]:
        """``[I, D]`` unit rows, ordered as ``snapshot.item_keys``, comparable across domains."""
        ...

    def item_vectors(self, domain: int) -> Vectors:
        """Exact vectors of one domain's items.

        Args:
            domain: Number of the target domain.

        Returns:
            ``[I_d]`` rows, in the order of ``snapshot.items_of(domain)``.
        """
        ...

    def user_vectors(self, users: Histories, domain: int) -> Vectors:
        """Exact vectors of users.

        Args:
            users: ``[B]`` histories, of users known to the run or not.
            domain: Number of the target domain.

        Returns:
            ``[B]`` rows; their products with :meth:`item_vectors` are scores.
        """
        ...

    def serving_vectors(self, domain: int) -> ServingVectors:
        """Dense vectors of one width whose inner product stands for the whole score.

        Args:
            domain: Number of the target domain.
        """
        ...

    def tails(self, domain: int) -> Tails | None:
        """What :func:`kgrec.ranking.candidates.best_items` needs; None: it scores every item.

        Args:
            domain: Number of the target domain.
        """
        ...

    def text_user_vectors(self, texts: list[str], domain: int) -> Vectors:
        """Exact vectors of users who are described by free texts alone.

        Args:
            texts: ``[B]`` texts.
            domain: Number of the target domain.
        """
        ...

    def new_items(self, texts: list[str], domain: int) -> tuple[Vectors, NDArray[np.float32]]:
        """Exact vectors and embeddings of items that came after the training.

        Args:
            texts: ``[N]`` texts of the new items.
            domain: Number of their domain.

        Returns:
            ``[N]`` rows as of :meth:`item_vectors`, and ``[N, D]`` unit rows.
        """
        ...

    def user_embeddings(self, users: Histories) -> NDArray[np.float32]:
        """Embeddings of users, comparable with :attr:`item_embeddings`.

        Args:
            users: ``[B]`` histories.

        Returns:
            ``[B, D]`` unit rows; zero for a user without likes.
        """
        ...
