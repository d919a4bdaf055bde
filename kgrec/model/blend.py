"""Closed-form scores that stand beside the learned one.

In:   the log and the items' texts; later, histories of people it need not have seen.
Out:  vectors of items and people, part by part; how much each part counts is said elsewhere
      (:mod:`kgrec.model.weights`).

    mapped   iALS in every domain, and a ridge map from the others to each: EMCDR (Man et al.,
             "Cross-domain recommendation: an embedding and mapping approach", IJCAI 2017)
    narrow   the same in few directions: few people who link two domains can teach no more
    merged   iALS over all domains as one matrix, people folded in (Hu et al., ICDM 2008); it
             also learns from people who are active in one domain only
    ridge    regression from what people like elsewhere to what they like here: the linear
             autoencoder of Steck, "Embarrassingly shallow autoencoders for sparse data" (WWW
             2019), between domains, where its zero diagonal plays no part
    walk     paths item - person - item of the graph, divided by the roots of the degrees on
             the way: one step of LightGCN's propagation, written out (compare GF-CF, Shen et
             al., CIKM 2021); it remembers single products, which no narrow factor can
    content  cosine of texts between a history and an item (:mod:`kgrec.model.content`): all that
             two domains share where nobody links them
    own      whether the person likes the item already: nothing to recommend by, until an item
             that nobody has liked borrows it from those nearest in text
             (:mod:`kgrec.model.cold_items`); then it is content-based filtering

They err in other ways than the learned score does, so their sum ranks better than any of them
(docs/decisions.md). Nothing here is a tensor or moves with a gradient.

Shapes: B people   I items   I_d items of a domain   R width of all factors   M domains
        W width of the encoder
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.config import BlendSettings, MappedSettings, MergedSettings, RidgeSettings
from kgrec.data.interactions import Interactions, count_inside
from kgrec.model.content import Content
from kgrec.solvers.als import als_item_factors, fold_in
from kgrec.solvers.domain_factors import DomainFactors
from kgrec.solvers.ridge import ridge
from kgrec.solvers.spectrum import leading_directions, normalized
from kgrec.vectors import Vectors

__all__ = [
    "Blend",
    "Mapped",
    "Merged",
    "Regressed",
    "Walk",
    "load_blend",
    "solve_blend",
]


@dataclass(frozen=True)
class Mapped:
    """Factors of each domain by itself, and for each domain a map from all the others."""

    factors: DomainFactors
    maps: NDArray[np.float32]  # [M, (M - 1) R + 1, R]

    @property
    def items(self) -> NDArray[np.float32]:
        """``[I, R]``."""
        return self.factors.items

    @classmethod
    def solve(
        cls, log: Interactions, settings: MappedSettings, *, seed: int, start: Mapped | None = None
    ) -> Mapped:
        """Factors first, then for each domain a ridge over the people active here and elsewhere."""
        factors = DomainFactors.solve(
            log, rank=settings.rank, regularization=settings.regularization,
            alpha=settings.alpha, seed=seed, start=start.items if start else None,
        )  # fmt: skip
        width = (log.num_domains - 1) * settings.rank + 1
        mapped = cls(factors, np.zeros((log.num_domains, width, settings.rank), np.float32))
        for domain in range(log.num_domains):
            both = log.overlapping(domain)
            if len(both):  # else nobody to learn a map from: no opinion
                rows = log.liked[both]
                mapped.maps[domain] = ridge(
                    mapped._outside(rows, domain), factors.people(rows, domain),
                    strength=settings.strength,
                )  # fmt: skip
        return mapped

    def people(self, histories: sp.csr_matrix, domain: int) -> NDArray[np.float32]:
        """What the map makes of the other domains, giving way to the person's own rows.

        With n rows in the domain itself their fold-in weighs n / (n + 1).
        """
        mapped = self._outside(histories, domain) @ self.maps[domain]
        inside = count_inside(histories, self.factors.item_domain, domain)
        trust = (inside / (inside + 1.0)).astype(np.float32)[:, None]
        if trust.any():
            mapped = (1 - trust) * mapped + trust * self.factors.people(histories, domain)
        return np.asarray(mapped, dtype=np.float32)

    def _outside(self, histories: sp.csr_matrix, domain: int) -> NDArray[np.float32]:
        """``[B, (M - 1) R + 1]`` fold-in in every other domain, and a column of ones."""
        others = [d for d in range(len(self.maps)) if d != domain]
        ones = np.ones((histories.shape[0], 1), np.float32)
        return np.hstack([*(self.factors.people(histories, d) for d in others), ones])


@dataclass(frozen=True)
class Merged:
    """Factors of all domains together; a person is the fold-in of their whole history."""

    settings: MergedSettings
    items: NDArray[np.float32]  # [I, R]

    @classmethod
    def solve(
        cls, log: Interactions, settings: MergedSettings, *, seed: int, start: Merged | None = None
    ) -> Merged:
        """One factorisation of the whole log."""
        items = als_item_factors(
            log.liked, rank=settings.rank, regularization=settings.regularization,
            alpha=settings.alpha, seed=seed, start=start.items if start else None,
        )  # fmt: skip
        return cls(settings, items)

    def people(self, histories: sp.csr_matrix) -> NDArray[np.float32]:
        """``[B, R]``, the same for every domain."""
        return fold_in(
            histories, self.items,
            regularization=self.settings.regularization, alpha=self.settings.alpha,
        )  # fmt: skip


@dataclass(frozen=True)
class Regressed:
    """Ridge from the likes ``X`` outside a domain to the likes ``Y`` inside it.

    A history ``h`` scores ``h (X'X + s)^-1 X'Y``. In the leading directions ``V`` of ``X``, with
    singular values ``e``, the inverse is ``1 / (e^2 + s)``; in all others it is taken for
    ``1 / s``, since there ``e^2`` is small beside ``s``:

        h V (1 / (e^2 + s) - 1 / s) V'X'Y  +  h X'Y / s

    So nothing is quadratic in items, and the second term is paths through people.
    """

    strength: float
    read: NDArray[np.float32]  # [M, I, R] V of each domain's outside
    write: NDArray[np.float32]  # [I, R] the rest of the first term, an item's own domain being Y
    log: Interactions

    @classmethod
    def solve(cls, log: Interactions, settings: RidgeSettings, *, seed: int) -> Regressed:
        """A truncated SVD for each domain."""
        shape = (log.num_domains, log.liked.shape[1], settings.rank)
        read, write = np.zeros(shape, np.float32), np.zeros(shape[1:], np.float32)
        for domain in range(log.num_domains):
            outside = log.outside(log.liked, domain)
            outside.eliminate_zeros()
            if not outside.nnz:
                continue
            v, e = leading_directions(outside, rank=settings.rank, seed=seed)
            inverse = 1 / (e**2 + settings.strength) - 1 / settings.strength
            items = log.items_of(domain)
            inside = log.liked[:, items].T.tocsr()
            read[domain, :, : len(e)] = v
            write[items, : len(e)] = inside @ (outside @ v) * inverse
        return cls(settings.strength, read, write, log)

    def people(self, histories: sp.csr_matrix, domain: int) -> Vectors:
        """``[B]`` rows: directions, and how strongly what is outside leads to each person."""
        outside = self.log.outside(histories, domain)
        paths = sp.csr_matrix(outside @ self.log.liked.T) / np.float32(self.strength)
        return Vectors(np.asarray(outside @ self.read[domain]), paths)

    def items(self, items: NDArray[np.int64]) -> Vectors:
        """``[N]`` rows of ``items [N]``, all of one domain."""
        return Vectors(self.write[items], sp.csr_matrix(self.log.liked[:, items].T))


@dataclass(frozen=True)
class Walk:
    """Steps over the graph of people and items; nothing is solved and nothing kept but the log."""

    likes: sp.csr_matrix  # [P, I] divided by the root of a person's degree
    item_scale: NDArray[np.float32]  # [I] one over the root of an item's degree

    @classmethod
    def over(cls, log: Interactions) -> Walk:
        """The graph of a log's likes."""
        items = np.maximum(log.liked.getnnz(axis=0), 1).astype(np.float32)
        return cls(normalized(log.liked, item_power=0.0), items**-0.5)

    def people(self, histories: sp.csr_matrix) -> sp.csr_matrix:
        """``[B, P]`` how strongly each history ``[B, I]`` leads to each person of the log."""
        return sp.csr_matrix(histories @ sp.diags(self.item_scale) @ self.likes.T)

    def items(self, items: NDArray[np.int64]) -> sp.csr_matrix:
        """``[N, P]`` who likes each of ``items [N]``."""
        return sp.csr_matrix(self.likes[:, items].T)


@dataclass(frozen=True)
class Blend:
    """The parts side by side; any but popularity may be missing."""

    mapped: Mapping[str, Mapped]  # by the name of the part: the wide one and the narrow one
    merged: Merged | None
    regressed: Regressed | None
    walk: Walk | None
    content: Content | None
    popularity: NDArray[np.float32]  # [I] log(1 + likes), centred within the domain
    own: bool  # whether own likes are a part
    item_domain: NDArray[np.int32]  # [I]

    def items(self, domain: int) -> dict[str, Vectors]:
        """``[I_d]`` rows as ``items_of(domain)``, by the name of the part."""
        items = np.flatnonzero(self.item_domain == domain)
        parts = {name: Vectors(mapped.items[items]) for name, mapped in self.mapped.items()}
        if self.merged is not None:
            parts["merged"] = Vectors(self.merged.items[items])
        if self.regressed is not None:
            parts["ridge"] = self.regressed.items(items)
        if self.walk is not None:
            parts["walk"] = _only_sparse(self.walk.items(items))
        if self.content is not None:
            parts["content"] = Vectors(self.content.items[items])
        parts["popularity"] = Vectors(self.popularity[items, None])
        if self.own:
            parts["own"] = _only_sparse(sp.identity(len(items), np.float32, "csr"))
        return parts

    def people(self, histories: sp.csr_matrix, domain: int) -> dict[str, Vectors]:
        """``[B]`` rows of ``histories [B, I]``, by the name of the part."""
        parts = {
            name: Vectors(mapped.people(histories, domain)) for name, mapped in self.mapped.items()
        }
        if self.merged is not None:
            parts["merged"] = Vectors(self.merged.people(histories))
        if self.regressed is not None:
            parts["ridge"] = self.regressed.people(histories, domain)
        if self.walk is not None:
            parts["walk"] = _only_sparse(self.walk.people(histories))
        if self.content is not None:
            parts["content"] = Vectors(self.content.people(histories))
        parts["popularity"] = Vectors(np.ones((histories.shape[0], 1), np.float32))
        if self.own:
            parts["own"] = _only_sparse(histories[:, np.flatnonzero(self.item_domain == domain)])
        return parts

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """What :func:`load_blend` needs beside the log, by name."""
        named: dict[str, NDArray[np.float32]] = {}
        for name, mapped in self.mapped.items():
            named |= {f"blend.{name}": mapped.items, f"blend.{name}.maps": mapped.maps}
        if self.merged is not None:
            named |= {"blend.merged": self.merged.items}
        if self.regressed is not None:
            named |= {"blend.read": self.regressed.read, "blend.write": self.regressed.write}
        if self.content is not None:
            named |= {"blend.content": self.content.items}
        return named


def load_blend(
    arrays: Mapping[str, NDArray[np.float32]], settings: BlendSettings, log: Interactions
) -> Blend:
    """A :class:`Blend` from its :meth:`Blend.arrays` and the log it was solved on."""
    mapped = {
        name: Mapped(
            DomainFactors(
                arrays[f"blend.{name}"], log.item_domain, given.regularization, given.alpha
            ),
            arrays[f"blend.{name}.maps"],
        )
        for name, given in _maps_of(settings).items()
    }
    merged = regressed = None
    if settings.merged.share:
        merged = Merged(settings.merged, arrays["blend.merged"])
    if settings.ridge.share:
        read, write = arrays["blend.read"], arrays["blend.write"]
        regressed = Regressed(settings.ridge.strength, read, write, log)
    walk = Walk.over(log) if settings.walk.share else None
    content = Content(arrays["blend.content"]) if settings.content.share else None
    own = settings.own.share > 0
    return Blend(mapped, merged, regressed, walk, content, log.popularity, own, log.item_domain)


def solve_blend(
    log: Interactions,
    settings: BlendSettings,
    text: NDArray[np.float32],
    *,
    seed: int,
    start: Blend | None = None,
) -> Blend:
    """Solve all parts whose share is not 0; under a minute for a million likes.

    Args:
        log: What is solved.
        settings: Of all parts.
        text: ``[I, W]`` vectors of the encoder as trained, zero where an item has no text.
        seed: Of the first factors.
        start: What the same settings made of nearly the same log: factors go on from there, which
            is quicker, and end near those that were weighed.
    """
    mapped = {
        name: Mapped.solve(log, given, seed=seed, start=start.mapped[name] if start else None)
        for name, given in _maps_of(settings).items()
    }
    merged = regressed = None
    if settings.merged.share:
        before = start.merged if start else None
        merged = Merged.solve(log, settings.merged, seed=seed, start=before)
    if settings.ridge.share:
        regressed = Regressed.solve(log, settings.ridge, seed=seed)
    walk = Walk.over(log) if settings.walk.share else None
    content = None
    if settings.content.share:
        content = Content.relative(text, log, settings.content)
    own = settings.own.share > 0
    return Blend(mapped, merged, regressed, walk, content, log.popularity, own, log.item_domain)


def _maps_of(settings: BlendSettings) -> dict[str, MappedSettings]:
    """The settings of each map that is wanted, by the name of the part."""
    both = {"mapped": settings.mapped, "narrow": settings.narrow}
    return {name: given for name, given in both.items() if given.share}


def _only_sparse(columns: sp.csr_matrix) -> Vectors:
    rows = sp.csr_matrix(columns)
    return Vectors(np.zeros((rows.shape[0], 0), np.float32), rows)
