"""What a trained run must be able to do for lookups and enrichment to stand on it.

``kgrec.runs.open_run`` gives such a run; tests give a small hand-made one. Only types
here: nothing is computed.

Shapes: B users   I items   I_d items of one domain   S width of the space
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph_store.snapshot import Snapshot
from kgrec.config import Settings
from kgrec.data.histories import Histories
from kgrec.data.interactions import Interactions
from kgrec.vectors import Vectors

__all__ = ["TrainedModel"]


class TrainedModel(Protocol):
    """Vectors of users and items, and the graph that they were learned from."""

    @property
    def path(self) -> Path:
        """The run folder."""
        ...

    @property
    def settings(self) -> Settings:
        """What it was trained with."""
        ...

    @property
    def manifest(self) -> dict[str, Any]:
        """What the run folder says of itself."""
        ...

    @property
    def snapshot(self) -> Snapshot:
        """The graph as it was when the run was trained."""
        ...

    @property
    def interactions(self) -> Interactions:
        """The same graph as one row a user."""
        ...

    @property
    def item_embeddings(self) -> NDArray[np.float32]:
        """``[I, S]`` unit rows: every item in the one space that spans all domains."""
        ...

    def item_vectors(self, domain: int) -> Vectors:
        """``[I_d]`` rows: what a person's vector is multiplied with, as ``snapshot.items_of``."""
        ...

    def user_vectors(self, users: Histories, domain: int) -> Vectors:
        """``[B]`` rows for recommendations from ``domain``."""
        ...

    def text_user_vectors(self, texts: list[str], domain: int) -> Vectors:
        """``[B]`` rows for free texts, each read as a history of one item."""
        ...

    def user_embeddings(self, histories: sp.csr_matrix) -> NDArray[np.float32]:
        """``[B, S]`` unit rows in the space of ``item_embeddings``."""
        ...
