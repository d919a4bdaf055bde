"""A run folder: what a training leaves, enough to recommend, compare and explain.

In:   a fitted model and its snapshot; or a folder written before.
Out:  the folder; or a :class:`TrainedRun`.

    settings.yaml       all settings, resolved
    manifest.json       format version, graph fingerprint, versions, seed, seconds, device, memory
    history.jsonl       a row an epoch
    model.safetensors   weights, item vectors, bridge maps
    encoder/            the encoder's adapter or weights, so far as they learned
    vectors/            ids and float32 matrices, for other programs
    graph/              the snapshot

The manifest is written last: a folder without one is a training that was not finished.
"""

from __future__ import annotations

import json
import platform
import shutil
from dataclasses import asdict
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import scipy.sparse as sp
import torch
import yaml
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from graph_store.errors import SnapshotError
from graph_store.snapshot import Snapshot, load_snapshot, save_snapshot
from kgrec.config import Settings, parse_yaml, resolve
from kgrec.errors import KgrecError, NotFoundError, RunError
from kgrec.interactions import Interactions
from kgrec.model.blend import load_blend
from kgrec.model.channels import Channels
from kgrec.model.cold_items import Borrowed
from kgrec.model.joint import JointModel
from kgrec.model.text_encoder import TextEncoder
from kgrec.model.weights import PartWeights
from kgrec.training.fit import Fitted, under
from kgrec.training.scorer import Learned, Parts, Scorer
from kgrec.vectors import Vectors

__all__ = ["FORMAT_VERSION", "TrainedRun", "is_finished", "open_run", "write_run"]

FORMAT_VERSION = 6
_BORROWED = ("weights", "rehearsal")
"""Matrices of :class:`Borrowed`."""
_PACKAGES = ("torch", "torch-geometric", "transformers", "peft", "implicit", "numpy")


class TrainedRun:
    """A finished run: vectors of people and items, and the graph they were learned from."""

    def __init__(self, path: Path, settings: Settings, manifest: dict[str, Any]) -> None:
        self.path, self.settings, self.manifest = path, settings, manifest

    @cached_property
    def snapshot(self) -> Snapshot:
        """The graph as it was when the run was trained."""
        try:
            return load_snapshot(self.path / "graph")
        except SnapshotError as error:
            raise RunError(f"{self.path}: {error}") from error

    @cached_property
    def interactions(self) -> Interactions:
        """The same graph as one row a person."""
        return Interactions.of(self.snapshot, positive_weight=self.settings.positive_weight)

    @cached_property
    def _scorer(self) -> Scorer:
        return _load_scorer(self)

    @property
    def item_space(self) -> NDArray[np.float32]:
        """``[I, S]`` unit rows in the one space of all domains."""
        return self._scorer.item_space

    def person_space(self, histories: sp.csr_matrix) -> NDArray[np.float32]:
        """``[B, S]`` unit rows in the space of ``item_space``."""
        return self._scorer.person_space(histories)

    def item_vectors(self, domain: int) -> Vectors:
        """``[I_d]``, rows as ``snapshot.items_of(domain)``."""
        return self._scorer.item_vectors(domain)

    def person_vectors(self, histories: sp.csr_matrix, domain: int) -> Vectors:
        """``[B]`` rows for ``histories [B, I]`` of ones."""
        return self._scorer.person_vectors(histories, domain)

    def text_person_vectors(self, texts: list[str], domain: int) -> Vectors:
        """``[B]`` rows for free texts, by the catalogue items nearest to them."""
        return self._scorer.text_person_vectors(texts, domain)


def is_finished(path: Path) -> bool:
    """Whether ``path`` holds a finished run."""
    return (path / "manifest.json").is_file()


def open_run(path: Path | str) -> TrainedRun:
    """Open a finished run; weights and graph are read when they are first asked for.

    Raises:
        NotFoundError: There is no such folder.
        RunError: Unfinished, damaged, or of another format version.
    """
    path = Path(path)
    if not path.is_dir():
        raise NotFoundError(f"{path}: no such run folder; make one with `kgrec train --out {path}`")
    if not is_finished(path):
        raise RunError(
            f"{path} holds no finished run (no manifest.json); "
            f"finish it with `kgrec train ... --out {path} --resume`"
        )
    try:
        manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
        found = manifest["format_version"]
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path}/manifest.json cannot be read ({error}); train anew") from error
    if found != FORMAT_VERSION:
        raise RunError(
            f"{path} has format version {found}, this kgrec reads {FORMAT_VERSION}; train anew"
        )
    try:
        text = (path / "settings.yaml").read_text(encoding="utf-8")
        settings = resolve(parse_yaml(text, key="settings.yaml"))
    except (OSError, KgrecError) as error:
        raise RunError(f"{path}/settings.yaml cannot be read ({error}); train anew") from error
    return TrainedRun(path, settings, manifest)


