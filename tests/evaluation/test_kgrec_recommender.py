"""kgrec in the benchmark: the trained model finds the planted answer through the same interface."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kgrec.config import resolve
from kgrec.evaluation.baselines.popularity import Popularity
from kgrec.evaluation.evaluate import main_value
from kgrec.evaluation.kgrec_recommender import KgrecRecommender
from kgrec.evaluation.protocols import strict_cold_person
from tests.evaluation.planted import planted

B = 1
TINY = {
    "text": {"tuning": "frozen", "max_tokens": 8},
    "model": {"dim": 16, "spectrum_rank": 16, "factor_rank": 8, "text_width": 8, "layers": 1},
    "train": {"epochs": 2},
}


def test_kgrec_beats_popularity_on_a_planted_taste_and_hears_the_seed() -> None:
    split = strict_cold_person(planted(), target=B)
    popular = Popularity()
    popular.fit(split.train)
    floor = main_value(popular, split.test, train=split.train, target=B)
    heard: list[str] = []
    model = KgrecRecommender(settings=resolve(TINY), device="cpu")
    model.fit(split.train, seed=1, on_progress=lambda _, doing: heard.append(doing))
    assert heard
    assert main_value(model, split.test, train=split.train, target=B) > 1.5 * floor
    scores = model.score(split.test.histories[:3], B)
    assert scores.shape == (3, len(split.train.items_of(B)))
    again = KgrecRecommender(settings=resolve(TINY), device="cpu")
    again.fit(split.train, seed=1)
    np.testing.assert_array_equal(again.score(split.test.histories[:3], B), scores)
    other = KgrecRecommender(settings=resolve(TINY), device="cpu")
    other.fit(split.train, seed=2)
    assert not np.array_equal(other.score(split.test.histories[:3], B), scores)


def test_a_kept_training_serves_other_settings_of_what_comes_after_it(tmp_path: Path) -> None:
    split = strict_cold_person(planted(), target=B)
    alone = {**TINY, "blend": {"mapped": {"share": 0.0}, "walk": {"share": 0.0}},
             "cold_items": {"neighbours": 3}}  # fmt: skip

    def scores(settings: dict[str, Any], folder: Path | None) -> tuple[Any, list[str]]:
        heard: list[str] = []
        model = KgrecRecommender(settings=resolve(settings), device="cpu", checkpoints=folder)
        model.fit(split.train, on_progress=lambda _, doing: heard.append(doing))
        epochs = [doing for doing in heard if doing.startswith("epoch")]
        return model.score(split.test.histories[:3], B), epochs

    whole, trained = scores(TINY, tmp_path)
    assert trained
    kept, trained_again = scores(alone, tmp_path)
    assert not trained_again
    np.testing.assert_array_equal(kept, scores(alone, None)[0])
    assert not np.array_equal(kept, whole)
    _, trained_otherwise = scores({**TINY, "train": {"epochs": 1}}, tmp_path)
    assert trained_otherwise


def test_scoring_before_fitting_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="needs fit"):
        KgrecRecommender(settings=resolve(TINY)).score(planted_history(), B)


def planted_history() -> object:
    return strict_cold_person(planted(40), target=B).test.histories
