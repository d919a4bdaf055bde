"""The joint model: item channels, graph network, history encoder and bridge in one score.

In:   channels, text vectors (some of them with gradient), a graph.
Out:  item vectors and person vectors whose inner product is the score of a recommendation.

A person is known by a history alone. Their vector for a target domain has three parts, and
so has an item's:

    history encoder   cosine of the mapped, pooled history with the item, over a temperature
    bridge            factors predicted from other domains (or folded in from this one)
    popularity        a learned share of log popularity

Both follow from :mod:`kgrec.model.formula`, which answers without tensors as well. Nothing here
trains; see :mod:`kgrec.training`.

Shapes: B people   I items   I_d items of a domain   D width   R factors   S spectrum
"""

from __future__ import annotations

from typing import TypeAlias, cast

import torch
from torch import Tensor, nn

from kgrec.config import Settings
from kgrec.model import formula
from kgrec.model.bridge import Bridge
from kgrec.model.channels import Channels
from kgrec.model.formula import Toward
from kgrec.model.gnn import LightGNN
from kgrec.model.people import People
from kgrec.solvers.sparse import Sparse

__all__ = ["JointModel", "PeopleTensors", "Whitening"]

PeopleTensors: TypeAlias = People[Sparse, Tensor]


class Whitening(nn.Module):
    """Centres text vectors and scales their principal directions to unit variance.

    Raw language-model vectors crowd in a cone; whitening opens it (Huang et al., WhiteningBERT,
    2021). Fitted once, on the first vectors of the catalogue, and held still.
    """

    mean: Tensor
    map: Tensor

    def __init__(self, in_width: int, out_width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(in_width))
        self.register_buffer("map", torch.zeros(in_width, min(in_width, out_width)))

    @torch.no_grad()
    def fit(self, vectors: Tensor) -> None:
        """Take mean and directions from ``vectors [N, W]``."""
        if len(vectors) < 2:
            return
        self.mean.copy_(vectors.mean(0))
        centred = (vectors - self.mean).double()
        # Which way a direction points is up to the solver: the CPU's, so all devices start alike.
        covariance = (centred.T @ centred / len(vectors)).cpu()
        values, directions = torch.linalg.eigh(covariance)
        width = self.map.size(1)
        values, directions = values[-width:].flip(0), directions[:, -width:].flip(1)
        scale = (values + 1e-3 * values[0]).clamp(min=1e-12).rsqrt()
        self.map.copy_((directions * scale).float() / width**0.5)

    def forward(self, vectors: Tensor) -> Tensor:
        """``[N, W]`` to ``[N, out_width]``, rows of about unit length."""
        return formula.whiten(vectors, self.mean, self.map)


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
        channels: Channels,
        has_text: Tensor,
        *,
        text_width: int,
        num_tags: int,
        num_domains: int,
    ) -> None:
        super().__init__()
        model = settings.model
        self.settings = settings
        self.num_domains = num_domains
        dim, rank = model.dim, channels.factors.shape[1]
        num_items = len(channels.item_domain)
        self.register_buffer("spectrum", torch.tensor(channels.spectrum))
        self.register_buffer("factors", torch.tensor(channels.factors))
        self.register_buffer("popularity", torch.tensor(channels.popularity))
        self.register_buffer("item_domain", torch.tensor(channels.item_domain, dtype=torch.long))
        order = self.item_domain.argsort(stable=True)
        self.register_buffer("by_domain", order, persistent=False)
        self.register_buffer("place_by_domain", order.argsort(), persistent=False)
        self.domain_sizes = self.item_domain.bincount(minlength=num_domains).tolist()
        self.register_buffer("has_text", has_text)
        self.any_text = bool(has_text.any())

        self.whitening = Whitening(text_width, model.text_width)
        self.text_map = nn.Linear(self.whitening.map.size(1), dim, bias=False)
        self.spectrum_map = nn.Linear(channels.spectrum.shape[1], dim, bias=False)
        self.factor_map = nn.Parameter(torch.randn(num_domains, rank, dim) * rank**-0.5)
        self.id_residual = nn.Embedding(num_items, dim)
        nn.init.normal_(self.id_residual.weight, std=0.01)
        size = {"num_tags": num_tags, "num_domains": num_domains}
        self.gnn: nn.Module
        if model.gnn == "light":
            self.gnn = LightGNN(dim, model.layers, **size)
        else:
            from kgrec.model.pyg import PygGNN

            self.gnn = PygGNN(model.gnn, dim, model.layers, **size)
        self.history_maps = nn.Parameter(torch.eye(dim).repeat(num_domains, 1, 1))  # [M, D, D]
        self.bridges = nn.ModuleList(Bridge(3, model.bridge_strength) for _ in range(num_domains))
        self.log_temperature = nn.Parameter(torch.tensor(settings.train.temperature).log())
        self.log_bridge_share = nn.Parameter(torch.full((num_domains,), 1.2))
        self.popularity_share = nn.Parameter(torch.full((num_domains,), 0.5))
        self.log_half_trust = nn.Parameter(torch.zeros(num_domains))
        self.drop = nn.Dropout(model.dropout)
        factor_norm = self.factors.norm(dim=1)
        self.register_buffer("factor_scale", torch.ones(num_domains))
        for d in range(num_domains):
            norms = factor_norm[self.item_domain == d]
            self.factor_scale[d] = norms.square().mean().sqrt().clamp(min=1e-6) if len(norms) else 1

    # --- items --------------------------------------------------------------------

    def features(self, text: Tensor) -> Tensor:
        """Item features ``[I, D]``: the sum of the channels; ``text [I, W]`` is raw."""
        model = self.settings.model
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
            x = x + self.id_residual.weight * keep
        return x

    def items(self, text: Tensor, graph: object) -> Tensor:
        """Vectors ``[I, D]`` of all items after the graph network, of unit length."""
        propagated: Tensor = self.gnn(self.features(text), graph)
        return formula.unit(torch, propagated)

    def item_vectors(self, z: Tensor, items: Tensor, domain: int) -> Tensor:
        """``[I_d, D + R + 1]`` of ``items`` (numbers), given all vectors ``z [I, D]``."""
        return formula.item_vectors(
            torch, self.toward(domain), z[items], self.factors[items], self.popularity[items]
        )

    def bridge(self, domain: int) -> Bridge:
        """The bridge towards ``domain``."""
        return cast(Bridge, self.bridges[domain])

    # --- people -------------------------------------------------------------------

    def toward(self, domain: int) -> Toward[Tensor]:
        """What was learned of ``domain``, with gradient: all that its scores need beside ``z``."""
        return Toward(
            history_map=self.history_maps[domain],
            bridge_scale=self.bridge(domain).scale,
            temperature=self.log_temperature.exp(),
            bridge_share=self.log_bridge_share[domain].exp(),
            half_trust=self.log_half_trust[domain].exp(),
            popularity_share=self.popularity_share[domain],
            factor_scale=self.factor_scale[domain],
        )

    def view(self, z: Tensor, pooling: Sparse, domain: int) -> Tensor:
        """``[B, D]`` unit vectors: pooled history, mapped towards ``domain``."""
        return formula.view(torch, self.toward(domain), z, pooling)

    def bridge_features(self, z: Tensor, people: PeopleTensors, domain: int) -> Tensor:
        """``[B, F]`` what the bridge reads of a person: everything outside ``domain``."""
        blocks = [people.factors, people.spectrum, people.outside @ z]
        return self.bridge(domain).features(blocks)

    def user_vectors(
        self, z: Tensor, people: PeopleTensors, domain: int, bridge_map: Tensor
    ) -> Tensor:
        """``[B, D + R + 1]``; the score of an item is the inner product with its vector.

        ``bridge_map [F, R]`` comes from :meth:`Bridge.solve`; see
        :func:`kgrec.model.formula.user_vectors`.
        """
        used = bridge_map if self.settings.model.bridge else None
        return formula.user_vectors(torch, self.toward(domain), z, people, used)
