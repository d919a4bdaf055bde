"""Makes the serving vectors of a trained scorer, one domain at a time, and measures them.

In:   a scorer, interactions, and how wide serving vectors are.
Out:  :class:`~kgrec.ranking.serving.ServingVectors`, and how well they rank for held-out users.

The scores of some users over a domain are projected on their leading directions (a truncated SVD,
Eckart and Young, 1936). Each user's scores count alike, and an item counts by how often it is among
the best: an error there changes lists, elsewhere it does not. Half of the users are cold in the
domain, so that cold and warm users are served alike. Items that a user has already are in no list:
their scores, which are high and peculiar to the user, are taken for the mean of the user's scores.
That mean has a column of its own, so that it takes none of the directions in which items differ.

Shapes: B users   I_d items of the domain   W width
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.linalg import eigh

from kgrec.config.serving import ServingSettings
from kgrec.data.histories import Histories
from kgrec.data.hold_out import HeldOut
from kgrec.data.interactions import Interactions
from kgrec.ranking.candidates import CHEAP, tails_of
from kgrec.ranking.serving import ServingVectors
from kgrec.ranking.topk import NO_ITEM, blocks, top_k, top_k_of_products
from kgrec.ranking.validation import ndcg
from kgrec.runs.scorer import Scorer
from kgrec.training.rotation import lead_of, rotate
from kgrec.vectors import Vectors

__all__ = ["MeasuredServing", "measure_serving", "project", "sample_users", "served"]

Floats = NDArray[np.float32]

LISTED, CANDIDATES = 10, 100
"""Length of the lists that are compared, and number of candidates that should contain them."""

_BEST = 100
"""An item counts by how many users have it among so many best."""

_BLOCK_ITEMS = 4096
_BLOCK_USERS = 128
_TINY = 1e-12
_FEWEST = 1e-9
"""Directions with less than this of the variance of the leading one are left out."""


@dataclass(frozen=True)
class MeasuredServing:
    """How serving vectors rank for the held-out users of one domain and kind."""

    domain: int
    cold: bool
    """Whether these are cold users."""
    users: int
    """How many were held out."""
    width: int
    """Number of dimensions."""
    overlap: float
    """Mean fraction of the exact ten best items that are among the ten best by serving vectors."""
    among_candidates: float
    """The same of the hundred best by serving vectors."""
    ndcg: float
    """NDCG@10 by serving vectors."""
    exact_ndcg: float
    """NDCG@10 by the whole score."""


def served(
    scorer: Scorer, data: Interactions, settings: ServingSettings, *, seed: int = 0
) -> Scorer:
    """The same scorer with what lookups need: a rotated basis, tails and serving vectors.

    Args:
        scorer: A fitted ensemble.
        data: The interactions from which users are drawn.
        settings: Width of serving vectors and number of users.
        seed: Seed of the draw.
    """
    rotations, turned, serving, tails = {}, {}, {}, {}
    for domain in range(data.num_domains):
        sample = sample_users(data, domain, settings.sample_users, seed=seed)
        seen = sample.items[:, data.items_of(domain)].tocsr()
        users = scorer.user_vectors(sample, domain)
        of_users, items, squared = rotate(users, scorer.item_vectors(domain))
        rotations[domain], turned[domain] = of_users, items
        users = Vectors(users.dense @ of_users, users.sparse)
        serving[domain] = project(users, items, settings.width, seen=seen)
        lead = lead_of(squared)
        if lead is not None and items.dense.size > CHEAP:
            tails[domain] = tails_of(items, lead)
    ensemble = scorer.ensemble.rotated(rotations, turned)
    return Scorer(ensemble, scorer.texts, scorer.encode, serving=serving, tails=tails)


def sample_users(data: Interactions, domain: int, count: int, *, seed: int) -> Histories:
    """Histories of ``count`` users at most, half of them without any item of the domain.

    Users who are cold come first among these; where they are too few, the domain's items are
    hidden from the histories of others.

    Args:
        data: The interactions.
        domain: Number of the target domain.
        count: Largest number of users.
        seed: Seed of the draw.
    """
    rng = np.random.default_rng([seed, domain, 1])
    active = data.active
    elsewhere = np.delete(active, domain, axis=1).any(axis=1)
    cold = rng.permutation(np.flatnonzero(elsewhere & ~active[:, domain]))
    others = rng.permutation(np.flatnonzero(elsewhere & active[:, domain]))
    cold = np.concatenate([cold, others])[: count // 2]
    warm = rng.permutation(np.flatnonzero(active[:, domain]))[: count - len(cold)]
    rows = np.union1d(cold, warm)
    at = np.searchsorted(rows, np.concatenate([cold, warm]))
    users = data.histories_of(rows)[at]
    row = np.repeat(np.arange(len(users)), users.lengths)
    hidden = (row < len(cold)) & (data.item_domain[users.event_item] == domain)
    return users.keep_events(~hidden)


def project(
    users: Vectors, items: Vectors, width: int, *, seen: sp.csr_matrix | None = None
) -> ServingVectors:
    """Serving vectors that reproduce the scores of ``users`` as well as ``width`` columns can.

    Args:
        users: ``[B]`` exact vectors for one domain.
        items: ``[I_d]`` exact vectors.
        width: Largest number of dimensions.
        seen: ``[B, I_d]``, non-zero where a user has an item, whose score is not reproduced.
    """
    emphasis = _emphasis(users, items, seen)
    root = np.sqrt(emphasis)
    mean, std = _mean_and_std(users, items, emphasis)
    scale = np.where(std > _TINY, 1 / np.maximum(std, _TINY), 0.0).astype(np.float32)
    hidden = None if seen is None else seen.tocsc()

    def weighed() -> Iterator[tuple[slice, Floats]]:
        for rows, scores in _score_blocks(users, items):
            relative = scores - mean[:, None]
            if hidden is not None:
                known = hidden[:, rows].tocoo()
                relative[known.row, known.col] = 0.0
            yield rows, relative * scale[:, None] * root[rows]

    gram = np.zeros((len(users), len(users)))
    for _, scores in weighed():
        gram += scores @ scores.T
    left, value = _leading(gram, min(width, len(items)) - 1)  # [B, W - 1], [W - 1]
    basis = np.zeros((len(items), left.shape[1] + 1), np.float32)
    for rows, scores in weighed():
        basis[rows, :-1] = (scores.T @ left) / value
    constant = root / max(float(np.linalg.norm(root)), _TINY)  # the mean's, in the same form
    basis[:, :-1] -= constant[:, None] * (constant @ basis[:, :-1])
    basis[:, -1] = constant
    return ServingVectors(
        items=np.asarray(basis / root[:, None], dtype=np.float32),
        emphasis=emphasis,
        of_dense=items.dense.T @ (basis * root[:, None]),
    )


def measure_serving(
    scorer: Scorer, data: Interactions, held_out: Sequence[HeldOut]
) -> list[MeasuredServing]:
    """Rank for held-out users by serving vectors and by the whole score.

    Args:
        scorer: An ensemble with serving vectors, fitted without the hidden likes.
        data: The interactions, for the items of each domain.
        held_out: Groups of users with the likes that were hidden.
    """
    found = []
    for group in held_out:
        vectors, items = scorer.item_vectors(group.domain), data.items_of(group.domain)
        of_domain = scorer.serving[group.domain]
        sums = np.zeros(4)
        for rows in blocks(len(group.users), _BLOCK_USERS):
            some = HeldOut(group.domain, group.users[rows], group.hidden[rows], group.cold)
            users = scorer.user_vectors(some.users, group.domain)
            exact = users.products(vectors)
            near = of_domain.of_users(users, vectors) @ of_domain.items.T
            known = some.users.items[:, items].tocsr()
            best = top_k(exact, LISTED, exclude=known)[0]
            ranked = top_k(near, CANDIDATES, exclude=known)[0]
            sums += len(exact) * np.array(
                [_shared(best, ranked[:, :LISTED]), _shared(best, ranked),
                 ndcg(near, some, items, at=LISTED), ndcg(exact, some, items, at=LISTED)]
            )  # fmt: skip
        overlap, among, by_serving, exactly = (sums / max(len(group.users), 1)).tolist()
        found.append(
            MeasuredServing(
                group.domain,
                group.cold,
                len(group.users),
                of_domain.width,
                overlap,
                among,
                by_serving,
                exactly,
            )  # fmt: skip
        )
    return found


def _shared(wanted: NDArray[np.int64], found: NDArray[np.int64]) -> float:
    """Mean fraction of each row of ``wanted`` that is in the same row of ``found``."""
    there = (wanted[:, :, None] == found[:, None, :]).any(axis=2) & (wanted != NO_ITEM)
    return float(np.mean(there.sum(axis=1) / np.maximum((wanted != NO_ITEM).sum(axis=1), 1)))


def _score_blocks(users: Vectors, items: Vectors) -> Iterator[tuple[slice, Floats]]:
    for rows in blocks(len(items), _BLOCK_ITEMS):
        yield rows, users.products(items[rows])


def _emphasis(users: Vectors, items: Vectors, seen: sp.csr_matrix | None) -> Floats:
    """``[I_d]`` how much each item counts, 1 on the average."""
    best = top_k_of_products(users, items, min(_BEST, len(items)), exclude=seen)[0]
    counts = np.sqrt(np.bincount(best[best != NO_ITEM], minlength=len(items)) + 1.0)
    return (counts / counts.mean()).astype(np.float32) if len(counts) else np.ones(0, np.float32)


def _mean_and_std(users: Vectors, items: Vectors, emphasis: Floats) -> tuple[Floats, Floats]:
    """``[B]`` mean and standard deviation of each user's scores, items counting by ``emphasis``."""
    total, squares = np.zeros(len(users)), np.zeros(len(users))
    for rows, scores in _score_blocks(users, items):
        by = emphasis[rows].astype(np.float64)
        total += scores @ by
        squares += scores.astype(np.float64) ** 2 @ by
    count = max(float(emphasis.sum()), _TINY)
    mean = total / count
    std = np.sqrt(np.maximum(squares / count - mean**2, 0.0))
    return mean.astype(np.float32), std.astype(np.float32)


def _leading(gram: NDArray[np.float64], width: int) -> tuple[Floats, Floats]:
    """Left singular vectors ``[B, W]`` and singular values ``[W]`` of scores with this Gram matrix.

    W is less than ``width`` where the scores of the users have fewer directions.
    """
    size = len(gram)
    if not size or width < 1:
        return np.zeros((size, 0), np.float32), np.zeros(0, np.float32)
    first = max(0, size - width)
    values, vectors = eigh(gram, subset_by_index=[first, size - 1])
    kept = values > max(values[-1], 0.0) * _FEWEST
    kept &= values > 0
    return (
        np.ascontiguousarray(vectors[:, kept][:, ::-1], dtype=np.float32),
        np.sqrt(values[kept][::-1]).astype(np.float32),
    )
