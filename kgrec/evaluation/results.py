"""From finished cells to the rows of a table: folds put together, each against the best baseline.

In:   the folder of a benchmark run.
Out:  :class:`Row` objects, and ``results.json``.

The best baseline of a direction is the single one that did best on validation users, so that
it is not picked by the figures it is then compared on.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from kgrec.errors import NotFoundError
from kgrec.evaluation.cells import Cell, read_cells, users_of
from kgrec.evaluation.evaluate import MAIN_MEASURE, counts_of
from kgrec.evaluation.registry import FUSION, KGREC
from kgrec.evaluation.runner import CELLS
from kgrec.ranking.intervals import Difference, Interval, intervals, paired_difference

__all__ = ["Results", "Row", "read_results", "write_results"]


@dataclass(frozen=True)
class Row:
    """One model on one protocol and direction, over all folds that are there."""

    protocol: str
    direction: str
    model: str
    name: str
    folds: list[int]
    measures: dict[str, Interval]
    without_twins: dict[str, Interval]
    groups: list[dict[str, Any]]
    """NDCG@10 by history length and by popularity, in the first fold."""
    lists: dict[str, float]
    """Mean over folds."""
    fit_seconds: float
    score_seconds: float
    settings: dict[str, Any]
    validation: float | None
    against_best: Difference | None
    """NDCG@10 of this minus that of ``best_baseline``; None for that one itself."""
    best_baseline: str
    sampled: int | None
    """Drawn items that positives were ranked among; None for the whole catalogue."""


@dataclass(frozen=True)
class Results:
    """A run and its rows, best first within a protocol and direction."""

    run: dict[str, Any]
    rows: list[Row]

    def tables(self) -> dict[tuple[str, str], list[Row]]:
        """Rows by protocol and direction; those of sampled protocols stand last."""
        tables: dict[tuple[str, str], list[Row]] = {}
        for row in sorted(self.rows, key=lambda row: row.sampled is not None):
            tables.setdefault((row.protocol, row.direction), []).append(row)
        return tables


def read_results(out: Path) -> Results:
    """Put the finished cells of a run together; unfinished ones are not there yet.

    Raises:
        NotFoundError: ``out`` holds no benchmark.
    """
    run_file = out / "run.json"
    if not run_file.is_file():
        raise NotFoundError(
            f"{out} holds no benchmark (no run.json); make one with `kgrec benchmark cold-start`"
        )
    cells: dict[tuple[str, str], dict[str, list[Cell]]] = {}
    for key, cell in read_cells(out / CELLS).items():
        models = cells.setdefault((key.protocol, key.direction), {})
        models.setdefault(key.model, []).append(cell)
    rows = []
    for models in cells.values():
        best = _best_baseline(models)
        found = [_row(of_model, models[best], best) for of_model in models.values()]
        rows += sorted(found, key=lambda row: -row.measures[MAIN_MEASURE].mean)
    return Results(json.loads(run_file.read_text(encoding="utf-8")), rows)


def write_results(results: Results, out: Path) -> Path:
    """Write ``results.json``."""
    file = out / "results.json"
    content = {**results.run, "rows": [asdict(row) for row in results.rows]}
    file.write_text(json.dumps(_plain(content), indent=2) + "\n", encoding="utf-8")
    return file


def _best_baseline(models: dict[str, list[Cell]]) -> str:
    single = {name: cells for name, cells in models.items() if name not in (FUSION, KGREC)}

    def validation(name: str) -> float:
        value = models[name][0].head["validation"]
        return -1.0 if value is None else float(value)

    return max(sorted(single or models), key=validation)


def _row(cells: list[Cell], best: list[Cell], best_name: str) -> Row:
    first = cells[0]
    users = users_of(cells)
    twinless = pl.concat([cell.users_without_twins for cell in cells])
    names = [name for name in users.columns if "@" in name]
    sampled = first.head.get("sampled")  # not there in cells of before there were such protocols
    weights = counts_of(users, sampled=sampled is not None)
    weights_twinless = counts_of(twinless, sampled=sampled is not None)
    against = None
    if first.key.model != best_name:
        both = users.join(
            users_of(best), on=["user", "fold"], suffix="_best", maintain_order="left"
        )
        against = paired_difference(
            both[MAIN_MEASURE].to_numpy(), both[f"{MAIN_MEASURE}_best"].to_numpy(), weights=weights
        )
    return Row(
        protocol=first.key.protocol,
        direction=first.key.direction,
        model=first.key.model,
        name=first.head["name"],
        folds=[cell.key.fold for cell in cells],
        measures=intervals({name: users[name].to_numpy() for name in names}, weights=weights),
        without_twins=intervals(
            {name: twinless[name].to_numpy() for name in names}, weights=weights_twinless
        ),
        groups=first.head["groups"],
        lists={
            name: float(
                np.mean([cell.head["lists"][name] for cell in cells if name in cell.head["lists"]])
            )
            for name in first.head["lists"]
        },
        fit_seconds=float(np.mean([cell.head["fit_seconds"] for cell in cells])),
        score_seconds=float(np.mean([cell.head["score_seconds"] for cell in cells])),
        settings=first.head["settings"],
        validation=first.head["validation"],
        against_best=against,
        best_baseline=best_name,
        sampled=sampled,
    )


def _plain(value: Any) -> Any:
    """The same with None for NaN, which is no JSON."""
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return None if isinstance(value, float) and np.isnan(value) else value
