"""Content cosine: items whose texts are like those of the history.

In:   texts.  Out: text vectors; a person is the history's.

The plainest content-based recommender (Lops, de Gemmis and Semeraro, in "Recommender Systems
Handbook", 2011), with raw or whitened vectors, and nearest neighbours where the cosine is
sharpened. Between unrelated domains it is close to
chance: text must be mapped, not compared.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph_store.snapshot import Snapshot
from kgrec.evaluation.baselines.base import Baseline
from kgrec.evaluation.recommender import OnProgress
from kgrec.evaluation.text_vectors import TextVectors
from kgrec.ranking.topk import blocks
from kgrec.solvers.whitening import whitened

__all__ = ["ContentCosine", "WhitenedContent"]

_BLOCK = 256


class ContentCosine(Baseline):
    """Cosine between the texts of the history and each target text, summed over the history."""

    name = "content cosine"
    trials: ClassVar[tuple[dict[str, Any], ...]] = ({"sharpness": 1.0}, {"sharpness": 3.0})

    def __init__(self, *, sharpness: float = 1.0, texts: TextVectors | None = None) -> None:
        self.sharpness = sharpness
        """Power of a cosine before it is summed; above 1 the nearest texts count most."""
        self._texts = texts or TextVectors()

    def _learn(self, train: Snapshot, seed: int, on_progress: OnProgress) -> None:
        on_progress(0.0, "encoding texts")
        self._vectors = self._read(self._texts.of(train))

    def _read(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        return vectors

    def score(self, histories: sp.csr_matrix, domain: int) -> NDArray[np.float32]:
        """Sum of cosines, or of their powers."""
        self._check(domain)
        targets = self._vectors[self.log.items_of(domain)].T
        if self.sharpness == 1:
            return np.asarray(histories @ self._vectors, dtype=np.float32) @ targets
        result = np.empty((histories.shape[0], targets.shape[1]), dtype=np.float32)
        for rows in blocks(histories.shape[0], _BLOCK):
            known, column = np.unique(histories[rows].indices, return_inverse=True)
            near = np.maximum(self._vectors[known] @ targets, 0.0) ** self.sharpness
            some = histories[rows]
            shape = (some.shape[0], len(known))
            result[rows] = sp.csr_matrix((some.data, column, some.indptr), shape=shape) @ near
        return result


class WhitenedContent(ContentCosine):
    """The same between whitened vectors."""

    name = "content cosine (whitened)"
    trials: ClassVar[tuple[dict[str, Any], ...]] = tuple(
        {"width": width, "sharpness": sharpness} for width in (128, 384) for sharpness in (1.0, 3.0)
    )

    def __init__(
        self, *, width: int = 128, sharpness: float = 1.0, texts: TextVectors | None = None
    ) -> None:
        super().__init__(sharpness=sharpness, texts=texts)
        self.width = width
        """Principal directions that are kept."""

    def _read(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        return whitened(vectors, width=self.width)
