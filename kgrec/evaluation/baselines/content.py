"""Content cosine: items whose texts are like those of the history.

In:   texts.  Out: text vectors; a person is the mean of theirs.

The plainest content-based recommender (Lops, de Gemmis and Semeraro, in "Recommender Systems
Handbook", 2011), with raw or whitened vectors. Between unrelated domains it is close to
chance: text must be mapped, not compared.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph_store.snapshot import Snapshot
from kgrec.evaluation.baselines.base import Baseline
from kgrec.evaluation.recommender import OnProgress
from kgrec.evaluation.text_vectors import TextVectors, whitened

__all__ = ["ContentCosine"]


class ContentCosine(Baseline):
    """Cosine between the mean of the history's texts and each target text."""

    trials: ClassVar = ({},)

    def __init__(self, *, whiten: bool = False, texts: TextVectors | None = None) -> None:
        self.whiten = whiten
        self.name = "content cosine (whitened)" if whiten else "content cosine"
        self._texts = texts or TextVectors()

    def _learn(self, train: Snapshot, seed: int, on_progress: OnProgress) -> None:
        on_progress(0.0, "encoding texts")
        vectors = self._texts.of(train)
        self._vectors = whitened(vectors) if self.whiten else vectors

    def score(self, histories: sp.csr_matrix, domain: int) -> NDArray[np.float32]:
        """Mean cosine up to a factor of the person, which ranks the same."""
        self._check(domain)
        people = np.asarray(histories @ self._vectors, dtype=np.float32)
        return people @ self._vectors[self.log.items_of(domain)].T
