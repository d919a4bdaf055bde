"""Run a benchmark: tune, fit and evaluate every model on every split, cell by cell.

In:   a snapshot, settings, a folder.
Out:  finished cells, tuned settings and ``run.json`` in the folder.

A cell that is there is not made again, so a run that was stopped goes on where it stood. A
folder belongs to one snapshot and one set of settings; others are refused.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import kgrec
from graph_store.snapshot import Snapshot
from kgrec.errors import InputError
from kgrec.evaluation import registry
from kgrec.evaluation.cells import CellKey, read_cells, write_cell
from kgrec.evaluation.evaluate import evaluate, main_value
from kgrec.evaluation.plan import Group, groups_of
from kgrec.evaluation.protocols.users import only_domains
from kgrec.evaluation.settings import BenchmarkSettings
from kgrec.evaluation.split import Split
from kgrec.evaluation.text_vectors import has_text
from kgrec.evaluation.tuning import tune
from kgrec.evaluation.twins import find_twins
from kgrec.recommenders.base import Recommender
from kgrec.recommenders.fusion import RankFusion
from kgrec.solvers.kept import sharing

if TYPE_CHECKING:
    from kgrec.evaluation.trainings import Trainings

__all__ = ["CELLS", "OnCell", "run_benchmark"]

log = logging.getLogger(__name__)

CELLS = "cells"
"""Folder of finished cells."""

_TUNING = "tuning"
_FUSED = 3

OnCell = Callable[[str, int, int], None]
"""Called with what is done, the number of cells done, and of all cells."""


@dataclass(frozen=True)
class _Chosen:
    settings: dict[str, Any]
    validation: float


class _Run:
    def __init__(
        self,
        snapshot: Snapshot,
        settings: BenchmarkSettings,
        out: Path,
        logs: Path | None,
        on_cell: OnCell,
        trainings: Trainings | None,
    ) -> None:
        self.settings, self.out, self.on_cell = settings, out, on_cell
        self.snapshot = (
            snapshot if settings.domains is None else only_domains(snapshot, settings.domains)
        )
        self.resources = registry.BenchmarkResources(
            kgrec_config=settings.kgrec_config, kgrec_set=settings.kgrec_set,
            trainings=trainings,
        )  # fmt: skip
        wanted = [name for name in settings.models if name != registry.FUSION]
        self.entries = [registry.entry(name, self.resources) for name in wanted]
        if not has_text(self.snapshot):
            for left_out in (e for e in self.entries if e.needs_text):
                log.warning("%s is left out: the data has no text", left_out.name)
            self.entries = [e for e in self.entries if not e.needs_text]
        self.fuses = registry.FUSION in settings.models
        self.twins = find_twins(self.snapshot)
        self.finished = set(read_cells(out / CELLS))
        self.groups = list(groups_of(self.snapshot, settings, logs))
        self.planned = {key for group in self.groups for key in self._keys(group)}
        self.total = len(self.planned)

    @property
    def done(self) -> int:
        """Finished cells of this plan; the folder may hold those of earlier ones too."""
        return len(self.finished & self.planned)

    def go(self) -> None:
        for group in self.groups:
            if self.finished.issuperset(self._keys(group)):
                continue
            splits, tunes_on = group.splits(), group.tunes_on()
            chosen = self._choose_all(group, tunes_on)
            fitted: dict[str, Recommender] = {}
            best = sorted(
                (e.name for e in self.entries if e.is_baseline),
                key=lambda name: -chosen[name].validation,
            )[:_FUSED]
            for entry in self.entries:
                fusing = self.fuses and entry.name in best
                self._one(group, entry, chosen[entry.name], splits, fitted, keep=fusing)
            if self.fuses:
                self._fuse(group, best, chosen, splits, fitted)

    def _one(
        self,
        group: Group,
        entry: registry.Entry,
        chosen: _Chosen,
        splits: dict[str, Split],
        fitted: dict[str, Recommender],
        *,
        keep: bool,
    ) -> None:
        missing = self._missing(group, entry.name)
        fusion_missing = keep and bool(self._missing(group, registry.FUSION))
        if not missing and not fusion_missing:
            return
        recommender = entry.make(**chosen.settings)
        train = next(iter(splits.values())).train
        data = registry.data_of(train, [entry], self.resources)
        start = time.perf_counter()
        recommender.fit(
            data, seed=self.settings.seed, domains=[group.target],
            on_progress=lambda _, doing: self.on_cell(
                f"{entry.name}: {doing}", self.done, self.total
            ),
        )  # fmt: skip
        seconds = time.perf_counter() - start
        for variant in missing:
            self._measure(group, variant, entry.name, recommender, chosen, splits, seconds)
        if keep:
            fitted[entry.name] = recommender

    def _fuse(
        self,
        group: Group,
        best: list[str],
        chosen: dict[str, _Chosen],
        splits: dict[str, Split],
        fitted: dict[str, Recommender],
    ) -> None:
        missing = self._missing(group, registry.FUSION)
        if not missing:
            return
        fusion = RankFusion([fitted[name] for name in best], fitted=True)
        some = next(iter(splits.values()))
        value = main_value(fusion, some.validation, train=some.train, target=group.target)
        what = _Chosen({"members": best}, value)
        for variant in missing:
            self._measure(group, variant, registry.FUSION, fusion, what, splits, 0.0)

    def _measure(
        self,
        group: Group,
        variant: str,
        name: str,
        recommender: Recommender,
        chosen: _Chosen,
        splits: dict[str, Split],
        fit_seconds: float,
    ) -> None:
        split = splits[variant]
        key = self._key(group, variant, name)
        found = evaluate(
            recommender, split.test, train=split.train, target=group.target, twins=self.twins
        )
        write_cell(
            self.out / CELLS, key, found,
            name=recommender.name, settings=chosen.settings, split_fingerprint=split.fingerprint,
            validation=chosen.validation, fit_seconds=fit_seconds,
        )  # fmt: skip
        self.finished.add(key)
        self.on_cell(f"{variant} {key.direction}: {name}", self.done, self.total)

    def _choose_all(self, group: Group, split: Split) -> dict[str, _Chosen]:
        """Settings of every model; solves that several models need are shared."""
        with sharing():
            return {entry.name: self._choose(group, entry, split) for entry in self.entries}

    def _choose(self, group: Group, entry: registry.Entry, split: Split) -> _Chosen:
        """Settings by validation users of the first fold; kept in a file."""
        domain = self.snapshot.domain_keys[group.target]
        file = self.out / _TUNING / f"{group.family}_{domain}_{entry.name}.json"
        if file.is_file():
            kept = json.loads(file.read_text(encoding="utf-8"))
            if kept["split"] != split.fingerprint:
                raise InputError(
                    f"{file} was chosen on another split of the data ({kept['split'][:12]}..., now "
                    f"{split.fingerprint[:12]}...); remove it, and it is searched for again"
                )
            return _Chosen(kept["settings"], kept["validation"])
        data = registry.data_of(split.train, [entry], self.resources)
        tuned = tune(
            entry.make, entry.trials, split, data=data,
            seed=self.settings.seed, max_seconds=self.settings.tuning_seconds,
            on_progress=lambda _, doing: self.on_cell(doing, self.done, self.total),
        )  # fmt: skip
        if tuned.trials:
            value = max(trial.value for trial in tuned.trials)
        elif entry.is_baseline:  # no choice, but fusion wants to know how good it is
            only = entry.make(**tuned.settings)
            only.fit(data, seed=self.settings.seed, domains=[group.target])
            value = main_value(only, split.validation, train=split.train, target=group.target)
        else:
            value = float("nan")
        file.parent.mkdir(parents=True, exist_ok=True)
        content = {
            "model": entry.name,
            "split": split.fingerprint,
            "settings": tuned.settings,
            "validation": None if np.isnan(value) else value,
            "complete": tuned.complete,
            "trials": [asdict(trial) for trial in tuned.trials],
        }
        partial = file.with_suffix(".partial")
        partial.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        partial.replace(file)
        return _Chosen(tuned.settings, value)

    def _missing(self, group: Group, name: str) -> list[str]:
        return [v for v in group.variants if self._key(group, v, name) not in self.finished]

    def _keys(self, group: Group) -> list[CellKey]:
        names = [e.name for e in self.entries] + [registry.FUSION] * self.fuses
        return [self._key(group, variant, name) for variant in group.variants for name in names]

    def _key(self, group: Group, variant: str, name: str) -> CellKey:
        names = [str(key) for key in self.snapshot.domain_keys]
        used = self.snapshot.domains_in_use()
        sources = "+".join(names[d] for d in used if d != group.target)
        direction = f"{sources} -> {names[group.target]}"
        return CellKey(variant, direction, group.fold, name)


def run_benchmark(
    snapshot: Snapshot,
    settings: BenchmarkSettings,
    out: Path,
    *,
    logs: Path | None = None,
    on_cell: OnCell = lambda _what, _done, _total: None,
    trainings: Trainings | None = None,
) -> None:
    """Make all cells that are missing in ``out``.

    Args:
        snapshot: What everything is made from.
        settings: What is run.
        out: The benchmark's folder.
        logs: The folder of logs that ``snapshot`` was made from; the published protocol alone
            reads it, for the source's own split.
        on_cell: Called with what is being done, and how many cells of how many are finished.
        trainings: Where kgrec's are kept and looked up, and the seconds of a cell are no
            training time; None: each is trained anew.

    Raises:
        InputError: ``out`` holds a benchmark of other data or other settings, or settings that
            were chosen on another split.
    """
    out.mkdir(parents=True, exist_ok=True)
    _claim(out, snapshot, settings)
    _Run(snapshot, settings, out, logs, on_cell, trainings).go()


def _claim(out: Path, snapshot: Snapshot, settings: BenchmarkSettings) -> None:
    """Write ``run.json``, or check that the one there says the same."""
    # A benchmark may grow by models, protocols, targets, folds and numbers of overlapping users;
    # everything else changes its cells, and so does the first fold, on which settings are chosen.
    grows = {"models", "protocols", "targets", "folds", "overlapping_users"}
    same = {
        "snapshot": snapshot.fingerprint,
        "settings": settings.model_dump(mode="json", exclude=grows)
        | {"first_fold": settings.folds[0]},
    }
    file = out / "run.json"
    if file.is_file():
        there = json.loads(file.read_text(encoding="utf-8"))
        for key, value in same.items():
            if there.get(key) != value:
                raise InputError(
                    f"{out} holds a benchmark of another {key}; choose another folder or remove it"
                )
        return
    machine = {
        "system": platform.platform(),
        "python": platform.python_version(),
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
    }
    content = {**same, "kgrec_version": kgrec.__version__, "machine": machine}
    partial = out / f"run.{os.getpid()}.partial"  # several processes may begin in one folder
    partial.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    partial.replace(file)
