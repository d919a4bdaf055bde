"""Closed-form scores that stand beside the learned one.

In:   the log; later, histories of people it need not have seen.
Out:  vectors of items and people, so scaled that each score has its share of the spread.

    mapped   iALS in every domain, and a ridge map from the others to each: EMCDR (Man et al.,
             "Cross-domain recommendation: an embedding and mapping approach", IJCAI 2017)
    merged   iALS over all domains as one matrix, people folded in (Hu et al., ICDM 2008); it
             also learns from people who are active in one domain only
    walk     paths item - person - item of the graph, divided by the roots of the degrees on
             the way: one step of LightGCN's propagation, written out (compare GF-CF, Shen et
             al., CIKM 2021); it remembers single products, which no narrow factor can

They err in other ways than the learned score does, so their sum ranks better than any of them
(docs/decisions.md). Nothing here is a tensor or moves with a gradient.

Shapes: B people   I items   I_d items of a domain   R width of all factors   M domains
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.config import BlendSettings, MappedSettings, MergedSettings
from kgrec.interactions import Interactions
from kgrec.model.domain_factors import DomainFactors
from kgrec.ranking.topk import blocks
from kgrec.solvers.als import als_item_factors, fold_in
from kgrec.solvers.ridge import ridge
from kgrec.solvers.spectrum import normalized
from kgrec.vectors import Vectors

__all__ = [
    "Blend",
    "Mapped",
    "Merged",
    "Walk",
    "load_blend",
    "newcomers",
    "seen_from_outside",
    "solve_blend",
    "spread",
]

_SAMPLE = 1000
"""People whom a spread is measured on."""


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
    def solve(cls, log: Interactions, settings: MappedSettings, *, seed: int) -> Mapped:
        """Factors first, then for each domain a ridge over the people active here and elsewhere."""
        factors = DomainFactors.solve(
            log, rank=settings.rank, regularization=settings.regularization,
            alpha=settings.alpha, seed=seed,
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
        inside = histories[:, np.flatnonzero(self.factors.item_domain == domain)].getnnz(axis=1)
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
    def solve(cls, log: Interactions, settings: MergedSettings, *, seed: int) -> Merged:
        """One factorisation of the whole log."""
        items = als_item_factors(
            log.liked, rank=settings.rank, regularization=settings.regularization,
            alpha=settings.alpha, seed=seed,
        )  # fmt: skip
        return cls(settings, items)

    def people(self, histories: sp.csr_matrix) -> NDArray[np.float32]:
        """``[B, R]``, the same for every domain."""
        return fold_in(
            histories, self.items,
            regularization=self.settings.regularization, alpha=self.settings.alpha,
        )  # fmt: skip


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
    """The parts side by side, each at its share of one unit of spread; any may be missing."""

    mapped: Mapped | None
    merged: Merged | None
    walk: Walk | None
    item_domain: NDArray[np.int32]  # [I]
    weights: NDArray[np.float32]  # [3, M] of mapped, merged and walk

    def item_vectors(self, domain: int) -> Vectors:
        """``[I_d]`` rows as ``items_of(domain)``."""
        items = np.flatnonzero(self.item_domain == domain)
        dense = [np.zeros((len(items), 0), np.float32)]
        dense += [part.items[items] for part in (self.mapped, self.merged) if part is not None]
        sparse = None if self.walk is None else self.walk.items(items)
        return Vectors(np.hstack(dense), sparse)

    def person_vectors(self, histories: sp.csr_matrix, domain: int, *, spread: float) -> Vectors:
        """``[B]`` rows of ``histories [B, I]``, to stand beside a score of that spread."""
        mapped, merged, walk = self.weights[:, domain] * np.float32(spread)
        dense = [np.zeros((histories.shape[0], 0), np.float32)]
        if self.mapped is not None:
            dense.append(self.mapped.people(histories, domain) * mapped)
        if self.merged is not None:
            dense.append(self.merged.people(histories) * merged)
        sparse = None if self.walk is None else (self.walk.people(histories) * walk).tocsr()
        return Vectors(np.hstack(dense), sparse)

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """What :func:`load_blend` needs beside the log, by name."""
        named = {"blend.weights": self.weights}
        if self.mapped is not None:
            named |= {"blend.mapped": self.mapped.items, "blend.maps": self.mapped.maps}
        if self.merged is not None:
            named |= {"blend.merged": self.merged.items}
        return named


def load_blend(
    arrays: Mapping[str, NDArray[np.float32]], settings: BlendSettings, log: Interactions
) -> Blend:
    """A :class:`Blend` from its :meth:`Blend.arrays` and the log it was solved on."""
    mapped = merged = None
    if settings.mapped.share:
        items, given = arrays["blend.mapped"], settings.mapped
        factors = DomainFactors(items, log.item_domain, given.regularization, given.alpha)
        mapped = Mapped(factors, arrays["blend.maps"])
    if settings.merged.share:
        merged = Merged(settings.merged, arrays["blend.merged"])
    walk = Walk.over(log) if settings.walk.share else None
    return Blend(mapped, merged, walk, log.item_domain, arrays["blend.weights"])


def solve_blend(log: Interactions, settings: BlendSettings, *, seed: int) -> Blend:
    """Solve all parts whose share is not 0; under a minute for a million likes."""
    mapped = merged = None
    if settings.mapped.share:
        mapped = Mapped.solve(log, settings.mapped, seed=seed)
    if settings.merged.share:
        merged = Merged.solve(log, settings.merged, seed=seed)
    walk = Walk.over(log) if settings.walk.share else None
    weights = np.zeros((3, log.num_domains), np.float32)
    for domain in range(log.num_domains):
        items = log.items_of(domain)
        people = newcomers(log, domain, seed=seed)
        rows = seen_from_outside(log, people, domain)
        if mapped is not None:
            found = spread(mapped.people(rows, domain), mapped.items[items])
            weights[0, domain] = settings.mapped.share / found if found else 0.0
        if merged is not None:
            found = spread(merged.people(rows), merged.items[items])
            weights[1, domain] = settings.merged.share / found if found else 0.0
        if walk is not None:
            found = _walk_spread(walk, rows, people, items)
            weights[2, domain] = settings.walk.share / found if found else 0.0
    return Blend(mapped, merged, walk, log.item_domain, weights)


def newcomers(log: Interactions, domain: int, *, seed: int) -> NDArray[np.int64]:
    """At most 1,000 people active in ``domain`` and elsewhere; if none are, people active in it."""
    both = log.overlapping(domain)
    people = both if len(both) else np.flatnonzero(log.active[:, domain])
    if len(people) > _SAMPLE:
        people = np.sort(np.random.default_rng([seed, domain]).choice(people, _SAMPLE, False))
    return people


def seen_from_outside(log: Interactions, people: NDArray[np.int64], domain: int) -> sp.csr_matrix:
    """``[B, I]`` the likes of ``people`` before they came to ``domain``, or all if that is none."""
    rows: sp.csr_matrix = log.liked[people]
    outside = log.outside(rows, domain)
    outside.eliminate_zeros()
    return outside if outside.nnz else rows


def spread(people: NDArray[np.float32], items: NDArray[np.float32]) -> float:
    """Standard deviation of a person's scores over ``items [I_d, R]``, RMS over ``[B, R]``.

    Example:
        >>> spread(np.array([[2.0]], np.float32), np.array([[1.0], [-1.0]], np.float32))
        2.0
    """
    if not len(people) or not len(items):
        return 0.0
    covariance = np.cov(items, rowvar=False, bias=True).reshape(items.shape[1], -1)
    variance = ((people @ covariance) * people).sum(axis=1)
    return float(np.sqrt(np.maximum(variance, 0.0).mean()))


def _walk_spread(
    walk: Walk, rows: sp.csr_matrix, people: NDArray[np.int64], items: NDArray[np.int64]
) -> float:
    """:func:`spread` of the walk, no path leading through the person who starts it."""
    if not len(people) or not len(items):
        return 0.0
    reached = walk.people(rows).tolil()
    reached[np.arange(len(people)), people] = 0.0
    reached, target = reached.tocsr(), walk.items(items).T.tocsr()
    total = squares = 0.0
    for part in blocks(len(people), 64):  # sparse, yet wide: a few people at a time
        scores = reached[part] @ target
        squares += float((scores.data.astype(np.float64) ** 2).sum())
        sums = np.asarray(scores.sum(axis=1), dtype=np.float64)
        total += float((sums**2).sum()) / len(items)
    return float(np.sqrt(max(squares - total, 0.0) / len(items) / len(people)))
