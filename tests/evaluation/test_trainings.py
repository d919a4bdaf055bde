"""Rows of a benchmark share what they can, and get what they would have got alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from kgrec.config import resolve
from kgrec.evaluation.kgrec_recommender import KgrecRecommender
from kgrec.evaluation.protocols import strict_cold_person
from kgrec.evaluation.trainings import Trainings
from tests.evaluation.planted import planted
from tests.evaluation.test_kgrec_recommender import TINY, B

SPLIT = strict_cold_person(planted(), target=B)


def scores(settings: dict[str, Any], trainings: Trainings | None) -> tuple[Any, list[str]]:
    """Of three people, and the stages that were gone through for them."""
    heard: list[str] = []
    model = KgrecRecommender(settings=resolve(settings), device="cpu", trainings=trainings)
    model.fit(SPLIT.train, on_progress=lambda _, doing: heard.append(doing))
    return model.score(SPLIT.test.histories[:3], B), heard


def has(stages: list[str], name: str) -> bool:
    return any(stage.startswith(name) for stage in stages)


def test_a_kept_training_serves_other_settings_of_what_comes_after_it(tmp_path: Path) -> None:
    otherwise = {**TINY, "blend": {"mapped": {"strength": 3.0}}, "cold_items": {"neighbours": 3}}
    whole, stages = scores(TINY, Trainings(tmp_path))
    assert has(stages, "epoch")
    kept, stages = scores(otherwise, Trainings(tmp_path))
    assert has(stages, "closed-form scores")
    assert not has(stages, "epoch")
    np.testing.assert_array_equal(kept, scores(otherwise, None)[0])
    assert not np.array_equal(kept, whole)
    _, stages = scores({**TINY, "train": {"epochs": 1}}, Trainings(tmp_path))
    assert has(stages, "epoch")


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
        assert blend == {"narrow": {"people": 1.0}} or not np.allclose(found, whole, atol=1e-3)


def test_a_part_that_was_left_out_is_solved_when_it_is_asked_for(tmp_path: Path) -> None:
    trainings = Trainings(tmp_path)
    scores({**TINY, "blend": {"walk": {"share": 0.0}}}, trainings)
    found, stages = scores(TINY, trainings)
    assert has(stages, "closed-form scores")
    assert not has(stages, "epoch")
    np.testing.assert_array_equal(found, scores(TINY, None)[0])
