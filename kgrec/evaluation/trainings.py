"""Trainings of kgrec that rows of a benchmark share.

In:   a graph, settings, a device.
Out:  what :func:`kgrec.training.fit.fit` makes of them, trained once.

Rows that differ in what is solved after training share its epochs, which are kept in a folder;
rows that differ in nothing but how components count, or in some that they leave out, share what
was solved as well, in memory. Solves
that read the log alone, as factorisations do, are kept in the folder for every row. The seconds
of a row that shared are no training time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from graph_store.snapshot import Snapshot
from kgrec.config import Settings
from kgrec.device import pick_device
from kgrec.ensemble.settings import Component
from kgrec.gnn import checkpoint
from kgrec.progress import OnEvent, ignore
from kgrec.solvers.kept import remembering
from kgrec.training.fit import Fitted, fit

__all__ = ["Trainings"]


class Trainings:
    """Trains what it has not trained yet."""

    def __init__(self, folder: Path) -> None:
        """Checkpoints and solves go to ``folder``, the former named by data, settings and device.

        Both are those of the code that made them: a folder must not outlive a change of it.

        What was fitted stays in memory, one model a graph and kind of solve.
        """
        self.folder = folder
        self._fitted: dict[str, tuple[Mapping[str, Component], Fitted]] = {}

    def fit(
        self, train: Snapshot, settings: Settings, *, device: str, on_event: OnEvent = ignore
    ) -> Fitted:
        """As :func:`kgrec.training.fit.fit`; a kept training is resumed, or reused if finished.

        Args:
            train: The training snapshot.
            settings: Settings of the training.
            device: ``auto``, ``cpu`` or ``cuda``.
            on_event: Called with the progress of each stage.
        """
        wanted = settings.components
        solved = _name_of(train, settings, device, without=_COUNTING)
        there = self._fitted.get(solved)
        if there is not None and _has_all(there[0], wanted):
            return there[1].weighed_by(
                wanted, settings.ensemble, item_paths=settings.serving.item_paths
            )
        trained = _name_of(train, settings, device, without=_AFTERWARDS)
        folder = self.folder / trained / "checkpoint"
        with remembering(self.folder / "solved"):
            fitted = fit(
                train, settings, device=device, on_event=on_event,
                on_epoch=lambda trainer: checkpoint.save(trainer, folder),
                resume=lambda trainer: checkpoint.restore(trainer, folder),
            )  # fmt: skip
        self._fitted[solved] = (wanted, fitted)
        return fitted


def _has_all(there: Mapping[str, Component], wanted: Mapping[str, Component]) -> bool:
    """Whether every wanted component was fitted with the same settings."""
    return all(
        name in there and (there[name].model, there[name].settings) == (given.model, given.settings)
        for name, given in wanted.items()
    )


_COUNTING: dict[str, Any] = {"components": True, "ensemble": True, "serving": True}
"""What does not say how the joint model and the imputation of cold items are made."""

_AFTERWARDS: dict[str, Any] = dict.fromkeys(checkpoint.AFTERWARDS, True)


def _name_of(train: Snapshot, settings: Settings, device: str, *, without: dict[str, Any]) -> str:
    """The same for all settings that differ only in those left out."""
    read, where = settings.model_dump_json(exclude=without), pick_device(device).type
    return hashlib.sha256(f"{train.fingerprint} {where} {read}".encode()).hexdigest()[:16]
