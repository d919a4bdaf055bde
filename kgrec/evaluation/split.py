"""What a protocol hands out: what may be learned from, and on whom it is tested.

In:   the arrays a protocol chose.
Out:  a :class:`Split`, its fingerprint, and a folder to keep it in.

A split holds everything that training and testing need and nothing that is hidden except
``positives``, which only :mod:`kgrec.evaluation.evaluate` reads.

Shapes: B users of the cases   I items
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph_store.snapshot import Snapshot, load_snapshot, save_snapshot
from kgrec.data.histories import Histories
from kgrec.errors import InputError

__all__ = ["FORMAT_VERSION", "Cases", "Split", "load_split", "save_split"]

FORMAT_VERSION = 2
"""Version of the format of a saved split; another one is refused."""


@dataclass(frozen=True)
class Cases:
    """Users to recommend to: what is shown of each, and what each of them liked."""

    users: NDArray[np.str_]
    """``[B]`` key of each user's first account."""
    shown: Histories
    """``[B]`` what the recommender is shown, oldest first."""
    positives: sp.csr_matrix
    """``[B, I]`` ones: liked items of the target domain that were hidden."""
    known: sp.csr_matrix
    """``[B, I]`` ones: items the user is known to have seen, which are never ranked."""
    candidates: NDArray[np.bool_] | None = None
    """``[I]`` which items are ranked; None for the whole domain."""
    sampled: sp.csr_matrix | None = None
    """``[B, I]`` ones: drawn items, the only ones that the row's one positive is ranked among.

    Then a row is an interaction, and a user may have several. None: all candidates are ranked.
    """

    def __len__(self) -> int:
        return len(self.users)

    @property
    def shown_items(self) -> sp.csr_matrix:
        """``[B, I]`` ones: the items of ``shown``."""
        return self.shown.items

    def only(self, rows: NDArray[np.integer]) -> Cases:
        """The cases of some users."""
        return Cases(
            users=self.users[rows],
            shown=self.shown[rows],
            positives=self.positives[rows],
            known=self.known[rows],
            candidates=self.candidates,
            sampled=None if self.sampled is None else self.sampled[rows],
        )


@dataclass(frozen=True)
class Split:
    """One protocol applied to one snapshot: pure arrays, the same from the same seed."""

    protocol: str
    """Name of the protocol, such as ``strict-cold``."""
    settings: Mapping[str, str | int | float]
    """What the protocol was given (fold, seed, shots ...)."""
    target: int
    """Number of the domain that is recommended from."""
    train: Snapshot
    """The graph without the hidden interactions."""
    validation: Cases
    """Users on whom every choice is made: early stopping, settings, models."""
    test: Cases
    """Users whom the table measures, once."""

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the whole content (64 hex digits)."""
        digest = hashlib.sha256(json.dumps(_head(self), sort_keys=True).encode())
        digest.update(self.train.fingerprint.encode())
        for cases in (self.validation, self.test):
            for name, array in _arrays("", cases).items():
                digest.update(f"{name} {array.shape} {array.dtype.str}".encode())
                digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    @property
    def direction(self) -> str:
        """Such as ``kitchen -> food``; sources are all other domains of the snapshot."""
        names = [str(key) for key in self.train.domain_keys]
        used = self.train.domains_in_use()
        sources = [names[d] for d in used if d != self.target]
        return f"{'+'.join(sources) or 'nothing'} -> {names[self.target]}"


def save_split(split: Split, folder: Path) -> None:
    """Write ``folder``: the training snapshot, the cases, and ``split.json`` last.

    Raises:
        InputError: ``folder`` exists and holds something.
    """
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"{folder} is not empty; choose another folder or remove it")
    save_snapshot(split.train, folder / "train")
    arrays = _arrays("validation.", split.validation) | _arrays("test.", split.test)
    np.savez_compressed(folder / "cases.npz", **arrays)  # type: ignore[arg-type]
    head = _head(split) | {"fingerprint": split.fingerprint}
    (folder / "split.json").write_text(json.dumps(head, indent=2) + "\n", encoding="utf-8")


def load_split(folder: Path) -> Split:
    """Read a folder of :func:`save_split` and check it against its fingerprint.

    Raises:
        InputError: Missing, damaged or of another format version.
    """
    head_file = folder / "split.json"
    if not head_file.is_file():
        raise InputError(f"{folder} holds no split (no split.json); write one with save_split")
    head = json.loads(head_file.read_text(encoding="utf-8"))
    if head.get("format_version") != FORMAT_VERSION:
        raise InputError(
            f"{folder} has split format {head.get('format_version')}, this kgrec reads "
            f"{FORMAT_VERSION}; make the split anew"
        )
    with np.load(folder / "cases.npz", allow_pickle=False) as file:
        arrays = dict(file)
    split = Split(
        protocol=head["protocol"],
        settings=head["settings"],
        target=head["target"],
        train=load_snapshot(folder / "train"),
        validation=_cases("validation.", arrays),
        test=_cases("test.", arrays),
    )
    if split.fingerprint != head["fingerprint"]:
        raise InputError(f"{folder} does not match its fingerprint; make the split anew")
    return split


def _head(split: Split) -> dict[str, object]:
    return {
        "format_version": FORMAT_VERSION,
        "protocol": split.protocol,
        "settings": dict(split.settings),
        "target": split.target,
    }


def _arrays(prefix: str, cases: Cases) -> dict[str, NDArray[np.generic]]:
    arrays: dict[str, NDArray[np.generic]] = {f"{prefix}people": np.asarray(cases.users)}
    for name in ("event_item", "event_time", "event_kind", "offsets"):
        array = getattr(cases.shown, name)
        if array is not None:
            arrays[f"{prefix}shown.{name}"] = array
    arrays[f"{prefix}shown.has_order"] = np.array(cases.shown.has_order)
    for name in ("positives", "known", "sampled"):
        matrix = getattr(cases, name)
        if matrix is None:
            continue
        # Their values are all ones. int64, since scipy picks the index type by size.
        arrays[f"{prefix}{name}.indptr"] = matrix.indptr.astype(np.int64)
        arrays[f"{prefix}{name}.indices"] = matrix.indices.astype(np.int64)
        arrays[f"{prefix}{name}.shape"] = np.array(matrix.shape, dtype=np.int64)
    if cases.candidates is not None:
        arrays[f"{prefix}candidates"] = cases.candidates
    return arrays


def _cases(prefix: str, arrays: Mapping[str, NDArray[np.generic]]) -> Cases:
    def matrix(name: str) -> sp.csr_matrix:
        indptr, indices, shape = (
            arrays[f"{prefix}{name}.{part}"] for part in ("indptr", "indices", "shape")
        )
        ones = np.ones(len(indices), np.float32)
        return sp.csr_matrix((ones, indices, indptr), shape=tuple(int(n) for n in shape))

    def shown(name: str) -> Any:
        return arrays.get(f"{prefix}shown.{name}")

    candidates = arrays.get(f"{prefix}candidates")
    positives = matrix("positives")
    return Cases(
        users=arrays[f"{prefix}people"].astype(np.str_),
        shown=Histories.of_sorted_events(
            shown("event_item"),
            shown("offsets"),
            num_items=positives.shape[1],
            time=shown("event_time"),
            kind=shown("event_kind"),
            has_order=bool(shown("has_order")),
        ),
        positives=positives,
        known=matrix("known"),
        candidates=None if candidates is None else candidates.astype(np.bool_),
        sampled=matrix("sampled") if f"{prefix}sampled.shape" in arrays else None,
    )
