"""Trainers that stand before their first epoch."""

from __future__ import annotations

from graph_store.snapshot import Snapshot
from kgrec.config import Settings
from kgrec.gnn.trainer import Trainer
from kgrec.progress import OnEvent, ignore
from kgrec.training.fit import make_trainer, read_interactions

__all__ = ["trainer_on"]


def trainer_on(
    snapshot: Snapshot, settings: Settings, *, device: str = "auto", on_event: OnEvent = ignore
) -> Trainer:
    """A trainer of the joint model on a graph."""
    everybody = read_interactions(snapshot, settings.positive_weight)
    return make_trainer(snapshot, everybody, settings, device=device, on_event=on_event)
