"""A trained model, held still: vectors of items, and of people from their histories alone.

In:   the joint model after training, the graph, the closed-form scores that stand beside it,
      and the text encoder when texts are asked.
Out:  person and item vectors whose inner product is a score; one space over all domains.

The graph network ran once, over the whole graph; a new person needs a pooling and a small
product. This is what the benchmark scores with and what a run folder holds.

Shapes: B people   I items   I_d items of a domain   D width of the space   R factors
        F features of a bridge   P parts
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from kgrec.errors import InputError
from kgrec.interactions import count_inside
from kgrec.model.blend import Blend
from kgrec.model.channels import Channels
from kgrec.model.cold_items import Borrowed
from kgrec.model.joint import JointModel
from kgrec.model.text_encoder import TextEncoder
from kgrec.model.weights import PARTS, PartWeights
from kgrec.training.episodes import make_people
from kgrec.vectors import Vectors

__all__ = ["Learned", "Parts", "Scorer"]

TEXT_NEIGHBOURS = 10
"""Catalogue items that stand for a free text."""


@dataclass(frozen=True)
class Learned:
    """What the joint model learned, held still: the graph propagated, the bridges solved."""

    model: JointModel
    channels: Channels
    z: Tensor  # [I, D] unit rows
    bridge_maps: Sequence[Tensor]  # of each domain [F, R]

    def to_cpu(self) -> Learned:
        """The same on the CPU, where answers are given; the model itself is moved."""
        maps = [m.cpu() for m in self.bridge_maps]
        return Learned(self.model.cpu(), self.channels, self.z.cpu(), maps)

    @torch.no_grad()
    def items(self, domain: int) -> NDArray[np.float32]:
        """``[I_d, D + R + 1]`` vectors of ``domain``'s items."""
        items = torch.from_numpy(np.flatnonzero(self.channels.item_domain == domain))
        vectors = self.model.item_vectors(self.z, items.to(self.z.device), domain)
        return np.asarray(vectors.cpu().numpy())

    @torch.no_grad()
    def people(self, histories: sp.csr_matrix, domain: int) -> NDArray[np.float32]:
        """``[B, D + R + 1]`` vectors of ``histories [B, I]``."""
        people = make_people(
            histories, self.channels, domain, self.model.num_domains, self.z.device
        )
        vectors = self.model.person_vectors(self.z, people, domain, self.bridge_maps[domain])
        return np.asarray(vectors.cpu().numpy())


@dataclass(frozen=True)
class Parts:
    """All parts of a score, each with vectors of its own."""

    learned: Learned
    blend: Blend
    borrowed: Borrowed

    def items(self, domain: int) -> dict[str, Vectors]:
        """``[I_d]`` rows as ``snapshot.items_of(domain)``, by the name of the part."""
        items = np.flatnonzero(self.learned.channels.item_domain == domain)
        parts = {"learned": Vectors(self.learned.items(domain)), **self.blend.items(domain)}
        return {name: self.borrowed.lend(vectors, items) for name, vectors in parts.items()}

    def people(self, histories: sp.csr_matrix, domain: int) -> dict[str, Vectors]:
        """``[B]`` rows of ``histories [B, I]``, by the name of the part."""
        learned = Vectors(self.learned.people(histories, domain))
        return {"learned": learned, **self.blend.people(histories, domain)}


class Scorer:
    """Answers with arrays; nothing it does changes it."""

    def __init__(
        self,
        parts: Parts,
        weights: PartWeights,
        text_vectors: Tensor,
        encoder: Callable[[], TextEncoder],
    ) -> None:
        self.parts = parts
        self.weights = weights
        self.text_vectors = text_vectors  # [I, W]
        self.model = parts.learned.model.eval()
        self.channels = parts.learned.channels
        self._item_vectors: dict[int, Vectors] = {}
        self._load_encoder = encoder
        self._encoder: TextEncoder | None = None

    def weighed_by(self, weights: PartWeights) -> Scorer:
        """The same parts, each counting otherwise."""
        return Scorer(self.parts, weights, self.text_vectors, self._load_encoder)

    @cached_property
    def item_space(self) -> NDArray[np.float32]:
        """``[I, D]`` unit rows: every item in the one space of all domains."""
        return self.parts.borrowed.lend_directions(self.parts.learned.z.numpy())

    @torch.no_grad()
    def person_space(self, histories: sp.csr_matrix) -> NDArray[np.float32]:
        """``[B, D]`` unit rows: the mean of the history in the same space; zero if it is empty."""
        pooled = torch.from_numpy(np.asarray(histories @ self.item_space))
        return np.asarray(functional.normalize(pooled, dim=1).numpy())

    def item_vectors(self, domain: int) -> Vectors:
        """``[I_d]`` rows as ``snapshot.items_of(domain)``: the columns of all parts."""
        if domain not in self._item_vectors:
            items = np.flatnonzero(self.channels.item_domain == domain)
            parts, borrowed = self.parts.items(domain), self.parts.borrowed
            if "own" in parts:  # of what a person likes already there is nothing to say
                parts["own"] = parts["own"].scaled(borrowed.borrows[items].astype(np.float32))
            vectors = Vectors.beside([parts[name] for name in PARTS if name in parts])
            self._item_vectors[domain] = borrowed.trusted(vectors, items)
        return self._item_vectors[domain]

    def person_vectors(
        self, histories: sp.csr_matrix, domain: int, *, silent: tuple[str, ...] = ()
    ) -> Vectors:
        """``[B]`` rows of ``histories [B, I]`` of ones; products with items are scores.

        Parts named in ``silent`` say nothing.

        Raises:
            ValueError: ``silent`` names no part.
        """
        if not set(silent) <= set(PARTS):
            raise ValueError(f"silent must name some of {', '.join(PARTS)}, got {silent!r}")
        inside = count_inside(histories, self.channels.item_domain, domain)
        weights = self.weights.of(inside, domain) * ~np.isin(PARTS, silent)  # [B, P]
        parts = self.parts.people(histories, domain)
        return Vectors.beside(
            [parts[name].scaled(w) for name, w in zip(PARTS, weights.T, strict=True)
             if name in parts]
        )  # fmt: skip

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
        # Who asks in words wants what was asked for, not what all like, and has none of it yet.
        vectors = self.person_vectors(histories, domain, silent=("popularity", "own"))
        vectors.dense[:, self.model.popularity_column] = 0.0  # what the learned part has of it
        return vectors

    def _whiten(self, vectors: Tensor) -> Tensor:
        return functional.normalize(self.model.whitening(vectors), dim=1)
