"""Text vectors of all items, for baselines that read text.

In:   a snapshot.
Out:  ``[I, W]`` of the default encoder, frozen; zero rows where an item has no text.

The vectors of the last snapshot's texts are kept, since a benchmark asks for the same again
and again. Text is what it is whatever rows a split hides, so nothing can leak here.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from graph_store.snapshot import Snapshot

__all__ = ["TextVectors", "has_text", "pooled", "whitened"]


class TextVectors:
    """Encodes a catalogue once; pass one to all baselines that read text."""

    def __init__(self) -> None:
        self._kept: tuple[str, NDArray[np.float32]] | None = None

    def of(self, snapshot: Snapshot) -> NDArray[np.float32]:
        """``[I, W]``, each row of length one or zero."""
        digest = hashlib.sha256("\0".join(text or "" for text in snapshot.texts).encode())
        if self._kept is None or self._kept[0] != digest.hexdigest():
            self._kept = (digest.hexdigest(), _encode(snapshot))
        return self._kept[1]


def has_text(snapshot: Snapshot) -> bool:
    """Whether at least one item in ten has a text: below that, text says nothing of a set."""
    return sum(text is not None for text in snapshot.texts) * 10 >= len(snapshot.texts)


def whitened(
    vectors: NDArray[np.float32], *, width: int = 128, power: float = 1.0
) -> NDArray[np.float32]:
    """Centre, turn to principal axes and divide each by its spread ** ``power``; unit rows.

    Encoders' vectors crowd in a narrow cone; whitening spreads them. See Zhang et al., "Are
    ID embeddings necessary? Whitening pre-trained text embeddings for effective sequential
    recommendation" (ICDE 2024).
    """
    there = np.linalg.norm(vectors, axis=1) > 0
    if not there.any():
        return np.zeros((len(vectors), width), dtype=np.float32)
    centred = vectors[there] - vectors[there].mean(axis=0)
    values, axes = np.linalg.eigh(centred.T @ centred / len(centred))
    chosen = np.argsort(-values)[:width]
    scale = np.maximum(values[chosen], 1e-8) ** (-power / 2)
    result = np.zeros((len(vectors), len(chosen)), dtype=np.float32)
    result[there] = (centred @ axes[:, chosen]) * scale
    norms = np.linalg.norm(result, axis=1, keepdims=True)
    return np.asarray(result / np.where(norms > 0, norms, 1.0), dtype=np.float32)


def pooled(total: NDArray[np.float32], lengths: NDArray[np.integer]) -> NDArray[np.float32]:
    """Sums over histories, divided by the root of their lengths."""
    return np.asarray(total / np.sqrt(np.maximum(lengths, 1))[:, None], dtype=np.float32)


def _encode(snapshot: Snapshot) -> NDArray[np.float32]:
    from kgrec.config import TextSettings
    from kgrec.model.text_encoder import TextEncoder
    from kgrec.training.text_cache import TextCache, default_folder

    encoder = TextEncoder.load(TextSettings(tuning="frozen"))
    cache = TextCache(snapshot.texts, snapshot.text_hashes, encoder, folder=default_folder())
    cache.refresh()
    vectors = cache.vectors.numpy()
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(norms > 0, norms, 1.0), dtype=np.float32)
