"""The joint model: item features, graph network, history map and bridge in one score.

In:   item features, text vectors (some of them with gradient), a graph.
Out:  item vectors and user vectors whose inner product is the score of a recommendation.

A user is known by a history alone. Their vector for a target domain has three pieces, and so has
an item's; :mod:`kgrec.gnn.formula` has them, and answers without tensors as well. Nothing here
trains; see :mod:`kgrec.gnn.trainer`.

Shapes: B users   I items   I_d items of a domain   M domains   D width   R factors   S spectrum
        W width of the encoder   F features of a bridge
"""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from kgrec.config import ModelSettings, Settings
from kgrec.gnn import formula
from kgrec.gnn.bridge import Bridge
from kgrec.gnn.bridge_users import BridgeUsers
from kgrec.gnn.formula import DomainWeights
from kgrec.gnn.graph import Graph
from kgrec.gnn.item_features import ItemFeatures
from kgrec.gnn.layers import LightGNN
from kgrec.gnn.user_tensors import UserTensors
from kgrec.solvers.sparse import Sparse
from kgrec.text.whitening import Whitening

__all__ = ["JointModel"]


class JointModel(nn.Module):
    """Everything that learns beside the text encoder."""

    spectrum: Tensor
    factors: Tensor
    popularity: Tensor
    item_domain: Tensor
    by_domain: Tensor
    place_by_domain: Tensor
    has_text: Tensor
    factor_scale: Tensor

    def __init__(
        self,
        settings: Settings,
        item_features: ItemFeatures,
        has_text: Tensor,
        whitening: Whitening,
        *,
        num_tags: int,
        num_domains: int,
    ) -> None:
        """Set the weights to their first values, drawn from torch's random state.

        Args:
            settings: Of all sections; those of ``model`` and the first temperature are read.
            item_features: Solved before.
            has_text: ``[I]`` 1 where an item has a text, else 0.
            whitening: Solved before, on the first text vectors.
            num_tags: Tags of the graph.
            num_domains: Domains of the graph.
        """
        super().__init__()
        model = settings.model
        self.settings = model
        self.num_domains = num_domains
        dim, rank = model.dim, item_features.factors.shape[1]
        self._keep_item_features(item_features, has_text)

        self.whitening = whitening
        self.text_map = nn.Linear(whitening.width, dim, bias=False)
        self.spectrum_map = nn.Linear(item_features.spectrum.shape[1], dim, bias=False)
        self.factor_map = nn.Parameter(torch.randn(num_domains, rank, dim) * rank**-0.5)
        self.id_embedding = nn.Embedding(len(item_features.item_domain), dim)
        nn.init.normal_(self.id_embedding.weight, std=0.01)
        self.gnn = _layers(model, num_tags=num_tags, num_domains=num_domains)
        self.history_maps = nn.Parameter(torch.eye(dim).repeat(num_domains, 1, 1))  # [M, D, D]
        self.bridges = nn.ModuleList(Bridge(3, model.bridge_strength) for _ in range(num_domains))
        self.log_temperature = nn.Parameter(torch.tensor(settings.train.temperature).log())
        self.log_bridge_weight = nn.Parameter(torch.full((num_domains,), 1.2))
        self.popularity_weight = nn.Parameter(torch.full((num_domains,), 0.5))
        self.log_shrinkage = nn.Parameter(torch.zeros(num_domains))
        self.drop = nn.Dropout(model.dropout)

    def _keep_item_features(self, item_features: ItemFeatures, has_text: Tensor) -> None:
        """Register as buffers what stands still."""
        self.register_buffer("spectrum", torch.tensor(item_features.spectrum))
        self.register_buffer("factors", torch.tensor(item_features.factors))
        self.register_buffer("popularity", torch.tensor(item_features.popularity))
        domains = torch.tensor(item_features.item_domain, dtype=torch.long)
        self.register_buffer("item_domain", domains)
        order = self.item_domain.argsort(stable=True)
        self.register_buffer("by_domain", order, persistent=False)
        self.register_buffer("place_by_domain", order.argsort(), persistent=False)
        self.domain_sizes = self.item_domain.bincount(minlength=self.num_domains).tolist()
        self.register_buffer("has_text", has_text)
        self.any_text = bool(has_text.any())
        factor_norm = self.factors.norm(dim=1)
        self.register_buffer("factor_scale", torch.ones(self.num_domains))
        for d in range(self.num_domains):
            norms = factor_norm[self.item_domain == d]
            self.factor_scale[d] = norms.square().mean().sqrt().clamp(min=1e-6) if len(norms) else 1

    # --- items --------------------------------------------------------------------

    def features(self, text: Tensor) -> Tensor:
        """Item features ``[I, D]``: the sum of all there are; ``text [I, W]`` is raw."""
        model = self.settings
        x = torch.zeros(len(self.popularity), model.dim, device=self.popularity.device)
        if "text" in model.item_features and self.any_text:
            known = self.has_text.unsqueeze(1)
            x = x + self.text_map(self.drop(self.whitening(text) * known))
        if "spectrum" in model.item_features and self.spectrum.size(1):
            x = x + self.spectrum_map(self.drop(self.spectrum))
        if "factors" in model.item_features:
            scaled = self.drop(self.factors / self.factor_scale[self.item_domain].unsqueeze(1))
            of_domains = scaled[self.by_domain].split(self.domain_sizes)
            mapped = [own @ to for own, to in zip(of_domains, self.factor_map, strict=True)]
            x = x + torch.cat(mapped)[self.place_by_domain]
        if "id" in model.item_features:
            keep = torch.ones(len(x), 1, device=x.device)
            if self.training:
                keep = (torch.rand_like(keep) >= model.id_dropout).float()
            x = x + self.id_embedding.weight * keep
        return x

    def item_embeddings(self, text: Tensor, graph: Graph) -> Tensor:
        """``[I, D]`` of all items after the graph network, of unit length."""
        propagated: Tensor = self.gnn(self.features(text), graph)
        return formula.unit(torch, propagated)

    def item_vectors(self, item_embeddings: Tensor, items: Tensor, domain: int) -> Tensor:
        """``[I_d, D + R + 1]`` of ``items`` (numbers), given the embeddings ``[I, D]`` of all."""
        return formula.item_vectors(
            torch, self.domain_weights(domain), item_embeddings[items],
            self.factors[items], self.popularity[items],
        )  # fmt: skip

    # --- users --------------------------------------------------------------------

    def domain_weights(self, domain: int) -> DomainWeights[Tensor]:
        """What was learned of ``domain``, with gradient: all that its scores need of the model."""
        return DomainWeights(
            history_map=self.history_maps[domain],
            bridge_scale=self.bridge(domain).scale,
            temperature=self.log_temperature.exp(),
            bridge_weight=self.log_bridge_weight[domain].exp(),
            shrinkage=self.log_shrinkage[domain].exp(),
            popularity_weight=self.popularity_weight[domain],
            factor_scale=self.factor_scale[domain],
        )

    def query_embeddings(self, item_embeddings: Tensor, pooling: Sparse, domain: int) -> Tensor:
        """``[B, D]`` unit vectors: pooled history, mapped to ``domain``."""
        return formula.query_embeddings(
            torch, self.domain_weights(domain), item_embeddings, pooling
        )

    def user_vectors(
        self, item_embeddings: Tensor, users: UserTensors, domain: int, bridge_map: Tensor
    ) -> Tensor:
        """``[B, D + R + 1]``; the score of an item is the inner product with its vector.

        ``bridge_map [F, R]`` comes from :meth:`solve_bridge`.
        """
        used = bridge_map if self.settings.bridge else None
        weights = self.domain_weights(domain)
        return formula.user_vectors(torch, weights, item_embeddings, users, used)

    # --- the bridge ---------------------------------------------------------------

    def bridge(self, domain: int) -> Bridge:
        """The bridge to ``domain``."""
        return cast(Bridge, self.bridges[domain])

    def bridge_features(self, item_embeddings: Tensor, users: UserTensors, domain: int) -> Tensor:
        """``[B, F]`` what the bridge reads of a user: everything outside ``domain``."""
        blocks = [users.factors, users.spectrum, users.outside @ item_embeddings]
        return self.bridge(domain).features(blocks)

    def solve_bridge(
        self,
        item_embeddings: Tensor,
        known: BridgeUsers,
        *,
        without: NDArray[np.int64] | None = None,
    ) -> Tensor:
        """The map ``[F, R]`` of one domain's bridge.

        Args:
            item_embeddings: ``[I, D]`` of all items.
            known: The users it is solved on.
            without: Users who are left out, those whom a step asks about.
        """
        features = self.bridge_features(item_embeddings, known.inputs, known.domain)
        kept = None
        if without is not None:
            kept = torch.from_numpy(~np.isin(known.users, without)).to(item_embeddings)
        return self.bridge(known.domain).solve(features, known.targets, kept)


def _layers(model: ModelSettings, *, num_tags: int, num_domains: int) -> nn.Module:
    if model.gnn == "light":
        return LightGNN(model.dim, model.layers, num_tags=num_tags, num_domains=num_domains)
    from kgrec.gnn.pyg import PygGNN  # takes seconds to import

    return PygGNN(model.gnn, model.dim, model.layers, num_tags=num_tags, num_domains=num_domains)
