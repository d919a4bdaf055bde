"""What a step reads of others holds nothing of the users whom it asks about."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from graph_store.snapshot import Snapshot
from kgrec.gnn.episodes import NEXT_PASSES
from kgrec.gnn.fold_statistics import assign_folds
from kgrec.gnn.prepare import TrainingInputs
from tests.gnn.trainers import trainer_on
from tests.training.worlds import planted_snapshot, small_world, tiny

ORDER = ("model.sequence_layers=1", "train.folds=3")


def timed() -> Snapshot:
    snapshot = planted_snapshot(small_world())
    rng = np.random.default_rng(0)
    at = rng.integers(0, 400, len(snapshot.user)) * 86_400
    return replace(snapshot, at=at, first_at=at)


def inputs_of(snapshot: Snapshot, bert: Path) -> TrainingInputs:
    return trainer_on(snapshot, tiny(bert, *ORDER)).inputs


def changed(snapshot: Snapshot, users: np.ndarray) -> Snapshot:
    """Each of ``users`` likes other items of the same domains, at the same times."""
    theirs = np.isin(snapshot.user, users)
    item = snapshot.item.copy()
    for domain in range(2):
        items = snapshot.items_of(domain)
        inside = theirs & (snapshot.item_domain[item] == domain)
        place = np.searchsorted(items, item[inside])
        item[inside] = items[(place + 1) % len(items)]
    order = np.lexsort((item, snapshot.user))
    return replace(snapshot, item=item[order].astype(np.int32), at=snapshot.at[order],
                   first_at=snapshot.at[order], order=snapshot.order[order])  # fmt: skip


def test_nothing_in_the_statistics_of_a_fold_is_of_its_users(bert: Path) -> None:
    snapshot = timed()
    before = inputs_of(snapshot, bert)
    after = inputs_of(changed(snapshot, np.flatnonzero(before.fold_of_user == 1)), bert)
    same, other = (
        [inputs.folds[fold] for inputs in (before, after)] for fold in (1, 0)
    )  # fmt: skip
    for name in ("popularity", "times"):
        first, second = (getattr(one.item_features, name) for one in same)
        np.testing.assert_array_equal(first, second)
        first, second = (getattr(one.item_features, name) for one in other)
        assert np.abs(first - second).max() > 0.1
    for name in ("spectrum", "factors"):  # rotated to those of everybody: products are the same
        for domain in range(2):
            items = snapshot.items_of(domain)
            first, second = (getattr(one.item_features, name)[items] for one in same)
            np.testing.assert_allclose(first @ first.T, second @ second.T, atol=1e-3)
    for number in range(2):
        first, second = (one.item_features.pairs.matrices[number] for one in same)
        assert abs(first - second).max() < 1e-6
        first, second = (one.item_features.pairs.matrices[number] for one in other)
        assert abs(first - second).max() > 1e-3
    x = torch.randn(32, 4)
    assert torch.equal(*(one.graph.user_item @ x for one in same))
    for domain in range(2):
        assert not (before.fold_of_user[same[0].bridge_users[domain].users] == 1).any()


def test_every_episode_asks_about_users_of_one_fold(bert: Path) -> None:
    trainer = trainer_on(
        timed(), tiny(bert, *ORDER, "train.sequence_users=16", "train.cold_fraction=0.5")
    )
    fold_of_user = trainer.inputs.fold_of_user
    episodes = list(trainer.episodes(1))
    assert len(episodes) == trainer.episodes_per_epoch
    assert {episode.kind for episode in episodes} == {"cold", "warm", "next"}
    for episode in episodes:
        assert (fold_of_user[episode.users] == episode.fold).all()
        assert trainer.loss(episode).isfinite()
    asked = np.concatenate([episode.users for episode in episodes if episode.kind == "next"])
    everybody = range(trainer.inputs.data.num_users)
    assert sorted(asked) == sorted([*everybody] * NEXT_PASSES)


@pytest.mark.parametrize("users", [0, 2, 10])
def test_folds_are_of_like_size(users: int) -> None:
    sizes = np.bincount(assign_folds(users, 4, seed=0), minlength=4)
    assert sizes.max() - sizes.min() <= 1
    assert sizes.sum() == users
