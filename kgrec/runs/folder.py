"""A run folder: what a training leaves, enough to recommend, compare and explain.

In:   a folder that ``kgrec train`` wrote.
Out:  a :class:`TrainedRun`.

    settings.yaml        all settings, resolved
    manifest.json        format version, graph fingerprint, versions, seed, seconds, device, memory,
                         and size and SHA-256 of every other file
    history.jsonl        a row an epoch
    model.safetensors    what answers need: the state of each component by its name, and its weights
    weights.safetensors  what the gradient moved beside the encoder; no answer reads it
    encoder/             the encoder's adapter or weights, so far as they learned
    vectors/             ids and float32 matrices, for other programs
    graph/               the snapshot
    .lock                empty; held while `kgrec forget` changes the folder (kgrec.runs.lock)

The manifest is written last: a folder without one is a training that was not finished.
"""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from graph_store.errors import SnapshotError
from graph_store.snapshot import Snapshot, load_snapshot
from kgrec.config import Settings, parse_yaml, resolve
from kgrec.data.histories import Histories
from kgrec.data.interactions import Interactions
from kgrec.errors import InputError, KgrecError, NotFoundError, RunError
from kgrec.ranking.candidates import Tails
from kgrec.ranking.serving import ServingVectors
from kgrec.runs.checksums import CHECKPOINT, FORGETTING, MANIFEST, Files, sealed, unsealed
from kgrec.runs.lock import undisturbed
from kgrec.runs.model_file import MODEL_FILE, load_scorer
from kgrec.runs.scorer import Scorer
from kgrec.vectors import Vectors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kgrec.text.encoder import TextEncoder

__all__ = ["ENCODER_FILE", "FORMAT_VERSION", "TrainedRun", "check_out", "is_finished",
           "open_locked", "open_run", "write_manifest"]  # fmt: skip

FORMAT_VERSION = 12
ENCODER_FILE = "encoder/learned.safetensors"


class TrainedRun:
    """A finished run: vectors of users and items, and the graph they were learned from.

    Args:
        path: The run folder.
        settings: The settings that the run was trained with.
        manifest: Content of the manifest.
        files: The files of the run, checked by their checksums when they are read.
        locked: Whether the caller holds the lock of the folder.
    """

    def __init__(
        self,
        path: Path,
        settings: Settings,
        manifest: dict[str, Any],
        files: Files,
        *,
        locked: bool = False,
    ) -> None:
        self.path, self.settings, self.manifest = path, settings, manifest
        self.files = files
        self._locked = locked

    @cached_property
    def snapshot(self) -> Snapshot:
        """The graph as it was when the run was trained, without users forgotten since.

        Raises:
            RunError: A file of it is missing or not what was written.
        """
        if self._locked:
            return self._load_snapshot()
        return undisturbed(self.path, self._load_snapshot)

    def _load_snapshot(self) -> Snapshot:
        table = _read_manifest(self.path)["files"]
        if table != self.files.table:  # changed since the run was opened
            self.files = Files(self.path, table)
        try:
            return load_snapshot(self.files.checked_folder("graph"))
        except SnapshotError as error:
            raise RunError(f"{self.path}: {error}") from error

    @cached_property
    def interactions(self) -> Interactions:
        """The interactions of that graph, one row per user."""
        return Interactions.of(self.snapshot, positive_weight=self.settings.positive_weight)

    @cached_property
    def scorer(self) -> Scorer:
        """The ensemble and its embeddings.

        Raises:
            RunError: The model's file is missing or not what was written.
        """
        file = self.files.checked(MODEL_FILE)
        return load_scorer(file, self.settings, self.interactions, self._encode)

    @property
    def item_embeddings(self) -> NDArray[np.float32]:
        """``[I, D]`` unit rows, comparable across domains."""
        return self.scorer.item_embeddings

    def user_embeddings(self, users: Histories) -> NDArray[np.float32]:
        """``[B, D]`` unit rows, comparable with ``item_embeddings``; zero without likes."""
        return self.scorer.user_embeddings(users)

    def serving_vectors(self, domain: int) -> ServingVectors:
        """Dense vectors of one width whose inner product stands for the whole score."""
        return self.scorer.serving[domain]

    def tails(self, domain: int) -> Tails | None:
        """What the search among candidates needs; None where every item is scored."""
        return self.scorer.tails.get(domain)

    def item_vectors(self, domain: int) -> Vectors:
        """Exact vectors ``[I_d]``, rows as ``snapshot.items_of(domain)``.

        Raises:
            NotFiniteError: A value is NaN or infinite.
        """
        return self.scorer.item_vectors(domain)

    def user_vectors(self, users: Histories, domain: int) -> Vectors:
        """Exact vectors ``[B]`` of users for the target domain ``domain``.

        Raises:
            InputError: The histories lack the order that a component reads.
            NotFiniteError: A value is NaN or infinite.
        """
        return self.scorer.user_vectors(users, domain)

    def text_user_vectors(self, texts: list[str], domain: int) -> Vectors:
        """Exact vectors ``[B]`` for free texts, by the catalogue items nearest to them.

        Raises:
            InputError: No item of the catalogue has a text.
        """
        return self.scorer.text_user_vectors(texts, domain)

    def new_items(self, texts: list[str], domain: int) -> tuple[Vectors, NDArray[np.float32]]:
        """Vectors and embeddings ``[N]`` of items that came after the training, by their texts.

        Raises:
            InputError: No liked item of the domain has a text.
        """
        likes = np.asarray(self.interactions.liked.getnnz(axis=0))
        return self.scorer.new_items(texts, domain, likes, self.settings.cold_items)

    def _encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self._encoder.vectors(texts)

    @cached_property
    def _encoder(self) -> TextEncoder:
        from kgrec.runs.encoder import load_encoder  # imports torch and transformers

        return load_encoder(self.settings.text, self.files.checked(ENCODER_FILE))


