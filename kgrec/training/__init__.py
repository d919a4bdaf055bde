"""Training: a snapshot goes in, a run folder comes out."""

from __future__ import annotations

from kgrec.training.fit import Fitted, fit
from kgrec.training.train import train

__all__ = ["Fitted", "fit", "train"]
