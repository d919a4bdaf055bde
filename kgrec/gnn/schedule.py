"""When what learns, and how fast: the optimizer, learning rates, and the encoder's epochs.

In:   the weights that may move, settings.
Out:  an optimizer with its schedule; which epochs move the encoder and end with new text vectors.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from kgrec.config import Settings
from kgrec.text.cache import TextCache
from kgrec.text.encoder import TextEncoder

__all__ = ["TextSchedule", "make_optimizer"]


@dataclass(frozen=True)
class TextSchedule:
    """The epochs in which the encoder learns: the first ones, or none where it is not trained."""

    last_epoch: int
    """The last one; 0 where the encoder does not learn."""
    is_read: bool
    """Whether the model reads texts at all; if not, the encoder has nothing to learn from."""
    refresh_after: frozenset[int]
    """The epochs after which all texts are encoded anew, at even distances; the last is one."""

    @classmethod
    def of(cls, settings: Settings, encoder: TextEncoder, cache: TextCache) -> TextSchedule:
        """The schedule of these settings.

        Args:
            settings: All settings.
            encoder: The encoder, which may have no weights that move.
            cache: The texts of the catalogue.
        """
        has_text = len(cache.items_with_text) > 0
        learns = encoder.learns and has_text
        last = math.ceil(settings.train.epochs * settings.text.learning_fraction) if learns else 0
        times = settings.text.refreshes
        refreshes = {round(last * (n + 1) / times) for n in range(times)} if last else set()
        return cls(last, has_text and "text" in settings.model.item_features, frozenset(refreshes))

    def learns_in(self, epoch: int) -> bool:
        """Whether the encoder's weights move in ``epoch``."""
        return self.is_read and 0 < epoch <= self.last_epoch


def make_optimizer(
    weights: Iterable[nn.Parameter],
    encoder_weights: Iterable[nn.Parameter],
    settings: Settings,
    *,
    steps_per_epoch: int,
    sequence_weights: Iterable[nn.Parameter] = (),
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    """AdamW whose learning rates rise over the first steps and then fall to zero.

    Args:
        weights: Weights of the model and the objective.
        encoder_weights: Those weights of the encoder that may move.
        settings: All settings.
        steps_per_epoch: Steps of the optimizer, not episodes.
        sequence_weights: Those of ``weights`` that remember single histories.
    """
    train = settings.train
    in_order = list(sequence_weights)
    apart = {id(p) for p in in_order}
    learned = [p for p in weights if p.requires_grad and id(p) not in apart]
    decay = settings.model.sequence_weight_decay
    groups: list[dict[str, Any]] = [
        {"params": [p for p in learned if p.ndim > 1], "weight_decay": train.weight_decay},
        # A handful of numbers that weigh the pieces of a score must move far in few steps.
        {"params": [p for p in learned if p.ndim < 2], "lr": 10 * train.learning_rate},
        {"params": list(encoder_weights), "lr": settings.text.learning_rate},
        {"params": [p for p in in_order if p.ndim > 1], "weight_decay": decay},
        {"params": [p for p in in_order if p.ndim < 2]},
    ]
    groups = [group for group in groups if group["params"]]
    optimizer = torch.optim.AdamW(groups, lr=train.learning_rate, weight_decay=0.0)
    steps = max(1, steps_per_epoch * train.epochs)
    rising = max(1.0, train.warmup * steps)

    def factor(step: int) -> float:
        return min((step + 1) / rising, max(0.0, (steps - step) / max(1.0, steps - rising)))

    return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
