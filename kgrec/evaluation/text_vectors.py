"""Text vectors of all items, for baselines that read text.

In:   a snapshot.
Out:  ``[I, W]`` of a frozen encoder; zero rows where an item has no text.

The vectors of the last snapshot's texts are kept, since a benchmark asks for the same again
and again. Text is what it is whatever rows a split hides, so nothing can leak here.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from graph_store.snapshot import Snapshot
from kgrec.config import TextSettings
from kgrec.solvers.whitening import unit_rows

__all__ = ["TextVectors", "has_text"]


class TextVectors:
    """Encodes a catalogue once; pass one to all baselines that read text.

    Args:
        settings: Which encoder; its weights do not move. By default the default encoder.
    """

    def __init__(self, settings: TextSettings | None = None) -> None:
        self._settings = settings or TextSettings(tuning="frozen")
        self._kept: tuple[str, NDArray[np.float32]] | None = None

    def of(self, snapshot: Snapshot) -> NDArray[np.float32]:
        """``[I, W]``, each row of length one or zero."""
        digest = hashlib.sha256("\0".join(text or "" for text in snapshot.texts).encode())
        if self._kept is None or self._kept[0] != digest.hexdigest():
            self._kept = (digest.hexdigest(), _encode(snapshot, self._settings))
        return self._kept[1]


def has_text(snapshot: Snapshot) -> bool:
    """Whether at least one item in ten has a text: below that, text says nothing of a set."""
    return sum(text is not None for text in snapshot.texts) * 10 >= len(snapshot.texts)


def _encode(snapshot: Snapshot, settings: TextSettings) -> NDArray[np.float32]:
    from kgrec.device import pick_device
    from kgrec.text.cache import TextCache, default_folder
    from kgrec.text.encoder import TextEncoder

    encoder = TextEncoder.load(settings).to(pick_device("auto"))
    cache = TextCache(snapshot.texts, snapshot.text_hashes, encoder, folder=default_folder())
    cache.refresh()
    return unit_rows(cache.vectors.numpy())
