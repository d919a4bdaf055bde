"""The loss of an episode is the sum of its terms, and another term is another summand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from kgrec.gnn.loss_terms import TERMS, Step, ranking_term, text_term, user_term
from kgrec.gnn.objective import Objective
from kgrec.gnn.trainer import Trainer
from tests.gnn.trainers import trainer_on
from tests.training.worlds import planted_snapshot, small_world, tiny


@pytest.fixture
def trainer(bert: Path) -> Trainer:
    return trainer_on(planted_snapshot(small_world()), tiny(bert, "model.dropout=0"))


def test_the_loss_is_the_sum_of_the_terms_that_have_something_to_say(trainer: Trainer) -> None:
    episode = next(e for e in trainer.episodes(1) if e.kind == "cold")
    step = trainer.objective.step(trainer.model, episode, epoch=0, learn_text=False)
    said = [term(step) for term in TERMS]
    assert [value is None for value in said] == [False, False, True, True]
    wanted = ranking_term(step) + user_term(step)
    torch.testing.assert_close(trainer.loss(episode), wanted)


def test_a_warm_episode_aligns_no_domains_of_a_user(trainer: Trainer) -> None:
    cold = next(e for e in trainer.episodes(1) if e.kind == "cold")
    episode = replace(cold, kind="warm")
    step = trainer.objective.step(trainer.model, episode, epoch=0, learn_text=False)
    assert user_term(step) is None


def test_texts_are_aligned_where_some_were_encoded_with_gradient(trainer: Trainer) -> None:
    episode = next(iter(trainer.episodes(1)))
    step = trainer.objective.step(trainer.model, episode, epoch=1, learn_text=True)
    assert 0 < len(step.fresh_items) <= trainer.settings.text.texts_per_step
    found = text_term(step)
    assert found is not None
    assert found > 0


def test_a_term_of_ones_own_is_added(trainer: Trainer) -> None:
    def embeddings_are_small(step: Step) -> torch.Tensor:
        return 0.5 * step.item_embeddings.square().mean()

    episode = next(iter(trainer.episodes(1)))
    objective = Objective(trainer.settings, trainer.inputs, (*TERMS, embeddings_are_small))
    with_it = objective(trainer.model, episode, epoch=0, learn_text=False)
    # Rows have length 1 and 16 columns, so the mean of their squares is 1/16.
    torch.testing.assert_close(with_it, trainer.loss(episode) + 0.5 / 16)


def test_terms_of_which_none_has_anything_to_say_are_an_error(trainer: Trainer) -> None:
    objective = Objective(trainer.settings, trainer.inputs, (lambda step: None,))
    with pytest.raises(ValueError, match="no term of the loss"):
        objective(trainer.model, next(iter(trainer.episodes(1))), epoch=0, learn_text=False)
