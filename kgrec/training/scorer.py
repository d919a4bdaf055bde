"""A trained model, held still: vectors of items, and of people from their histories alone.

In:   the joint model after training, the graph, the closed-form scores that stand beside it,
      and the text encoder when texts are asked.
Out:  person and item vectors whose inner product is a score; one space over all domains.

The graph network ran once, over the whole graph; a new person needs a pooling and a small
product. This is what the benchmark scores with and what a run folder holds.

Shapes: B people   I items   I_d items of a domain   S width of the space
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from kgrec.errors import InputError
from kgrec.interactions import Interactions
from kgrec.model.blend import Blend, newcomers, seen_from_outside, spread
from kgrec.model.channels import Channels
from kgrec.model.joint import JointModel
from kgrec.model.text_encoder import TextEncoder
from kgrec.training.episodes import make_people
from kgrec.vectors import Vectors

__all__ = ["Scorer"]

TEXT_NEIGHBOURS = 10
"""Catalogue items that stand for a free text."""


class Scorer:
    """Answers with arrays; nothing it does changes it."""

    def __init__(
        self,
        model: JointModel,
        channels: Channels,
        z: Tensor,
        bridge_maps: Sequence[Tensor],
        blend: Blend,
        text_vectors: Tensor,
        encoder: Callable[[], TextEncoder],
        *,
        spreads: NDArray[np.float32] | None = None,
    ) -> None:
        self.model = model.eval()
        self.channels = channels
        self.z = z
        self.bridge_maps = list(bridge_maps)
        self.blend = blend
        self.text_vectors = text_vectors
        self.spreads = np.ones(model.num_domains, np.float32) if spreads is None else spreads
        """``[M]`` of the learned score; the blend's shares are in units of it."""
        self._item_vectors: dict[int, Vectors] = {}
        self._load_encoder = encoder
        self._encoder: TextEncoder | None = None

    def to_cpu(self) -> Scorer:
        """Move everything to the CPU, where answers are given; returns itself."""
        self.model.cpu()
        self.z, self.text_vectors = self.z.cpu(), self.text_vectors.cpu()
        self.bridge_maps = [m.cpu() for m in self.bridge_maps]
        return self

    def measure_spreads(self, log: Interactions, *, seed: int) -> None:
        """Find how far the learned score spreads for people who come to each domain."""
        for domain in range(self.model.num_domains):
            rows = seen_from_outside(log, newcomers(log, domain, seed=seed), domain)
            people = self.learned_person_vectors(rows, domain)
            self.spreads[domain] = spread(people, self.learned_item_vectors(domain))

    @property
    def item_space(self) -> NDArray[np.float32]:
        """``[I, S]`` unit rows: every item in the one space of all domains."""
        return np.asarray(self.z.cpu().numpy())

    @torch.no_grad()
    def person_space(self, histories: sp.csr_matrix) -> NDArray[np.float32]:
        """``[B, S]`` unit rows: the mean of the history in the same space; zero if it is empty."""
        pooled = torch.from_numpy(np.asarray(histories @ self.item_space))
        return np.asarray(functional.normalize(pooled, dim=1).numpy())

    def item_vectors(self, domain: int) -> Vectors:
        """``[I_d]`` rows as ``snapshot.items_of(domain)``: learned columns, then closed-form."""
        if domain not in self._item_vectors:
            blended = self.blend.item_vectors(domain)
            learned = self.learned_item_vectors(domain)
            both = Vectors(np.hstack([learned, blended.dense]), blended.sparse)
            self._item_vectors[domain] = both
        return self._item_vectors[domain]

    def person_vectors(self, histories: sp.csr_matrix, domain: int) -> Vectors:
        """``[B]`` rows of ``histories [B, I]`` of ones; products with items are scores."""
        spread = float(self.spreads[domain])
        blended = self.blend.person_vectors(histories, domain, spread=spread)
        learned = self.learned_person_vectors(histories, domain)
        return Vectors(np.hstack([learned, blended.dense]), blended.sparse)

    @torch.no_grad()
    def learned_item_vectors(self, domain: int) -> NDArray[np.float32]:
        """The first columns of :meth:`item_vectors`: what the joint model learned."""
        items = torch.from_numpy(np.flatnonzero(self.channels.item_domain == domain))
        vectors = self.model.item_vectors(self.z, items.to(self.z.device), domain)
        return np.asarray(vectors.cpu().numpy())

    @torch.no_grad()
    def learned_person_vectors(self, histories: sp.csr_matrix, domain: int) -> NDArray[np.float32]:
        """The first columns of :meth:`person_vectors`."""
        people = make_people(
            histories, self.channels, domain, self.model.num_domains, self.z.device
        )
        vectors = self.model.person_vectors(self.z, people, domain, self.bridge_maps[domain])
        return np.asarray(vectors.cpu().numpy())

    @torch.no_grad()
    def text_person_vectors(self, texts: Sequence[str], domain: int) -> Vectors:
        """``[B]`` rows of free texts: the catalogue items nearest in text stand as the history.

        Raises:
            InputError: No item of the catalogue has a text.
        """
        known = torch.nonzero(self.model.has_text).squeeze(1)
        if not len(known):
            raise InputError("no item of this run has a text, so a text cannot be compared to any")
        if self._encoder is None:  # only texts need it, and it is slow to load
            self._encoder = self._load_encoder()
        asked = self._whiten(torch.cat(list(self._encoder.encode(list(texts)))))
        cosine = asked @ self._whiten(self.text_vectors[known]).T  # [B, items with text]
        nearest = known[cosine.topk(min(TEXT_NEIGHBOURS, len(known)), dim=1).indices].numpy()
        rows = np.repeat(np.arange(len(texts)), nearest.shape[1])
        shape = (len(texts), len(self.channels.item_domain))
        histories = sp.csr_matrix(
            (np.ones(nearest.size, np.float32), (rows, nearest.ravel())), shape=shape
        )
        vectors = self.person_vectors(histories, domain)
        # Who asks in words wants what was asked for, not what all like.
        vectors.dense[:, self.model.popularity_column] = 0.0
        return vectors

    def _whiten(self, vectors: Tensor) -> Tensor:
        return functional.normalize(self.model.whitening(vectors), dim=1)
