"""A model that reads the order of histories finds what a model without order cannot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from graph_store.snapshot import NO_TIME, Snapshot
from kgrec.data.histories import Histories
from kgrec.data.interactions import Interactions
from kgrec.gnn import checkpoint
from kgrec.gnn.events import read_latest_events
from kgrec.gnn.recommender import GNNRecommender
from kgrec.gnn.result import to_recommender
from kgrec.gnn.sequence_encoder import event_tensors
from kgrec.gnn.trainer import Trainer
from kgrec.gnn.user_tensors import read_user_tensors
from tests.gnn.trainers import trainer_on
from tests.training.worlds import make_snapshot, tiny

ITEMS = 24
DAY = 86_400
ORDER = (
    "model.sequence_layers=1", "model.sequence_dropout=0.1", "model.id_dropout=0",
    "train.learning_rate=1e-2", "train.sequence_users=64", "train.folds=2", "model.dropout=0",
)  # fmt: skip


def walks() -> Snapshot:
    """Everybody goes round a ring of items, some up and some down: the last two tell which."""
    rng = np.random.default_rng(0)
    likes = []
    for user in range(160):
        start, step = int(rng.integers(ITEMS)), int(rng.choice([-1, 1]))
        likes += [(f"u{user:03}", key((start + n * step) % ITEMS)) for n in range(6)]
    return make_snapshot(likes, {key(n): ("books", None) for n in range(ITEMS)})


def key(number: int) -> str:
    """Keys whose order has nothing to do with the ring."""
    return f"b:{number * 7 % ITEMS:02}"


def fashions() -> Snapshot:
    """A book that is always liked, and after it one that was in fashion at that time."""
    rng = np.random.default_rng(0)
    likes = []
    for user in range(120):
        year = int(rng.integers(4))
        at = (365 * year + int(rng.integers(300))) * DAY
        likes += [(f"u{user:03}", "b:always", 1.0, at)]
        likes += [(f"u{user:03}", f"b:{year}{n}", 1.0, at + DAY) for n in rng.permutation(4)[:2]]
    books = ["b:always", *(f"b:{year}{n}" for year in range(4) for n in range(4))]
    return make_snapshot(likes, dict.fromkeys(books, ("books", None)))


def trained(snapshot: Snapshot, bert: Path, *overrides: str) -> tuple[Trainer, GNNRecommender]:
    trainer = trainer_on(snapshot, tiny(bert, *ORDER, *overrides), device="cpu")
    trainer.run()
    inputs = trainer.inputs
    return trainer, to_recommender(trainer.model, inputs, trainer.graph, inputs.bridge_users)


@pytest.mark.parametrize(("layers", "found"), [(1, True), (0, False)])
def test_the_next_item_follows_from_the_last_two(bert: Path, layers: int, found: bool) -> None:
    snapshot = walks()
    _, recommender = trained(snapshot, bert, f"model.sequence_layers={layers}", "train.epochs=12")
    numbers = {str(book): number for number, book in enumerate(snapshot.item_keys)}
    up = [[numbers[key((start + n) % ITEMS)] for n in range(4)] for start in range(ITEMS)]
    histories = Histories.of_lists([*up, *(row[::-1] for row in up)], ITEMS)
    scores = recommender.score(histories, 0)
    scores[histories.items.nonzero()] = -np.inf
    wanted = [numbers[key((start + 4) % ITEMS)] for start in range(ITEMS)]
    wanted += [numbers[key((start - 1) % ITEMS)] for start in range(ITEMS)]
    right = np.mean(scores.argmax(axis=1) == wanted)
    assert (right > 0.9) if found else (right < 0.7)


@pytest.mark.parametrize(("layers", "found"), [(1, True), (0, False)])
def test_interests_that_change_at_a_date_are_followed(bert: Path, layers: int, found: bool) -> None:
    snapshot = fashions()
    _, recommender = trained(snapshot, bert, f"model.sequence_layers={layers}", "train.epochs=8")
    books = [str(book) for book in snapshot.item_keys]
    always = books.index("b:always")
    times = [[(365 * year + 150) * DAY] for year in range(4)]
    asked = Histories.of_lists([[always]] * 4, len(books), times=times)
    scores = recommender.score(asked, 0)
    scores[:, always] = -np.inf
    years = [books[best][2] for best in scores.argmax(axis=1)]
    assert (years == ["0", "1", "2", "3"]) == found


def of_all_kinds(num_items: int) -> list[Histories]:
    lists = [[], [3], [5, 2, 9], list(range(12))]
    times = [[n * DAY for n in row] for row in lists]
    some = [[NO_TIME if n % 2 else n * DAY for n in row] for row in lists]
    return [
        Histories.of_lists(lists, num_items, times=times),
        Histories.of_lists(lists, num_items, times=some),
        Histories.of_lists(lists, num_items),
    ]


def test_arrays_answer_what_tensors_learned_for_histories_of_any_length(bert: Path) -> None:
    trainer, recommender = trained(fashions(), bert, "train.epochs=1", "model.sequence_layers=2")
    model, inputs = trainer.model.eval(), trainer.inputs
    known, sequence = inputs.item_features, model.sequence
    assert sequence is not None
    embeddings = torch.from_numpy(recommender.item_embeddings)
    for users in of_all_kinds(17):
        found = recommender.user_vectors(users, 0)
        rows = list(event_tensors(users, known.item_domain, known.time_bins, 50))
        with torch.no_grad():
            state = sequence.last_states(embeddings, rows, len(users))
            time = read_latest_events(users, known.time_bins).time
            read = read_user_tensors(users.items, known, 0, 1, last_time=time)
            wanted = model.user_vectors(
                embeddings, read, 0, torch.from_numpy(recommender.bridge_maps[0]), state
            )
        assert found.dense.dtype == np.float32
        assert not state[0].any()  # a history without events
        assert state[1:].any(dim=1).all()
        np.testing.assert_allclose(found.dense, wanted.numpy(), rtol=1e-5, atol=1e-5)


def test_without_order_a_history_says_what_it_says_pooled(bert: Path) -> None:
    _, recommender = trained(fashions(), bert, "train.epochs=1")
    with_order = Histories.of_lists([[5, 2, 9]], 17, times=[[0, DAY, 2 * DAY]])
    without = recommender.user_vectors(Histories.of_matrix(with_order.items), 0)
    weights = recommender.domain_weights[0]
    pooled = recommender.item_embeddings[[5, 2, 9]].sum(0) @ weights.history_map[1]
    query = pooled / np.linalg.norm(pooled) / weights.temperature[1]
    np.testing.assert_allclose(without.dense[0, :16], query, atol=1e-5)
    bins = len(recommender.item_features.time_bins)
    assert bins
    assert not without.dense[0, 20 : 36 + bins].any()
    assert np.abs(recommender.user_vectors(with_order, 0).dense - without.dense).max() > 1e-3


def test_a_run_keeps_all_that_answers_in_order(bert: Path) -> None:
    trainer, recommender = trained(fashions(), bert, "train.epochs=1")
    data = trainer.inputs.data
    again = GNNRecommender.from_state(trainer.settings.model, recommender.state(), data)
    users = of_all_kinds(17)[0]
    np.testing.assert_array_equal(again.score(users, 0), recommender.score(users, 0))


def test_resumed_training_ends_as_if_it_had_not_been_cut_off(bert: Path, tmp_path: Path) -> None:
    whole, _ = trained(fashions(), bert, "train.epochs=2")
    settings = tiny(bert, *ORDER, "train.epochs=2")
    cut = trainer_on(fashions(), settings, device="cpu")

    class CutOffError(Exception):
        pass

    def save(trainer: Trainer) -> None:
        checkpoint.save(trainer, tmp_path / "checkpoint")
        if trainer.epoch == 1:
            raise CutOffError

    with pytest.raises(CutOffError):
        cut.run(save)
    resumed = trainer_on(fashions(), settings, device="cpu")
    checkpoint.restore(resumed, tmp_path / "checkpoint")
    resumed.run()
    for name, weight in whole.model.state_dict().items():
        assert torch.equal(weight, resumed.model.state_dict()[name]), name


def test_a_log_that_is_sorted_by_item_trains_without_order(bert: Path) -> None:
    likes = [(f"u{user:02}", f"b:{n:02}") for user in range(40) for n in range(user % 5, 20, 3)]
    snapshot = make_snapshot(likes, {f"b:{n:02}": ("books", None) for n in range(20)})
    assert not Interactions.of(snapshot).has_order
    trainer = trainer_on(snapshot, tiny(bert, *ORDER))
    assert trainer.model.sequence is None
    assert all(episode.kind != "next" for episode in trainer.episodes(1))
