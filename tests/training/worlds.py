"""Small graphs and small encoders whose answers are known, for tests of model and training."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from graph_store.snapshot import NO_TIME, Snapshot
from kgrec.config import Settings, resolve
from loaders.synthetic import Planted, planted

__all__ = [
    "make_snapshot",
    "planted_snapshot",
    "small_world",
    "tiny",
    "write_tiny_bert",
    "write_tiny_decoder",
]

SYLLABLES = ("ba", "de", "fi", "go", "ku", "la", "me", "ni", "po", "ra", "su", "ti", "vo", "ze")

TINY: dict[str, Any] = {
    "text": {"tuning": "frozen", "max_tokens": 12, "texts_per_step": 8},
    "model": {
        "dim": 16,
        "layers": 1,
        "text_width": 16,
        "spectrum_rank": 8,
        "factor_rank": 4,
        "sequence_layers": 0,  # the order of made-up logs says nothing, unless a test plants it
    },
    "align": {"batch_users": 32},
    "train": {"epochs": 2, "min_warm_users": 32, "precision": "fp32", "validation_fraction": 0.0},
}


def tiny(encoder: Path | str, *overrides: str) -> Settings:
    """Settings of a model that trains in a second; ``overrides`` as ``--set`` takes them."""
    data = {section: dict(values) for section, values in TINY.items()}
    data["text"]["name"] = str(encoder)
    return resolve(data, list(overrides))


def small_world(**changes: Any) -> Planted:
    """Sixty users of four tastes in two domains; everybody likes all that is of their taste."""
    sizes: dict[str, Any] = {
        "num_users": 60, "items_per_domain": 16, "concepts": 4, "events_per_domain": 4,
    }  # fmt: skip
    return planted(**(sizes | changes))


def planted_snapshot(world: Planted, *, with_text: bool = True) -> Snapshot:
    """The graph of a made-up world; keys are the world's own ids."""
    items = {
        row["item_id"]: (row["domain"], row["title"] if with_text else None)
        for row in world.items.iter_rows(named=True)
    }
    tags = {
        row["item_id"]: row["categories"]
        for row in world.items.iter_rows(named=True)
        if row["categories"]
    }
    likes = [(row["user_id"], row["item_id"]) for row in world.interactions.iter_rows(named=True)]
    return make_snapshot(likes, items, tags=tags)


Like = tuple[str, str] | tuple[str, str, float] | tuple[str, str, float, int]


def make_snapshot(
    likes: Iterable[Like],
    items: Mapping[str, tuple[str, str | None]],
    *,
    tags: Mapping[str, Sequence[str]] | None = None,
    same_as: Iterable[tuple[str, str]] = (),
    users: Iterable[str] = (),
) -> Snapshot:
    """A snapshot from ``(user, item[, weight[, time]])`` rows and ``{item: (domain, text)}``.

    The order of the log is that of the rows.
    """
    filled = [(*row, *(1.0, NO_TIME)[len(row) - 2 :], place) for place, row in enumerate(likes)]
    rows = sorted(filled, key=lambda row: (row[:2], row[4]))
    user_keys = sorted({row[0] for row in rows} | set(users))
    item_keys = sorted(items)
    domain_keys = sorted({domain for domain, _ in items.values()})
    tag_keys = sorted({tag for some in (tags or {}).values() for tag in some})
    texts = [items[key][1] for key in item_keys]
    pairs = sorted(
        (item_keys.index(item), tag_keys.index(tag))
        for item, some in (tags or {}).items()
        for tag in some
    )
    links = [(user_keys.index(a), user_keys.index(b)) for a, b in same_as]
    return Snapshot(
        user_keys=np.array(user_keys, dtype=np.str_),
        item_keys=np.array(item_keys, dtype=np.str_),
        domain_keys=np.array(domain_keys, dtype=np.str_),
        tag_keys=np.array(tag_keys, dtype=np.str_),
        titles=texts,
        texts=texts,
        text_hashes=[t and hashlib.sha256(t.encode()).hexdigest() for t in texts],
        item_domain=np.array([domain_keys.index(items[k][0]) for k in item_keys], dtype=np.int32),
        kinds=("view",),
        user=np.array([user_keys.index(row[0]) for row in rows], dtype=np.int32),
        item=np.array([item_keys.index(row[1]) for row in rows], dtype=np.int32),
        kind=np.zeros(len(rows), dtype=np.int16),
        weight=np.array([row[2] for row in rows], dtype=np.float32),
        count=np.ones(len(rows), dtype=np.int64),
        at=np.array([row[3] for row in rows], dtype=np.int64),
        first_at=np.array([row[3] for row in rows], dtype=np.int64),
        order=np.array([row[4] for row in rows], dtype=np.int64),
        item_tag=np.array(pairs, dtype=np.int32).reshape(-1, 2).T,
        same_as=np.array(links, dtype=np.int32).reshape(-1, 2).T,
    )


def write_tiny_bert(folder: Path, *, seed: int = 0) -> Path:
    """A random BERT of 16 dimensions that reads made-up words syllable by syllable."""
    import torch
    from transformers import BertConfig, BertModel

    tokenizer = _tokenizer(cls="[CLS]", sep="[SEP]", mask="[MASK]")
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=64, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def write_tiny_decoder(folder: Path, kind: str, *, padding_side: str = "right") -> Path:
    """A random Qwen3 or Llama of 16 dimensions; like many decoders it has no pad token."""
    import torch
    from transformers import LlamaConfig, LlamaModel, Qwen3Config, Qwen3Model

    tokenizer = _tokenizer(eos="</s>", padding_side=padding_side)
    torch.manual_seed(0)
    sizes: dict[str, Any] = {
        "vocab_size": len(tokenizer), "hidden_size": 16, "num_hidden_layers": 2,
        "num_attention_heads": 2, "num_key_value_heads": 2, "intermediate_size": 32,
        "max_position_embeddings": 64,
    }  # fmt: skip
    model = (
        Qwen3Model(Qwen3Config(**sizes, head_dim=8))
        if kind == "qwen3"
        else LlamaModel(LlamaConfig(**sizes))
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _tokenizer(
    *, cls: str = "", sep: str = "", mask: str = "", eos: str = "", padding_side: str = "right"
) -> Any:
    from tokenizers import Tokenizer
    from tokenizers.models import WordPiece
    from tokenizers.normalizers import Lowercase
    from tokenizers.pre_tokenizers import BertPreTokenizer
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", *(token for token in (cls, sep, mask, eos) if token)]
    pieces = [*SYLLABLES, *(f"##{s}" for s in SYLLABLES), "passage", "query", ":"]
    vocabulary = {token: number for number, token in enumerate(special + pieces)}
    inner = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))
    inner.normalizer = Lowercase()
    inner.pre_tokenizer = BertPreTokenizer()
    if cls:
        inner.post_processor = TemplateProcessing(
            single=f"{cls} $A {sep}", special_tokens=[(t, vocabulary[t]) for t in (cls, sep)]
        )
    names = {"cls_token": cls, "sep_token": sep, "mask_token": mask, "eos_token": eos}
    return PreTrainedTokenizerFast(
        tokenizer_object=inner, unk_token="[UNK]", padding_side=padding_side,
        **({"pad_token": "[PAD]"} if not eos else {}),
        **{name: token for name, token in names.items() if token},
    )  # fmt: skip
