"""The file of a run that answers are made from: a scorer as named arrays, and back.

In:   a :class:`~kgrec.runs.scorer.Scorer`; or a file written before.
Out:  the file; or the scorer, whose arrays are memory-mapped: processes share them, and what no
      question reads takes no memory. Settings and graph are kept elsewhere.

    component.NAME.*   the state of each component, by its name
    weight.NAME        [2, M] its weights for cold and for warm users of each domain
    paths.NAME.D       item-to-item matrix of a component for the target domain D
    items.D            item vectors in force of domain D, all components side by side, in the basis
                       of rotation.D, whose leading columns carry most of the scores; their tails
                       beyond these are tails.D
    serving.D.*        serving vectors of domain D
    cold_items.*       which items are imputed, and from which
    texts.*            text vectors of the catalogue
"""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from kgrec.config import Settings
from kgrec.data.interactions import Interactions
from kgrec.ensemble.cold_items import ColdItemImputer
from kgrec.ensemble.item_paths import ItemPaths
from kgrec.ensemble.recommender import Components, Ensemble
from kgrec.ensemble.settings import GNN
from kgrec.ensemble.weights import ComponentWeights
from kgrec.errors import RunError, TrainingError
from kgrec.gnn.recommender import GNNRecommender
from kgrec.ranking.candidates import Tails
from kgrec.ranking.serving import ServingVectors
from kgrec.recommenders import registry
from kgrec.recommenders.base import VectorRecommender
from kgrec.recommenders.matrices import sparse_from_state, sparse_state
from kgrec.runs.mapped import read_arrays
from kgrec.runs.scorer import Encode, Scorer
from kgrec.text.catalogue import CatalogueTexts
from kgrec.vectors import Vectors

__all__ = ["MODEL_FILE", "load_scorer", "save_scorer"]

MODEL_FILE = "model.safetensors"

_IMPUTER = ("weights", "sample")
"""Matrices of :class:`ColdItemImputer`."""

Arrays = dict[str, NDArray[Any]]


def save_scorer(scorer: Scorer, file: Path) -> None:
    """Write all arrays of ``scorer``.

    Args:
        scorer: A trained ensemble with its texts.
        file: File to write, in the format of safetensors; one that is there is replaced.

    Raises:
        TrainingError: A value is NaN or infinite; nothing is written.
    """
    ensemble, arrays = scorer.ensemble, Arrays()
    for name, recommender in ensemble.components.recommenders.items():
        state = recommender.state()
        arrays |= {f"component.{name}.{array}": value for array, value in state.items()}
        arrays[f"weight.{name}"] = ensemble.weights.values[name]
    for name in _IMPUTER:
        arrays |= sparse_state(f"cold_items.{name}", getattr(ensemble.imputer, name))
    if ensemble.paths is not None:
        for (name, domain), matrix in ensemble.paths.matrices.items():
            arrays |= sparse_state(f"paths.{name}.{domain}", matrix)
    arrays |= {
        f"texts.{field.name}": getattr(scorer.texts, field.name) for field in fields(CatalogueTexts)
    }
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise TrainingError(
                f"the trained model holds NaN or infinity in {name!r}, so no run was written; "
                f"try train.learning_rate lower"
            )
    for domain in range(ensemble.num_domains):
        vectors = ensemble.item_vectors(domain)
        arrays[f"items.{domain}"] = vectors.dense
        if vectors.sparse is not None:
            arrays |= sparse_state(f"items.{domain}.sparse", vectors.sparse)
        if domain in ensemble.rotations:
            arrays[f"rotation.{domain}"] = ensemble.rotations[domain]
        if domain in scorer.serving:
            for field in fields(ServingVectors):
                value = getattr(scorer.serving[domain], field.name)
                arrays[f"serving.{domain}.{field.name}"] = value
        if domain in scorer.tails:
            arrays[f"tails.{domain}"] = scorer.tails[domain].lengths
            arrays[f"tails.{domain}.lead"] = np.array([scorer.tails[domain].lead])
    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, file)


def load_scorer(
    file: Path, settings: Settings, interactions: Interactions, encode: Encode
) -> Scorer:
    """Read what :func:`save_scorer` wrote.

    Args:
        file: A file that :func:`save_scorer` wrote.
        settings: The settings of the run.
        interactions: Interactions of the graph of the run.
        encode: Encodes texts; called when a text is asked about.

    Raises:
        RunError: The file is not of a run with these settings.
    """
    try:
        return _scorer(read_arrays(file), settings, interactions, encode)
    except (OSError, KeyError, ValueError, IndexError) as error:
        raise RunError(f"{file} is damaged ({error}); copy the run again or train anew") from error


def _scorer(
    arrays: Arrays, settings: Settings, interactions: Interactions, encode: Encode
) -> Scorer:
    recommenders: dict[str, VectorRecommender] = {
        GNN: GNNRecommender.from_state(
            settings.model, _under(arrays, f"component.{GNN}."), interactions
        )
    }
    for name, given in settings.components.items():
        state = _under(arrays, f"component.{name}.")
        cls: Any = registry.entry(given.model).load()
        recommenders[name] = cls.from_state(given.settings, state, interactions)
    matrices = {name: sparse_from_state(arrays, f"cold_items.{name}") for name in _IMPUTER}
    imputer = ColdItemImputer(discount=settings.cold_items.discount, **matrices)
    weights = ComponentWeights({name: arrays[f"weight.{name}"] for name in recommenders})
    domains = range(interactions.num_domains)
    paths = {
        (name, domain): sparse_from_state(arrays, f"paths.{name}.{domain}")
        for name in recommenders
        for domain in domains
        if f"paths.{name}.{domain}" in arrays
    }
    items = {
        domain: Vectors(
            arrays[f"items.{domain}"],
            sparse_from_state(arrays, f"items.{domain}.sparse")
            if f"items.{domain}.sparse" in arrays
            else None,
        )
        for domain in domains
    }
    return Scorer(
        Ensemble(
            Components(recommenders, imputer, interactions.item_domain),
            weights,
            settings.components,
            paths=ItemPaths(paths) if paths else None,
            items=items,
            rotations={d: arrays[f"rotation.{d}"] for d in domains if f"rotation.{d}" in arrays},
        ),
        CatalogueTexts(
            **{field.name: arrays[f"texts.{field.name}"] for field in fields(CatalogueTexts)}
        ),
        encode,
        serving={
            d: ServingVectors(**_under(arrays, f"serving.{d}."))
            for d in domains
            if f"serving.{d}.items" in arrays
        },
        tails={
            d: Tails(int(arrays[f"tails.{d}.lead"][0]), arrays[f"tails.{d}"])
            for d in domains
            if f"tails.{d}" in arrays
        },
    )


def _under(arrays: Arrays, prefix: str) -> Arrays:
    """The entries whose names begin with ``prefix``, without it."""
    return {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}
