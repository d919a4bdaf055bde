"""What training minimises: the loss of one episode.

In:   an episode; the model, its text vectors, and the users of each bridge.
Out:  one number with gradient to everything that learns.

The graph is propagated once, the bridge is solved once, and the vectors of the episode's users
follow from these two. Graph, bridge and everything else that is made of likes are without all users
of the episode's fold. The loss is the sum of the terms of :mod:`kgrec.gnn.loss_terms`, or for
next items that of :mod:`kgrec.gnn.next_items`. Nothing here draws an episode or moves a weight.

Shapes: B users of an episode   I items   D width   C prototypes   W width of the encoder
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from kgrec.config import Settings
from kgrec.data.hold_out import visible_likes
from kgrec.data.interactions import count_inside
from kgrec.gnn.episodes import Episode
from kgrec.gnn.events import read_latest_events
from kgrec.gnn.fold_statistics import FoldStatistics
from kgrec.gnn.item_pairs import read_pair_rows
from kgrec.gnn.loss_terms import TERMS, Step, Term, marked
from kgrec.gnn.model import JointModel
from kgrec.gnn.next_items import next_item_loss
from kgrec.gnn.prepare import TrainingInputs
from kgrec.gnn.user_tensors import read_user_tensors

__all__ = ["Objective"]


STILL_STEPS = 7
"""Steps of next items that take the item embeddings of an earlier one of the same fold and epoch.

The embeddings of all items take most of the time of a step, and the sequence encoder needs many
more steps than they do."""


class Objective(nn.Module):
    """The loss, and the weights that it alone needs."""

    def __init__(
        self, settings: Settings, inputs: TrainingInputs, terms: Sequence[Term] = TERMS
    ) -> None:
        """Draw the prototypes from torch's random state.

        Args:
            settings: All settings.
            inputs: What the model learns from.
            terms: Functions whose sum is the loss.
        """
        super().__init__()
        self.settings = settings
        self.inputs = inputs
        self.terms = tuple(terms)
        self._still: dict[int, tuple[int, int, Tensor]] = {}  # epoch, uses, embeddings by fold
        size = (settings.align.num_prototypes, settings.model.dim)
        self.prototypes = nn.Parameter(torch.randn(size, device=inputs.device))  # [C, D]

    def forward(
        self, model: JointModel, episode: Episode, *, epoch: int, learn_text: bool
    ) -> Tensor:
        """The loss of one episode; the mean over its users.

        Args:
            model: What learns.
            episode: Whom it asks about, and what is hidden of them.
            epoch: Random draws follow from it.
            learn_text: Whether a sample of texts is encoded with gradient.
        """
        if episode.kind == "next":
            return self._next_items(model, episode, epoch=epoch)
        step = self.step(model, episode, epoch=epoch, learn_text=learn_text)
        total: Tensor | None = None
        for term in self.terms:
            found = term(step)
            if found is not None:
                total = found if total is None else total + found
        if total is None:
            raise ValueError("no term of the loss has anything to say about an episode")
        return total

    def step(self, model: JointModel, episode: Episode, *, epoch: int, learn_text: bool) -> Step:
        """What the model makes of an episode without what it hides.

        Args:
            model: What learns.
            episode: Whom it asks about, and what is hidden of them.
            epoch: Number of the epoch; random draws follow from it.
            learn_text: Whether a sample of texts is encoded with gradient.
        """
        inputs, domain = self.inputs, episode.domain
        rng = np.random.default_rng([self.settings.train.seed, epoch, *episode.users[:1]])
        text, fresh_items = self._text(episode, rng, learn_text=learn_text)
        statistics = self._statistics(episode)
        features = statistics.item_features
        embeddings = self._embeddings(model, text, statistics)
        bridge_map = model.solve_bridge(embeddings, statistics.bridge_users[domain])
        wanted = episode.hidden[episode.users].tocsr()
        seen = visible_likes(inputs.data.liked[episode.users], wanted)
        latest = None
        if inputs.sequences is not None:
            users = inputs.sequences[episode.users].among(seen)
            latest = read_latest_events(users, features.time_bins)
        known = read_user_tensors(
            seen, features, domain, inputs.data.num_domains, inputs.device,
            last_time=None if latest is None else latest.time,
        )  # fmt: skip
        return Step(
            settings=self.settings,
            inputs=inputs,
            model=model,
            prototypes=self.prototypes,
            episode=episode,
            epoch=epoch,
            text=text,
            fresh_items=fresh_items,
            item_embeddings=embeddings,
            known=known,
            wanted=wanted,
            user_vectors=model.user_vectors(embeddings, known, domain, bridge_map),
            statistics=statistics,
            pair_rows=read_pair_rows(
                seen,
                None if latest is None else latest.items,
                count_inside(seen, features.item_domain, domain) > 0,
            ),
        )

    def _next_items(self, model: JointModel, episode: Episode, *, epoch: int) -> Tensor:
        """The loss of an episode of next items; texts are not encoded anew for it."""
        statistics, sequences = self._statistics(episode), self.inputs.sequences
        if sequences is None:
            raise ValueError("next items are asked for where histories have no order")
        rng = np.random.default_rng([self.settings.train.seed, epoch, *episode.users[:1]])
        made_in, uses, embeddings = self._still.get(episode.fold, (-1, 0, None))
        moves_items = embeddings is None or made_in != epoch or uses == STILL_STEPS
        if embeddings is None or moves_items:
            embeddings, uses = self._embeddings(model, self.inputs.cache.vectors, statistics), -1
        self._still[episode.fold] = (epoch, uses + 1, embeddings.detach())
        return next_item_loss(
            model, statistics, embeddings, sequences[episode.users], rng, whole_score=moves_items
        )

    def _statistics(self, episode: Episode) -> FoldStatistics:
        return self.inputs.folds[episode.fold]

    def _embeddings(self, model: JointModel, text: Tensor, statistics: FoldStatistics) -> Tensor:
        """``[I, D]`` of the graph without a fold."""
        with self._autocast():
            return model.item_embeddings(text, statistics.graph, statistics.items).float()

    def _text(
        self, episode: Episode, rng: np.random.Generator, *, learn_text: bool
    ) -> tuple[Tensor, NDArray[np.int64]]:
        """Text vectors ``[I, W]`` and the items encoded anew with gradient in this step."""
        data, cache = self.inputs.data, self.inputs.cache
        if not learn_text:
            return cache.vectors, np.zeros(0, dtype=np.int64)
        liked = data.liked[episode.users].indices
        with_text = cache.items_with_text
        candidates = with_text[marked(liked, data.liked.shape[1])[with_text]]
        most = self.settings.text.texts_per_step
        if len(candidates) > most:
            candidates = np.sort(rng.choice(candidates, most, replace=False))
        with self._autocast():
            return cache.fresh(candidates), candidates

    def _autocast(self) -> torch.autocast:
        """Half precision, where it is wanted and the device has it."""
        device, wanted = self.inputs.device.type, self.settings.train.precision
        on_gpu = device == "cuda" and torch.cuda.is_bf16_supported()
        half = wanted == "bf16" or (wanted == "auto" and on_gpu)
        return torch.autocast(device, torch.bfloat16, enabled=half)
