"""What an episode hides informs nothing that predicts it: statistics are made anew each time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from kgrec.data.interactions import Interactions
from kgrec.gnn.episodes import Episode, Kind
from kgrec.gnn.fold_statistics import solve_folds
from kgrec.gnn.loss_terms import Step
from kgrec.gnn.trainer import Trainer
from tests.gnn.trainers import trainer_on
from tests.training.worlds import planted_snapshot, small_world, tiny


def step_on(trainer: Trainer, data: Interactions, episode: Episode) -> Step:
    """What a step predicts with on other interactions."""
    inputs = trainer.inputs
    folds = solve_folds(
        data, None, inputs.item_features, inputs.fold_of_user, trainer.settings,
        graph_of=inputs.graph_of, device=inputs.device,
    )  # fmt: skip
    objective = trainer.objective
    objective.inputs = replace(inputs, data=data, folds=folds)
    return objective.step(trainer.model, episode, epoch=0, learn_text=False)


def with_likes(log: Interactions, likes: sp.csr_matrix) -> Interactions:
    likes = likes.tocsr().astype(np.float32)
    likes.eliminate_zeros()
    likes.sort_indices()
    return replace(log, liked=likes)


def other_items(episode: Episode, log: Interactions) -> sp.csr_matrix:
    """As many likes of the same users in the same domain, but on other items."""
    rng = np.random.default_rng(0)
    items = log.items_of(episode.domain)
    moved = sp.lil_matrix(episode.hidden.shape, dtype=np.float32)
    for user in episode.users:
        free = np.setdiff1d(items, log.liked[user].indices)
        count = episode.hidden[user].nnz
        moved[user, rng.choice(free, min(count, len(free)), replace=False)] = 1.0
    return moved.tocsr()


@pytest.fixture(params=["light", "sage"])
def trainer(request: pytest.FixtureRequest, bert: Path) -> Trainer:
    # Two layers: under sage, likes reach items by way of users, who begin with nothing.
    settings = tiny(bert, f"model.gnn={request.param}", "model.layers=2", "model.dropout=0")
    made = trainer_on(planted_snapshot(small_world(tags=True)), settings)
    made.model.eval()
    return made


def episode_of(trainer: Trainer, kind: Kind) -> Episode:
    for epoch in range(1, 50):
        for episode in trainer.episodes(epoch):
            if episode.kind == kind and len(episode.users) < 40:
                return episode
    raise AssertionError("no such episode")


def test_other_answers_change_nothing_that_predicts_them(trainer: Trainer) -> None:
    log = trainer.inputs.data
    episode = episode_of(trainer, "cold")
    before = step_on(trainer, log, episode)
    hidden = other_items(episode, log)
    changed = with_likes(log, log.liked - episode.hidden + hidden)
    assert (changed.liked != log.liked).nnz > 0
    after = step_on(trainer, changed, replace(episode, hidden=hidden))
    assert torch.equal(before.item_embeddings, after.item_embeddings)
    assert torch.equal(before.user_vectors, after.user_vectors)


def test_answers_that_are_not_there_change_nothing_either(trainer: Trainer) -> None:
    log = trainer.inputs.data
    episode = episode_of(trainer, "cold")
    before = step_on(trainer, log, episode)
    removed = with_likes(log, log.liked - episode.hidden)
    nothing = sp.csr_matrix(episode.hidden.shape, dtype=np.float32)
    after = step_on(trainer, removed, replace(episode, hidden=nothing))
    assert torch.equal(before.item_embeddings, after.item_embeddings)
    torch.testing.assert_close(before.user_vectors, after.user_vectors)


def test_the_hidden_half_of_a_warm_episode_informs_neither_graph_nor_user(bert: Path) -> None:
    settings = tiny(bert, "model.dropout=0", "train.cold_fraction=0")
    trainer = trainer_on(planted_snapshot(small_world()), settings)
    trainer.model.eval()
    log = trainer.inputs.data
    episode = episode_of(trainer, "warm")
    assert 0 < episode.hidden.nnz < log.liked[episode.users].nnz
    before = step_on(trainer, log, episode)
    hidden = other_items(episode, log)
    changed = with_likes(log, log.liked - episode.hidden + hidden)
    after = step_on(trainer, changed, replace(episode, hidden=hidden))
    assert torch.equal(before.item_embeddings, after.item_embeddings)
    torch.testing.assert_close(before.user_vectors, after.user_vectors)


def test_what_is_visible_does_inform(trainer: Trainer) -> None:
    """Else the tests above would pass on a model that reads nothing."""
    log, folds = trainer.inputs.data, trainer.inputs.fold_of_user
    episode = episode_of(trainer, "cold")
    before = step_on(trainer, log, episode)
    outside = np.setdiff1d(np.arange(32), log.items_of(episode.domain))

    own = log.liked.tolil()
    own[episode.users[0], outside] = 1.0
    after = step_on(trainer, with_likes(log, own), episode)
    assert torch.equal(before.item_embeddings, after.item_embeddings)
    assert not torch.allclose(before.user_vectors[0], after.user_vectors[0], atol=1e-6)

    of_others = log.liked.tolil()
    of_others[np.flatnonzero(folds != episode.fold)[0], outside] = 1.0
    after = step_on(trainer, with_likes(log, of_others), episode)
    assert not torch.allclose(before.item_embeddings, after.item_embeddings, atol=1e-6)
