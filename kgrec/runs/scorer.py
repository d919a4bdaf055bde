"""A trained model, held still: vectors of items, and of people from their histories alone.

In:   what the joint model learned, the closed-form scores that stand beside it, and a function
      that encodes texts, when texts are asked.
Out:  person and item vectors whose inner product is a score; one space over all domains.

The graph network ran once, over the whole graph; a new person needs a pooling and a small
product. This is what the benchmark scores with and what a run folder holds. All of it are
arrays: answering needs no tensor library, which would take longer to import than to answer.

Shapes: B people   I items   I_d items of a domain   D width of the space   R factors
        F features of a bridge   P parts   M domains   W width of the encoder
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.data.interactions import count_inside
from kgrec.errors import InputError
from kgrec.model import formula
from kgrec.model.blend import Blend
from kgrec.model.channels import Channels
from kgrec.model.cold_items import Borrowed
from kgrec.model.formula import Toward
from kgrec.model.people import read_people
from kgrec.model.weights import PARTS, PartWeights
from kgrec.ranking.topk import top_k_of_products
from kgrec.vectors import Vectors

__all__ = ["Encode", "Learned", "Parts", "Scorer", "Texts"]

TEXT_NEIGHBOURS = 10
"""Catalogue items that stand for a free text."""

Floats = NDArray[np.float32]

Encode = Callable[[Sequence[str]], Floats]
"""Raw vectors ``[B, W]`` of texts, from the encoder as it was trained."""


@dataclass(frozen=True)
class Learned:
    """What the joint model learned, held still: the graph propagated, the bridges solved."""

    channels: Channels
    z: Floats  # [I, D] unit rows
    toward: Sequence[Toward[Floats]]  # of each domain
    bridge_maps: Sequence[Floats]  # of each domain [F, R]
    uses_bridge: bool

    def items(self, domain: int) -> Floats:
        """``[I_d, D + R + 1]`` vectors of ``domain``'s items."""
        items = np.flatnonzero(self.channels.item_domain == domain)
        return formula.item_vectors(
            np, self.toward[domain], self.z[items],
            self.channels.factors[items], self.channels.popularity[items],
        )  # fmt: skip

    def people(self, histories: sp.csr_matrix, domain: int) -> Floats:
        """``[B, D + R + 1]`` vectors of ``histories [B, I]``."""
        people = read_people(histories, self.channels, domain, len(self.toward))
        used = self.bridge_maps[domain] if self.uses_bridge else None
        return formula.person_vectors(np, self.toward[domain], self.z, people, used)

    @property
    def popularity_column(self) -> int:
        """Which column of an item's or a person's vector holds popularity: the last."""
        return int(self.z.shape[1] + self.channels.factors.shape[1])


@dataclass(frozen=True)
class Texts:
    """Raw text vectors of the catalogue, and how they are whitened."""

    vectors: Floats  # [I, W]
    known: NDArray[np.bool_]  # [I] whether the item has a text
    mean: Floats  # [W]
    directions: Floats  # [W, width]

    def unit(self, vectors: Floats) -> Floats:
        """``[N, width]`` unit rows of raw ``vectors [N, W]``."""
        return formula.unit(np, formula.whiten(vectors, self.mean, self.directions))


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
        texts: Texts,
        encode: Encode,
    ) -> None:
        self.parts = parts
        self.weights = weights
        self.texts = texts
        self.encode = encode
        self.channels = parts.learned.channels
        self._item_vectors: dict[int, Vectors] = {}

    def weighed_by(self, weights: PartWeights) -> Scorer:
        """The same parts, each counting otherwise."""
        return Scorer(self.parts, weights, self.texts, self.encode)

    @cached_property
    def item_space(self) -> NDArray[np.float32]:
        """``[I, D]`` unit rows: every item in the one space of all domains."""
        return self.parts.borrowed.lend_directions(self.parts.learned.z)

    def person_space(self, histories: sp.csr_matrix) -> NDArray[np.float32]:
        """``[B, D]`` unit rows: the mean of the history in the same space; zero if it is empty."""
        return formula.unit(np, np.asarray(histories @ self.item_space))

    def item_vectors(self, domain: int) -> Vectors:
        """``[I_d]`` rows as ``snapshot.items_of(domain)``: the columns of all parts.

        Raises:
            NotFiniteError: A value is NaN or infinite.
        """
        if domain not in self._item_vectors:
            items = np.flatnonzero(self.channels.item_domain == domain)
            parts, borrowed = self.parts.items(domain), self.parts.borrowed
            if "own" in parts:  # of what a person likes already there is nothing to say
                parts["own"] = parts["own"].scaled(borrowed.borrows[items].astype(np.float32))
            vectors = Vectors.beside([parts[name] for name in PARTS if name in parts])
            self._item_vectors[domain] = borrowed.trusted(vectors, items).finite("of items")
        return self._item_vectors[domain]

    def person_vectors(
        self, histories: sp.csr_matrix, domain: int, *, silent: tuple[str, ...] = ()
    ) -> Vectors:
        """``[B]`` rows of ``histories [B, I]`` of ones; products with items are scores.

        Parts named in ``silent`` say nothing.

        Raises:
            InputError: ``silent`` names no part.
            NotFiniteError: A value is NaN or infinite.
        """
        if not set(silent) <= set(PARTS):
            raise InputError(f"silent must name some of {', '.join(PARTS)}, got {silent!r}")
        inside = count_inside(histories, self.channels.item_domain, domain)
        weights = self.weights.of(inside, domain) * ~np.isin(PARTS, silent)  # [B, P]
        parts = self.parts.people(histories, domain)
        return Vectors.beside(
            [parts[name].scaled(w) for name, w in zip(PARTS, weights.T, strict=True)
             if name in parts]
        ).finite("of people")  # fmt: skip

    def text_person_vectors(self, texts: Sequence[str], domain: int) -> Vectors:
        """``[B]`` rows of free texts: the catalogue items nearest in text stand as the history.

        Raises:
            InputError: No item of the catalogue has a text.
        """
        known = np.flatnonzero(self.texts.known)
        if not len(known):
            raise InputError("no item of this run has a text, so a text cannot be compared to any")
        asked = Vectors(self.texts.unit(self.encode(texts)))
        items = Vectors(self.texts.unit(self.texts.vectors[known]))
        nearest = known[top_k_of_products(asked, items, min(TEXT_NEIGHBOURS, len(known)))[0]]
        rows = np.repeat(np.arange(len(texts)), nearest.shape[1])
        shape = (len(texts), len(self.channels.item_domain))
        histories = sp.csr_matrix(
            (np.ones(nearest.size, np.float32), (rows, nearest.ravel())), shape=shape
        )
        # Who asks in words wants what was asked for, not what all like, and has none of it yet.
        vectors = self.person_vectors(histories, domain, silent=("popularity", "own"))
        vectors.dense[:, self.parts.learned.popularity_column] = 0.0  # the learned part has some
        return vectors