def check_out(out: Path, *, resume: bool = False) -> None:
    """Refuse a run folder that cannot be written, before anything costly begins.

    Writing a run would delete folders of the names that a run has, so a folder that holds something
    else is refused even where ``resume`` is asked for.

    Args:
        out: The run folder to write.
        resume: Whether an unfinished training in it is to be continued.

    Raises:
        InputError: ``out`` is a file, holds something that is no training, or holds a training and
            ``resume`` is not asked for.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; choose a folder for the run")
    if not out.exists() or not any(out.iterdir()):
        return
    if not is_finished(out) and not (out / CHECKPOINT).is_dir():
        raise InputError(f"{out} is not empty and holds no training; choose another folder")
    if not resume:
        raise InputError(f"{out} is not empty; choose another folder, or resume what is in it")


def is_finished(path: Path) -> bool:
    """Whether ``path`` holds a finished run."""
    return (path / MANIFEST).is_file()


def open_run(path: Path | str) -> TrainedRun:
    """Open a finished run; weights and graph are read when they are first asked for.

    Where another process deletes a user from the run at this moment, it is waited for.

    Raises:
        NotFoundError: There is no such folder.
        RunError: Unfinished, of another format version, or a file is not what was written.
    """
    return undisturbed(Path(path), lambda: _open(Path(path), locked=False))


def open_locked(path: Path) -> TrainedRun:
    """As :func:`open_run`, for a caller that holds the lock of :mod:`kgrec.runs.lock`.

    Raises:
        NotFoundError: There is no such folder.
        RunError: Unfinished, of another format version, or a file is not what was written.
    """
    return _open(path, locked=True)


def _open(path: Path, *, locked: bool) -> TrainedRun:
    if not path.is_dir():
        raise NotFoundError(f"{path}: no such run folder; make one with `kgrec train --out {path}`")
    if not is_finished(path):
        if (path / CHECKPOINT).is_dir():
            raise RunError(
                f"{path} holds a training that was cut off (no manifest.json); "
                f"finish it with `kgrec train ... --out {path} --resume`"
            )
        raise RunError(
            f"{path} holds no run (no manifest.json); name a folder that `kgrec train` wrote, or "
            f"copy the run again"
        )
    manifest = _read_manifest(path)
    if (path / FORGETTING).exists():
        raise RunError(
            f"{path}: a `kgrec forget` was cut off while it wrote; run it again to finish it"
        )
    files = Files(path, manifest["files"])
    files.check_names()
    try:
        text = files.checked("settings.yaml").read_text(encoding="utf-8")
        settings = resolve(parse_yaml(text, key="settings.yaml"))
    except KgrecError as error:
        raise RunError(f"{path}/settings.yaml cannot be read ({error}); train anew") from error
    return TrainedRun(path, settings, manifest, files, locked=locked)


def write_manifest(folder: Path, facts: dict[str, Any], table: dict[str, Any]) -> None:
    """Write the manifest of a run in one step: readers see the old one or the new one.

    Args:
        folder: The run folder.
        facts: What the manifest says of the training, as JSON values.
        table: The files of the run, as :func:`kgrec.runs.checksums.listed` gives them.
    """
    manifest = sealed({"format_version": FORMAT_VERSION, **facts, "files": table})
    partial = folder / f"{MANIFEST}.partial"
    partial.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    partial.replace(folder / MANIFEST)


def _read_manifest(path: Path) -> dict[str, Any]:
    file = path / MANIFEST
    text = file.read_bytes()
    try:
        found = json.loads(text)["format_version"]
        if found == FORMAT_VERSION:
            return unsealed(text)
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"{file} cannot be read ({error}); copy the run again or train anew"
        ) from error
    raise RunError(
        f"{path} has format version {found!r}, this kgrec reads {FORMAT_VERSION}; train anew"
    )
