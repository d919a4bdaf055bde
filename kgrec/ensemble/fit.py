"""Fits the components of the ensemble, and weighs them by how well each ranks for held-out users.

In:   interactions and settings; then components fitted without the held-out likes, and the
      held-out users.
Out:  fitted components; what was measured of each (:class:`Measured`); and from that alone, so that
      other weights need no new fit, the :class:`~kgrec.ensemble.weights.ComponentWeights`.

Each component without a fixed weight ranks alone, in every domain, for cold and for warm users.
Where nobody could be held out of one kind, weights follow from the prior, and standard deviations
from other users.

Shapes: B users   I_d items of a domain
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.data.hold_out import HeldOut
from kgrec.data.interactions import Interactions
from kgrec.ensemble.recommender import Components
from kgrec.ensemble.settings import GNN, Component, EnsembleSettings
from kgrec.ensemble.weights import (
    NO_OVERLAP_PRIOR,
    PRIOR,
    ComponentWeights,
    Judged,
    component_weights,
)
from kgrec.ranking.topk import blocks
from kgrec.ranking.validation import ndcg
from kgrec.recommenders import registry
from kgrec.recommenders.base import VectorRecommender
from kgrec.recommenders.popularity import Popularity

__all__ = ["JUDGED_AT", "Measured", "Weighed", "fit_components", "measure", "weigh"]

JUDGED_AT = 100
"""Length of the lists that components are judged by; of short ones a dozen users say little."""

_SAMPLE = 200
"""Users whose scores tell a standard deviation where nobody was held out."""

_BLOCK = 128

_REFERENCE = "popularity of all"


@dataclass(frozen=True)
class Measured:
    """One domain and one kind of user: how each component ranks for them alone."""

    domain: int
    cold: bool
    """Whether these are cold users."""
    users: int
    """How many were held out."""
    overlap: int
    """How many users link the domain to another."""
    std: dict[str, float]
    """Standard deviation of a user's scores, by component."""
    ndcg: dict[str, float]
    """NDCG@100 of each component alone; 0 where nobody was held out."""
    reference: float
    """The same of popularity, to which priors are relative."""


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


def fit_components(
    data: Interactions,
    settings: Mapping[str, Component],
    *,
    seed: int,
    before: Mapping[str, VectorRecommender] | None = None,
) -> dict[str, VectorRecommender]:
    """Fit the recommenders of all components; under a minute for a million likes.

    Args:
        data: What they learn from, text vectors of the encoder as trained included.
        settings: Of all components.
        seed: Of the fits.
        before: The same components fitted on nearly the same data: factors go on from there, which
            is quicker, and end close to those that were weighed.

    Returns:
        A fitted recommender for each name of ``settings``.

    Raises:
        InputError: ``data`` lacks something that a recommender needs: texts, or an order.
        TrainingError: Factors of a component became NaN.
    """
    if before is not None:
        return {name: before[name].refit(data, seed=seed) for name in settings}
    return {
        name: registry.entry(given.model).load()(given.settings).fit(data, seed=seed)  # type: ignore[misc]
        for name, given in settings.items()
    }


def measure(
    components: Components,
    settings: Mapping[str, Component],
    held_out: Sequence[HeldOut],
    data: Interactions,
    *,
    seed: int,
) -> list[Measured]:
    """Measure all components, for cold and for warm users of every domain.

    Args:
        components: Fitted without the held-out likes, the joint model among them.
        settings: Of all components but the joint model; those with a fixed weight are not ranked.
        held_out: Groups of users with the likes that were hidden from ``components``. A missing or
            empty group has an NDCG of 0 and standard deviations from other users.
        data: The interactions that ``components`` were fitted on.
        seed: Of the draw of those other users.

    Returns:
        One row for each domain and kind of user, cold before warm.
    """
    groups = {(group.domain, group.cold): group for group in held_out}
    asked = {kind: group.hidden.shape[0] for kind, group in groups.items()}
    reference = next(
        (n for n, r in components.recommenders.items()
         if isinstance(r, Popularity) and r.settings.among == "all"), _REFERENCE,
    )  # fmt: skip
    if reference == _REFERENCE:
        with_it = {**components.recommenders, _REFERENCE: Popularity(scale="log").fit(data)}
        components = Components(with_it, components.imputer, components.item_domain)
    fixed = {name for name, given in settings.items() if given.fixed_weight}
    found = []
    for domain in range(data.num_domains):
        overlap = len(data.overlapping(domain)) or asked.get((domain, True), 0)
        for cold in (True, False):
            group = groups.get((domain, cold)) or _others(data, domain, cold=cold, seed=seed)
            std, alone = _measured(components, group, data.items_of(domain), fixed)
            users = asked.get((domain, cold), 0)
            popularity = alone[reference]
            for by_name in (std, alone):
                by_name.pop(_REFERENCE, None)
            found.append(Measured(domain, cold, users, overlap, std, alone, popularity))
    return found


