"""Gives each component of the ensemble its weight, for every domain and kind of user.

In:   what was measured of each component, and the settings that say how it counts.
Out:  :class:`~kgrec.ensemble.weights.ComponentWeights`, and what explains them.

Nothing is fitted or scored here, so that other weights need no new fit. Where nobody could be held
out of one kind of user, weights follow from the prior.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kgrec.ensemble.measuring import Measured
from kgrec.ensemble.settings import GNN, Component, EnsembleSettings
from kgrec.ensemble.weights import (
    NO_OVERLAP_PRIOR,
    PRIOR,
    ComponentWeights,
    Evidence,
    component_weights,
)

__all__ = ["Weighed", "weigh"]


@dataclass(frozen=True)
class Weighed:
    """One domain and one kind of user: how each component ranks for them, and so counts."""

    domain: int
    cold: bool
    """Whether these are cold users."""
    users: int
    """How many were held out."""
    ndcg: dict[str, float]
    """NDCG@100 of each judged component alone; empty where nobody was held out."""
    contribution: dict[str, float]
    """Standard deviation of each weighted component over the catalogue: how much it moves lists."""


def weigh(
    measured: Sequence[Measured],
    settings: Mapping[str, Component],
    ensemble: EnsembleSettings,
) -> tuple[ComponentWeights, list[Weighed]]:
    """Weigh the joint model and all components, for every domain and kind of user.

    Args:
        measured: What :func:`~kgrec.ensemble.measuring.measure` found.
        settings: The settings of all components but the joint model; only what says how a component
            counts is read.
        ensemble: The settings of the ensemble; their exponent is read.

    Returns:
        The weights, and what explains them: a row for each row of ``measured``.
    """
    domains = 1 + max(kind.domain for kind in measured)
    names = (GNN, *settings)
    values = {name: np.zeros((2, domains), np.float32) for name in names}
    report = []
    for kind in measured:
        evidence = {name: _evidence(name, settings.get(name), kind) for name in names}
        weights = component_weights(
            evidence, users=kind.users, reference=kind.reference, exponent=ensemble.exponent
        )
        for name, weight in weights.items():
            values[name][0 if kind.cold else 1, kind.domain] = weight
        shown = [name for name in names if kind.users and not evidence[name].fixed_weight]
        report.append(
            Weighed(
                kind.domain, kind.cold, kind.users,
                ndcg={name: round(kind.ndcg[name], 4) for name in shown},
                contribution={name: round(weights[name] * kind.std[name], 4) for name in names},
            )
        )  # fmt: skip
    return ComponentWeights(values), report


def _evidence(name: str, given: Component | None, kind: Measured) -> Evidence:
    """What is known of one component for one domain and kind of user."""
    usual = 1.0 if not kind.cold else PRIOR if kind.overlap else NO_OVERLAP_PRIOR
    std, alone = kind.std[name], kind.ndcg[name]
    if given is None:
        return Evidence(1.0, std, alone, usual)
    weight = given.weight
    if kind.cold:
        if given.halved_at is not None:
            weight *= given.halved_at / (given.halved_at + kind.overlap)
        if not kind.overlap:
            weight *= given.without_overlap
    elif not given.warm_users:
        weight = 0.0
    prior = usual if given.prior is None else given.prior
    return Evidence(weight, std, alone, prior, given.fixed_weight)
