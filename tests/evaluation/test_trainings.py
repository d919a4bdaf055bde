"""Rows of a benchmark share what they can, and get what they would have got alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kgrec.config import resolve
from kgrec.evaluation.kgrec_recommender import KgrecRecommender
from kgrec.evaluation.protocols import strict_cold_person
from kgrec.evaluation.trainings import Trainings
from tests.evaluation.planted import planted
from tests.evaluation.test_kgrec_recommender import TINY, B

SPLIT = strict_cold_person(planted(), target=B)


def scores(
    settings: dict[str, Any], trainings: Trainings | None, *, seed: int = 0
) -> tuple[Any, list[str]]:
    """Of three people, and the stages that were gone through for them."""
    heard: list[str] = []
    model = KgrecRecommender(settings=resolve(settings), device="cpu", trainings=trainings)
    model.fit(SPLIT.train, seed=seed, on_progress=lambda _, doing: heard.append(doing))
    return model.score(SPLIT.test.histories[:3], B), heard


def has(stages: list[str], name: str) -> bool:
    return any(stage.startswith(name) for stage in stages)


@pytest.mark.parametrize("again", [False, True], ids=["memory and folder", "folder"])
def test_a_kept_training_serves_other_settings_of_what_comes_after_it(
    tmp_path: Path, again: bool
) -> None:
    otherwise = {**TINY, "blend": {"mapped": {"strength": 3.0}}, "cold_items": {"neighbours": 3}}
    trainings = Trainings(tmp_path)
    whole, stages = scores(TINY, trainings)
    assert has(stages, "epoch")
    trainings = Trainings(tmp_path) if again else trainings
    kept, stages = scores(otherwise, trainings)
    assert has(stages, "closed-form scores")
    assert not has(stages, "epoch")
    np.testing.assert_array_equal(kept, scores(otherwise, None)[0])
    assert not np.array_equal(kept, whole)


def test_another_training_is_trained(tmp_path: Path) -> None:
    trainings = Trainings(tmp_path)
    scores(TINY, trainings)
    shorter = {**TINY, "train": {"epochs": 1}}
    for settings, seed in ((shorter, 0), (TINY, 1)):
        found, stages = scores(settings, trainings, seed=seed)
        assert has(stages, "epoch")
        np.testing.assert_array_equal(found, scores(settings, None, seed=seed)[0])


def test_another_graph_is_another_training(tmp_path: Path) -> None:
    trainings = Trainings(tmp_path)
    scores(TINY, trainings)
    model = KgrecRecommender(settings=resolve(TINY), device="cpu", trainings=trainings)
    other = strict_cold_person(planted(), target=B, fold=1)
    heard: list[str] = []
    model.fit(other.train, on_progress=lambda _, doing: heard.append(doing))
    assert has(heard, "epoch")


def test_settings_that_only_weigh_parts_solve_nothing_again(tmp_path: Path) -> None:
    trainings = Trainings(tmp_path)
    whole, _ = scores(TINY, trainings)
    for blend in (
        {"mapped": {"share": 0.0}, "walk": {"share": 0.0}}, {"sharpness": 0.0},
        {"narrow": {"people": 1.0}}, {"content": {"share": 1.0}},
    ):  # fmt: skip
        found, stages = scores({**TINY, "blend": blend}, trainings)
        assert stages == []
        np.testing.assert_allclose(
            found, scores({**TINY, "blend": blend}, None)[0], rtol=1e-4, atol=1e-4
        )
        assert not np.allclose(found, whole, atol=1e-3)


def test_a_part_that_was_left_out_is_solved_when_it_is_asked_for(tmp_path: Path) -> None:
    trainings = Trainings(tmp_path)
    scores({**TINY, "blend": {"walk": {"share": 0.0}}}, trainings)
    found, stages = scores(TINY, trainings)
    assert has(stages, "closed-form scores")
    assert not has(stages, "epoch")
    np.testing.assert_array_equal(found, scores(TINY, None)[0])
