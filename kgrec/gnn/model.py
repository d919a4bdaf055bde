"""The joint model: item features, graph network, history map and bridge in one score.

In:   item features, text vectors (some of them with gradient), a graph.
Out:  item vectors and user vectors whose inner product is the score of a recommendation.

A user is known by a history alone. Their vector for a target domain has a few pieces, and so has
an item's; :mod:`kgrec.gnn.formula` has them, and answers without tensors as well. What is known of
items is that of everybody, or of a fold (:mod:`kgrec.gnn.fold_statistics`). Nothing here trains;
see :mod:`kgrec.gnn.trainer`.

Shapes: B users   I items   I_d items of a domain   M domains   D width   R factors   S spectrum
        W width of the encoder   F features of a bridge   N time bins
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from kgrec.config import ModelSettings, Settings
from kgrec.gnn import formula
from kgrec.gnn.bridge import Bridge
from kgrec.gnn.bridge_users import BridgeUsers
from kgrec.gnn.fold_statistics import ItemTensors
from kgrec.gnn.formula import DomainWeights
from kgrec.gnn.graph import Graph
from kgrec.gnn.item_features import ItemFeatures
from kgrec.gnn.layers import LightGNN
from kgrec.gnn.sequence_encoder import SequenceEncoder
from kgrec.gnn.user_tensors import UserTensors
from kgrec.solvers.sparse import Sparse
from kgrec.text.whitening import Whitening

__all__ = ["JointModel"]


class JointModel(nn.Module):
    """Everything that learns beside the text encoder."""

    spectrum: Tensor
    factors: Tensor
    popularity: Tensor
    is_liked: Tensor
    times: Tensor
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
        reads_order: bool = False,
    ) -> None:
        """Set the weights to their first values, drawn from torch's random state.

        Args:
            settings: All settings; those of ``model`` and the first temperature are read.
            item_features: Solved before.
            has_text: ``[I]`` 1 where an item has a text, else 0.
            whitening: Solved before, on the first text vectors.
            num_tags: Tags of the graph.
            num_domains: Domains of the graph.
            reads_order: Whether there is a sequence encoder, and what else reads an order.
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
        kinds = 2 if reads_order else 1  # K, see DomainWeights
        maps = torch.eye(dim).repeat(num_domains, kinds, 1, 1)
        self.history_maps = nn.Parameter(maps)  # [M, K, D, D]
        self.bridges = nn.ModuleList(Bridge(3, model.bridge_strength) for _ in range(num_domains))
        # Single numbers lie in rows of one axis: they learn faster than matrices, without decay.
        first = torch.tensor(settings.train.temperature).log()
        self.log_temperature = nn.Parameter(first.repeat(kinds))
        self.log_bridge_weight = nn.Parameter(torch.full((num_domains * kinds,), 1.2))
        self.popularity_weight = nn.Parameter(torch.full((num_domains * kinds,), 0.5))
        self.log_shrinkage = nn.Parameter(torch.zeros(num_domains))
        self.drop = nn.Dropout(model.dropout)
        bins = item_features.times.shape[1]
        self.time_maps = nn.Parameter(torch.zeros(num_domains, bins, bins))  # [M, N, N]
        self.time_weight = nn.Parameter(torch.zeros(num_domains * kinds))
        start = torch.tensor([1.0, 8.0]).log().repeat(num_domains * kinds)
        self.log_pair_weights = nn.Parameter(start)
        self.sequence: SequenceEncoder | None = None
        if reads_order:
            self.sequence = SequenceEncoder(
                model, self.is_liked, num_domains=num_domains, num_bins=bins
            )
        self.reads_ids = "id" in model.item_features

    def _keep_item_features(self, item_features: ItemFeatures, has_text: Tensor) -> None:
        """Register as buffers what does not change."""
        self.register_buffer("spectrum", torch.tensor(item_features.spectrum))
        self.register_buffer("factors", torch.tensor(item_features.factors))
        self.register_buffer("popularity", torch.tensor(item_features.popularity))
        self.register_buffer("is_liked", torch.tensor(item_features.is_liked))
        self.register_buffer("times", torch.tensor(item_features.times))
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

    def sequence_weights(self) -> list[nn.Parameter]:
        """Those that remember single histories: of the sequence encoder, and ID embeddings."""
        if self.sequence is None:
            return []
        return [*self.sequence.parameters(), *self.id_embedding.parameters()]

    # --- items --------------------------------------------------------------------

    @property
    def everybody(self) -> ItemTensors:
        """What is known of items from all users; answers are made from it."""
        return ItemTensors(self.spectrum, self.factors, self.popularity, self.is_liked, self.times)

    def features(self, text: Tensor, known: ItemTensors | None = None) -> Tensor:
        """Item features ``[I, D]``: the sum of all there are.

        Args:
            text: ``[I, W]`` raw text vectors.
            known: What is known without the users of a fold; None: of everybody.
        """
        model, known = self.settings, known or self.everybody
        x = torch.zeros(len(self.popularity), model.dim, device=self.popularity.device)
        if "text" in model.item_features and self.any_text:
            has_text = self.has_text.unsqueeze(1)
            x = x + self.text_map(self.drop(self.whitening(text) * has_text))
        if "spectrum" in model.item_features and self.spectrum.size(1):
            x = x + self.spectrum_map(self.drop(known.spectrum))
        if "factors" in model.item_features:
            scaled = self.drop(known.factors / self.factor_scale[self.item_domain].unsqueeze(1))
            of_domains = scaled[self.by_domain].split(self.domain_sizes)
            mapped = [own @ to for own, to in zip(of_domains, self.factor_map, strict=True)]
            x = x + torch.cat(mapped)[self.place_by_domain]
        if self.reads_ids:
            # What nobody likes is told from the likes of others as a negative alone.
            keep = known.is_liked[:, None]
            if self.training:
                keep = keep * (torch.rand_like(keep) >= model.id_dropout)
            x = x + self.id_embedding.weight * keep
        return x

    def item_embeddings(
        self, text: Tensor, graph: Graph, known: ItemTensors | None = None
    ) -> Tensor:
        """``[I, D]`` of all items after the graph network, of unit length."""
        propagated: Tensor = self.gnn(self.features(text, known), graph)
        return formula.unit(torch, propagated)

    def item_vectors(
        self,
        item_embeddings: Tensor,
        items: Tensor,
        domain: int,
        known: ItemTensors | None = None,
    ) -> Tensor:
        """``[I_d, D + R + E + N + 1]`` of ``items`` (numbers), given the embeddings of all."""
        known = known or self.everybody
        ids = item_embeddings.new_zeros(len(items), 0)
        if self.sequence is not None:
            ids = self.sequence.ids(items)
        return formula.item_vectors(
            torch, self.domain_weights(domain), item_embeddings[items],
            known.factors[items], ids, known.times[items], known.popularity[items],
        )  # fmt: skip

    # --- users --------------------------------------------------------------------

    def domain_weights(self, domain: int) -> DomainWeights[Tensor]:
        """What was learned of ``domain``, with gradient: all that its scores need of the model."""

        def own(of_domains: Tensor, *shape: int) -> Tensor:
            return of_domains.view(self.num_domains, -1, *shape)[domain]

        return DomainWeights(
            history_map=self.history_maps[domain],
            bridge_scale=self.bridge(domain).scale,
            temperature=self.log_temperature.exp(),
            bridge_weight=own(self.log_bridge_weight).exp(),
            shrinkage=self.log_shrinkage[domain].exp(),
            popularity_weight=own(self.popularity_weight),
            factor_scale=self.factor_scale[domain],
            time_map=self.time_maps[domain].tril(),
            time_weight=own(self.time_weight),
            pair_weights=own(self.log_pair_weights, 2).exp(),
        )

    def query_embeddings(self, item_embeddings: Tensor, pooling: Sparse, domain: int) -> Tensor:
        """``[B, D]`` unit vectors of histories, mapped to ``domain``.

        Args:
            item_embeddings: ``[I, D]`` of all items.
            pooling: ``[B, I]`` histories, rows scaled by length.
            domain: Number of the target domain.
        """
        return formula.query_embeddings(
            torch, self.domain_weights(domain), item_embeddings, pooling
        )

    def user_vectors(
        self,
        item_embeddings: Tensor,
        users: UserTensors,
        domain: int,
        bridge_map: Tensor,
        state: Tensor | None = None,
    ) -> Tensor:
        """``[B, D + R + E + N + 1]``; the score of an item is the inner product with its vector.

        Args:
            item_embeddings: ``[I, D]`` of all items.
            users: What is read of them.
            domain: Number of the target domain.
            bridge_map: ``[F, R]`` from :meth:`solve_bridge`.
            state: ``[B, E]`` of the sequence encoder; None: what comes next is not asked.
        """
        used = bridge_map if self.settings.bridge else None
        weights = self.domain_weights(domain)
        if state is None:
            width = 0 if self.sequence is None else item_embeddings.shape[1]
            state = item_embeddings.new_zeros(len(users.last_time), width)
        return formula.user_vectors(torch, weights, item_embeddings, users, used, state)

    # --- the bridge ---------------------------------------------------------------

    def bridge(self, domain: int) -> Bridge:
        """The bridge to ``domain``."""
        return cast(Bridge, self.bridges[domain])

    def bridge_features(self, item_embeddings: Tensor, users: UserTensors, domain: int) -> Tensor:
        """``[B, F]`` what the bridge reads of users: everything outside ``domain``.

        Args:
            item_embeddings: ``[I, D]`` of all items.
            users: What is read of them.
            domain: Number of the target domain.
        """
        blocks = [users.factors, users.spectrum, users.outside @ item_embeddings]
        return self.bridge(domain).features(blocks)

    def solve_bridge(self, item_embeddings: Tensor, known: BridgeUsers) -> Tensor:
        """The map ``[F, R]`` of one domain's bridge.

        Args:
            item_embeddings: ``[I, D]`` of all items.
            known: The users it is solved on.
        """
        features = self.bridge_features(item_embeddings, known.inputs, known.domain)
        return self.bridge(known.domain).solve(features, known.targets)


def _layers(model: ModelSettings, *, num_tags: int, num_domains: int) -> nn.Module:
    if model.gnn == "light":
        return LightGNN(model.dim, model.layers, num_tags=num_tags, num_domains=num_domains)
    from kgrec.gnn.pyg import PygGNN  # takes seconds to import

    return PygGNN(model.gnn, model.dim, model.layers, num_tags=num_tags, num_domains=num_domains)
