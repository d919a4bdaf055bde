"""The loop learns what was planted, by the steps it says it takes."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from kgrec.data.interactions import Interactions
from kgrec.errors import TrainingError
from kgrec.gnn.loss_terms import draw_candidates
from kgrec.gnn.trainer import Trainer
from kgrec.progress import Event
from kgrec.training.fit import fit
from tests.gnn.trainers import trainer_on
from tests.training.worlds import planted_snapshot, small_world, tiny

STILL = ("model.dropout=0", "train.learning_rate=1e-30", "train.weight_decay=0")
"""Weights do not move, and nothing is drawn: every step must give the same gradient."""


def without_pairs(trainer: Trainer) -> None:
    """Pairs of items, which are counted, would tell all before the first step."""
    trainer.model.log_pair_weights.data.fill_(-9.0)


def trainer_of(bert: Path, *overrides: str) -> Trainer:
    return trainer_on(planted_snapshot(small_world()), tiny(bert, *overrides))


@pytest.mark.parametrize("bridge", ["true", "false"])
def test_the_loss_goes_to_its_known_optimum_and_cold_users_get_what_was_planted(
    bert: Path, bridge: str
) -> None:
    """Everybody likes all four items of a taste, so the best possible loss is log 4."""
    world = small_world()
    snapshot = planted_snapshot(world)
    settings = tiny(
        bert, f"model.bridge={bridge}", "train.epochs=30", "train.cold_fraction=1",
        "train.learning_rate=1e-2", "align.users=0", "align.text=0", "model.dropout=0",
    )  # fmt: skip
    fitted = fit(snapshot, settings, resume=without_pairs)
    losses = [row["loss"] for row in fitted.history[1:]]
    # The bridge is solved, so with it the first step already knows most.
    assert losses[0] > math.log(4) + (0.05 if bridge == "true" else 0.5)
    assert math.log(4) - 1e-4 <= losses[-1] < math.log(4) + 0.02

    domain = list(snapshot.domain_keys).index(world.target)
    keys = snapshot.item_keys[snapshot.items_of(domain)]
    log = Interactions.of(snapshot)
    users = [str(key) for key in snapshot.user_keys]
    cold = [users.index(user) for user in world.cold_users]
    scores = fitted.scorer.user_vectors(log.histories()[cold], domain).products(
        fitted.scorer.item_vectors(domain)
    )
    for user, row in zip(world.cold_users, scores, strict=True):
        best = {str(key) for key in keys[np.argsort(-row)[:4]]}
        assert best == world.right_items(user), user


def test_gradients_do_not_leak_into_the_next_step(
    bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = trainer_of(bert, *STILL)
    episode = next(iter(trainer.episodes(1)))
    monkeypatch.setattr(trainer, "episodes", lambda epoch: [episode] * 3)
    seen: list[torch.Tensor] = []
    weight = trainer.model.spectrum_map.weight
    weight.register_post_accumulate_grad_hook(lambda p: seen.append(p.grad.clone()))  # type: ignore[union-attr]
    trainer.epoch = 1
    trainer._run_epoch()
    assert len(seen) == 3
    assert seen[0].any()
    for later in seen[1:]:
        torch.testing.assert_close(later, seen[0])


def test_accumulated_episodes_step_once_by_the_mean_of_their_gradients(
    bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = trainer_of(bert, *STILL, "train.accumulate=2")
    episodes = list(trainer.episodes(1))[:2]
    weight = trainer.model.spectrum_map.weight
    trainer.model.train()
    alone = [torch.autograd.grad(trainer.loss(e), weight)[0] for e in episodes]
    monkeypatch.setattr(trainer, "episodes", lambda epoch: episodes)
    at_step: list[torch.Tensor] = []
    trainer.optimizer.register_step_pre_hook(lambda *_: at_step.append(weight.grad.clone()))  # type: ignore[union-attr]
    trainer.epoch = 1
    trainer._run_epoch()
    assert len(at_step) == 1
    torch.testing.assert_close(at_step[0], (alone[0] + alone[1]) / 2)


def test_the_last_episodes_of_an_epoch_are_not_lost_to_accumulation(bert: Path) -> None:
    trainer = trainer_of(bert, "train.accumulate=1000")
    before = trainer.model.spectrum_map.weight.detach().clone()
    trainer.epoch = 1
    trainer._run_epoch()
    assert not torch.equal(trainer.model.spectrum_map.weight, before)
    assert trainer.steps_per_epoch == 1


def test_a_loss_that_is_no_number_stops_the_run(bert: Path) -> None:
    def spoil(trainer: Trainer) -> None:
        trainer.model.log_temperature.data.fill_(math.nan)

    with pytest.raises(TrainingError, match=r"the loss became nan in epoch 1, episode 1; try"):
        fit(planted_snapshot(small_world()), tiny(bert), resume=spoil)


def test_the_learning_rate_rises_then_falls_to_zero(bert: Path) -> None:
    trainer = trainer_of(bert, "train.epochs=10", "train.warmup=0.25", "train.learning_rate=0.01")
    used: list[float] = []
    trainer.optimizer.register_step_pre_hook(
        lambda *_: used.append(trainer.optimizer.param_groups[0]["lr"])
    )
    trainer.run()
    assert len(used) == 10 * trainer.steps_per_epoch
    top = int(np.argmax(used))
    assert used[top] == pytest.approx(0.01, rel=0.1)
    assert np.all(np.diff(used[: top + 1]) > 0)
    assert np.all(np.diff(used[top:]) <= 0)
    assert top == pytest.approx(0.25 * len(used), abs=2)
    assert used[-1] < 0.001


def test_early_stopping_waits_for_patience_and_keeps_the_best(
    bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = iter([0.1, 0.5, 0.4, 0.5, 0.3, 0.9])
    monkeypatch.setattr(Trainer, "validate", lambda self: {"films": next(scores)})
    kept: dict[int, torch.Tensor] = {}

    def note(trainer: Trainer) -> None:
        kept[trainer.epoch] = trainer.model.spectrum_map.weight.detach().clone()

    settings = tiny(bert, "train.epochs=9", "train.patience=3", "train.validation_fraction=0.4")
    fitted = fit(planted_snapshot(small_world()), settings, on_epoch=note)
    # Epoch 1 is best; 2, 3 and 4 are no better (a tie is no gain), so 5 never comes.
    assert [row["epoch"] for row in fitted.history] == [0, 1, 2, 3, 4]
    assert fitted.best_epoch == 1
    torch.testing.assert_close(fitted.weights["spectrum_map.weight"], kept[1])


def test_with_nobody_held_out_all_epochs_run_and_the_last_is_kept(bert: Path) -> None:
    fitted = fit(planted_snapshot(small_world()), tiny(bert, "train.epochs=5", "train.patience=1"))
    assert [row["epoch"] for row in fitted.history] == [0, 1, 2, 3, 4, 5]
    assert fitted.best_epoch == 5
    assert all(row["ndcg@10"] is None for row in fitted.history)


def test_no_epochs_give_a_model_that_was_not_trained(bert: Path) -> None:
    fitted = fit(planted_snapshot(small_world()), tiny(bert, "train.epochs=0"))
    assert [row["epoch"] for row in fitted.history] == [0]
    assert np.isfinite(fitted.scorer.item_embeddings).all()


def test_listeners_hear_every_episode_and_one_row_an_epoch(bert: Path) -> None:
    received: list[Event] = []
    fit(planted_snapshot(small_world()), tiny(bert), on_event=received.append)
    rows = [event.epoch for event in received if event.epoch]
    assert [row["epoch"] for row in rows] == [0, 1, 2]
    episodes = [event for event in received if event.stage == "epoch 2"]
    assert [event.done for event in episodes] == list(range(1, episodes[0].total + 1))


def test_a_step_in_half_precision_is_close_to_one_in_full(bert: Path) -> None:
    full, half = (trainer_of(bert, *STILL, f"train.precision={p}") for p in ("fp32", "bf16"))
    episode = next(iter(full.episodes(1)))
    losses = [t.loss(episode) for t in (full, half)]
    assert losses[0].item() != losses[1].item()
    assert losses[0].item() == pytest.approx(losses[1].item(), rel=0.02)
    losses[1].backward()
    grad = half.model.spectrum_map.weight.grad
    assert grad is not None
    assert grad.isfinite().all()


def test_bpr_learns_as_well(bert: Path) -> None:
    settings = tiny(bert, "train.loss=bpr", "train.epochs=6", "train.learning_rate=1e-2")
    history = fit(planted_snapshot(small_world()), settings).history
    assert history[-1]["loss"] < history[1]["loss"] < math.log(2) + 0.3


def test_a_sampled_softmax_goes_over_positives_and_a_draw(bert: Path) -> None:
    snapshot = planted_snapshot(small_world(items_per_domain=160, concepts=40))
    trainer = trainer_on(snapshot, tiny(bert, "train.negatives=5"))
    episode = next(e for e in trainer.episodes(1) if e.kind == "cold")
    wanted = episode.hidden[episode.users].tocsr()
    columns, log_drawn = draw_candidates(
        wanted, trainer.inputs, trainer.settings, episode.domain, 0
    )
    positives = np.unique(wanted.indices)
    assert columns[: len(positives)].tolist() == positives.tolist()
    assert len(columns) == len(set(columns)) == len(positives) + 5
    assert np.isin(columns, trainer.inputs.data.items_of(episode.domain)).all()
    assert log_drawn is not None
    assert not log_drawn[: len(positives)].any()  # positives are always there
    chance = 5 / (160 - len(positives))
    assert log_drawn[len(positives) :].tolist() == pytest.approx([math.log(chance)] * 5)
    assert trainer.loss(episode).isfinite()


def test_where_fewer_items_are_left_than_a_softmax_draws_the_whole_domain_is_taken(
    bert: Path,
) -> None:
    trainer = trainer_of(bert, "train.negatives=15")  # of 16 items, most are positives
    episode = next(e for e in trainer.episodes(1) if e.kind == "cold")
    wanted = episode.hidden[episode.users].tocsr()
    columns, log_drawn = draw_candidates(
        wanted, trainer.inputs, trainer.settings, episode.domain, 0
    )
    assert columns.tolist() == trainer.inputs.data.items_of(episode.domain).tolist()
    assert log_drawn is None


def test_alignment_tells_a_user_from_as_many_others_as_are_set(bert: Path) -> None:
    """Alone, nobody is mistaken for another: what is left is the loss without alignment."""
    losses = {}
    for users, weight in ((1, 1), (1, 0), (7, 1), (7, 0), (1000, 1)):
        trainer = trainer_of(bert, *STILL, f"align.users={weight}", f"align.batch_users={users}")
        episode = next(e for e in trainer.episodes(1) if e.kind == "cold" and len(e.users) > 7)
        losses[users, weight] = trainer.loss(episode).item()
    assert losses[1, 1] == pytest.approx(losses[1, 0])
    assert losses[1, 0] == pytest.approx(losses[7, 0])
    assert losses[7, 0] + 0.1 < losses[7, 1] < losses[1000, 1] - 0.01


@pytest.mark.parametrize("users", [1200, 2400])
@pytest.mark.parametrize(
    ("cold_fraction", "least", "most"), [(0.8, 24, 24), (1.0, 16, 16), (0.0, 56, 64)]
)
def test_the_number_of_episodes_does_not_grow_with_the_users(
    bert: Path, users: int, cold_fraction: float, least: int, most: int
) -> None:
    """Two domains, of each 8 cold episodes and one warm of each fold; or at most 32 warm."""
    snapshot = planted_snapshot(small_world(num_users=users))
    settings = tiny(bert, "train.min_warm_users=1", f"train.cold_fraction={cold_fraction}")
    trainer = trainer_on(snapshot, settings)
    assert least <= trainer.episodes_per_epoch <= most
    assert len(list(trainer.episodes(1))) == trainer.episodes_per_epoch
