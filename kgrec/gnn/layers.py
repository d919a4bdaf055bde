"""The layers over users, items, tags and domains that kgrec trains by default.

In:   item features ``[I, D]`` and the graph.
Out:  one vector an item ``[I, D]``, the weighted mean of the item features and of each layer.

Users have no features of their own: a user is the items of their history, so that a new one
needs no training. ``light`` propagates relation by relation with one learned weight a relation and
layer (after LightGCN, He et al., SIGIR 2020). The others are in :mod:`kgrec.gnn.pyg`.

Shapes: P users   I items   T tags   M domains   D width   L layers
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from kgrec.gnn.graph import GraphTensors

__all__ = ["LightGNN"]


class LightGNN(nn.Module):
    """Propagation without weight matrices: one softmax over relations a layer, one over layers."""

    def __init__(self, dim: int, layers: int, *, num_tags: int, num_domains: int) -> None:
        """Set the weights to their first values; those of tags are drawn from torch's random state.

        Args:
            dim: D.
            layers: L.
            num_tags: T.
            num_domains: M.
        """
        super().__init__()
        self.layers = layers
        self.tag = nn.Parameter(torch.randn(num_tags, dim) * 0.1)  # [T, D]
        self.domain = nn.Parameter(torch.zeros(num_domains, dim))  # [M, D]
        start = torch.tensor([2.0, 0.0, -2.0])  # users, tags, domain: users say most
        self.relation_logits = nn.Parameter(start.repeat(layers, 1))  # [L, 3]
        self.layer_logits = nn.Parameter(torch.zeros(layers + 1))

    def forward(self, x: Tensor, graph: GraphTensors) -> Tensor:
        """Item vectors ``[I, D]`` from item features ``x [I, D]``."""
        layer_weights = self.layer_logits.softmax(0)
        item: Tensor = x
        tag: Tensor = self.tag
        domain: Tensor = self.domain
        out = layer_weights[0] * item
        for layer in range(self.layers):
            weights = self.relation_logits[layer].softmax(0)
            user = graph.user_item @ item  # [P, D]
            new_item = (
                weights[0] * (graph.user_item.transposed @ user)
                + weights[1] * (graph.item_tag @ tag)
                + weights[2] * (graph.item_domain @ domain)
            )
            tag, domain = graph.tag_item @ item + tag, graph.domain_item @ item + domain
            item = new_item
            out = out + layer_weights[layer + 1] * item
        return out

    def extra_repr(self) -> str:
        return f"layers={self.layers}, tags={len(self.tag)}, domains={len(self.domain)}"
