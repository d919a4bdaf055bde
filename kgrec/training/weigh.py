"""Weigh the parts of a score by how well each ranks what held-out people liked.

In:   the parts of a score, fitted without the held-out likes; the held-out people; the log.
Out:  what was measured of every part (:class:`Measured`); and from that alone, so that other
      shares need no new solve, the :class:`~kgrec.model.weights.PartWeights`.

Each part but ``UNJUDGED`` ranks alone, in every domain, for newcomers and for known people. Where
nobody could be held out of one kind, weights follow from the prior, and spreads from other people.

Shapes: B people   I_d items of a domain   P parts
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.config import BlendSettings
from kgrec.data.interactions import Interactions
from kgrec.model.weights import (
    PARTS,
    UNJUDGED,
    UNLINKED,
    UNPROVEN,
    PartWeights,
    part_weights,
)
from kgrec.ranking.topk import blocks
from kgrec.runs.scorer import Parts
from kgrec.training.validation import HeldOut, ndcg

__all__ = [
    "COUNTING", "WORTH_AT", "Measured", "Weighed", "measure_parts", "shares_of", "weigh_parts",
]  # fmt: skip

COUNTING: dict[str, Any] = {
    "sharpness": True,
    **{part: {"share"} for part in PARTS[1:]},
    "narrow": {"share", "people"},
}
"""What of the blend's settings says how parts count, and not how they are solved."""

WORTH_AT = 100
"""Length of the lists that parts are judged by: at ten, a dozen people tell them apart by luck."""

_SAMPLE = 200
"""People whose scores tell a spread where nobody was held out."""

_TEXT_ALONE = 2.0
"""How many times their share texts count for newcomers where nothing else joins two domains."""

_BLOCK = 128


@dataclass(frozen=True)
class Measured:
    """One domain and one kind of person: how each part ranks for them alone, and how it spreads."""

    domain: int
    newcomers: bool
    people: int
    """How many were held out."""
    linking: int
    """How many people link the domain to another."""
    spreads: NDArray[np.float64]
    """``[P]`` standard deviation of a person's scores; 0 of a part that is not there."""
    worth: NDArray[np.float64]
    """``[P]`` NDCG@100 of each part alone; 0 of ``UNJUDGED``, and where nobody was held out."""


@dataclass(frozen=True)
class Weighed:
    """One domain and one kind of person: what each part is worth to them, and so counts."""

    domain: int
    newcomers: bool
    people: int
    """How many were held out."""
    worth: dict[str, float]
    """NDCG@100 of each judged part alone; empty where nobody was held out."""
    counts: dict[str, float]
    """Spread of each weighed part over the catalogue: how much it moves a ranking."""


def measure_parts(
    parts: Parts, held_out: Sequence[HeldOut], log: Interactions, *, seed: int
) -> list[Measured]:
    """All parts, for newcomers and for known people of every domain."""
    groups = {(group.domain, group.newcomers): group for group in held_out}
    asked = {kind: group.hidden.shape[0] for kind, group in groups.items()}
    found = []
    for domain in range(log.num_domains):
        linking = len(log.overlapping(domain)) or asked.get((domain, True), 0)
        for newcomers in (True, False):
            group = groups.get((domain, newcomers))
            if group is None:
                group = _others(log, domain, newcomers=newcomers, seed=seed)
            people = asked.get((domain, newcomers), 0)
            ranked = _measured(parts, group, log.items_of(domain))
            found.append(Measured(domain, newcomers, people, linking, *ranked))
    return found


def weigh_parts(
    measured: Sequence[Measured], settings: BlendSettings
) -> tuple[PartWeights, list[Weighed]]:
    """Weights of all parts, for newcomers and for known people of every domain."""
    domains = 1 + max(kind.domain for kind in measured)
    values = np.zeros((2, domains, len(PARTS)), np.float32)
    there = [(n, name) for n, name in enumerate(PARTS) if shares_of(settings)[n]]
    report = []
    for kind in measured:
        shares = _shares(settings, kind.linking, newcomers=kind.newcomers)
        belief = (UNPROVEN if kind.linking else UNLINKED) if kind.newcomers else 1.0
        weights = part_weights(
            shares, kind.spreads, kind.worth,
            people=kind.people, belief=belief, sharpness=settings.sharpness,
        )  # fmt: skip
        values[0 if kind.newcomers else 1, kind.domain] = weights
        counts = weights * kind.spreads
        judged = [(n, name) for n, name in there if kind.people and name not in UNJUDGED]
        report.append(
            Weighed(
                kind.domain, kind.newcomers, kind.people,
                worth={name: round(float(kind.worth[n]), 4) for n, name in judged},
                counts={name: round(float(counts[n]), 4) for n, name in there},
            )
        )  # fmt: skip
    return PartWeights(values), report


def shares_of(settings: BlendSettings) -> NDArray[np.float64]:
    """``[P]`` shares as they are set; the learned score's is 1."""
    return np.array([1.0, *(getattr(settings, name).share for name in PARTS[1:])])


def _shares(settings: BlendSettings, linking: int, *, newcomers: bool) -> NDArray[np.float64]:
    """``[P]`` shares in a domain that so many people link to another."""
    shares = shares_of(settings)
    few = settings.narrow.people / (settings.narrow.people + linking)
    shares[PARTS.index("narrow")] *= few if newcomers else 0.0
    if newcomers and not linking:
        # Without links there is no common frame: merged factors of two domains are noise to each
        # other, maps and paths between them are empty by themselves, and texts are what is left.
        shares[PARTS.index("merged")] = 0.0
        shares[PARTS.index("content")] *= _TEXT_ALONE
    return shares


def _others(log: Interactions, domain: int, *, newcomers: bool, seed: int) -> HeldOut:
    """People of the log of whom nothing is hidden."""
    inside = log.active[:, domain]
    if not newcomers:
        people = np.flatnonzero(inside)
    else:
        people = np.flatnonzero(~inside & log.active.any(axis=1))
        if not len(people):
            people = log.overlapping(domain)
    if len(people) > _SAMPLE:
        rng = np.random.default_rng([seed, domain])
        people = np.sort(rng.choice(people, _SAMPLE, replace=False))
    rows: sp.csr_matrix = log.liked[people]
    rows = (log.outside(rows, domain) if newcomers else rows).tocsr()
    rows.eliminate_zeros()
    nothing = sp.csr_matrix((len(people), len(log.items_of(domain))), dtype=np.float32)
    return HeldOut(domain, rows, nothing, newcomers)


def _measured(
    parts: Parts, group: HeldOut, items: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """``[P]`` spread of each part's scores, and ``[P]`` its NDCG@100 alone."""
    variance, worth = np.zeros(len(PARTS)), np.zeros(len(PARTS))
    count = group.histories.shape[0]
    catalogue = parts.items(group.domain)
    for rows in blocks(count, _BLOCK):
        some = HeldOut(group.domain, group.histories[rows], group.hidden[rows], group.newcomers)
        people = parts.people(some.histories, group.domain)
        for number, name in enumerate(PARTS):
            if name not in people or not len(items):
                continue
            scores = people[name].products(catalogue[name])
            variance[number] += scores.var(axis=1, dtype=np.float64).sum()
            if group.hidden.nnz and name not in UNJUDGED:
                worth[number] += ndcg(scores, some, items, at=WORTH_AT) * len(scores)
    return np.sqrt(variance / max(count, 1)), worth / max(count, 1)
