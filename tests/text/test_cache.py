"""Texts are encoded once by the same weights; only tuned vectors are made anew."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

from kgrec.config import TextSettings
from kgrec.text.cache import TextCache, default_folder
from kgrec.text.encoder import TextEncoder

TEXTS = ["bade fi", None, "gokula", "menipo ra"]


def encoder_of(bert: Path, **settings: object) -> TextEncoder:
    torch.manual_seed(0)
    return TextEncoder.load(TextSettings(name=str(bert), **settings))  # type: ignore[arg-type]


def cache_of(
    encoder: TextEncoder, texts: list[str | None], folder: Path | None = None
) -> TextCache:
    hashes = [text and hashlib.sha256(text.encode()).hexdigest() for text in texts]
    return TextCache(texts, hashes, encoder, folder=folder or default_folder())


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every text that an encoder was given, in order."""
    given: list[str] = []
    forward = TextEncoder.forward

    def listening(self: TextEncoder, texts: list[str]) -> torch.Tensor:
        given.extend(texts)
        return forward(self, texts)

    monkeypatch.setattr(TextEncoder, "forward", listening)
    return given


def test_vectors_are_those_of_the_encoder_and_zero_without_text(bert: Path) -> None:
    encoder = encoder_of(bert, tuning="frozen")
    cache = cache_of(encoder, TEXTS)
    cache.refresh()
    assert cache.items_with_text.tolist() == [0, 2, 3]
    assert cache.has_text.tolist() == [1, 0, 1, 1]
    assert not cache.vectors[1].any()
    for item in (0, 2, 3):
        alone = next(encoder.encode([str(TEXTS[item])]))[0]
        torch.testing.assert_close(cache.vectors[item], alone, rtol=1e-4, atol=1e-5)


def test_the_second_use_reads_from_disk(bert: Path, encoded: list[str], cache_folder: Path) -> None:
    first = cache_of(encoder_of(bert, tuning="frozen"), TEXTS)
    first.refresh()
    assert sorted(encoded) == ["bade fi", "gokula", "menipo ra"]
    assert len(list(cache_folder.iterdir())) == 1
    encoded.clear()
    second = cache_of(encoder_of(bert, tuning="frozen"), TEXTS)
    second.refresh()
    assert encoded == []
    assert torch.equal(first.vectors, second.vectors)


def test_only_changed_texts_are_encoded_again(bert: Path, encoded: list[str]) -> None:
    cache_of(encoder_of(bert, tuning="frozen"), TEXTS).refresh()
    encoded.clear()
    changed = cache_of(encoder_of(bert, tuning="frozen"), ["bade fi", "suti", "gokula", "ra"])
    changed.refresh()
    assert sorted(encoded) == ["ra", "suti"]
    encoded.clear()
    cache_of(encoder_of(bert, tuning="frozen"), [*TEXTS, "suti", "ra"]).refresh()
    assert encoded == []


def test_another_prefix_is_another_encoder(bert: Path, encoded: list[str]) -> None:
    cache_of(encoder_of(bert, tuning="frozen"), TEXTS).refresh()
    encoded.clear()
    cache_of(encoder_of(bert, tuning="frozen", prefix="passage: "), TEXTS).refresh()
    assert len(encoded) == 3


def test_an_untuned_adapter_is_kept_and_a_tuned_one_is_not(bert: Path, cache_folder: Path) -> None:
    encoder = encoder_of(bert, tuning="lora")
    cache = cache_of(encoder, TEXTS)
    cache.refresh()
    assert len(list(cache_folder.iterdir())) == 1
    untuned = cache.vectors.clone()
    with torch.no_grad():
        for parameter in encoder.trainable().values():
            parameter.add_(0.1)
    cache.refresh()
    assert not torch.allclose(cache.vectors, untuned)
    assert len(list(cache_folder.iterdir())) == 1


def test_full_tuning_keeps_nothing(bert: Path, cache_folder: Path) -> None:
    cache_of(encoder_of(bert, tuning="full"), TEXTS).refresh()
    assert not cache_folder.exists()


def test_a_damaged_file_is_written_anew(bert: Path, encoded: list[str], cache_folder: Path) -> None:
    cache_of(encoder_of(bert, tuning="frozen"), TEXTS).refresh()
    file = next(cache_folder.iterdir())
    file.write_bytes(file.read_bytes()[:20])
    encoded.clear()
    again = cache_of(encoder_of(bert, tuning="frozen"), TEXTS)
    again.refresh()
    assert len(encoded) == 3
    encoded.clear()
    cache_of(encoder_of(bert, tuning="frozen"), TEXTS).refresh()
    assert encoded == []


def test_fresh_rows_carry_gradient_and_the_others_do_not(bert: Path) -> None:
    encoder = encoder_of(bert, tuning="lora").eval()  # without dropout
    cache = cache_of(encoder, TEXTS)
    cache.refresh()
    fresh = cache.fresh(np.array([2]))
    torch.testing.assert_close(fresh, cache.vectors, rtol=1e-4, atol=1e-5)
    weights = list(encoder.trainable().values())
    others = fresh[[0, 3]].sum()
    grads = torch.autograd.grad(others, weights, allow_unused=True, retain_graph=True)
    assert not any(g is not None and g.any() for g in grads)
    grads = torch.autograd.grad(fresh[2].square().sum(), weights, allow_unused=True)
    assert any(g is not None and g.any() for g in grads)
    assert cache.fresh(np.zeros(0, np.int64)) is cache.vectors


def test_the_cache_follows_the_environment(cache_folder: Path) -> None:
    assert default_folder() == cache_folder