def weigh(
    measured: Sequence[Measured],
    settings: Mapping[str, Component],
    ensemble: EnsembleSettings,
) -> tuple[ComponentWeights, list[Weighed]]:
    """Weigh the joint model and all components, for every domain and kind of user.

    Args:
        measured: What :func:`measure` found.
        settings: Of all components but the joint model; only what says how a component counts is
            read.
        ensemble: The exponent.

    Returns:
        The weights, and what explains them: a row for each row of ``measured``.
    """
    domains = 1 + max(kind.domain for kind in measured)
    names = (GNN, *settings)
    values = {name: np.zeros((2, domains), np.float32) for name in names}
    report = []
    for kind in measured:
        judged = {name: _judged(name, settings.get(name), kind) for name in names}
        weights = component_weights(
            judged, users=kind.users, reference=kind.reference, exponent=ensemble.exponent
        )
        for name, weight in weights.items():
            values[name][0 if kind.cold else 1, kind.domain] = weight
        shown = [name for name in names if kind.users and not judged[name].fixed_weight]
        report.append(
            Weighed(
                kind.domain, kind.cold, kind.users,
                ndcg={name: round(kind.ndcg[name], 4) for name in shown},
                contribution={name: round(weights[name] * kind.std[name], 4) for name in names},
            )
        )  # fmt: skip
    return ComponentWeights(values), report


def _judged(name: str, given: Component | None, kind: Measured) -> Judged:
    """What is known of one component for one domain and kind of user."""
    usual = 1.0 if not kind.cold else PRIOR if kind.overlap else NO_OVERLAP_PRIOR
    std, alone = kind.std[name], kind.ndcg[name]
    if given is None:
        return Judged(1.0, std, alone, usual)
    weight = given.weight
    if kind.cold:
        if given.halved_at is not None:
            weight *= given.halved_at / (given.halved_at + kind.overlap)
        if not kind.overlap:
            weight *= given.without_overlap
    elif not given.warm_users:
        weight = 0.0
    prior = usual if given.prior is None else given.prior
    return Judged(weight, std, alone, prior, given.fixed_weight)


def _others(data: Interactions, domain: int, *, cold: bool, seed: int) -> HeldOut:
    """Users of the interactions of whom nothing is hidden."""
    inside = data.active[:, domain]
    if not cold:
        rows = np.flatnonzero(inside)
    else:
        rows = np.flatnonzero(~inside & data.active.any(axis=1))
        if not len(rows):
            rows = data.overlapping(domain)
    if len(rows) > _SAMPLE:
        rng = np.random.default_rng([seed, domain])
        rows = np.sort(rng.choice(rows, _SAMPLE, replace=False))
    users = data.histories_of(rows)
    if cold:
        users = users.keep_items(data.item_domain != domain)
    nothing = sp.csr_matrix((len(rows), len(data.items_of(domain))), dtype=np.float32)
    return HeldOut(domain, users, nothing, cold)


def _measured(
    components: Components, group: HeldOut, items: NDArray[np.int64], fixed: set[str]
) -> tuple[dict[str, float], dict[str, float]]:
    """Standard deviation of each component's scores, and its NDCG@100 alone."""
    names = list(components.recommenders)
    variance, total = dict.fromkeys(names, 0.0), dict.fromkeys(names, 0.0)
    count = len(group.users)
    catalogue = components.item_vectors(group.domain)
    for rows in blocks(count, _BLOCK) if len(items) else ():
        some = HeldOut(group.domain, group.users[rows], group.hidden[rows], group.cold)
        users = components.user_vectors(some.users, group.domain)
        for name in names:
            scores = users[name].products(catalogue[name])
            variance[name] += float(scores.var(axis=1, dtype=np.float64).sum())
            if group.hidden.nnz and name not in fixed:
                total[name] += ndcg(scores, some, items, at=JUDGED_AT) * len(scores)
    most = max(count, 1)
    return (
        {name: float(np.sqrt(value / most)) for name, value in variance.items()},
        {name: value / most for name, value in total.items()},
    )
