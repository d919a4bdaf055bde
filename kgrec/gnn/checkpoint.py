"""A training that was cut off goes on where it stood, and ends as if it had not been.

In:   a trainer and a folder.
Out:  two files, replaced as one: tensors (safetensors) and the rest (JSON). Never pickle.

Random state is not among them: it follows from (seed, epoch). Settings of what is solved when
training is over (``AFTERWARDS``) may be others when it goes on; all else must be the same.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor

from kgrec.errors import RunError
from kgrec.gnn.trainer import Best, Trainer, under

__all__ = ["AFTERWARDS", "CHECKPOINT_VERSION", "restore", "save"]

CHECKPOINT_VERSION = 4
"""Raised whenever the names or the meaning of what is kept change."""

AFTERWARDS = ("components", "ensemble", "cold_items", "serving")
"""Sections of the settings that no epoch reads, since they are of the ensemble or of a run."""


def save(trainer: Trainer, folder: Path) -> None:
    """Write the state after an epoch; an earlier checkpoint is replaced when this one is whole."""
    folder.mkdir(parents=True, exist_ok=True)
    optimizer = trainer.optimizer.state_dict()
    tensors = {f"now.{n}": t for n, t in trainer.state().items()}
    tensors |= {f"best.{n}": t for n, t in trainer.best.tensors.items()}
    for index, moments in optimizer["state"].items():
        tensors |= {f"optimizer.{index}.{n}": t.cpu() for n, t in moments.items()}
    name = f"epoch-{trainer.epoch}.safetensors"
    save_file({n: t.contiguous() for n, t in tensors.items()}, folder / name)
    state = {
        "version": CHECKPOINT_VERSION,
        "tensors": name,
        "epoch": trainer.epoch,
        "history": trainer.history,
        "best": {"score": trainer.best.score, "epoch": trainer.best.epoch},
        "schedule": {k: v for k, v in trainer.schedule.state_dict().items() if k != "lr_lambdas"},
        "learning_rates": [group["lr"] for group in optimizer["param_groups"]],
        "settings": trainer.settings.model_dump(mode="json"),
        "fingerprint": trainer.inputs.snapshot.fingerprint,
    }
    partial = folder / "state.json.partial"
    partial.write_text(json.dumps(state) + "\n", encoding="utf-8")
    partial.replace(folder / "state.json")  # from here on the new tensors are the ones meant
    for old in folder.glob("epoch-*.safetensors"):
        if old.name != name:
            old.unlink()


def restore(trainer: Trainer, folder: Path) -> None:
    """Bring a fresh trainer to the last checkpoint of ``folder``; without one, do nothing.

    Raises:
        RunError: The checkpoint is of another version, of other training settings or of another
            graph.
    """
    file = folder / "state.json"
    if not file.is_file():
        return
    state = json.loads(file.read_text(encoding="utf-8"))
    _require_same(state, trainer, folder)
    tensors = load_file(folder / state["tensors"])
    trainer.load_state(under(tensors, "now."))
    for number, group in enumerate(trainer.optimizer.param_groups):
        group["lr"] = state["learning_rates"][number]
    no_lambdas = [None] * len(trainer.optimizer.param_groups)  # functions hold no state
    trainer.schedule.load_state_dict({**state["schedule"], "lr_lambdas": no_lambdas})
    moments: dict[int, dict[str, Tensor]] = {}
    for name, tensor in under(tensors, "optimizer.").items():
        index, _, moment = name.partition(".")
        moments.setdefault(int(index), {})[moment] = tensor
    parameters = [p for group in trainer.optimizer.param_groups for p in group["params"]]
    for number, moment_of in moments.items():
        trainer.optimizer.state[parameters[number]] = {
            n: t if n == "step" else t.to(parameters[number].device) for n, t in moment_of.items()
        }
    trainer.epoch, trainer.history = state["epoch"], state["history"]
    best = state["best"]
    trainer.best = Best(best["score"], best["epoch"], under(tensors, "best."))


def _require_same(state: dict[str, Any], trainer: Trainer, folder: Path) -> None:
    version = state.get("version", 1)
    if version != CHECKPOINT_VERSION:
        raise RunError(
            f"{folder.parent} was begun by another kgrec (its checkpoint has version {version}, "
            f"this kgrec reads {CHECKPOINT_VERSION}); train into another folder"
        )
    fingerprint = trainer.inputs.snapshot.fingerprint
    if state["fingerprint"] != fingerprint:
        raise RunError(
            f"{folder.parent} was begun on another graph ({state['fingerprint'][:12]}... there, "
            f"{fingerprint[:12]}... now); train into another folder"
        )
    now = _flat(trainer.settings.model_dump(mode="json"))
    then = _flat(state["settings"])
    changed = sorted(
        key for key in now.keys() | then.keys()
        if now.get(key) != then.get(key) and key.partition(".")[0] not in AFTERWARDS
    )  # fmt: skip
    if changed:
        key = changed[0]
        raise RunError(
            f"{folder.parent} was begun with {key}={then.get(key)!r}, got {now.get(key)!r}; "
            f"resume with the same settings or train into another folder"
        )


def _flat(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        name = f"{prefix}{key}"
        flat |= _flat(value, f"{name}.") if isinstance(value, dict) else {name: value}
    return flat
