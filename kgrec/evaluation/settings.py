"""Settings of a benchmark: a YAML file that names protocols, directions and models.

In:   a shipped config's name or a YAML file.
Out:  :class:`BenchmarkSettings`, or one clear sentence that names the setting.

Where the data lies is no setting: the same benchmark runs on any set (``--data``).
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, ValidationError

from kgrec import config
from kgrec.errors import ConfigError
from kgrec.evaluation.protocols.overlap import OVERLAPS

__all__ = ["BenchmarkSettings", "load_benchmark_settings"]

ProtocolName = Literal["strict-cold", "few-shot", "cold-item", "few-overlap", "time", "published"]


class BenchmarkSettings(BaseModel):
    """What is run."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    protocols: tuple[ProtocolName, ...] = Field(default=("strict-cold",), min_length=1)
    """Which protocols (docs/explanation/metrics.md); `published` needs a split in the data."""
    models: tuple[str, ...] = Field(default=("popularity", "item-knn", "emcdr"), min_length=1)
    """Names of kgrec.evaluation.registry; a model that needs text is left out where none is."""
    domains: tuple[str, ...] | None = None
    """Use only these domains of the data; null: all."""
    targets: tuple[str, ...] | None = None
    """Recommend from each of these domains, all others being sources; null: each in turn."""
    folds: tuple[int, ...] = Field(default=(0,), min_length=1)
    """Which of the five test folds; settings are chosen on the first one named."""
    linking: tuple[NonNegativeInt, ...] = Field(default=OVERLAPS, min_length=1)
    """Points of `few-overlap`: how many training users still link the domains."""
    seed: int = Field(default=0, ge=0)
    """Of splits, fits and intervals."""
    tuning_seconds: float = Field(default=1800.0, gt=0)
    """A model's tuning begins no new trial after these."""
    kgrec_config: str = "default"
    """The training config of the model `kgrec`."""
    kgrec_set: tuple[str, ...] = ()
    """Overrides of that config, in the form `a.b=c`."""


def load_benchmark_settings(name_or_path: str) -> BenchmarkSettings:
    """Read and check; unknown names are refused.

    Raises:
        ConfigError: There is no such config, or a setting of it is wrong.
    """
    data = config.read(name_or_path)
    try:
        return BenchmarkSettings.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            known = ", ".join(BenchmarkSettings.model_fields)
            raise ConfigError(key, "no such setting of a benchmark", hint=known) from None
        message = first["msg"].replace("Input should be", "must be")
        raise ConfigError(key, f"{message}, got {first['input']!r}") from None
