"""Items that nobody has liked yet: their vectors are imputed from the items most similar in text.

In:   text vectors of all items, and how often each is liked.
Out:  :class:`ColdItemImputer`, which turns any component's vectors of items into those in force.

No factor, path or spectrum knows an item without a like. What is like it in text is liked by the
same users, so every component's vector of it is the mean of its neighbours'. A mean is narrower
than what it is made of, and how much narrower differs between components. So every column of a
domain's imputed vectors is brought to the mean and standard deviation that liked items have, by
what becomes of some of these when they are imputed likewise. The sum of all components may be
discounted beside that of liked items: where new items are rarely taken up, as equals they crowd
liked ones out.

Only items of the same domain are donors, since text says little across domains. Text vectors are
whitened at full width first; at less, near neighbours blur (docs/lab/2026-11-25-cold-items.md).

Shapes: I items   I_d items of a domain   W width of the encoder   M domains
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.ensemble.settings import ColdItemSettings
from kgrec.ranking.topk import NO_ITEM, same_numbers, top_k_of_products
from kgrec.solvers.whitening import NOISE_FLOOR, unit_rows, whitened
from kgrec.vectors import Vectors

__all__ = ["ColdItemImputer"]

MOST_DONORS = 50_000
"""The most liked items of a domain that are donors; so the search grows with cold items alone."""

_SHRINKAGE_SAMPLE = 1000
"""Liked items of a domain, at most, that show how narrow means become."""

_TINY = 1e-9


@dataclass(frozen=True)
class ColdItemImputer:
    """Which items are imputed, and from which donors."""

    weights: sp.csr_matrix
    """``[I, I]``: rows of cold items sum to 1, all others are empty."""
    sample: sp.csr_matrix
    """``[I, I]``: the same of some liked items, as if they were cold: how narrow means become."""
    discount: float
    """Factor on the vectors of cold items, all components side by side."""

    @property
    def imputed(self) -> NDArray[np.bool_]:
        """``[I]`` whether an item is imputed."""
        return np.asarray(self.weights.getnnz(axis=1) > 0)

    @classmethod
    def by_text(
        cls,
        text: NDArray[np.float32],
        likes: NDArray[np.integer],
        item_domain: NDArray[np.int32],
        settings: ColdItemSettings,
    ) -> ColdItemImputer:
        """Impute each cold item from its nearest liked ones.

        Args:
            text: ``[I, W]`` raw vectors; zero rows where an item has no text, which is neither
                imputed nor a donor.
            likes: ``[I]`` how many users like each item.
            item_domain: ``[I]``.
            settings: Number of donors, and the exponent that turns their cosines into weights.

        Returns:
            The imputer; without a cold item that has a donor it imputes nothing.
        """
        unit = whitened(text, floor=NOISE_FLOOR)
        has_text = unit.any(axis=1)
        weights = sp.csr_matrix((len(likes), len(likes)), dtype=np.float32)
        sample = weights
        for domain in np.unique(item_domain) if settings.neighbours else []:
            there = np.flatnonzero((item_domain == domain) & has_text)
            cold, donors = there[likes[there] == 0], there[likes[there] > 0]
            order = np.argsort(-likes[donors], kind="stable")[:MOST_DONORS]
            donors = np.sort(donors[order])
            if not len(cold) or not len(donors):
                continue
            some = donors[:: -(-len(donors) // _SHRINKAGE_SAMPLE)]
            weights = weights + _nearest(unit, cold, donors, settings)
            sample = sample + _nearest(unit, some, donors, settings)
        return cls(weights.tocsr(), sample.tocsr(), settings.discount)

    def impute(self, vectors: Vectors, items: NDArray[np.int64]) -> Vectors:
        """Impute the vectors of one domain's cold items; all others stay as they are.

        Args:
            vectors: ``[I_d]`` item vectors of one component.
            items: ``[I_d]`` numbers of the domain's items, in the order of the rows.

        Returns:
            ``[I_d]`` rows; in each dense column, imputed values have the mean and standard
            deviation of those of liked items.
        """
        weights, sample = (m[items][:, items].tocsr() for m in (self.weights, self.sample))
        cold, tried = weights.getnnz(axis=1) > 0, sample.getnnz(axis=1) > 0
        if not cold.any():
            return vectors
        own, means = vectors.dense[tried], sample[tried] @ vectors.dense
        stretch = np.where(means.std(axis=0) > 0, own.std(axis=0) / (means.std(axis=0) + _TINY), 1)
        dense = vectors.dense.copy()
        dense[cold] = weights[cold] @ vectors.dense
        if tried.any():
            dense[cold] = own.mean(axis=0) + stretch * (dense[cold] - means.mean(axis=0))
        sparse = vectors.sparse
        if sparse is not None:  # nearly all zeros: so is their mean, and left out
            paths = sp.csr_matrix(sample[tried] @ sparse)
            wide, narrow = (np.sqrt(m.multiply(m).sum()) for m in (sparse[tried], paths))
            keep = sp.diags((~cold).astype(np.float32))
            ratio = np.float32(wide / narrow if narrow > 0 else 1.0)
            sparse = sp.csr_matrix(keep @ sparse + ratio * (weights @ sparse))
        return Vectors(dense, sparse)

    def discounted(self, vectors: Vectors, items: NDArray[np.int64]) -> Vectors:
        """Multiply the vectors of imputed items, and so their scores, by ``discount``.

        Args:
            vectors: ``[I_d]`` item vectors, all components side by side.
            items: ``[I_d]`` numbers of the domain's items, in the order of the rows.
        """
        if self.discount == 1.0 or not self.imputed[items].any():
            return vectors
        return vectors.scaled(np.where(self.imputed[items], self.discount, 1.0).astype(np.float32))

    def impute_directions(self, unit: NDArray[np.float32]) -> NDArray[np.float32]:
        """Impute the unit embeddings of cold items: the weighted mean of their donors', normalised.

        Args:
            unit: ``[I, D]`` embeddings of all items, rows of length one.

        Returns:
            ``[I, D]`` rows of length one; zero where all donors' are.
        """
        cold = self.imputed
        turned = unit.copy()
        turned[cold] = unit_rows(self.weights[cold] @ unit)
        return turned


def _nearest(
    unit: NDArray[np.float32],
    asked: NDArray[np.int64],
    donors: NDArray[np.int64],
    settings: ColdItemSettings,
) -> sp.csr_matrix:
    """``[I, I]`` with rows of ``asked [B]`` that sum to 1 over their nearest other ``donors``."""
    nearest, cosine = top_k_of_products(
        Vectors(unit[asked]), Vectors(unit[donors]), settings.neighbours,
        exclude=same_numbers(asked, donors),
    )  # fmt: skip
    weight = np.where(nearest == NO_ITEM, 0.0, np.maximum(cosine, 0.0)) ** settings.exponent
    total = weight.sum(axis=1, keepdims=True)
    row, place = np.nonzero(weight)
    value = (weight / np.where(total > 0, total, 1.0))[row, place].astype(np.float32)
    where = (asked[row], donors[nearest[row, place]])
    return sp.csr_matrix((value, where), shape=(len(unit), len(unit)))
