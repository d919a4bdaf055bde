"""kgrec in the benchmark: the trained model finds the planted answer through the same interface."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kgrec.config import resolve
from kgrec.data.histories import Histories
from kgrec.data.interactions import Interactions
from kgrec.evaluation import registry
from kgrec.evaluation.evaluate import main_value
from kgrec.evaluation.kgrec_recommender import KgrecRecommender
from kgrec.evaluation.protocols import strict_cold_user
from kgrec.evaluation.registry import BenchmarkResources
from kgrec.recommenders.popularity import Popularity
from tests.evaluation.planted import planted

B = 1
TINY = {
    "text": {"tuning": "frozen", "max_tokens": 8},
    "model": {"dim": 16, "spectrum_rank": 16, "factor_rank": 8, "text_width": 8, "layers": 1},
    "train": {"epochs": 2},
}


def test_kgrec_beats_popularity_on_a_planted_taste_and_follows_the_seed() -> None:
    split = strict_cold_user(planted(), target=B)
    popular = Popularity()
    popular.fit(Interactions.of(split.train))
    floor = main_value(popular, split.test, train=split.train, target=B)
    received: list[str] = []
    model = KgrecRecommender(resolve(TINY), device="cpu")
    model.fit(
        Interactions.of(split.train), seed=1, on_progress=lambda _, doing: received.append(doing)
    )
    assert received
    assert main_value(model, split.test, train=split.train, target=B) > 1.5 * floor
    scores = model.score(Histories.of_matrix(split.test.shown_items[:3]), B)
    assert scores.shape == (3, len(split.train.items_of(B)))
    again = KgrecRecommender(resolve(TINY), device="cpu")
    again.fit(Interactions.of(split.train), seed=1)
    np.testing.assert_array_equal(
        again.score(Histories.of_matrix(split.test.shown_items[:3]), B), scores
    )
    other = KgrecRecommender(resolve(TINY), device="cpu")
    other.fit(Interactions.of(split.train), seed=2)
    assert not np.array_equal(
        other.score(Histories.of_matrix(split.test.shown_items[:3]), B), scores
    )


def test_scoring_before_fitting_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="needs fit"):
        KgrecRecommender(resolve(TINY)).score(planted_history(), B)


def test_the_benchmark_reads_the_config_of_kgrec_when_it_makes_the_model(tmp_path: Path) -> None:
    config = tmp_path / "own.yaml"
    resources = BenchmarkResources(kgrec_config=str(config), kgrec_set=("train.epochs=7",))
    entry = registry.entry(registry.KGREC, resources)
    config.write_text("positive_weight: 0.5\n", encoding="utf-8")
    model = entry.make()
    assert isinstance(model, KgrecRecommender)
    assert (model.settings.positive_weight, model.settings.train.epochs) == (0.5, 7)


def planted_history() -> Histories:
    return Histories.of_matrix(strict_cold_user(planted(40), target=B).test.shown_items)
