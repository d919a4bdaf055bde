"""From a graph to a fitted ensemble: the order in which everything is trained, fitted and weighed.

In:   a snapshot and settings.
Out:  a :class:`Fitted`: a scorer of the joint model and all other components, what was measured.

Some users are held out. The joint model is trained on the others (:mod:`kgrec.gnn`), the other
components are fitted on them (:mod:`kgrec.ensemble.fit`), and each component is weighed by how it
ranks for those held out. Then all that is solved is solved again on everybody.

Nothing here writes a run folder; see :mod:`kgrec.training.train`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import Tensor

from graph_store.snapshot import Snapshot
from kgrec.config import Settings
from kgrec.data.hold_out import HeldOut, hold_out
from kgrec.data.interactions import Interactions
from kgrec.device import pick_device
from kgrec.ensemble.cold_items import ColdItemImputer
from kgrec.ensemble.fit import fit_components
from kgrec.ensemble.measuring import Measured, measure
from kgrec.ensemble.recommender import Components, Ensemble
from kgrec.ensemble.settings import GNN, Component, EnsembleSettings
from kgrec.ensemble.weighing import Weighed, weigh
from kgrec.errors import TrainingError
from kgrec.gnn.prepare import build_model, prepare
from kgrec.gnn.result import TrainedGNN
from kgrec.gnn.trainer import Trainer
from kgrec.progress import Event, OnEvent, ignore
from kgrec.runs.scorer import Scorer
from kgrec.text.encoder import TextEncoder
from kgrec.training.serving import MeasuredServing, measure_serving, served

__all__ = ["Fitted", "assemble", "fit", "fit_all_components", "make_trainer", "read_interactions"]


@dataclass
class Fitted:
    """What training leaves behind."""

    scorer: Scorer
    weights: dict[str, Tensor]
    """What the gradient moved beside the encoder, on CPU."""
    encoder: TextEncoder
    history: list[dict[str, Any]]
    measured: list[Measured]
    weighed: list[Weighed]
    best_epoch: int
    device: str
    serving: Sequence[MeasuredServing] = ()
    """How serving vectors rank for held-out users; empty where that was not asked for."""

    def weighed_by(
        self,
        components: Mapping[str, Component],
        ensemble: EnsembleSettings,
        *,
        item_paths: int | None = None,
    ) -> Fitted:
        """The same with some of its components, counting as given; nothing is fitted again.

        Args:
            components: The components that stay, and how they count.
            ensemble: How they are weighed.
            item_paths: Number of entries that each item keeps of an item-to-item matrix; None: all.
        """
        weights, weighed = weigh(self.measured, components, ensemble)
        fitted = self.scorer.ensemble.components.only(components)
        reweighed = Ensemble(fitted, weights, components).with_paths(item_paths)
        scorer = Scorer(reweighed, self.scorer.texts, self.scorer.encode)
        return replace(self, scorer=scorer, weighed=weighed)


def fit(
    snapshot: Snapshot,
    settings: Settings,
    *,
    device: str = "auto",
    on_event: OnEvent = ignore,
    on_epoch: Callable[[Trainer], None] = lambda _: None,
    resume: Callable[[Trainer], None] = lambda _: None,
    measures_serving: bool = False,
) -> Fitted:
    """Train on ``snapshot``.

    Args:
        snapshot: The graph; nothing else is read.
        settings: All settings.
        device: ``auto``, ``cpu`` or ``cuda``.
        on_event: Told how far it is.
        on_epoch: Called after every epoch, e.g. to write a checkpoint.
        resume: Called before the first epoch, e.g. to restore one.
        measures_serving: Whether serving vectors are measured on held-out users.

    Raises:
        TrainingError: There is nothing to learn from, or the loss is no longer a number.
    """
    everybody = read_interactions(snapshot, settings.positive_weight)
    trainer = make_trainer(snapshot, everybody, settings, device=device, on_event=on_event)
    resume(trainer)
    trainer.run(on_epoch)
    trained = trainer.finish()
    return assemble(
        trained, trainer.held_out, everybody, settings,
        on_event=on_event, measures_serving=measures_serving,
    )  # fmt: skip


def read_interactions(snapshot: Snapshot, positive_weight: float) -> Interactions:
    """All interactions of a graph.

    Raises:
        TrainingError: There are none, or none of them is a like.
    """
    if not len(snapshot.user):
        raise TrainingError(
            f"the graph holds no interactions ({snapshot.num_users:,} users, "
            f"{snapshot.num_items:,} items), so there is nothing to learn from; ingest a log "
            f"of who did what with `kgrec ingest`"
        )
    everybody = Interactions.of(snapshot, positive_weight=positive_weight)
    if not everybody.liked.nnz:
        raise TrainingError(
            f"no interaction has a weight of {positive_weight:g} or more, the highest is "
            f"{snapshot.weight.max():g}, so there is nothing to learn from; lower "
            f"positive_weight, or ingest more"
        )
    return everybody


def make_trainer(
    snapshot: Snapshot,
    everybody: Interactions,
    settings: Settings,
    *,
    device: str = "auto",
    on_event: OnEvent = ignore,
) -> Trainer:
    """Hold users out, prepare what the joint model learns from, and make a trainer of it.

    No epoch has run yet.

    Args:
        snapshot: The graph.
        everybody: All its interactions.
        settings: All settings.
        device: ``auto``, ``cpu`` or ``cuda``.
        on_event: Told how far it is.
    """
    train = settings.train
    data, held_out = hold_out(everybody, train.validation_fraction, seed=train.seed)
    inputs = prepare(snapshot, data, settings, device=pick_device(device), on_event=on_event)
    model = build_model(inputs, settings)
    return Trainer(inputs, model, held_out, settings, on_event=on_event)


def assemble(
    trained: TrainedGNN,
    held_out: Sequence[HeldOut],
    everybody: Interactions,
    settings: Settings,
    *,
    on_event: OnEvent = ignore,
    measures_serving: bool = False,
) -> Fitted:
    """Fit and weigh all components beside a trained joint model, then solve on everybody.

    Args:
        trained: The joint model.
        held_out: The users by whom components are weighed.
        everybody: All interactions, those of held-out users included.
        settings: All settings.
        on_event: Told how far it is.
        measures_serving: Whether serving vectors are measured on held-out users, by components that
            do not know what these like.
    """
    given, data = settings.components, trained.inputs.data
    components = fit_all_components(trained, data, settings, on_event=on_event)
    measured = measure(components, given, held_out, data, seed=settings.train.seed)
    weights, weighed = weigh(measured, given, settings.ensemble)
    serving: list[MeasuredServing] = []
    if held_out and measures_serving:
        on_event(Event("measuring serving vectors", 0, 1))
        fitted = Ensemble(components, weights, given).with_paths(settings.serving.item_paths)
        scorer = Scorer(fitted, trained.texts, trained.encoder.vectors)
        scorer = served(scorer, data, settings.serving, seed=settings.train.seed)
        serving = measure_serving(scorer, data, held_out)
    if held_out:
        components = fit_all_components(
            trained, everybody, settings, before=components, on_event=on_event
        )
    # The encoder's own method, since the scorer must not keep the trainer.
    ensemble = Ensemble(components, weights, given).with_paths(settings.serving.item_paths)
    scorer = Scorer(ensemble, trained.texts, trained.encoder.vectors)
    return Fitted(
        scorer=scorer,
        weights=trained.weights,
        encoder=trained.encoder,
        history=trained.history,
        measured=measured,
        weighed=weighed,
        best_epoch=trained.best_epoch,
        device=str(trained.inputs.device),
        serving=serving,
    )


def fit_all_components(
    trained: TrainedGNN,
    data: Interactions,
    settings: Settings,
    *,
    before: Components | None = None,
    on_event: OnEvent = ignore,
) -> Components:
    """The joint model solved on ``data``, and the other components fitted on it.

    Args:
        trained: The joint model.
        data: The interactions that it learned from, or all of them.
        settings: All settings.
        before: The same components fitted on nearly the same interactions, to go on from.
        on_event: Told how far it is.
    """
    text = trained.text_vectors
    likes = np.asarray(data.liked.getnnz(axis=0))
    imputer = ColdItemImputer.by_text(text, likes, data.item_domain, settings.cold_items)
    learned = trained.recommender(data)
    on_event(Event("fitting components", 0, 1))
    others = fit_components(
        replace(data, item_text=text), settings.components, seed=settings.train.seed,
        before=None if before is None else before.recommenders,
    )  # fmt: skip
    return Components({GNN: learned, **others}, imputer, data.item_domain)
