"""A benchmark from settings to report: stopped and gone on, refused, compared."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import polars as pl
import pytest

from graph_store.snapshot import save_snapshot
from kgrec.errors import ConfigError, InputError, NotFoundError
from kgrec.evaluation import registry
from kgrec.evaluation.cells import read_cells
from kgrec.evaluation.compare import compare
from kgrec.evaluation.data import read_data
from kgrec.evaluation.report import write_report
from kgrec.evaluation.results import read_results
from kgrec.evaluation.runner import CELLS, run_benchmark
from kgrec.evaluation.settings import BenchmarkSettings, load_benchmark_settings
from tests.evaluation.planted import planted

SETTINGS = BenchmarkSettings(
    protocols=("strict-cold", "few-shot", "cold-item", "few-overlap", "time"),
    models=("popularity", "item-knn", "svd", "item-ridge", "fusion"),
    targets=("b",),
    folds=(0, 1),
)
# strict-cold and five few-shot, two cold-item, overlaps 50 and 0, per fold; time once.
CELLS_WANTED = ((1 + 5 + 2 + 2) * 2 + 1) * 5


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("benchmark")
    run_benchmark(planted(times=True), SETTINGS, out)
    return out


def test_every_model_has_a_cell_on_every_split(finished: Path) -> None:
    cells = read_cells(finished / CELLS)
    assert len(cells) == CELLS_WANTED
    protocols = {key.protocol for key in cells}
    assert {"strict-cold", "few-shot 5", "cold-item among all", "few-overlap 0"} <= protocols
    assert {key.direction for key in cells} == {"a -> b"}


def test_settings_are_chosen_once_a_direction_and_lie_beside_the_result(finished: Path) -> None:
    files = {file.name for file in (finished / "tuning").iterdir()}
    assert "strict-cold_b_item-knn.json" in files
    assert len(files) == 3 * 4, "three families, four models that are fitted"
    kept = json.loads((finished / "tuning" / "strict-cold_b_svd.json").read_text())
    best = max(kept["trials"], key=lambda trial: trial["value"])
    assert kept["settings"] == best["settings"]


def test_the_winner_is_the_one_who_looks_at_the_user(finished: Path) -> None:
    rows = [r for r in read_results(finished).rows if r.protocol == "strict-cold"]
    assert rows[-1].model == "popularity"
    popular = rows[-1].against_best
    assert popular is not None
    assert popular.high < 0
    assert rows[0].folds == [0, 1]
    assert rows[0].measures["ndcg@10"].users == 48


class _StoppedError(Exception):
    pass


def test_a_run_that_was_stopped_goes_on_and_ends_the_same(tmp_path: Path) -> None:
    settings = BenchmarkSettings(models=("popularity", "item-knn", "svd", "ease", "fusion"))
    data = planted()
    whole, halved = tmp_path / "whole", tmp_path / "halved"
    run_benchmark(data, settings, whole)

    def stop(what: str, done: int, total: int) -> None:
        if done == 4:
            raise _StoppedError

    with pytest.raises(_StoppedError):
        run_benchmark(data, settings, halved, on_cell=stop)
    assert len(read_cells(halved / CELLS)) == 4
    kept = {f.name: f.stat().st_mtime_ns for f in (halved / CELLS).glob("*.json")}
    run_benchmark(data, settings, halved)
    for name, at in kept.items():
        assert (halved / CELLS / name).stat().st_mtime_ns == at, "a finished cell stays"
    first, second = read_cells(whole / CELLS), read_cells(halved / CELLS)
    assert first.keys() == second.keys()
    for key, cell in first.items():
        assert cell.users.equals(second[key].users), key
        assert cell.head["settings"] == second[key].head["settings"]
    gap = compare(whole, halved)
    assert gap["difference"].abs().max() == 0


def test_a_folder_belongs_to_one_set_of_data_and_settings(finished: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(finished, copy)
    with pytest.raises(InputError, match="another snapshot"):
        run_benchmark(planted(100, times=True), SETTINGS, copy)
    other = SETTINGS.model_copy(update={"seed": 1})
    with pytest.raises(InputError, match="another settings"):
        run_benchmark(planted(times=True), other, copy)
    more = SETTINGS.model_copy(update={"models": (*SETTINGS.models, "popularity-overlap")})
    run_benchmark(planted(times=True), more, copy)
    assert len(read_cells(copy / CELLS)) == CELLS_WANTED // 5 * 6


def test_settings_chosen_on_another_split_are_refused(tmp_path: Path) -> None:
    settings = BenchmarkSettings(models=("svd",), targets=("b",))
    run_benchmark(planted(120), settings, tmp_path / "first")
    for folder in ("same", "other"):
        shutil.copytree(tmp_path / "first" / "tuning", tmp_path / folder / "tuning")
    run_benchmark(planted(120), settings, tmp_path / "same")
    with pytest.raises(InputError, match="strict-cold_b_svd.json was chosen on another split"):
        run_benchmark(planted(100), settings, tmp_path / "other")


def test_a_folder_takes_further_folds_and_counts_what_is_planned(tmp_path: Path) -> None:
    data, told = planted(120), []
    first = BenchmarkSettings(models=("popularity",), targets=("b",))
    run_benchmark(data, first, tmp_path)
    more = first.model_copy(update={"folds": (0, 1), "targets": ("a",)})
    run_benchmark(data, more, tmp_path, on_cell=lambda _, done, total: told.append((done, total)))
    assert told[-1] == (2, 2)
    assert len(read_cells(tmp_path / CELLS)) == 3
    with pytest.raises(InputError, match="another settings"):
        run_benchmark(data, first.model_copy(update={"folds": (1,)}), tmp_path)


def test_points_of_few_overlap_are_named_and_may_be_added(tmp_path: Path) -> None:
    data = planted(120)
    first = BenchmarkSettings(
        models=("popularity",), targets=("b",), protocols=("few-overlap",), overlapping_users=(7,)
    )
    run_benchmark(data, first, tmp_path)
    assert {key.protocol for key in read_cells(tmp_path / CELLS)} == {"few-overlap 7"}
    run_benchmark(data, first.model_copy(update={"overlapping_users": (3, 0)}), tmp_path)
    protocols = {key.protocol for key in read_cells(tmp_path / CELLS)}
    assert protocols == {"few-overlap 7", "few-overlap 3", "few-overlap 0"}


def test_the_report_stands_alone(finished: Path) -> None:
    write_report(finished)
    html = (finished / "report.html").read_text()
    assert "<script" not in html
    assert "http" not in html.replace("https://www.w3.org", "")
    assert html.count("<svg") >= 5
    assert "Few-shot: a -&gt; b" in html
    table = (finished / "table.md").read_text()
    assert "## strict-cold: a -> b" in table
    assert table.count("(the best)") == table.count("\n## ")
    content = json.loads(
        (finished / "results.json").read_text(), parse_constant=lambda name: pytest.fail(name)
    )
    assert len(content["rows"]) == 11 * 5
    assert content["machine"]["cores"]


def test_models_that_need_text_are_left_out_where_there_is_none(tmp_path: Path) -> None:
    from dataclasses import replace

    data = planted()
    silent = replace(data, texts=[None] * data.num_items)
    settings = BenchmarkSettings(models=("popularity", "content", "alpharec"), targets=("b",))
    run_benchmark(silent, settings, tmp_path)
    assert {key.model for key in read_cells(tmp_path / CELLS)} == {"popularity"}


def test_runs_of_other_splits_are_not_compared(finished: Path, tmp_path: Path) -> None:
    settings = BenchmarkSettings(models=("popularity",), targets=("b",), seed=5)
    run_benchmark(planted(times=True), settings, tmp_path / "other")
    with pytest.raises(InputError, match="different split"):
        compare(finished, tmp_path / "other")
    with pytest.raises(NotFoundError, match="holds no benchmark"):
        compare(finished, tmp_path / "nothing")


def test_data_is_a_snapshot_or_files_that_become_one(tmp_path: Path) -> None:
    save_snapshot(planted(), tmp_path / "snapshot")
    got = read_data(str(tmp_path / "snapshot"), tmp_path / "out")
    assert got.fingerprint == planted().fingerprint
    logs = tmp_path / "logs"
    logs.mkdir()
    rows = {"user_id": ["u1", "u2"], "item_id": ["i1", "i2"], "domain": ["a", "b"]}
    pl.DataFrame(rows).write_parquet(logs / "interactions.parquet")
    made = read_data(str(logs), tmp_path / "out")
    assert list(made.item_keys) == ["a:i1", "b:i2"]
    (logs / "interactions.parquet").unlink()
    assert read_data(str(logs), tmp_path / "out").fingerprint == made.fingerprint
    with pytest.raises(NotFoundError, match="no folder"):
        read_data(str(tmp_path / "nowhere"), tmp_path / "out2")


def test_the_shipped_benchmark_names_models_that_exist_and_a_sequential_one() -> None:
    settings = load_benchmark_settings("cold-start")
    assert set(settings.models) <= set(registry.names())
    assert "sasrec" in settings.models


def test_a_wrong_benchmark_setting_is_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text("protocols: [strict-cold]\nmodel: popularity\n")
    with pytest.raises(ConfigError, match="model: no such setting of a benchmark"):
        load_benchmark_settings(str(file))
    file.write_text("protocols: [warm]\n")
    with pytest.raises(ConfigError, match=r"protocols\.0: must be"):
        load_benchmark_settings(str(file))
    file.write_text("overlapping_users: [-1]\n")
    with pytest.raises(ConfigError, match=r"overlapping_users\.0: must be greater than or equal"):
        load_benchmark_settings(str(file))
    file.write_text("protocols: [few-overlap]\nlinking: [0]\n")
    with pytest.raises(ConfigError, match="linking: is called overlapping_users now"):
        load_benchmark_settings(str(file))
