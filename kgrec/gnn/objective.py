"""What training minimises: the loss of one episode.

In:   an episode; the model, its text vectors, and the users of each bridge.
Out:  one number with gradient to everything that learns.

The episode's likes are hidden from the graph, the graph is propagated once, the bridge is solved
once, on users outside the episode, and the vectors of its users follow from these two. The loss is
the sum of the terms of :mod:`kgrec.gnn.loss_terms`. Nothing here draws an episode or moves a
weight.

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
from kgrec.gnn.episodes import Episode
from kgrec.gnn.loss_terms import TERMS, Step, Term, marked
from kgrec.gnn.model import JointModel
from kgrec.gnn.prepare import TrainingInputs
from kgrec.gnn.user_tensors import read_user_tensors

__all__ = ["Objective"]


class Objective(nn.Module):
    """The loss, and the weights that it alone needs."""

    def __init__(
        self, settings: Settings, inputs: TrainingInputs, terms: Sequence[Term] = TERMS
    ) -> None:
        """Draw the prototypes from torch's random state."""
        super().__init__()
        self.settings = settings
        self.inputs = inputs
        self.terms = tuple(terms)
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
        """What the model makes of an episode without what it hides."""
        inputs, domain = self.inputs, episode.domain
        rng = np.random.default_rng([self.settings.train.seed, epoch, *episode.users[:1]])
        visible = visible_likes(inputs.data.liked, episode.hidden)
        text, fresh_items = self._text(episode, rng, learn_text=learn_text)
        with self._autocast():
            embeddings = model.item_embeddings(text, inputs.graph_of(visible))
        embeddings = embeddings.float()
        bridge_users = inputs.bridge_users[domain]
        bridge_map = model.solve_bridge(embeddings, bridge_users, without=episode.users)
        known = read_user_tensors(
            visible[episode.users], inputs.item_features, domain, inputs.data.num_domains,
            inputs.device,
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
            wanted=episode.hidden[episode.users].tocsr(),
            user_vectors=model.user_vectors(embeddings, known, domain, bridge_map),
        )

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
