"""Graph networks over users, items, tags and domains.

In:   item features ``[I, D]`` and the graph.
Out:  one vector an item ``[I, D]``, the learned mean of what each layer saw.

Users have no features of their own: a user is what they touched, so that a new one needs no
training. ``light`` propagates relation by relation with one learned weight a relation and
layer (after LightGCN, He et al., SIGIR 2020); ``sage`` and ``hgt`` are PyG's layers.

Shapes: P people   I items   T tags   M domains   D width   L layers
"""

from __future__ import annotations

from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from torch_geometric.data.hetero_data import HeteroData
from torch_geometric.nn import HeteroConv, HGTConv, SAGEConv

from kgrec.model.graph import GraphTensors

__all__ = ["LightGNN", "PygGNN"]


class LightGNN(nn.Module):
    """Weightless propagation, but for one softmax over relations and one over layers."""

    def __init__(self, dim: int, layers: int, *, num_tags: int, num_domains: int) -> None:
        super().__init__()
        self.layers = layers
        self.tag = nn.Parameter(torch.randn(num_tags, dim) * 0.1)  # [T, D]
        self.domain = nn.Parameter(torch.zeros(num_domains, dim))  # [M, D]
        start = torch.tensor([2.0, 0.0, -2.0])  # people, tags, domain: people say most
        self.relation_logits = nn.Parameter(start.repeat(layers, 1))  # [L, 3]
        self.layer_logits = nn.Parameter(torch.zeros(layers + 1))

    def forward(self, x: Tensor, graph: GraphTensors) -> Tensor:
        """Item vectors ``[I, D]`` from item features ``x [I, D]``."""
        layer_share = self.layer_logits.softmax(0)
        item: Tensor = x
        tag: Tensor = self.tag
        domain: Tensor = self.domain
        out = layer_share[0] * item
        for layer in range(self.layers):
            share = self.relation_logits[layer].softmax(0)
            person = graph.person_item @ item  # [P, D]
            new_item = (
                share[0] * (graph.person_item.transposed @ person)
                + share[1] * (graph.item_tag @ tag)
                + share[2] * (graph.item_domain @ domain)
            )
            tag, domain = graph.tag_item @ item + tag, graph.domain_item @ item + domain
            item = new_item
            out = out + layer_share[layer + 1] * item
        return out

    def extra_repr(self) -> str:
        return f"layers={self.layers}, tags={len(self.tag)}, domains={len(self.domain)}"


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
