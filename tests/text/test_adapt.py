"""Masked-language modelling on the catalogue's own texts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from kgrec.errors import ConfigError
from kgrec.progress import Event, ignore
from kgrec.text.adapt import adapt_to_texts, mask_tokens
from kgrec.text.encoder import TextEncoder
from kgrec.training import fit
from tests.training.worlds import planted_snapshot, small_world, tiny, write_tiny_decoder

TEXTS = [text for text in planted_snapshot(small_world()).texts if text]
ADAPT = ("text.adapt=mlm", "text.adapt_steps=60", "text.learning_rate=5e-3")


@pytest.mark.parametrize(("tuning", "fall"), [("lora", 0.04), ("full", 0.1)])
def test_the_loss_falls_and_the_weights_move(bert: Path, tuning: str, fall: float) -> None:
    torch.manual_seed(0)
    settings = tiny(bert, f"text.tuning={tuning}", *ADAPT)
    encoder = TextEncoder.load(settings.text)
    before = encoder.learned()
    received: list[Event] = []
    losses = adapt_to_texts(encoder, TEXTS, settings, received.append)
    assert np.mean(losses[-10:]) < np.mean(losses[:10]) - fall
    assert any(not torch.equal(t, before[n]) for n, t in encoder.learned().items())
    assert [event.done for event in received] == list(range(1, 61))


def test_only_weights_that_may_move_do(bert: Path) -> None:
    settings = tiny(bert, "text.tuning=lora", *ADAPT)
    encoder = TextEncoder.load(settings.text)
    still = {
        n: p.detach().clone() for n, p in encoder.backbone.named_parameters() if "lora_" not in n
    }
    adapt_to_texts(encoder, TEXTS, settings, ignore)
    now = dict(encoder.backbone.named_parameters())
    assert all(torch.equal(now[name], tensor) for name, tensor in still.items())


def test_the_stage_runs_before_training_when_it_is_asked_for(bert: Path) -> None:
    stages = []
    settings = tiny(bert, "text.tuning=lora", "text.adapt=mlm", "text.adapt_steps=2")
    fit(planted_snapshot(small_world()), settings, on_event=lambda e: stages.append(e.stage))
    assert stages[:2] == ["adapting the encoder"] * 2


def test_without_being_asked_nothing_is_adapted(bert: Path) -> None:
    settings = tiny(bert, "text.tuning=full")
    assert adapt_to_texts(TextEncoder.load(settings.text), TEXTS, settings, ignore) == []


def test_a_decoder_is_refused(tmp_path: Path) -> None:
    folder = write_tiny_decoder(tmp_path / "decoder", "llama")
    settings = tiny(folder, "text.tuning=lora", *ADAPT)
    with pytest.raises(ConfigError, match=r"text\.adapt: mlm needs an encoder with a mask token"):
        adapt_to_texts(TextEncoder.load(settings.text), TEXTS, settings, ignore)


def test_a_frozen_encoder_is_refused(bert: Path) -> None:
    settings = tiny(bert, *ADAPT)
    with pytest.raises(ConfigError, match=r"text\.adapt: .* but text\.tuning is frozen"):
        adapt_to_texts(TextEncoder.load(settings.text), TEXTS, settings, ignore)


def test_masks_are_as_in_bert_and_spare_special_tokens(bert: Path) -> None:
    tokenizer = TextEncoder.load(tiny(bert).text).tokenizer
    ids = torch.randint(5, len(tokenizer), (400, 50))
    special = torch.zeros_like(ids, dtype=torch.bool)
    special[:, 0] = True
    masked, labels = mask_tokens(ids, special, tokenizer, torch.Generator().manual_seed(0))
    asked = labels != -100
    assert not asked[:, 0].any()
    assert torch.equal(labels[asked], ids[asked])
    assert torch.equal(masked[~asked], ids[~asked])
    assert asked[:, 1:].float().mean().item() == pytest.approx(0.15, abs=0.01)
    is_mask = masked[asked] == tokenizer.mask_token_id
    kept = masked[asked] == ids[asked]
    assert is_mask.float().mean().item() == pytest.approx(0.8, abs=0.03)
    assert kept.float().mean().item() == pytest.approx(0.1, abs=0.03)
