"""Finished cells of a benchmark on disk, so that a run that was stopped goes on.

In:   an :class:`~kgrec.evaluation.evaluate.Evaluation` and what it was of.
Out:  one JSON file and one Parquet file of users a cell; the JSON is written last.

A cell is one model on one split. Nothing here computes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from kgrec.evaluation.evaluate import Evaluation

__all__ = ["Cell", "CellKey", "users_of", "read_cells", "write_cell"]


@dataclass(frozen=True, order=True)
class CellKey:
    """Names a cell; also its file."""

    protocol: str
    """Name of the protocol with its variant: ``few-shot 3``."""
    direction: str
    fold: int
    model: str

    @property
    def stem(self) -> str:
        """File name without ending."""
        words = f"{self.protocol} {self.direction} fold{self.fold} {self.model}"
        return re.sub(r"[^\w.+-]+", "_", words.replace("->", "to"))


@dataclass(frozen=True)
class Cell:
    """What stands in the table, with the users behind it."""

    key: CellKey
    head: dict[str, Any]
    """``name``, ``settings``, ``measures``, ``without_twins``, ``groups``, ``lists``, seconds.

    ``sampled`` says among how many drawn items positives were ranked; null for full ranking.
    """
    users: pl.DataFrame
    """``user`` (key of the first account) and measures: for paired comparisons."""
    users_without_twins: pl.DataFrame


def write_cell(
    folder: Path,
    key: CellKey,
    evaluation: Evaluation,
    *,
    name: str,
    settings: dict[str, Any],
    split_fingerprint: str,
    validation: float | None,
    fit_seconds: float,
) -> None:
    """Keep one cell; an unfinished one leaves nothing that :func:`read_cells` would see.

    Args:
        folder: Folder of all cells of a benchmark.
        key: Protocol, direction, model and fold.
        evaluation: What was measured.
        name: Name of the model in tables.
        settings: Settings that the model was fitted with.
        split_fingerprint: Fingerprint of the split that was measured on.
        validation: NDCG@10 on validation users; None where nothing was tuned.
        fit_seconds: Seconds that fitting took.
    """
    folder.mkdir(parents=True, exist_ok=True)
    evaluation.users.write_parquet(folder / f"{key.stem}.users.parquet", compression="zstd")
    evaluation.without_twins.write_parquet(
        folder / f"{key.stem}.without_twins.parquet", compression="zstd"
    )
    head = {
        "key": asdict(key),
        "name": name,
        "settings": settings,
        "split": split_fingerprint,
        "validation": validation,
        "sampled": evaluation.sampled,
        "measures": {k: asdict(v) for k, v in evaluation.summary().items()},
        "without_twins": {k: asdict(v) for k, v in evaluation.summary(without_twins=True).items()},
        "groups": evaluation.groups.to_dicts(),
        "lists": evaluation.lists,
        "fit_seconds": round(fit_seconds, 3),
        "score_seconds": round(evaluation.seconds, 3),
    }
    partial = folder / f".{key.stem}.partial"
    partial.write_text(json.dumps(head, indent=2) + "\n", encoding="utf-8")
    partial.replace(folder / f"{key.stem}.json")


def read_cells(folder: Path) -> dict[CellKey, Cell]:
    """All finished cells, in order of their keys."""
    cells: dict[CellKey, Cell] = {}
    for file in sorted(folder.glob("*.json")):
        head = json.loads(file.read_text(encoding="utf-8"))
        key = CellKey(**head["key"])
        cells[key] = Cell(
            key=key,
            head=head,
            users=_users(_existing(folder, file.stem)),
            users_without_twins=_users(folder / f"{file.stem}.without_twins.parquet"),
        )
    return dict(sorted(cells.items()))


def _existing(folder: Path, stem: str) -> Path:
    """The table of users of a cell; those of before 2026-11-28 have another name."""
    file = folder / f"{stem}.users.parquet"
    return file if file.is_file() else folder / f"{stem}.people.parquet"


def _users(file: Path) -> pl.DataFrame:
    return pl.read_parquet(file).rename({"person": "user"}, strict=False)


def users_of(cells: Iterable[Cell]) -> pl.DataFrame:
    """The users of all ``cells``, which are folds of one split, with their ``fold``."""
    return pl.concat(
        [cell.users.with_columns(pl.lit(cell.key.fold).alias("fold")) for cell in cells]
    )
