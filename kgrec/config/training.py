"""Settings of the training loop.

In:   plain data.
Out:  a frozen model; a wrong value is refused. Nothing here knows what the settings do.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from kgrec.section import Section

__all__ = ["TrainSettings"]


class TrainSettings(Section):
    """The training loop."""

    epochs: NonNegativeInt = 6
    """Largest number of epochs. An epoch asks every overlapping user once for each of their
    domains, up to some 32,000 users a domain, which are drawn anew each time. 0 trains nothing."""
    folds: int = Field(default=4, ge=2)
    """Number of folds into which users are divided. A step about users of one fold uses statistics
    of all other users, so that no answer informs its own prediction. More folds leave more users
    for the statistics and take longer to prepare."""
    sequence_users: PositiveInt = 512
    """Largest number of users of a step that predicts each next item of their histories; a log of
    fewer than some 30,000 users makes smaller steps. Lower it where memory is short."""
    min_warm_users: PositiveInt = 1024
    """Smallest number of users of an episode in a domain where no user overlaps. Lower it where
    memory is short; smaller episodes make more, noisier steps."""
    accumulate: PositiveInt = 1
    """Number of episodes whose gradients are added up before an optimiser step; more make steps
    steadier and fewer."""
    loss: Literal["softmax", "bpr"] = "softmax"
    """Ranking loss: sampled softmax with a correction for popularity, or BPR (Rendle et al., 2009)
    for comparison."""
    negatives: PositiveInt = 16384
    """Largest number of items that a softmax draws beside the liked ones; a domain with fewer
    items is taken whole. Lower it where memory is short."""
    temperature: PositiveFloat = 1.0
    """Value at which the temperature of the cosine in a score begins; it is learned from there."""
    learning_rate: PositiveFloat = 2e-3
    """Highest learning rate of all weights but the encoder's, whose own is `text.learning_rate`."""
    weight_decay: NonNegativeFloat = 1e-4
    """Decoupled weight decay (AdamW) of matrices; vectors and single numbers have none."""
    warmup: float = Field(default=0.1, ge=0.0, lt=1.0)
    """Fraction of all steps in which the learning rate rises; afterwards it falls to 0."""
    cold_fraction: float = Field(default=0.8, ge=0.0, le=1.0)
    """Fraction of a domain's episodes that hide all of a user's likes there, as of a cold user;
    the others hide half of them, the latest ones where the order is known. Lower it where most
    users to be served have history there."""
    patience: PositiveInt = 3
    """Number of epochs without a better validation NDCG@10 after which training stops."""
    validation_fraction: float = Field(default=0.1, ge=0.0, lt=1.0)
    """Fraction of the users that are held out to stop training and to weigh the components of the
    ensemble, at most 1,000 of each kind. 0 holds nobody out: training runs to its last epoch and
    the weights follow from the config alone."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Number format of training; `auto` is bf16 on a GPU that has it, else fp32."""
    compile: bool = False
    """Whether item features go through `torch.compile`: faster on a GPU after the first
    minutes."""
    seed: int = Field(default=0, ge=0, lt=2**32)
    """Seed of all random draws; on a CPU the same seed and data give the same vectors."""
