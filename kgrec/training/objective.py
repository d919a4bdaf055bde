"""What training minimises: the loss of one episode.

In:   an episode; the model, its text vectors, and the bridge's pools as they stand.
Out:  one number with gradient to everything that learns.

The episode's likes are hidden from the graph, the graph is propagated once, the bridge is solved
once, on people outside the episode, and the vectors of its people follow once from these two.
Nothing here draws an episode or moves a weight.

Shapes: B people   I items   N candidate items   D width   F features   R factors   C prototypes
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from kgrec.config import Settings
from kgrec.data.hold_out import visible_likes
from kgrec.data.interactions import Interactions
from kgrec.model.channels import Channels
from kgrec.model.joint import JointModel, PeopleTensors
from kgrec.model.losses import bpr, info_nce, prototype_alignment, sampled_softmax
from kgrec.model.people import by_root_of_length
from kgrec.solvers.sparse import Sparse
from kgrec.training.episodes import Episode, Pool, make_people
from kgrec.training.text_cache import TextCache

__all__ = ["Objective"]


@dataclass
class Objective:
    """The loss, and the parts of a step that answering needs as well."""

    settings: Settings
    log: Interactions
    channels: Channels
    model: JointModel
    prototypes: Tensor  # [C, D]
    cache: TextCache
    pools: list[Pool]
    """Of every domain; solved anew on everybody when training is over."""
    graph_of: Callable[[sp.csr_matrix], Any]
    """The graph whose visible likes ``[P, I]`` are these."""
    device: torch.device

    def loss(self, episode: Episode, *, epoch: int, learn_text: bool) -> Tensor:
        """The loss of one episode; the mean over its people.

        Args:
            episode: Whom it asks about, and what is hidden of them.
            epoch: Random draws follow from it.
            learn_text: Whether a sample of texts is encoded with gradient.
        """
        align, domain, model = self.settings.align, episode.domain, self.model
        rng = np.random.default_rng([self.settings.train.seed, epoch, *episode.people[:1]])
        visible = visible_likes(self.log.liked, episode.hidden)
        text, fresh_items = self._text(episode, rng, learn_text=learn_text)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self._bf16()):
            z = model.items(text, self.graph_of(visible))
        z = z.float()
        bridge_map = self.bridge_map(z, domain, without=episode.people)
        known = make_people(
            visible[episode.people], self.channels, domain, self.log.num_domains, self.device
        )
        wanted = episode.hidden[episode.people].tocsr()  # [B, I]
        person = model.user_vectors(z, known, domain, bridge_map)  # [B, D + R + 1]
        total = self._ranking_loss(z, person, wanted, domain, epoch)
        if align.users and episode.cold:
            total = total + align.users * self._people_loss(z, known, wanted, domain)
        if align.text and len(fresh_items):
            index = torch.from_numpy(fresh_items).to(self.device)
            said = functional.normalize(model.text_map(model.whitening(text[index])), dim=1)
            total = total + align.text * info_nce(said, z[index], align.temperature)
        if align.prototypes and self.log.num_domains > 1 and not len(self.pools[domain].people):
            total = total + align.prototypes * self._prototype_loss(z, domain, epoch)
        return total

    def bridge_map(self, z: Tensor, domain: int, *, without: NDArray[np.int64]) -> Tensor:
        """``[F, R]`` the bridge of ``domain`` solved on its pool, but for ``without [B]``."""
        pool = self.pools[domain]
        others = torch.from_numpy(~_marked(without, self.log.num_users)[pool.people]).to(z)
        features = self.model.bridge_features(z, pool.view, domain)
        return self.model.bridge(domain).solve(features, pool.targets, others)

    def _ranking_loss(
        self, z: Tensor, person: Tensor, wanted: sp.csr_matrix, domain: int, epoch: int
    ) -> Tensor:
        """How far the hidden likes ``wanted [B, I]`` are from the top of ``person``'s lists."""
        columns, log_drawn = self.candidates(wanted, domain, epoch)
        item = self.model.item_vectors(z, torch.from_numpy(columns).to(self.device), domain)
        positives = wanted[:, columns]  # [B, N]
        if self.settings.train.loss == "bpr":
            return bpr(person, item, positives)
        return sampled_softmax(person, item, positives, log_drawn)

    def _people_loss(
        self, z: Tensor, known: PeopleTensors, wanted: sp.csr_matrix, domain: int
    ) -> Tensor:
        """Aligns what other domains say of a person with what ``domain`` will say.

        Each is told from at most ``train.batch_people`` others.
        """
        here = self.model.view(z, known.outside, domain)  # [B, D]
        there = functional.normalize(Sparse(by_root_of_length(wanted), self.device) @ z, dim=1)
        total = z.new_zeros(())
        count = math.ceil(len(here) / self.settings.train.batch_people)
        pairs = zip(here.tensor_split(count), there.tensor_split(count), strict=True)
        for some, same in pairs:
            found = info_nce(some, same, self.settings.align.temperature)
            total = total + found * (len(some) / len(here))
        return total

    def _text(
        self, episode: Episode, rng: np.random.Generator, *, learn_text: bool
    ) -> tuple[Tensor, NDArray[np.int64]]:
        """Text vectors ``[I, W]`` and the items encoded anew with gradient in this step."""
        if not learn_text:
            return self.cache.vectors, np.zeros(0, dtype=np.int64)
        liked = self.log.liked[episode.people].indices
        with_text = self.cache.items_with_text
        candidates = with_text[_marked(liked, self.log.liked.shape[1])[with_text]]
        most = self.settings.text.texts_per_step
        if len(candidates) > most:
            candidates = np.sort(rng.choice(candidates, most, replace=False))
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self._bf16()):
            return self.cache.fresh(candidates), candidates

    def candidates(
        self, wanted: sp.csr_matrix, domain: int, epoch: int
    ) -> tuple[NDArray[np.int64], Tensor | None]:
        """Items ``[N]`` a softmax ranks: the whole domain, or the positives and a uniform draw."""
        items = self.log.items_of(domain)
        most = self.settings.train.negatives
        if len(items) <= most:
            return items, None
        rng = np.random.default_rng([self.settings.train.seed, epoch, wanted.nnz])
        is_positive = _marked(wanted.indices, wanted.shape[1])
        positive, others = np.flatnonzero(is_positive), items[~is_positive[items]]
        if len(others) <= most:
            return items, None
        drawn = rng.choice(others, most, replace=False)
        columns = np.concatenate([positive, drawn])
        log_drawn = torch.zeros(len(columns), device=self.device)
        log_drawn[len(positive) :] = math.log(most / len(others))
        return columns, log_drawn

    def _prototype_loss(self, z: Tensor, domain: int, epoch: int) -> Tensor:
        """Two groups of people of two domains, nobody in both, on shared prototypes."""
        rng = np.random.default_rng([self.settings.train.seed, epoch, domain])
        other = rng.choice([d for d in range(self.log.num_domains) if d != domain])
        views = []
        for d in (domain, int(other)):
            active = np.flatnonzero(self.log.count_by_domain[:, d] > 0)
            drawn = np.sort(rng.choice(active, min(len(active), 512), replace=False))
            pooling = Sparse(by_root_of_length(self.log.liked[drawn]), self.device)
            views.append(self.model.view(z, pooling, domain))
        return prototype_alignment(
            views[0], views[1], self.prototypes, self.settings.align.temperature
        )

    def _bf16(self) -> bool:
        wanted = self.settings.train.precision
        on_gpu = self.device.type == "cuda" and torch.cuda.is_bf16_supported()
        return wanted == "bf16" or (wanted == "auto" and on_gpu)


def _marked(numbers: NDArray[np.integer], size: int) -> NDArray[np.bool_]:
    """``[size]`` whether a number is among ``numbers``; no sorting, as sets would."""
    marked = np.zeros(size, bool)
    marked[numbers] = True
    return marked