def write_run(path: Path, snapshot: Snapshot, settings: Settings, fitted: Fitted,
              facts: dict[str, Any]) -> None:  # fmt: skip
    """Write everything of a finished training, the manifest last."""
    path.mkdir(parents=True, exist_ok=True)
    for folder in ("graph", "encoder", "vectors"):  # of an earlier attempt that was cut off
        shutil.rmtree(path / folder, ignore_errors=True)
    dumped = yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False)
    (path / "settings.yaml").write_text(dumped, encoding="utf-8")
    rows = "".join(json.dumps(row) + "\n" for row in fitted.history)
    (path / "history.jsonl").write_text(rows, encoding="utf-8")
    save_snapshot(snapshot, path / "graph")
    _write_model(path, fitted.scorer)
    (path / "encoder").mkdir()
    save_file(fitted.encoder.learned(), path / "encoder" / "learned.safetensors")
    _write_vectors(path / "vectors", snapshot, settings, fitted.scorer)
    manifest = {
        "format_version": FORMAT_VERSION,
        "kgrec": version("kgrec"),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in _PACKAGES},
        "fingerprint": snapshot.fingerprint,
        "seed": settings.train.seed,
        "best_epoch": fitted.best_epoch,
        "parts": [
            asdict(weighed) | {"domain": str(snapshot.domain_keys[weighed.domain])}
            for weighed in fitted.weighed
        ],
        "device": fitted.device,
        **facts,
    }
    partial = path / "manifest.json.partial"
    partial.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    partial.replace(path / "manifest.json")


def _write_model(path: Path, scorer: Scorer) -> None:
    learned, blend = scorer.parts.learned, scorer.parts.blend
    tensors = {f"model.{n}": t for n, t in learned.model.state_dict().items()}
    tensors |= {f"bridge_map.{d}": t for d, t in enumerate(learned.bridge_maps)}
    tensors |= {"z": learned.z, "text_vectors": scorer.text_vectors}
    tensors |= {n: torch.from_numpy(a) for n, a in blend.arrays().items()}
    for name in _BORROWED:
        matrix = getattr(scorer.parts.borrowed, name)
        where = np.stack([matrix.tocoo().row, matrix.tocoo().col])
        tensors[f"borrowed.{name}.items"] = torch.from_numpy(where)
        tensors[f"borrowed.{name}"] = torch.from_numpy(matrix.tocoo().data)
    tensors |= {"part_weights": torch.from_numpy(scorer.weights.values)}
    tensors |= {"item_domain": torch.from_numpy(learned.channels.item_domain.copy())}
    save_file({n: t.contiguous().clone() for n, t in tensors.items()}, path / "model.safetensors")


def _write_vectors(folder: Path, snapshot: Snapshot, settings: Settings, scorer: Scorer) -> None:
    folder.mkdir(parents=True)
    log = Interactions.of(snapshot, positive_weight=settings.positive_weight)
    accounts = scorer.person_space(log.liked)[log.person_of_user]
    for name, keys, matrix in (
        ("items", snapshot.item_keys, scorer.item_space),
        ("users", snapshot.user_keys, accounts),
    ):
        pl.DataFrame({"key": [str(k) for k in keys]}).write_parquet(folder / f"{name}.parquet")
        np.save(folder / f"{name}.npy", np.ascontiguousarray(matrix), allow_pickle=False)


def _load_scorer(run: TrainedRun) -> Scorer:
    try:
        tensors = load_file(run.path / "model.safetensors")
        settings = run.settings
        channels = Channels(
            spectrum=tensors["model.spectrum"].numpy(),
            factors=tensors["model.factors"].numpy(),
            popularity=tensors["model.popularity"].numpy(),
            item_domain=tensors["item_domain"].numpy(),
            regularization=settings.model.factor_regularization,
            alpha=settings.model.factor_alpha,
        )
        num_domains = len(tensors["model.factor_scale"])
        arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
        model = JointModel(
            settings, channels, tensors["model.has_text"],
            text_width=tensors["text_vectors"].shape[1], num_domains=num_domains,
            num_tags=len(tensors["model.gnn.tag"]),
        )  # fmt: skip
        model.load_state_dict(under(tensors, "model."))
        maps = [tensors[f"bridge_map.{d}"] for d in range(num_domains)]
        return Scorer(
            Parts(
                Learned(model, channels, tensors["z"], maps),
                load_blend(arrays, settings.blend, run.interactions),
                Borrowed(trust=settings.cold_items.trust, **{
                    name: sp.csr_matrix(
                        (arrays[f"borrowed.{name}"], arrays[f"borrowed.{name}.items"]),
                        shape=(len(channels.item_domain),) * 2,
                    )
                    for name in _BORROWED
                }),
            ),
            PartWeights(arrays["part_weights"]), tensors["text_vectors"],
            lambda: _load_encoder(run),
        )  # fmt: skip
    except (OSError, KeyError, RuntimeError, SafetensorError) as error:
        raise RunError(f"{run.path} is damaged ({error}); train anew") from error


def _load_encoder(run: TrainedRun) -> TextEncoder:
    encoder = TextEncoder.load(run.settings.text)
    try:
        encoder.take(load_file(run.path / "encoder" / "learned.safetensors"))
    except (OSError, KeyError, RuntimeError, SafetensorError) as error:
        raise RunError(f"{run.path} is damaged ({error}); train anew") from error
    return encoder.eval()
