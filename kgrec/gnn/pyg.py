"""Graph networks of PyG, and the graph in its form: ``model.gnn`` of ``sage`` and ``hgt``.

In:   item features ``[I, D]`` and the graph.
Out:  one vector an item ``[I, D]``, the mean of what each layer saw.

PyG takes seconds to import, so only a model that asks for one of its layers imports this module.

Shapes: P users   I items   T tags   M domains   D width
"""

from __future__ import annotations

from typing import Any, Literal, cast

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch_geometric.data.hetero_data import HeteroData
from torch_geometric.nn import HeteroConv, HGTConv, SAGEConv

from kgrec.data.interactions import Interactions

__all__ = ["PygGNN", "hetero_data"]


def hetero_data(
    likes: sp.csr_matrix,
    interactions: Interactions,
    item_tag: NDArray[np.int32],
    num_tags: int,
    device: torch.device | str = "cpu",
) -> HeteroData:
    """The same graph as PyG's :class:`HeteroData`, every relation and its reverse.

    Args:
        likes: ``[P, I]`` the visible likes.
        interactions: Domains of items; its likes are not read.
        item_tag: ``[2, pairs]`` numbers of items and of their tags.
        num_tags: T.
        device: Device of the graph.
    """
    data = HeteroData()
    for name, count in (("user", likes.shape[0]), ("item", likes.shape[1]), ("tag", num_tags),
                        ("domain", interactions.num_domains)):  # fmt: skip
        data[name].num_nodes = count
    coo = likes.tocoo()
    items = np.arange(likes.shape[1])
    edges = {
        ("user", "interacted", "item"): np.stack([coo.row, coo.col]),
        ("item", "has_tag", "tag"): item_tag,
        ("item", "in_domain", "domain"): np.stack([items, interactions.item_domain]),
    }
    for (source, name, target), pairs in edges.items():
        edge_index = torch.from_numpy(np.asarray(pairs, dtype=np.int64))
        data[source, name, target].edge_index = edge_index
        data[target, f"rev_{name}", source].edge_index = edge_index.flip(0)
    moved: HeteroData = data.to(device)
    return moved


class PygGNN(nn.Module):
    """SAGE or HGT of PyG on the same graph, residual over its layers."""

    def __init__(
        self,
        kind: Literal["sage", "hgt"],
        dim: int,
        layers: int,
        *,
        num_tags: int,
        num_domains: int,
    ) -> None:
        """Set the weights to their first values, drawn from torch's random state.

        Args:
            kind: ``sage`` or ``hgt``.
            dim: D.
            layers: Number of layers.
            num_tags: T.
            num_domains: M.
        """
        super().__init__()
        self.tag = nn.Parameter(torch.randn(num_tags, dim) * 0.1)
        self.domain = nn.Parameter(torch.zeros(num_domains, dim))
        forward = [
            ("user", "interacted", "item"),
            ("item", "has_tag", "tag"),
            ("item", "in_domain", "domain"),
        ]
        edge_types = forward + [(t, f"rev_{r}", s) for s, r, t in forward]
        metadata = (["user", "item", "tag", "domain"], edge_types)
        self.convs = nn.ModuleList(_conv(kind, dim, metadata) for _ in range(layers))
        self.kind = kind

    def forward(self, x: Tensor, data: HeteroData) -> Tensor:
        """Item vectors ``[I, D]`` from item features ``x [I, D]``."""
        nodes = {
            "user": x.new_zeros(cast(int, data["user"].num_nodes), x.size(1)),
            "item": x,
            "tag": self.tag,
            "domain": self.domain,
        }
        out = x
        for conv in self.convs:
            seen = conv(nodes, data.edge_index_dict)
            nodes = {k: torch.nn.functional.gelu(seen[k]) if seen.get(k) is not None else v
                     for k, v in nodes.items()}  # fmt: skip
            out = out + nodes["item"]
        return out / (len(self.convs) + 1)


def _conv(
    kind: Literal["sage", "hgt"], dim: int, metadata: tuple[list[str], list[tuple[str, str, str]]]
) -> nn.Module:
    sage: Any = SAGEConv  # PyG marks as abstract what its layers inherit
    hgt: Any = HGTConv
    conv: nn.Module = (
        hgt(dim, dim, metadata, heads=_heads(dim))
        if kind == "hgt"
        else HeteroConv({edge: sage((dim, dim), dim) for edge in metadata[1]}, aggr="sum")
    )
    return conv


def _heads(dim: int) -> int:
    return next(h for h in (4, 2, 1) if dim % h == 0)
