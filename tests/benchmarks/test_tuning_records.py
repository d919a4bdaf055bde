"""The records in benchmarks/results/tuning can be copied into a benchmark's folder and are read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kgrec.evaluation.data import read_data
from kgrec.evaluation.plan import groups_of
from kgrec.evaluation.protocols.users import only_domains
from kgrec.evaluation.settings import BenchmarkSettings
from kgrec.recommenders import registry

FOLDER = Path(__file__).parents[2] / "benchmarks" / "results" / "tuning"
SETS = ("anime", "beauty_electronics", "food_kitchen", "food_kitchen_timed", "four_domains",
        "game_video")  # fmt: skip


def records(name: str) -> dict[str, dict[str, Any]]:
    return {file.stem: json.loads(file.read_text()) for file in (FOLDER / name).glob("*.json")}


def test_every_set_with_records_is_tested() -> None:
    assert sorted(path.name for path in FOLDER.iterdir()) == list(SETS)


@pytest.mark.parametrize("name", SETS)
def test_a_record_holds_settings_that_its_model_has(name: str) -> None:
    found = records(name)
    assert found
    for stem, record in found.items():
        known = registry.entry(record["model"], key="model")
        assert stem.endswith(f"_{record['model']}")
        for settings in (record["settings"], *(trial["settings"] for trial in record["trials"])):
            known.make(**settings)


def test_records_of_the_bundled_set_are_of_the_split_that_it_has(tmp_path: Path) -> None:
    """A record of another split is refused, as after a new format of snapshots."""
    snapshot = only_domains(read_data("sample", tmp_path), ("tv", "movie"))
    splits = {
        f"{group.family}_{snapshot.domain_keys[group.target]}": group.tunes_on().fingerprint
        for group in groups_of(snapshot, BenchmarkSettings(protocols=("strict-cold",)))
    }
    assert {
        stem.removesuffix(f"_{record['model']}"): record["split"]
        for stem, record in records("anime").items()
    } == splits
