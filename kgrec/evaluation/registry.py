"""The models a benchmark can name.

In:   a name.
Out:  an :class:`Entry`: how to make the model and which settings tuning tries.

Models that share work (iALS factors, text vectors) get it from one :class:`Workshop`. Imports
of a model happen when it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from kgrec.errors import ConfigError
from kgrec.evaluation.baselines.factors import FactorCache
from kgrec.evaluation.recommender import Recommender
from kgrec.evaluation.text_vectors import TextVectors

if TYPE_CHECKING:
    from kgrec.evaluation.trainings import Trainings

__all__ = ["FUSION", "KGREC", "Entry", "Workshop", "entry", "names"]

FUSION = "fusion"
"""Not a model of its own: the three best others, by validation."""

KGREC = "kgrec"

_BASELINES = "kgrec.evaluation.baselines"


@dataclass(frozen=True)
class Workshop:
    """What models of one benchmark may share."""

    factors: FactorCache = field(default_factory=FactorCache)
    texts: TextVectors = field(default_factory=TextVectors)
    kgrec_config: str = "default"
    kgrec_set: tuple[str, ...] = ()
    trainings: Trainings | None = None


@dataclass(frozen=True)
class Entry:
    """One model of the table."""

    name: str
    make: Callable[..., Recommender]
    """Called with settings out of ``trials``."""
    trials: Sequence[dict[str, Any]]
    needs_text: bool = False
    is_baseline: bool = True


@dataclass(frozen=True)
class _Known:
    where: str
    fixed: Mapping[str, Any] = field(default_factory=dict)
    shares: tuple[str, ...] = ()
    needs_text: bool = False


_KNOWN: dict[str, _Known] = {
    "popularity": _Known("popularity.Popularity"),
    "popularity-overlap": _Known("popularity.Popularity", {"among": "overlap"}),
    "content": _Known("content.ContentCosine", {}, ("texts",), needs_text=True),
    "content-whitened": _Known("content.WhitenedContent", {}, ("texts",), needs_text=True),
    "item-knn": _Known("item_knn.ItemKNN"),
    "ridge": _Known("ridge_items.ItemRidge"),
    "ease": _Known("ease.EASE"),
    "graph-filter": _Known("graph_filter.GraphFilter", {}, ("cache",)),
    "svd": _Known("graph_filter.SVDFilter", {}, ("cache",)),
    "ials": _Known("ials.IALS", {}, ("cache",)),
    "bpr": _Known("bpr.BPR"),
    "emcdr": _Known("emcdr.EMCDR", {}, ("cache",)),
    "ridge-map": _Known("feature_map.FeatureMap", {"kernel": "linear"}, ("cache", "texts")),
    "kernel-map": _Known("feature_map.FeatureMap", {}, ("cache", "texts")),
    "lightgcn": _Known("lightgcn.LightGCN"),
    "lightgcn-target": _Known("lightgcn.LightGCN", {"target_only": True}),
    "cmf": _Known("cmf.CMF"),
    "ptupcdr": _Known("ptupcdr.PTUPCDR", {}, ("cache",)),
    "bitgcf": _Known("bitgcf.BiTGCF"),
    "cdrib": _Known("cdrib.CDRIB"),
    "alpharec": _Known("alpharec.AlphaRec", {}, ("texts",), needs_text=True),
}


def names() -> list[str]:
    """All models, baselines first."""
    return [*_KNOWN, FUSION, KGREC]


def entry(name: str, workshop: Workshop) -> Entry:
    """The model of that name.

    Raises:
        ConfigError: There is no such model.
    """
    if name == KGREC:
        from kgrec.evaluation.kgrec_recommender import KgrecRecommender

        make = partial(
            KgrecRecommender, config=workshop.kgrec_config, overrides=workshop.kgrec_set,
            trainings=workshop.trainings,
        )  # fmt: skip
        return Entry(name, make, ({},), is_baseline=False)
    if name not in _KNOWN:
        raise ConfigError("models", f"no model is named {name!r}", hint=", ".join(names()))
    known = _KNOWN[name]
    module, _, class_name = known.where.partition(".")
    cls = getattr(import_module(f"{_BASELINES}.{module}"), class_name)
    shared = {"cache": workshop.factors, "texts": workshop.texts}
    make = partial(cls, **known.fixed, **{key: shared[key] for key in known.shares})
    return Entry(name, make, cls.trials, needs_text=known.needs_text)
