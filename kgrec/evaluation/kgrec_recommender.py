"""kgrec itself as a recommender of the benchmark.

In:   settings of a training.
Out:  scores of the trained model, users being read from their histories alone.

It is fitted by the same call that ``kgrec train`` uses, with the benchmark's seed in place of
that of the settings. Its own choices (early stopping, weights of its components) are made on users
held out of the training snapshot, so it needs no tuning here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

from kgrec.config import Settings
from kgrec.data.histories import Histories
from kgrec.data.interactions import Interactions
from kgrec.errors import InputError
from kgrec.progress import Event
from kgrec.recommenders.base import OnProgress, Scores, ignore_progress
from kgrec.vectors import Vectors

if TYPE_CHECKING:
    from kgrec.evaluation.trainings import Trainings
    from kgrec.runs.scorer import Scorer

__all__ = ["KgrecRecommender"]


class KgrecRecommender:
    """Trains with given settings, scores with the trained model."""

    name = "kgrec"

    def __init__(
        self,
        settings: Settings,
        *,
        device: str = "auto",
        trainings: Trainings | None = None,
    ) -> None:
        """Keep the settings; nothing is read and nothing is trained yet.

        Args:
            settings: All settings of the training; its seed is replaced by that of :meth:`fit`.
            device: As :func:`kgrec.training.fit.fit` takes it.
            trainings: Where trainings are kept and looked up; None: train anew and keep nothing.
        """
        self.settings = settings
        self.device = device
        self.trainings = trainings
        self._scorer: Scorer | None = None

    def fit(
        self,
        data: Interactions,
        *,
        seed: int = 0,
        domains: Sequence[int] | None = None,
        on_progress: OnProgress = ignore_progress,
    ) -> Self:
        """Train on the graph of ``data``; one model serves all domains.

        Args:
            data: Interactions with their snapshot, which is what is trained on.
            seed: Seed of the training.
            domains: Not read; every domain is served.
            on_progress: Called with the fraction that is done and what is being done.

        Raises:
            InputError: ``data`` was made without a graph, from which texts and tags are read.
        """
        from kgrec.training.fit import fit

        if data.snapshot is None:
            raise InputError("kgrec trains on a graph: make the interactions with Interactions.of")
        seeded = self.settings.model_copy(
            update={"train": self.settings.train.model_copy(update={"seed": seed})}
        )

        def tell(event: Event) -> None:
            on_progress(event.done / max(event.total, 1), f"{event.stage} {event.note}".strip())

        train_it = fit if self.trainings is None else self.trainings.fit
        self._scorer = train_it(data.snapshot, seeded, device=self.device, on_event=tell).scorer
        self._items: dict[int, Vectors] = {}
        return self

    def score(self, users: Histories, domain: int) -> Scores:
        """Products of user and item vectors."""
        if self._scorer is None:
            raise RuntimeError("score() needs fit() first")
        if domain not in self._items:
            self._items[domain] = self._scorer.item_vectors(domain)
        return self._scorer.user_vectors(users, domain).products(self._items[domain])
