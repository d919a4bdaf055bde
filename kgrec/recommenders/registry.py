"""The recommenders by name: one line each, for benchmarks and for components of the ensemble.

In:   a name, and settings as plain data.
Out:  the class, its settings checked, a recommender.

A module is imported when its recommender is asked for, so that naming one loads nothing. A second
name of a class has other defaults, which its settings may still change.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from pydantic import ValidationError

from kgrec.errors import ConfigError
from kgrec.recommenders.base import BaseRecommender, RecommenderSettings
from kgrec.renamed import RENAMED_IN_RECOMMENDERS, RENAMED_RECOMMENDERS, refuse_renamed

__all__ = ["Entry", "entry", "names", "one_sentence", "read_settings"]


@dataclass(frozen=True)
class Entry:
    """Where a recommender is written, as ``module.Class``, and its defaults under this name."""

    where: str
    defaults: Mapping[str, Any] = field(default_factory=dict)

    def load(self) -> type[BaseRecommender[Any]]:
        """The class."""
        module, _, name = self.where.rpartition(".")
        if "." not in module:
            module = f"kgrec.recommenders.{module}"
        found: type[BaseRecommender[Any]] = getattr(import_module(module), name)
        return found

    def make(self, **values: Any) -> BaseRecommender[Any]:
        """A recommender with some settings, as a trial names them.

        Raises:
            ConfigError: A setting is unknown or wrong, as in a file of an earlier version.
        """
        cls = self.load()
        _refuse_old_names(cls, values, key=cls.__name__)
        settings = cls.settings_class
        try:
            return cls(settings.model_validate({**self.defaults, **values}))
        except ValidationError as error:
            raise one_sentence(error, cls.__name__, list(settings.model_fields)) from None


RECOMMENDERS: dict[str, Entry] = {
    "popularity": Entry("popularity.Popularity"),
    "popularity-overlap": Entry("popularity.Popularity", {"among": "overlap"}),
    "history": Entry("history.History"),
    "content": Entry("content.ContentSimilarity"),
    "content-whitened": Entry("content.WhitenedContent"),
    "item-knn": Entry("item_knn.ItemKNN"),
    "item-ridge": Entry("item_ridge.ItemRidge"),
    "ease": Entry("ease.EASE"),
    "random-walk": Entry("random_walk.RandomWalk"),
    "graph-filter": Entry("graph_filter.GraphFilter"),
    "svd": Entry("graph_filter.SVDFilter"),
    "ials": Entry("ials.IALS"),
    "bpr": Entry("bpr.BPR"),
    "emcdr": Entry("emcdr.EMCDR"),
    "ridge-map": Entry("feature_map.FeatureMap", {"kernel": "linear"}),
    "kernel-map": Entry("feature_map.FeatureMap"),
    "lightgcn": Entry("lightgcn.LightGCN"),
    "lightgcn-target": Entry("lightgcn.LightGCN", {"target_only": True}),
    "cmf": Entry("cmf.CMF"),
    "ptupcdr": Entry("ptupcdr.PTUPCDR"),
    "bitgcf": Entry("bitgcf.BiTGCF"),
    "cdrib": Entry("cdrib.CDRIB"),
    "alpharec": Entry("alpharec.AlphaRec"),
    "sasrec": Entry("sasrec.SASRec"),
}


def names() -> list[str]:
    """All recommenders, in the order of the tables."""
    return list(RECOMMENDERS)


def entry(name: str, *, key: str = "models", also: Sequence[str] = ()) -> Entry:
    """The recommender of that name.

    Args:
        name: One of :func:`names`.
        key: The setting that names it, for the message.
        also: Other names that the setting may have, for the message.

    Raises:
        ConfigError: There is no such recommender; the message names the nearest one, or the new
            name of one that was renamed.
    """
    if name in RECOMMENDERS:
        return RECOMMENDERS[name]
    if name in RENAMED_RECOMMENDERS:
        raise ConfigError(key, f"{name} is called {RENAMED_RECOMMENDERS[name]} now")
    known = [*names(), *also]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
    raise ConfigError(key, f"no recommender is named {name!r}", hint=hint)


def read_settings(
    name: str, values: Mapping[str, Any], *, key: str, also: Sequence[str] = ()
) -> RecommenderSettings:
    """The settings of a recommender, checked.

    Args:
        name: One of :func:`names`.
        values: Settings by name; the others have their defaults.
        key: The group of settings that ``values`` are, for messages.
        also: Other settings that the group may have, for messages.

    Raises:
        ConfigError: The recommender or a setting is unknown, or a value is wrong.
    """
    found = entry(name, key=f"{key}.model")
    cls = found.load()
    _refuse_old_names(cls, values, key=key)
    settings = cls.settings_class
    try:
        return settings.model_validate({**found.defaults, **values})
    except ValidationError as error:
        raise one_sentence(error, key, [*settings.model_fields, *also]) from None


def _refuse_old_names(
    cls: type[BaseRecommender[Any]], values: Mapping[str, Any], *, key: str
) -> None:
    """Check that no setting of the group ``key`` has a name of an earlier version."""
    renamed = RENAMED_IN_RECOMMENDERS.get(cls.__name__, {})
    refuse_renamed(
        values, f"{key}.", renamed={f"{key}.{old}": f"{key}.{new}" for old, new in renamed.items()}
    )


def one_sentence(error: ValidationError, key: str, known: Sequence[str]) -> ConfigError:
    """The first of pydantic's errors as one that names the setting and the nearest known one.

    Args:
        error: What pydantic found.
        key: Full name of the group of settings.
        known: Names of the settings that there are.
    """
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"])
    where = f"{key}.{name}"
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
        hint = f"did you mean {key}.{near[0]}?" if near else f"there are {', '.join(known)}"
        return ConfigError(where, "no such setting", hint=hint)
    if first["type"] == "literal_error":
        allowed = first["ctx"]["expected"].replace("'", "").replace(" or ", ", ")
        return ConfigError(where, f"must be one of {allowed}, got {first['input']!r}")
    message = first["msg"].replace("Input should be", "must be")
    return ConfigError(where, f"{message}, got {first['input']!r}")
