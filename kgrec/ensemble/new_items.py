"""Vectors of items that came after the training, from nothing but their texts.

In:   the ensemble, unit text vectors of the catalogue and of new items.
Out:  item vectors as :meth:`kgrec.ensemble.recommender.Ensemble.item_vectors` gives those of cold
      items: the mean of the liked items most similar in text, brought to their mean and standard
      deviation (:mod:`kgrec.ensemble.cold_items`). Nothing is fitted and nothing is changed.

Where item-to-item matrices stand for the sparse columns of components, users have the scores of the
items of the catalogue, and a new item has the weighted mean of those of its donors.

Shapes: N new items   I items   I_d items of a domain   W width of texts
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.ensemble.cold_items import MOST_DONORS
from kgrec.ensemble.item_paths import ItemPaths
from kgrec.ensemble.recommender import Ensemble
from kgrec.ensemble.settings import ColdItemSettings
from kgrec.ranking.topk import NO_ITEM, same_numbers, top_k_of_products
from kgrec.vectors import Vectors

__all__ = ["Neighbours", "find_neighbours", "new_item_vectors"]

_SAMPLE = 500
"""Liked items, at most, that show how narrow means are."""
_TINY = 1e-9

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Neighbours:
    """Donors of one domain, and how each of some items is made of them; rows sum to 1."""

    new: sp.csr_matrix
    """``[N, I_d]`` of the new items."""
    sample: sp.csr_matrix
    """``[S, I_d]`` of some liked items, as if they were new."""
    sampled: NDArray[np.int64]
    """``[S]`` places of these in the domain."""


def find_neighbours(
    new: Floats, known: Floats, likes: NDArray[np.integer], settings: ColdItemSettings
) -> Neighbours:
    """The liked items of one domain that are most similar to each new item.

    Args:
        new: ``[N, W]`` unit text vectors of new items.
        known: ``[I_d, W]`` those of the domain's items; zero without a text.
        likes: ``[I_d]`` how many users like each.
        settings: Number of donors, and the exponent of their cosines.
    """
    donors = np.flatnonzero(known.any(axis=1) & (likes > 0))
    donors = np.sort(donors[np.argsort(-likes[donors], kind="stable")][:MOST_DONORS])
    sampled = donors[:: max(1, -(-len(donors) // _SAMPLE))]

    def weights(asked: Floats, own: NDArray[np.int64] | None) -> sp.csr_matrix:
        exclude = None if own is None else same_numbers(own, donors)
        count = min(max(settings.neighbours, 1), len(donors))
        near, cosine = top_k_of_products(
            Vectors(asked), Vectors(known[donors]), count, exclude=exclude
        )
        weight = np.where(near == NO_ITEM, 0.0, np.maximum(cosine, 0.0)) ** settings.exponent
        total = weight.sum(axis=1, keepdims=True)
        row, place = np.nonzero(weight)
        value = (weight / np.where(total > 0, total, 1.0))[row, place].astype(np.float32)
        where = (row, donors[near[row, place]])
        return sp.csr_matrix((value, where), shape=(len(asked), len(known)))

    return Neighbours(weights(new, None), weights(known[sampled], sampled), sampled)


def new_item_vectors(
    ensemble: Ensemble, domain: int, neighbours: Neighbours, *, discount: float = 1.0
) -> Vectors:
    """``[N]`` vectors of new items, with the columns that the ensemble's item vectors have.

    Args:
        ensemble: The fitted ensemble.
        domain: Number of the new items' domain.
        neighbours: What they are made of.
        discount: Factor on the vectors of cold items.
    """
    made, paths = [], ensemble.paths
    for name, recommender in ensemble.components.recommenders.items():
        own = recommender.item_vectors(domain)
        if paths is not None and name in paths.names:
            own = Vectors(own.dense)
        made.append(_from_neighbours(own, neighbours))
    if paths is not None:
        none = np.zeros((neighbours.new.shape[0], 0), np.float32)
        ratio = _ratio_of_paths(ensemble, paths, domain, neighbours)
        made.append(Vectors(none, sp.csr_matrix(ratio * neighbours.new)))
    scale = np.full(neighbours.new.shape[0], discount, np.float32)
    beside = Vectors.beside(made).scaled(scale)
    if domain in ensemble.rotations:  # products with users, who are rotated, stay the same
        rotation = ensemble.rotations[domain].astype(np.float64)
        dense = np.linalg.solve(rotation, beside.dense.T.astype(np.float64)).T
        beside = Vectors(np.ascontiguousarray(dense, dtype=np.float32), beside.sparse)
    return beside.finite("of new items")


def _from_neighbours(vectors: Vectors, neighbours: Neighbours) -> Vectors:
    own, means = vectors.dense[neighbours.sampled], neighbours.sample @ vectors.dense
    dense = neighbours.new @ vectors.dense
    if len(own):
        wide, narrow = own.std(axis=0), means.std(axis=0)
        stretch = np.where(narrow > 0, wide / (narrow + _TINY), 1.0)
        dense = own.mean(axis=0) + stretch * (dense - means.mean(axis=0))
    if vectors.sparse is None:
        return Vectors(np.asarray(dense, dtype=np.float32))
    paths = sp.csr_matrix(neighbours.sample @ vectors.sparse)
    wide, narrow = (
        float(np.sqrt(m.multiply(m).sum())) for m in (vectors.sparse[neighbours.sampled], paths)
    )
    ratio = np.float32(wide / narrow if narrow > 0 else 1.0)
    return Vectors(
        np.asarray(dense, dtype=np.float32),
        sp.csr_matrix(ratio * (neighbours.new @ vectors.sparse)),
    )


def _ratio_of_paths(
    ensemble: Ensemble, paths: ItemPaths, domain: int, neighbours: Neighbours
) -> np.float32:
    """How much wider the scores of liked items are than the means of those of their donors."""
    wide = narrow = 0.0
    for (name, there), matrix in paths.matrices.items():
        if there != domain or not matrix.nnz:
            continue
        weight = float(ensemble.weights.values[name][:, domain].mean())
        own, means = matrix[:, neighbours.sampled], matrix @ neighbours.sample.T
        wide += weight**2 * float(own.multiply(own).sum())
        narrow += weight**2 * float(means.multiply(means).sum())
    return np.float32(np.sqrt(wide / narrow) if narrow > 0 else 1.0)
