"""What training ends with: a recommender of arrays, for the interactions that are wanted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from kgrec.data.interactions import Interactions
from kgrec.gnn.recommender import GNNRecommender
from kgrec.gnn.trainer import Trainer
from tests.gnn.trainers import trainer_on
from tests.training.worlds import planted_snapshot, small_world, tiny

SNAPSHOT = planted_snapshot(small_world(num_users=120))
EVERYBODY = Interactions.of(SNAPSHOT)


def test_the_recommender_scores_as_the_tensors_do(bert: Path) -> None:
    trainer = trainer_on(SNAPSHOT, tiny(bert))
    data, model = trainer.inputs.data, trainer.model
    found = trainer.as_it_stands().recommender(data)
    episode = next(iter(trainer.episodes(1)))
    with torch.no_grad():
        embeddings = model.item_embeddings(trainer.inputs.cache.vectors, trainer.graph)
    np.testing.assert_allclose(found.item_embeddings, embeddings.numpy(), atol=1e-6)
    scores = found.score(data.histories(episode.users), episode.domain)
    assert scores.shape == (len(episode.users), len(data.items_of(episode.domain)))


def test_on_everybody_bridge_and_graph_read_what_was_hidden_of_held_out_users(bert: Path) -> None:
    trainer = trainer_on(SNAPSHOT, tiny(bert, "train.validation_fraction=0.3"))
    data = trainer.inputs.data
    assert trainer.held_out
    assert len(EVERYBODY.overlapping(0)) > len(data.overlapping(0))
    trained = trainer.as_it_stands()
    before, after = trained.recommender(data), trained.recommender(EVERYBODY)
    assert np.abs(before.item_embeddings - after.item_embeddings).max() > 1e-3
    assert np.abs(before.bridge_maps[0] - after.bridge_maps[0]).max() > 1e-3
    np.testing.assert_array_equal(before.item_features.factors, after.item_features.factors)


def test_the_state_of_a_recommender_gives_the_same_one_back(bert: Path) -> None:
    trainer = trainer_on(SNAPSHOT, tiny(bert))
    made = trainer.as_it_stands().recommender(EVERYBODY)
    back = GNNRecommender.from_state(trainer.settings.model, made.state(), EVERYBODY)
    for domain in range(EVERYBODY.num_domains):
        users = EVERYBODY.histories()
        np.testing.assert_array_equal(made.score(users, domain), back.score(users, domain))


def test_the_column_that_answers_to_texts_leave_out_is_popularity(bert: Path) -> None:
    made = trainer_on(SNAPSHOT, tiny(bert)).as_it_stands().recommender(EVERYBODY)
    popularity = np.arange(1, SNAPSHOT.num_items + 1, dtype=np.float32)  # here all are alike
    made = replace(made, item_features=replace(made.item_features, popularity=popularity))
    for domain in range(EVERYBODY.num_domains):
        column = made.item_vectors(domain).dense[:, made.popularity_column]
        np.testing.assert_array_equal(column, popularity[EVERYBODY.items_of(domain)])


def test_a_new_trainer_moves_nothing(bert: Path) -> None:
    first = trainer_on(SNAPSHOT, tiny(bert, "text.tuning=lora"))
    before = first.state()
    second = Trainer(first.inputs, first.model, first.held_out, first.settings)
    after = second.state()
    same = [name for name in before if not name.startswith("objective.")]  # drawn anew
    assert all(torch.equal(before[name], after[name]) for name in same)
    assert second.history == []
