"""Measures how well each component of the ensemble ranks for held-out users by itself.

In:   components fitted without the held-out likes, and the held-out users.
Out:  for every domain, and for cold and warm users of it, a :class:`Measured`.

Each component without a fixed weight ranks alone. Where nobody could be held out of one kind,
standard deviations are those of other users.

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
from kgrec.ensemble.settings import Component
from kgrec.ranking.topk import blocks
from kgrec.ranking.validation import ndcg
from kgrec.recommenders.popularity import Popularity

__all__ = ["JUDGED_AT", "Measured", "measure"]

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
        settings: The settings of all components but the joint model; those with a fixed weight are
            not ranked.
        held_out: Groups of users with the likes that were hidden from ``components``. A missing or
            empty group has an NDCG of 0 and standard deviations from other users.
        data: The interactions that ``components`` were fitted on.
        seed: The seed of the draw of those other users.

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
            std, alone = _std_and_ndcg(components, group, data.items_of(domain), fixed)
            users = asked.get((domain, cold), 0)
            popularity = alone[reference]
            for by_name in (std, alone):
                by_name.pop(_REFERENCE, None)
            found.append(Measured(domain, cold, users, overlap, std, alone, popularity))
    return found


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


def _std_and_ndcg(
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
