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
from kgrec.renamed import RENAMED_IN_BENCHMARKS, refuse_renamed

__all__ = ["BenchmarkSettings", "load_benchmark_settings"]

ProtocolName = Literal["strict-cold", "few-shot", "cold-item", "few-overlap", "time", "published"]


class BenchmarkSettings(BaseModel):
    """What a benchmark compares, and how."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    protocols: tuple[ProtocolName, ...] = Field(default=("strict-cold",), min_length=1)
    """Protocols: what is hidden and who is asked (docs/explanation/metrics.md). `published` needs
    data that hold the split of a publication."""
    models: tuple[str, ...] = Field(default=("popularity", "item-knn", "emcdr"), min_length=1)
    """Models to compare: `kgrec`, `fusion`, or names of recommenders; one that needs text is left
    out where the data have none."""
    domains: tuple[str, ...] | None = None
    """Domains of the data that are used; null: all."""
    targets: tuple[str, ...] | None = None
    """Domains that are recommended from, one after another, all others being source domains; null:
    every domain."""
    folds: tuple[int, ...] = Field(default=(0,), min_length=1)
    """Folds of test users, 0 to 4. The settings of all models are chosen on validation users of the
    first one named; more folds give narrower intervals and take as many trainings more."""
    overlapping_users: tuple[NonNegativeInt, ...] = Field(default=OVERLAPS, min_length=1)
    """Points of the protocol `few-overlap`: how many training users keep their interactions in
    both the target and the source domains; all others are cut into two accounts."""
    seed: int = Field(default=0, ge=0)
    """Seed of splits, of fits and of bootstrap intervals."""
    tuning_seconds: float = Field(default=1800.0, gt=0)
    """Seconds after which the tuning of a model begins no new trial; one that was begun is
    finished."""
    kgrec_config: str = "default"
    """Config that the model `kgrec` is trained with: a shipped name or a YAML file."""
    kgrec_set: tuple[str, ...] = ()
    """Settings laid over that config, each in the form `a.b=c`."""


def load_benchmark_settings(name_or_path: str) -> BenchmarkSettings:
    """Read the settings of a benchmark and check them; unknown names are refused.

    Args:
        name_or_path: The name of a shipped config, or the path of a YAML file.

    Raises:
        ConfigError: There is no such config, or a setting of it is wrong.
    """
    data = config.read(name_or_path)
    refuse_renamed(data, renamed=RENAMED_IN_BENCHMARKS)
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
