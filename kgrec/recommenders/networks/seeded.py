"""The random numbers and the gradients of one training, apart from those of everything else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["seeded_training"]


@contextmanager
def seeded_training(seed: int) -> Iterator[None]:
    """Seed torch inside the block, and compute gradients there.

    What is drawn after the block does not depend on ``seed``. Gradients are switched on because a
    run fits its components where they are switched off.
    """
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(seed)
        yield
