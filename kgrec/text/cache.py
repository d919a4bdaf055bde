"""Text vectors of the whole catalogue, kept while the encoder learns from a sample of them.

In:   the catalogue's texts and an encoder.
Out:  ``[I, W]`` raw vectors; for a step, the same with fresh rows that carry gradient.

Encoding every text at every step is out of reach, so a step encodes a few texts anew and
takes the rest from here; :meth:`TextCache.refresh` makes all anew. Vectors are kept on disk by
(text hash, encoder signature), so that a text is encoded once by the same weights, whatever
run or set it occurs in.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from torch import Tensor

from kgrec.text.encoder import TextEncoder

__all__ = ["TextCache", "default_folder"]

log = logging.getLogger(__name__)
OnProgress = Callable[[int, int], None]


def default_folder() -> Path:
    """Where vectors are kept: ``kgrec/text`` in the user's cache folder."""
    root = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(root) / "kgrec" / "text"


class TextCache:
    """The vectors in force, and the weights of the encoder that made them.

    Args:
        texts: Text of each item ``[I]``; None where it has none.
        hashes: Hash of each text, by which vectors are stored in files.
        encoder: Encoder that makes the vectors.
        folder: Folder of stored vectors; None: none are stored.
        device: Device that holds the vectors.
    """

    def __init__(
        self,
        texts: Sequence[str | None],
        hashes: Sequence[str | None],
        encoder: TextEncoder,
        *,
        folder: Path | None,
        device: torch.device | str = "cpu",
    ) -> None:
        self._texts = list(texts)
        self._hashes = list(hashes)
        self._encoder = encoder
        self._folder = folder
        known = np.array([bool(text) for text in texts], dtype=bool)
        self.items_with_text = np.flatnonzero(known)
        self.has_text = torch.from_numpy(known.astype(np.float32)).to(device)
        self.vectors = torch.zeros(len(texts), encoder.width, device=device)
        self.weights: dict[str, Tensor] = {}
        """The encoder's learning weights as they were when ``vectors`` were made."""

    def refresh(self, on_progress: OnProgress = lambda done, total: None) -> None:
        """Make all vectors anew with the encoder as it is; texts met before come from disk."""
        self.weights = self._encoder.learned()
        known = self._from_disk()
        missing = [i for i in self.items_with_text if self._hashes[i] not in known]
        missing.sort(key=lambda i: len(self._texts[i] or ""))  # like lengths together
        done = 0
        for batch in self._encoder.encode([self._texts[i] or "" for i in missing]):
            for row, i in zip(batch.numpy(), missing[done:], strict=False):
                known[str(self._hashes[i])] = row
            done += len(batch)
            on_progress(done, len(missing))
        if missing:
            self._to_disk(known)
        if len(self.items_with_text):
            rows = np.stack([known[str(self._hashes[i])] for i in self.items_with_text])
            index = torch.from_numpy(self.items_with_text).to(self.vectors.device)
            self.vectors[index] = torch.from_numpy(rows).to(self.vectors.device)

    def fresh(self, items: np.ndarray) -> Tensor:
        """``[I, W]`` with the rows of ``items`` encoded anew, with gradient to the encoder."""
        if not len(items):
            return self.vectors
        rows = self._encoder([self._texts[i] or "" for i in items]).to(self.vectors.dtype)
        index = torch.from_numpy(np.asarray(items)).to(self.vectors.device)
        fresh: Tensor = self.vectors.detach().index_copy(0, index, rows)
        return fresh

    def _file(self) -> Path | None:
        return self._folder / f"{self._encoder.signature()}.safetensors" if self._folder else None

    def _from_disk(self) -> dict[str, np.ndarray]:
        file = self._file()
        if file is None or not file.is_file():
            return {}
        try:
            held = load_file(file)
        except (OSError, SafetensorError) as error:
            log.warning("%s is damaged (%s); its texts are encoded again", file, error)
            return {}
        names = held["hashes"].tobytes().decode().split("\n")
        return dict(zip(names, held["vectors"], strict=True))

    def _to_disk(self, known: dict[str, np.ndarray]) -> None:
        """Write them, if the encoder is untuned: no other run meets a tuned one."""
        file = self._file()
        if file is None or any("lora_B" in n and p.any() for n, p in self.weights.items()):
            return
        if self._encoder.settings.tuning == "full":
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        names = np.frombuffer("\n".join(known).encode(), dtype=np.uint8)
        partial = file.with_suffix(f".{os.getpid()}.partial")
        save_file({"hashes": names, "vectors": np.stack(list(known.values()))}, partial)
        partial.replace(file)  # readers see the old file or the new one, never half of it
