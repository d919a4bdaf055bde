"""A GPU trains what a CPU trains. Skipped where there is none; the benchmarks time it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from kgrec.config import TextSettings
from kgrec.data.histories import Histories
from kgrec.data.interactions import Interactions
from kgrec.evaluation.text_vectors import TextVectors
from kgrec.gnn.checkpoint import restore, save
from kgrec.gnn.trainer import Trainer
from kgrec.recommenders.alpharec import AlphaRec
from kgrec.recommenders.base import Recommender
from kgrec.recommenders.lightgcn import LightGCN
from kgrec.recommenders.sasrec import SASRec
from kgrec.training.fit import fit
from tests.gnn.trainers import trainer_on
from tests.training.worlds import planted_snapshot, small_world, tiny

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")

WORLD = small_world()
SNAPSHOT = planted_snapshot(WORLD)
SAME_NUMBERS = ("text.tuning=lora", "model.dropout=0", "train.precision=fp32")
"""Nothing is drawn on the device, where the draws are others."""


def first_step(bert: Path, device: str, *overrides: str) -> tuple[float, dict[str, torch.Tensor]]:
    """The loss of the first episode and its gradients."""
    settings = tiny(bert, *SAME_NUMBERS, "text.learning_fraction=1", *overrides)
    trainer = trainer_on(SNAPSHOT, settings, device=device)
    trainer.epoch = 1
    trainer.inputs.encoder.eval()  # it has a dropout of its own
    loss = trainer.loss(next(iter(trainer.episodes(1))))
    loss.backward()
    parts = (("model", trainer.model), ("encoder", trainer.inputs.encoder))
    return loss.item(), {
        f"{part}.{name}": weight.grad.cpu()
        for part, module in parts
        for name, weight in module.named_parameters()
        if weight.grad is not None
    }


def alike(found: torch.Tensor, wanted: torch.Tensor) -> bool:
    """A gradient that is all but zero must be all but zero, not merely small."""
    return bool((found - wanted).norm() <= 1e-2 * wanted.norm() + 1e-7)


@pytest.mark.parametrize("gnn", ["light", "sage"])
def test_a_step_has_the_loss_and_the_gradients_of_a_step_on_the_cpu(bert: Path, gnn: str) -> None:
    changes = (f"model.gnn={gnn}", "model.layers=2")
    loss, grads = first_step(bert, "cpu", *changes)
    loss_there, grads_there = first_step(bert, "cuda", *changes)
    assert loss_there == pytest.approx(loss, rel=1e-4)
    assert grads.keys() == grads_there.keys()
    assert any("lora_B" in name and grad.any() for name, grad in grads.items())
    for name, grad in grads.items():
        assert alike(grads_there[name], grad), name


def test_compiled_parts_give_the_same_step(bert: Path) -> None:
    loss, grads = first_step(bert, "cuda")
    compiled, grads_compiled = first_step(bert, "cuda", "train.compile=true")
    assert compiled == pytest.approx(loss, rel=1e-4)
    assert grads.keys() == grads_compiled.keys()
    for name, grad in grads.items():
        assert alike(grads_compiled[name], grad), name


@pytest.mark.parametrize("precision", ["fp32", "auto"])
def test_users_new_to_a_domain_get_what_was_planted(bert: Path, precision: str) -> None:
    settings = tiny(
        bert, f"train.precision={precision}", "text.tuning=lora", "train.epochs=30",
        "train.cold_fraction=1", "train.learning_rate=1e-2",
    )  # fmt: skip
    scorer = fit(SNAPSHOT, settings, device="cuda").scorer
    domain = list(SNAPSHOT.domain_keys).index(WORLD.target)
    keys = SNAPSHOT.item_keys[SNAPSHOT.items_of(domain)]
    users = [str(key) for key in SNAPSHOT.user_keys]
    histories = Interactions.of(SNAPSHOT).liked[[users.index(u) for u in WORLD.cold_users]]
    scores = scorer.user_vectors(Histories.of_matrix(histories), domain).products(
        scorer.item_vectors(domain)
    )
    for user, row in zip(WORLD.cold_users, scores, strict=True):
        best = {str(key) for key in keys[np.argsort(-row)[:4]]}
        assert best == WORLD.right_items(user), user


def test_a_checkpoint_of_a_gpu_goes_on_there(bert: Path, tmp_path: Path) -> None:
    settings = tiny(bert, *SAME_NUMBERS, "train.epochs=4", "text.learning_fraction=1")
    folder = tmp_path / "checkpoint"

    def keep_second(trainer: Trainer) -> None:
        if trainer.epoch == 2:
            save(trainer, folder)

    whole = fit(SNAPSHOT, settings, device="cuda", on_epoch=keep_second)
    resumed = fit(SNAPSHOT, settings, device="cuda", resume=lambda t: restore(t, folder))
    losses = [[row["loss"] for row in fitted.history[3:]] for fitted in (whole, resumed)]
    assert len(losses[0]) == 2
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)


@pytest.mark.parametrize(
    "make",
    [LightGCN, AlphaRec, partial(SASRec, dropout=0.0)],  # what is dropped is drawn on the device
    ids=["lightgcn", "alpharec", "sasrec"],
)
def test_a_baseline_learns_the_vectors_that_it_learns_on_the_cpu(
    make: Callable[..., Recommender], bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = TextVectors(TextSettings(name=str(bert), tuning="frozen", max_tokens=12))

    def scores() -> np.ndarray:
        made = make(epochs=3)
        data = replace(Interactions.of(SNAPSHOT), item_text=texts.of(SNAPSHOT))
        made.fit(data, domains=[0])
        return made.score(data.histories(), 0)

    there = scores()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert np.allclose(there, scores(), rtol=1e-2, atol=1e-3)
