"""Masked-language modelling on the catalogue's own texts: an optional stage before training.

In:   an encoder model and texts.
Out:  the same encoder, its weights moved towards the catalogue's words.

The head is tied to the word embeddings, so nothing is left to throw away afterwards but a
small transform. Masks as in BERT (Devlin et al., 2019): 15% of the tokens, of which 80% are
masked, 10% replaced and 10% kept. Decoder models are not adapted this way.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from kgrec.config import Settings
from kgrec.errors import ConfigError
from kgrec.progress import Event, OnEvent
from kgrec.text.encoder import TextEncoder

__all__ = ["adapt_to_texts", "mask_tokens"]

_BATCH = 64
_IGNORED = -100  # what cross-entropy leaves out


def adapt_to_texts(
    encoder: TextEncoder, texts: list[str], settings: Settings, on_event: OnEvent
) -> list[float]:
    """Run the stage if ``text.adapt`` asks for it; return the loss of each step.

    Args:
        encoder: Encoder whose weights are moved in place.
        texts: Texts of the catalogue.
        settings: Settings of the training; those of ``text`` and the seed are read.
        on_event: Called after each step.

    Raises:
        ConfigError: The encoder has no mask token, or none of its weights may move.
    """
    if settings.text.adapt == "none" or not texts:
        return []
    tokenizer = encoder.tokenizer
    if tokenizer.mask_token_id is None:
        raise ConfigError("text.adapt", "mlm needs an encoder with a mask token, got a decoder")
    if not encoder.learns:
        raise ConfigError("text.adapt", "mlm moves weights, but text.tuning is frozen")
    words: Tensor = encoder.backbone.get_input_embeddings().weight  # type: ignore[operator]
    head = nn.Sequential(nn.Linear(encoder.width, encoder.width), nn.LayerNorm(encoder.width))
    head.to(encoder.device)
    learned = [*head.parameters(), *encoder.trainable().values()]
    optimizer = torch.optim.AdamW(learned, lr=settings.text.learning_rate)
    generator = torch.Generator().manual_seed(settings.train.seed)
    rng = np.random.default_rng([settings.train.seed, 7])
    losses = []
    encoder.train()
    for step in range(1, settings.text.adapt_steps + 1):
        drawn = rng.choice(len(texts), min(_BATCH, len(texts)), replace=False)
        tokens = tokenizer(
            [texts[i] for i in drawn], padding=True, truncation=True, return_tensors="pt",
            max_length=settings.text.max_tokens, return_special_tokens_mask=True,
            pad_to_multiple_of=encoder.length_step,
        )  # fmt: skip
        special = tokens.pop("special_tokens_mask").bool()
        tokens["input_ids"], labels = mask_tokens(
            tokens["input_ids"], special, tokenizer, generator
        )
        states: Tensor = encoder.backbone(**tokens.to(encoder.device)).last_hidden_state
        labels = labels.to(encoder.device)
        masked = labels != _IGNORED
        if not masked.any():
            continue
        logits = head(states[masked]) @ words.T
        loss = functional.cross_entropy(logits, labels[masked])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        note = f"loss {losses[-1]:.3f}"
        on_event(Event("adapting the encoder", step, settings.text.adapt_steps, note))
    return losses


def mask_tokens(
    ids: Tensor, special: Tensor, tokenizer: Any, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Masked ids ``[N, T]`` and labels ``[N, T]``, -100 where nothing is asked.

    Args:
        ids: Token ids ``[N, T]``.
        special: True ``[N, T]`` at special tokens and padding, which are never masked.
        tokenizer: Gives the id of the mask token and the size of the vocabulary.
        generator: Source of the random numbers.
    """
    chosen = (torch.rand(ids.shape, generator=generator) < 0.15) & ~special
    labels = torch.where(chosen, ids, torch.full_like(ids, _IGNORED))
    how = torch.rand(ids.shape, generator=generator)
    masked = torch.where(chosen & (how < 0.8), torch.full_like(ids, tokenizer.mask_token_id), ids)
    words = torch.randint(len(tokenizer), ids.shape, generator=generator)
    return torch.where(chosen & (how >= 0.9), words, masked), labels
