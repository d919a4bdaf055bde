"""The models that a benchmark can name: every recommender, their fusion, and kgrec itself.

In:   a name.
Out:  an :class:`Entry`: how to make the model and which settings tuning tries.

Recommenders come from :mod:`kgrec.recommenders.registry`. Imports of a model happen when it is
asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from graph_store.snapshot import Snapshot
from kgrec.config import load_settings
from kgrec.data.interactions import Interactions
from kgrec.evaluation.text_vectors import TextVectors, has_text
from kgrec.recommenders import registry
from kgrec.recommenders.base import Recommender

if TYPE_CHECKING:
    from kgrec.evaluation.trainings import Trainings

__all__ = ["FUSION", "KGREC", "Entry", "BenchmarkResources", "data_of", "entry", "names"]

FUSION = "fusion"
"""Name of the fusion of the three other models that are best by validation."""

KGREC = "kgrec"


@dataclass(frozen=True)
class BenchmarkResources:
    """What models of one benchmark may share."""

    texts: TextVectors = field(default_factory=TextVectors)
    kgrec_config: str = "default"
    """Name of a shipped config, or a file, with which the model ``kgrec`` is trained."""
    kgrec_set: tuple[str, ...] = ()
    """Single settings in place of those of the config, as ``a.b=c``."""
    trainings: Trainings | None = None
    """Where trainings of ``kgrec`` are kept; None: nothing is kept."""


@dataclass(frozen=True)
class Entry:
    """One model of the table."""

    name: str
    make: Callable[..., Recommender]
    """Called with settings out of ``trials``."""
    trials: Sequence[dict[str, Any]]
    reads_text: bool = False
    needs_text: bool = False
    is_baseline: bool = True


def names() -> list[str]:
    """All models, baselines first."""
    return [*registry.names(), FUSION, KGREC]


def entry(name: str, resources: BenchmarkResources) -> Entry:
    """The model of that name.

    Raises:
        ConfigError: There is no such model; the message names the nearest one.
    """
    if name == KGREC:
        return Entry(name, partial(_make_kgrec, resources), ({},), is_baseline=False)
    known = registry.entry(name, key="models", also=(FUSION, KGREC))
    cls = known.load()
    return Entry(name, known.make, cls.trials, reads_text=cls.reads_text, needs_text=cls.needs_text)


def _make_kgrec(resources: BenchmarkResources) -> Recommender:
    """kgrec with the config of a benchmark, which is read here."""
    from kgrec.evaluation.kgrec_recommender import KgrecRecommender

    settings = load_settings(resources.kgrec_config, list(resources.kgrec_set))
    return KgrecRecommender(settings, trainings=resources.trainings)


def data_of(
    train: Snapshot, entries: Sequence[Entry], resources: BenchmarkResources
) -> Interactions:
    """Interactions of a training snapshot, with text vectors where a model reads them.

    Args:
        train: The training snapshot.
        entries: The models that will be fitted on it.
        resources: Where text vectors are kept.
    """
    data = Interactions.of(train)
    if has_text(train) and any(entry.reads_text for entry in entries):
        return replace(data, item_text=resources.texts.of(train))
    return data
