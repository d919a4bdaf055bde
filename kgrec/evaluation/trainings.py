"""Trainings of kgrec that rows of a benchmark share.

In:   a graph, settings, a device.
Out:  what :func:`kgrec.training.fit.fit` makes of them, trained once.

Rows that differ in what is solved after training share its epochs, which are kept in a folder;
rows that differ in nothing but how parts count share what was solved as well, in memory. The
seconds of a row that shared are no training time.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from graph_store.snapshot import Snapshot
from kgrec.config import BlendSettings, Settings
from kgrec.model.weights import PARTS
from kgrec.training import checkpoint
from kgrec.training.events import OnEvent, ignore
from kgrec.training.fit import Fitted, fit

__all__ = ["Trainings"]


class Trainings:
    """Trains what it has not trained yet."""

    def __init__(self, folder: Path) -> None:
        """Checkpoints go to ``folder``, named by data, settings and device."""
        self.folder = folder
        self._fitted: dict[str, tuple[BlendSettings, Fitted]] = {}

    def fit(
        self, train: Snapshot, settings: Settings, *, device: str, on_event: OnEvent = ignore
    ) -> Fitted:
        """As :func:`kgrec.training.fit.fit`; a kept training is resumed, or reused if finished."""
        blend = settings.blend
        solved = _name_of(train, settings, device, without={"blend": _COUNTING})
        there = self._fitted.get(solved)
        if there is not None and _parts_of(blend) <= _parts_of(there[0]):
            return there[1].weighed_by(blend)
        trained = _name_of(train, settings, device, without=_AFTERWARDS)
        folder = self.folder / trained / "checkpoint"
        fitted = fit(
            train, settings, device=device, on_event=on_event,
            on_epoch=lambda trainer: checkpoint.save(trainer, folder),
            resume=lambda trainer: checkpoint.restore(trainer, folder),
        )  # fmt: skip
        self._fitted[solved] = (blend, fitted)
        return fitted


_COUNTING: dict[str, Any] = {
    "sharpness": True,
    **{part: {"share"} for part in PARTS[1:]},
    "narrow": {"share", "people"},
}
"""What of the blend's settings says how parts count, and not how they are solved."""


_AFTERWARDS: dict[str, Any] = dict.fromkeys(checkpoint.AFTERWARDS, True)


def _parts_of(blend: BlendSettings) -> set[str]:
    return {part for part in PARTS[1:] if getattr(blend, part).share}


def _name_of(train: Snapshot, settings: Settings, device: str, *, without: dict[str, Any]) -> str:
    """The same for all settings that differ only in those left out."""
    read = settings.model_dump_json(exclude=without)
    return hashlib.sha256(f"{train.fingerprint} {device} {read}".encode()).hexdigest()[:16]
