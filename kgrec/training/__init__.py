"""Training: a snapshot goes in, a run folder comes out."""

from __future__ import annotations

from kgrec.progress import Event, OnEvent
from kgrec.runs import TrainedRun, open_run
from kgrec.training.fit import Fitted, fit
from kgrec.training.train import train

__all__ = ["Event", "Fitted", "OnEvent", "TrainedRun", "fit", "open_run", "train"]
