"""The file of a run that answers are made from: a scorer as named arrays, and back.

In:   a :class:`~kgrec.runs.scorer.Scorer`; or a file written before.
Out:  the file; or the scorer. Settings and graph are kept elsewhere.
"""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from kgrec.config import Settings
from kgrec.data.interactions import Interactions
from kgrec.errors import RunError, TrainingError
from kgrec.model.blend import load_blend
from kgrec.model.channels import Channels
from kgrec.model.cold_items import Borrowed
from kgrec.model.formula import Toward
from kgrec.model.weights import PartWeights
from kgrec.runs.scorer import Encode, Learned, Parts, Scorer, Texts

__all__ = ["MODEL_FILE", "load_scorer", "save_scorer"]

MODEL_FILE = "model.safetensors"

_BORROWED = ("weights", "rehearsal")
"""Matrices of :class:`Borrowed`."""
_CHANNELS = ("spectrum", "factors", "popularity", "item_domain")
"""Arrays of :class:`Channels`."""

Arrays = dict[str, NDArray[Any]]


def save_scorer(scorer: Scorer, file: Path) -> None:
    """Write all arrays of ``scorer``.

    Raises:
        TrainingError: A value is NaN or infinite; nothing is written.
    """
    learned, blend, texts = scorer.parts.learned, scorer.parts.blend, scorer.texts
    arrays: Arrays = {"z": learned.z}
    arrays |= {f"channels.{name}": getattr(learned.channels, name) for name in _CHANNELS}
    arrays |= {
        f"toward.{field.name}": np.stack([getattr(one, field.name) for one in learned.toward])
        for field in fields(Toward)
    }
    arrays |= {f"bridge_map.{d}": map_ for d, map_ in enumerate(learned.bridge_maps)}
    arrays |= blend.arrays()
    for name in _BORROWED:
        matrix = getattr(scorer.parts.borrowed, name).tocoo()
        arrays[f"borrowed.{name}.items"] = np.stack([matrix.row, matrix.col])
        arrays[f"borrowed.{name}"] = matrix.data
    arrays |= {f"texts.{field.name}": getattr(texts, field.name) for field in fields(Texts)}
    arrays["part_weights"] = scorer.weights.values
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise TrainingError(
                f"the trained model holds NaN or infinity in {name!r}, so no run was written; "
                f"try train.learning_rate lower"
            )
    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, file)


def load_scorer(
    file: Path, settings: Settings, interactions: Interactions, encode: Encode
) -> Scorer:
    """Read what :func:`save_scorer` wrote.

    Raises:
        RunError: The file is not of a run with these settings.
    """
    try:
        return _scorer(load_file(file), settings, interactions, encode)
    except (OSError, KeyError, ValueError, IndexError, SafetensorError) as error:
        raise RunError(f"{file} is damaged ({error}); copy the run again or train anew") from error


def _scorer(
    arrays: Arrays, settings: Settings, interactions: Interactions, encode: Encode
) -> Scorer:
    domains = range(interactions.num_domains)
    channels = Channels(
        **{name: arrays[f"channels.{name}"] for name in _CHANNELS},
        regularization=settings.model.factor_regularization,
        alpha=settings.model.factor_alpha,
    )
    toward = [
        Toward(**{field.name: arrays[f"toward.{field.name}"][d] for field in fields(Toward)})
        for d in domains
    ]
    learned = Learned(
        channels, arrays["z"], toward, [arrays[f"bridge_map.{d}"] for d in domains],
        uses_bridge=settings.model.bridge,
    )  # fmt: skip
    borrowed = {
        name: sp.csr_matrix(
            (arrays[f"borrowed.{name}"], arrays[f"borrowed.{name}.items"]),
            shape=(len(channels.item_domain),) * 2,
        )
        for name in _BORROWED
    }
    return Scorer(
        Parts(
            learned,
            load_blend(arrays, settings.blend, interactions),
            Borrowed(trust=settings.cold_items.trust, **borrowed),
        ),
        PartWeights(arrays["part_weights"]),
        Texts(**{field.name: arrays[f"texts.{field.name}"] for field in fields(Texts)}),
        encode,
    )
