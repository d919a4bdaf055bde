"""Settings of the ensemble: which recommenders are its components, and how each counts.

In:   plain data, a mapping from a component's name to a recommender and its settings.
Out:  a :class:`Component` each, or one clear sentence that names the setting.

Beside its recommender's own settings a component has those of :class:`Component`. The joint model
(:mod:`kgrec.gnn`) is always a component, named ``gnn``, with weight 1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    SerializeAsAny,
    ValidationError,
    model_serializer,
)

from kgrec.errors import ConfigError
from kgrec.recommenders.base import BaseVectorRecommender, RecommenderSettings
from kgrec.recommenders.registry import entry, one_sentence, read_settings
from kgrec.section import Section

__all__ = ["GNN", "ColdItemSettings", "Component", "EnsembleSettings", "read_components"]

GNN = "gnn"
"""Name of the joint model among the components."""


class Component(Section):
    """One recommender of the ensemble: what it is, and how it counts."""

    model: str
    """Name of the recommender (kgrec.recommenders.registry)."""
    settings: SerializeAsAny[RecommenderSettings]
    """The recommender's own settings; in YAML they stand beside the others."""
    weight: PositiveFloat = 1.0
    """Weight where all components rank equally well, the joint model's being 1."""
    fixed_weight: bool = False
    """Whether the weight stays as it is however the component ranks held-out users alone."""
    halved_at: PositiveFloat | None = None
    """Number of overlapping users at which the weight for cold users is halved; null: never."""
    warm_users: bool = True
    """Whether the component counts for users who have history in the domain."""
    without_overlap: NonNegativeFloat = 1.0
    """Factor on the weight for cold users of a domain that no user links to another one."""
    prior: PositiveFloat | None = None
    """Quality expected before held-out users were asked, popularity's being 1; null: as usual."""
    for_texts: bool = True
    """Whether the component counts where a user is described in words alone."""
    cold_items_only: bool = False
    """Whether the component counts for items that nobody has liked yet, and for no others."""

    @model_serializer
    def _flat(self) -> dict[str, Any]:
        own = {name: getattr(self, name) for name in COUNTING}
        return {"model": self.model, **own, **self.settings.model_dump(mode="json")}


_NO_COMPONENT = {
    "fusion": "its votes depend on the places of all items in a user's list, which is no inner "
    "product; name the recommenders that it fuses, which the ensemble weighs",
    GNN: "the joint model is always there",
    "kgrec": "it is the whole ensemble; the joint model is always there",
}
"""Models of a benchmark that are no recommender of the registry, and why they are no component."""

COUNTING = tuple(name for name in Component.model_fields if name not in ("model", "settings"))
"""The settings that say how a component counts; the others say how it is fitted."""


class EnsembleSettings(Section):
    """How the components of the ensemble are weighed."""

    exponent: NonNegativeFloat = 3.0
    """Power of a component's validation NDCG relative to the best one's; 0: weights are fixed."""


class ColdItemSettings(Section):
    """Items without likes: their vectors are imputed from the items most similar in text."""

    neighbours: NonNegativeInt = 50
    """Most similar liked items of the same domain that are averaged; 0: nothing is imputed."""
    exponent: PositiveFloat = 3.0
    """Power of a neighbour's cosine that it counts by; more favours the nearest."""
    discount: float = Field(default=1.0, ge=0.0, le=1.0)
    """Factor on the score of a cold item; below 1 where new items are rarely taken up."""


def read_components(given: Any, *, key: str = "components") -> dict[str, Component]:
    """Components by name, in the order given; a name without a value is left out.

    Args:
        given: A mapping from names to settings, ``{"emcdr": {"model": "emcdr", "rank": 64}}``.
        key: The setting that this is, for messages.

    Raises:
        ConfigError: A name, a recommender or a setting is unknown, or a value is wrong.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise ConfigError(key, f"must be a mapping from names to recommenders, got {given!r}")
    return {
        str(name): value if isinstance(value, Component) else _component(value, f"{key}.{name}")
        for name, value in given.items()
        if value is not None
    }


def _component(given: Any, key: str) -> Component:
    name = key.partition(".")[2]
    if name == GNN:
        raise ConfigError(key, "is the joint model, which is always there; choose another name")
    if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        raise ConfigError(key, "a name has letters, digits, - and _ only")
    if not isinstance(given, Mapping):
        raise ConfigError(key, f"is a group of settings, got {given!r}")
    if "model" not in given:
        raise ConfigError(f"{key}.model", "must name a recommender", hint="e.g. model: emcdr")
    model = str(given["model"])
    why_not = _NO_COMPONENT.get(model, "")
    if not why_not:
        cls = entry(model, key=f"{key}.model").load()
        why_not = "" if issubclass(cls, BaseVectorRecommender) else cls.no_vectors
    if why_not:
        raise ConfigError(f"{key}.model", f"{model} cannot be a component: {why_not}")
    counting = {name: value for name, value in given.items() if name in COUNTING}
    own = {name: value for name, value in given.items() if name not in COUNTING and name != "model"}
    settings = read_settings(model, own, key=key, also=COUNTING)
    try:
        return Component(model=model, settings=settings, **counting)
    except ValidationError as error:
        found = one_sentence(error, key, list(COUNTING))
        if given.get("weight") in (0, 0.0):
            hint = f"to leave the component out, set {key} to null"
            raise ConfigError(f"{key}.weight", "must be greater than 0", hint=hint) from None
        raise found from None
