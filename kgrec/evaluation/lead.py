"""How far a model leads over several data sets: its ratio to the best baseline of each direction.

In:   folders of benchmark runs.
Out:  a row for each direction, and one for the geometric mean of their ratios.

The best baseline of a direction is the single one that did best on validation users; users
are drawn anew within each direction, folds together, so that intervals are paired.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from kgrec.errors import InputError
from kgrec.evaluation.cells import read_cells, users_of
from kgrec.evaluation.evaluate import MAIN_MEASURE
from kgrec.evaluation.registry import KGREC
from kgrec.evaluation.results import read_results
from kgrec.evaluation.runner import CELLS
from kgrec.ranking.intervals import Interval, paired_ratios

__all__ = ["ALL", "lead"]

ALL = "geometric mean"
"""In place of a direction in the last row."""


def lead(
    folders: Sequence[Path], *, protocol: str = "strict-cold", model: str = KGREC
) -> pl.DataFrame:
    """NDCG@10 of ``model`` over that of the best baseline, in every direction of all folders.

    Args:
        folders: Folders of benchmarks.
        protocol: Protocol whose cells are read.
        model: Model that is compared with the best baseline.

    Raises:
        NotFoundError: One of the folders holds no benchmark.
        InputError: A folder has nothing to compare in this protocol.
    """
    rows: list[dict[str, Any]] = []
    pairs = []
    for folder in folders:
        best = {(r.protocol, r.direction): r.best_baseline for r in read_results(folder).rows}
        cells = read_cells(folder / CELLS)
        found = False
        for direction in sorted({k.direction for k in cells if k.protocol == protocol}):
            baseline = best[protocol, direction]
            of = {
                name: [c for k, c in cells.items()
                       if (k.protocol, k.direction, k.model) == (protocol, direction, name)]
                for name in (model, baseline)
            }  # fmt: skip
            if not of[model] or model == baseline:
                continue
            found = True
            both = users_of(of[model]).join(
                users_of(of[baseline]), on=["fold", "user"], suffix="_b", maintain_order="left"
            )
            ours, theirs = (both[c].to_numpy() for c in (MAIN_MEASURE, f"{MAIN_MEASURE}_b"))
            pairs.append((ours, theirs))
            rows.append(
                {"direction": direction, "model": model, "baseline": baseline,
                 "a": float(ours.mean()), "b": float(theirs.mean())}
            )  # fmt: skip
        if not found:
            raise InputError(f"{folder} has no {protocol} cell of {model} beside a baseline")
    each, together = paired_ratios(pairs)
    rows.append({"direction": ALL, "model": model, "baseline": None, "a": None, "b": None})
    ratios = [_ratio(found) for found in (*each, together)]
    return pl.DataFrame([row | ratio for row, ratio in zip(rows, ratios, strict=True)])


def _ratio(found: Interval) -> dict[str, Any]:
    return {
        "ratio": found.mean, "low": found.low, "high": found.high, "users": found.users,
    }  # fmt: skip
