"""What an episode hides informs nothing that predicts it.

The channels (spectrum, factors) are solved once on the training log and stand still here;
what is tested is everything that a step computes from the graph.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from torch import Tensor

from kgrec.data.interactions import Interactions
from kgrec.training.episodes import Episode
from kgrec.training.events import ignore
from kgrec.training.fit import Trainer
from tests.training.worlds import planted_snapshot, small_world, tiny


@dataclass
class Seen:
    """What a step predicted with."""

    z: Tensor
    person: Tensor
    bridge_map: Tensor


def step(trainer: Trainer, log: Interactions, episode: Episode) -> Seen:
    """One loss on another log, the channels held still; listens in on its parts."""
    objective = trainer.objective
    objective.log, objective.pools = log, trainer._pools(log)
    heard: dict[str, Tensor] = {}
    model = trainer.model

    def listening(name: str, function: Any) -> Any:
        def call(*args: Any, **options: Any) -> Any:
            heard[name] = function(*args, **options)
            return heard[name]

        return call

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "items", listening("z", model.items))
        patch.setattr(model, "user_vectors", listening("person", model.user_vectors))
        patch.setattr(objective, "bridge_map", listening("map", objective.bridge_map))
        trainer.loss(episode)
    return Seen(heard["z"].detach(), heard["person"].detach(), heard["map"].detach())


def with_likes(log: Interactions, likes: sp.csr_matrix) -> Interactions:
    likes = likes.tocsr().astype(np.float32)
    likes.eliminate_zeros()
    likes.sort_indices()
    return replace(log, liked=likes)


def other_items(episode: Episode, log: Interactions) -> sp.csr_matrix:
    """As many likes of the same people in the same domain, but on other items."""
    rng = np.random.default_rng(0)
    items = log.items_of(episode.domain)
    moved = sp.lil_matrix(episode.hidden.shape, dtype=np.float32)
    for person in episode.people:
        free = np.setdiff1d(items, log.liked[person].indices)
        count = episode.hidden[person].nnz
        moved[person, rng.choice(free, min(count, len(free)), replace=False)] = 1.0
    return moved.tocsr()


@pytest.fixture(params=["light", "sage"])
def trainer(request: pytest.FixtureRequest, bert: Path) -> Trainer:
    # Two layers: under sage, likes reach items by way of people, who begin with nothing.
    settings = tiny(bert, f"model.gnn={request.param}", "model.layers=2", "model.dropout=0")
    made = Trainer(planted_snapshot(small_world(tags=True)), settings, on_event=ignore)
    made.model.eval()
    return made


def episode_of(trainer: Trainer, *, cold: bool) -> Episode:
    for epoch in range(1, 50):
        for episode in trainer._episodes(epoch):
            if episode.cold == cold and len(episode.people) < 40:
                return episode
    raise AssertionError("no such episode")


def test_other_answers_change_nothing_that_predicts_them(trainer: Trainer) -> None:
    log = trainer.log
    episode = episode_of(trainer, cold=True)
    before = step(trainer, log, episode)
    hidden = other_items(episode, log)
    changed = with_likes(log, log.liked - episode.hidden + hidden)
    assert (changed.liked != log.liked).nnz > 0
    after = step(trainer, changed, replace(episode, hidden=hidden))
    assert torch.equal(before.z, after.z)
    assert torch.equal(before.person, after.person)
    torch.testing.assert_close(before.bridge_map, after.bridge_map)


def test_answers_that_are_not_there_change_nothing_either(trainer: Trainer) -> None:
    log = trainer.log
    episode = episode_of(trainer, cold=True)
    before = step(trainer, log, episode)
    removed = with_likes(log, log.liked - episode.hidden)
    nothing = sp.csr_matrix(episode.hidden.shape, dtype=np.float32)
    after = step(trainer, removed, replace(episode, hidden=nothing))
    assert torch.equal(before.z, after.z)
    torch.testing.assert_close(before.person, after.person)
    torch.testing.assert_close(before.bridge_map, after.bridge_map)


def test_the_hidden_half_of_a_warm_episode_informs_neither_graph_nor_person(bert: Path) -> None:
    settings = tiny(bert, "model.dropout=0", "train.cold_fraction=0")
    trainer = Trainer(planted_snapshot(small_world()), settings, on_event=ignore)
    trainer.model.eval()
    log = trainer.log
    episode = episode_of(trainer, cold=False)
    assert 0 < episode.hidden.nnz < log.liked[episode.people].nnz
    before = step(trainer, log, episode)
    hidden = other_items(episode, log)
    changed = with_likes(log, log.liked - episode.hidden + hidden)
    after = step(trainer, changed, replace(episode, hidden=hidden))
    assert torch.equal(before.z, after.z)
    torch.testing.assert_close(before.person, after.person)


def test_what_is_visible_does_inform(trainer: Trainer) -> None:
    """Else the tests above would pass on a model that reads nothing."""
    log = trainer.log
    episode = episode_of(trainer, cold=True)
    before = step(trainer, log, episode)
    likes = log.liked.tolil()
    likes[episode.people[0], np.setdiff1d(np.arange(32), log.items_of(episode.domain))] = 1.0
    after = step(trainer, with_likes(log, likes), episode)
    assert not torch.allclose(before.z, after.z, atol=1e-6)
    assert not torch.allclose(before.person[0], after.person[0], atol=1e-6)


def test_people_of_an_episode_do_not_enter_the_bridge_that_serves_them(trainer: Trainer) -> None:
    episode = episode_of(trainer, cold=True)
    pool = trainer.objective.pools[episode.domain]
    assert np.isin(episode.people, pool.people).all()
    z = trainer.model.items(trainer.cache.vectors, trainer.graph)
    before = trainer.objective.bridge_map(z, episode.domain, without=episode.people)
    pool.targets[torch.from_numpy(np.isin(pool.people, episode.people))] = 1e3
    after = trainer.objective.bridge_map(z, episode.domain, without=episode.people)
    torch.testing.assert_close(before, after)
    everybody = trainer.objective.bridge_map(z, episode.domain, without=np.zeros(0, np.int64))
    assert (everybody - before).abs().max() > 1.0
