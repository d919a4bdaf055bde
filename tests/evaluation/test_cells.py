"""Finished cells of a benchmark are read back, those of earlier versions too."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl

from kgrec.evaluation.cells import CellKey, read_cells, users_of


def test_a_cell_that_names_users_as_persons_is_read_as_one_of_today(tmp_path: Path) -> None:
    key = {"protocol": "strict-cold", "direction": "to b", "model": "popularity", "fold": 3}
    stem = CellKey(**key).stem  # type: ignore[arg-type]
    table = pl.DataFrame({"person": ["u1", "u2"], "ndcg@10": [0.5, 0.0]})
    table.write_parquet(tmp_path / f"{stem}.people.parquet")
    table.head(1).write_parquet(tmp_path / f"{stem}.without_twins.parquet")
    (tmp_path / f"{stem}.json").write_text(json.dumps({"key": key}), encoding="utf-8")
    (cell,) = read_cells(tmp_path).values()
    assert users_of([cell]).to_dicts() == [
        {"user": "u1", "ndcg@10": 0.5, "fold": 3},
        {"user": "u2", "ndcg@10": 0.0, "fold": 3},
    ]
    assert cell.users_without_twins["user"].to_list() == ["u1"]
