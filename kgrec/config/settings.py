"""All settings of a training run.

In:   plain data by section.
Out:  :class:`Settings`; a wrong value or an unknown name is refused.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from pydantic import Field, field_validator

from kgrec.config.files import read
from kgrec.config.model import AlignSettings, ModelSettings, TextSettings
from kgrec.config.serving import ServingSettings
from kgrec.config.training import TrainSettings
from kgrec.ensemble.settings import (
    ColdItemSettings,
    Component,
    EnsembleSettings,
    read_components,
)
from kgrec.section import Section

__all__ = ["Settings", "default_components"]


@cache
def default_components() -> dict[str, Component]:
    """The components of configs/default.yaml: those of every config that names none."""
    return read_components(read("default")["components"])


class Settings(Section):
    """All settings of a training run.

    Default values stand below, except those of ``components``: they come from the shipped
    configs/default.yaml, which is read when the first ``Settings`` without components are made.
    """

    positive_weight: float = Field(default=0.8, gt=0.0, le=1.0)
    """Weight of an interaction from which it counts as a like. 0.8 is 8 of 10, or 4 of 5, and any
    event without a rating; lower it where mediocre ratings should count as well."""
    text: TextSettings = TextSettings()
    model: ModelSettings = ModelSettings()
    components: dict[str, Component] = Field(default_factory=lambda: dict(default_components()))
    """Recommenders beside the joint model, by name; by default those of configs/default.yaml."""
    ensemble: EnsembleSettings = EnsembleSettings()
    cold_items: ColdItemSettings = ColdItemSettings()
    align: AlignSettings = AlignSettings()
    train: TrainSettings = TrainSettings()
    serving: ServingSettings = ServingSettings()

    @field_validator("components", mode="before")
    @classmethod
    def _read_components(cls, given: Any) -> dict[str, Component]:
        return read_components(given)
