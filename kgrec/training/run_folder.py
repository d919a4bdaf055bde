"""Writes the run folder of a finished training; :mod:`kgrec.runs.folder` says what is in it.

In:   what was fitted, its snapshot and settings.
Out:  the folder, its manifest last: a folder without one is a training that was not finished.
"""

from __future__ import annotations

import json
import platform
import shutil
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import yaml
from safetensors.torch import save_file

from graph_store.snapshot import Snapshot, save_snapshot
from kgrec.config import Settings
from kgrec.data.histories import Histories
from kgrec.data.interactions import Interactions
from kgrec.runs.checksums import listed
from kgrec.runs.folder import ENCODER_FILE, write_manifest
from kgrec.runs.model_file import MODEL_FILE, save_scorer
from kgrec.runs.scorer import Scorer
from kgrec.training.fit import Fitted
from kgrec.training.serving import served

__all__ = ["write_run"]

_PACKAGES = ("torch", "torch-geometric", "transformers", "peft", "implicit", "numpy")


def write_run(path: Path, snapshot: Snapshot, settings: Settings, fitted: Fitted,
              facts: dict[str, Any]) -> None:  # fmt: skip
    """Write everything of a finished training, the manifest last.

    Args:
        path: The run folder; what an earlier attempt left there is replaced.
        snapshot: The graph that was trained on.
        settings: All settings.
        fitted: What training made.
        facts: What else the manifest says, as JSON values.

    Raises:
        TrainingError: A vector or weight is NaN or infinite.
    """
    path.mkdir(parents=True, exist_ok=True)
    for folder in ("graph", "encoder", "vectors"):  # of an earlier attempt that was cut off
        shutil.rmtree(path / folder, ignore_errors=True)
    data = Interactions.of(snapshot, positive_weight=settings.positive_weight)
    scorer = served(fitted.scorer, data, settings.serving, seed=settings.train.seed)
    save_scorer(scorer, path / MODEL_FILE)
    dumped = yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False)
    (path / "settings.yaml").write_text(dumped, encoding="utf-8")
    rows = "".join(json.dumps(row) + "\n" for row in fitted.history)
    (path / "history.jsonl").write_text(rows, encoding="utf-8")
    save_snapshot(snapshot, path / "graph")
    save_file(fitted.weights, path / "weights.safetensors")
    (path / ENCODER_FILE).parent.mkdir()
    save_file(fitted.encoder.learned(), path / ENCODER_FILE)
    _write_vectors(path / "vectors", snapshot, settings, fitted.scorer)
    manifest = {
        "kgrec": version("kgrec"),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in _PACKAGES},
        "fingerprint": snapshot.fingerprint,
        "seed": settings.train.seed,
        "best_epoch": fitted.best_epoch,
        "components": [
            asdict(weighed) | {"domain": str(snapshot.domain_keys[weighed.domain])}
            for weighed in fitted.weighed
        ],
        "serving": [
            asdict(measured) | {"domain": str(snapshot.domain_keys[measured.domain])}
            for measured in fitted.serving
        ],
        "device": fitted.device,
        **facts,
    }
    write_manifest(path, manifest, listed(path))


def _write_vectors(folder: Path, snapshot: Snapshot, settings: Settings, scorer: Scorer) -> None:
    folder.mkdir(parents=True)
    data = Interactions.of(snapshot, positive_weight=settings.positive_weight)
    accounts = scorer.user_embeddings(Histories.of_matrix(data.liked))[data.row_of_account]
    for name, keys, matrix in (
        ("items", snapshot.item_keys, scorer.item_embeddings),
        ("users", snapshot.user_keys, accounts),
    ):
        pl.DataFrame({"key": [str(k) for k in keys]}).write_parquet(folder / f"{name}.parquet")
        np.save(folder / f"{name}.npy", np.ascontiguousarray(matrix), allow_pickle=False)
