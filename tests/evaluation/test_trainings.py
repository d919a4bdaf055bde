"""Rows of a benchmark share what they can, and get what they would have got alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graph_store.snapshot import Snapshot
from kgrec.config import parse_yaml, resolve
from kgrec.data.histories import Histories
from kgrec.data.interactions import Interactions
from kgrec.evaluation.kgrec_recommender import KgrecRecommender
from kgrec.evaluation.protocols import strict_cold_user
from kgrec.evaluation.trainings import Trainings
from tests.evaluation.planted import planted
from tests.evaluation.test_kgrec_recommender import TINY, B

DEFAULT = Path(__file__).parents[2] / "configs" / "default.yaml"
SPLIT = strict_cold_user(planted(), target=B)


def scores(
    settings: dict[str, Any],
    trainings: Trainings | None,
    *,
    train: Snapshot = SPLIT.train,
    seed: int = 0,
) -> tuple[Any, list[str]]:
    """Of three users, and the stages that were gone through for them."""
    received: list[str] = []
    model = KgrecRecommender(resolve(settings), device="cpu", trainings=trainings)
    model.fit(
        Interactions.of(train), seed=seed, on_progress=lambda _, doing: received.append(doing)
    )
    return model.score(Histories.of_matrix(SPLIT.test.shown_items[:3]), B), received


def with_components(**changes: dict[str, Any] | None) -> dict[str, Any]:
    """The default components, some settings changed; a component that is None is left out."""
    components = parse_yaml(DEFAULT.read_text(), key="default")["components"]
    return {
        name: None if name in changes and changes[name] is None
        else {**given, **(changes.get(name) or {})}
        for name, given in components.items()
    }  # fmt: skip


def has(stages: list[str], name: str) -> bool:
    return any(stage.startswith(name) for stage in stages)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Trainings, Any]:
    """Trainings that hold one, and what it scores."""
    trainings = Trainings(tmp_path_factory.mktemp("trainings"))
    found, stages = scores(TINY, trainings)
    assert has(stages, "epoch")
    return trainings, found


@pytest.mark.parametrize("remembered", [True, False], ids=["memory", "folder alone"])
def test_a_kept_training_serves_other_settings_of_what_comes_after_it(
    first: tuple[Trainings, Any], remembered: bool
) -> None:
    trainings, whole = first
    strength = 3.0 if remembered else 4.0
    otherwise = {
        **TINY, "components": with_components(emcdr={"strength": strength}),
        "cold_items": {"neighbours": 3},
    }  # fmt: skip
    kept, stages = scores(otherwise, trainings if remembered else Trainings(trainings.folder))
    assert has(stages, "fitting components")
    assert not has(stages, "epoch")
    np.testing.assert_array_equal(kept, scores(otherwise, None)[0])
    assert not np.array_equal(kept, whole)


def test_settings_that_only_weigh_components_solve_nothing_again(
    first: tuple[Trainings, Any],
) -> None:
    trainings, whole = first
    for changes in (
        {"components": with_components(emcdr=None), "ensemble": {"exponent": 0.0}},
        {
            "components": with_components(
                **{"emcdr-narrow": {"halved_at": 1.0}, "content": {"weight": 1.0}}
            )
        },
    ):
        settings = {**TINY, **changes}
        found, stages = scores(settings, trainings)
        assert stages == []
        np.testing.assert_allclose(found, scores(settings, None)[0], rtol=1e-4, atol=1e-4)
        assert not np.allclose(found, whole, atol=1e-3)


def test_a_component_that_was_left_out_is_fitted_when_it_is_asked_for(
    first: tuple[Trainings, Any],
) -> None:
    trainings = Trainings(first[0].folder)
    scores({**TINY, "components": with_components(**{"random-walk": None})}, trainings)
    found, stages = scores(TINY, trainings)
    assert has(stages, "fitting components")
    assert not has(stages, "epoch")
    np.testing.assert_array_equal(found, first[1])


def test_other_settings_another_seed_or_another_graph_are_another_training(
    first: tuple[Trainings, Any],
) -> None:
    trainings, _ = first
    _, stages = scores({**TINY, "train": {"epochs": 1}}, trainings)
    assert has(stages, "epoch")
    _, stages = scores(TINY, trainings, seed=1)
    assert has(stages, "epoch")
    other = strict_cold_user(planted(), target=B, fold=1).train
    _, stages = scores(TINY, trainings, train=other)
    assert has(stages, "epoch")
