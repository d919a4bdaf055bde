"""The snapshot's graph as matrices of relations, over which a graph network propagates.

In:   :class:`~kgrec.data.interactions.Interactions`, item-tag pairs, and rows to be hidden.
Out:  :class:`GraphTensors`: per relation a normalised sparse matrix on a device; or the same graph
      in the form of PyG.

The likes that an episode predicts are hidden here, before normalisation, in both
directions: neither the edge, nor its reverse, nor its part of a degree informs the answer.

Shapes: P users   I items   T tags   D domains
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray

from kgrec.data.interactions import Interactions
from kgrec.solvers.sparse import Sparse

__all__ = ["Graph", "GraphTensors", "build_graph", "graph_maker", "user_item"]

Graph: TypeAlias = Any
""":class:`GraphTensors`, or PyG's ``HeteroData``: whatever the layers of a model read."""


@dataclass(frozen=True)
class GraphTensors:
    """Normalised relations; each is used in both directions."""

    user_item: Sparse  # [P, I] D_p^-1/2 A D_i^-1/2
    item_tag: Sparse  # [I, T] rows sum to 1
    tag_item: Sparse  # [T, I] rows sum to 1
    item_domain: Sparse  # [I, D] one 1 a row
    domain_item: Sparse  # [D, I] rows sum to 1


def graph_maker(
    gnn: Literal["light", "sage", "hgt"],
    interactions: Interactions,
    item_tag: NDArray[np.int32],
    num_tags: int,
    device: torch.device | str = "cpu",
) -> Callable[[sp.csr_matrix], Graph]:
    """Make the function that turns visible likes ``[P, I]`` into the graph that ``gnn`` reads.

    Tags and domains do not change; for ``light`` their relations are made once.

    Args:
        gnn: Kind of layers, as ``model.gnn`` names it.
        interactions: Sizes, and the domains of items; its likes are not read.
        item_tag: ``[2, pairs]`` numbers of items and of their tags.
        num_tags: T.
        device: Device of the graph.
    """
    if gnn == "light":
        nothing = sp.csr_matrix(interactions.liked.shape, dtype=np.float32)
        still = build_graph(nothing, interactions, item_tag, num_tags, device)
        return lambda likes: replace(still, user_item=user_item(likes, device))
    from kgrec.gnn.pyg import hetero_data

    return lambda likes: hetero_data(likes, interactions, item_tag, num_tags, device)


def build_graph(
    likes: sp.csr_matrix,
    interactions: Interactions,
    item_tag: NDArray[np.int32],
    num_tags: int,
    device: torch.device | str = "cpu",
) -> GraphTensors:
    """The relations of a graph.

    Args:
        likes: ``[P, I]`` the visible likes.
        interactions: Domains of items; its likes are not read.
        item_tag: ``[2, pairs]`` numbers of items and of their tags.
        num_tags: T.
        device: Device of the relations.
    """
    tags = sp.csr_matrix(
        (np.ones(item_tag.shape[1], np.float32), (item_tag[0], item_tag[1])),
        shape=(likes.shape[1], num_tags),
    )
    domains = interactions.domain_indicator
    return GraphTensors(
        user_item=user_item(likes, device),
        item_tag=Sparse(_mean_rows(tags), device),
        tag_item=Sparse(_mean_rows(tags.T.tocsr()), device),
        item_domain=Sparse(domains, device),
        domain_item=Sparse(_mean_rows(domains.T.tocsr()), device),
    )


def user_item(likes: sp.csr_matrix, device: torch.device | str = "cpu") -> Sparse:
    """The one relation that an episode changes: ``D_p^-1/2 likes D_i^-1/2``, ``[P, I]``."""
    users = np.maximum(np.diff(likes.indptr), 1).astype(np.float32)
    items = np.maximum(np.bincount(likes.indices, minlength=likes.shape[1]), 1).astype(np.float32)
    scaled = likes.copy()
    scaled.data = np.repeat(users**-0.5, np.diff(likes.indptr)) * (items**-0.5)[likes.indices]
    return Sparse(scaled, device)


def _mean_rows(matrix: sp.csr_matrix) -> sp.csr_matrix:
    degree = np.maximum(np.asarray(matrix.sum(axis=1)).ravel(), 1.0)
    means: sp.csr_matrix = (sp.diags(1.0 / degree) @ matrix).tocsr().astype(np.float32)
    return means
