"""Ask a recommender about the users of a split, and measure every answer.

In:   a fitted recommender, the cases of a split, and its training snapshot.
Out:  an :class:`Evaluation`: measures per user, per group of users and of items, of lists.

Users go through in blocks, so that scores of all users are never held at once. Everything
that is counted (popularity, strata) is counted in the training snapshot.

Shapes: B users   I items   I_d items of the target domain
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray

from graph_store.snapshot import Snapshot
from kgrec.data.interactions import Interactions
from kgrec.evaluation.split import Cases
from kgrec.ranking import measures
from kgrec.ranking.intervals import Interval, intervals
from kgrec.ranking.measures import CUTOFFS, Ranks, ranks_among, ranks_of, user_measures
from kgrec.ranking.topk import NO_ITEM, blocks, top_k
from kgrec.recommenders.base import OnProgress, Recommender, ignore_progress

__all__ = [
    "HISTORY_GROUPS",
    "MAIN_MEASURE",
    "SAMPLED_MEASURES",
    "Evaluation",
    "counts_of",
    "evaluate",
    "main_value",
]

MAIN_MEASURE = "ndcg@10"
"""What is tuned for and ranked by."""

SAMPLED_MEASURES = ("mrr@1000", "ndcg@5", "ndcg@10", "hit@1", "hit@5", "hit@10")
"""What is measured where a positive is ranked among drawn items; the MRR is that of all ranks."""

HISTORY_GROUPS = ((1, 4), (5, 9), (10, 19), (20, 49), (50, None))
"""Lengths of history that are reported apart."""

_STRATA = ("head", "middle", "tail")
_LISTED = max(CUTOFFS)


@dataclass(frozen=True)
class Evaluation:
    """What one recommender did on one set of cases."""

    users: pl.DataFrame
    """A row a user: ``user``, ``history`` (length), ``positives``, and each measure.

    In a sampled protocol a user's measures are the mean over their interactions, and a user
    counts as often as they have ``positives``.
    """
    without_twins: pl.DataFrame
    """The same with twins of the history neither ranked nor counted; fewer users, maybe."""
    groups: pl.DataFrame
    """``kind`` (history or popularity), ``group``, ``users``, ``mean``, ``low``, ``high``."""
    lists: dict[str, float]
    """Measures of all lists of ten together: coverage, gini, novelty ... None if sampled."""
    top: NDArray[np.int64]
    """``[B, 50]`` numbers of the recommended items, best first; no row if sampled."""
    seconds: float
    """Time to score and rank, for all users."""
    sampled: int | None = None
    """How many drawn items a positive was ranked among; None for the whole catalogue."""

    def summary(self, *, without_twins: bool = False) -> dict[str, Interval]:
        """Mean and 95% interval of every measure."""
        frame = self.without_twins if without_twins else self.users
        names = [name for name in frame.columns if "@" in name]
        weights = counts_of(frame, sampled=self.sampled is not None)
        return intervals({name: frame[name].to_numpy() for name in names}, weights=weights)


def evaluate(
    recommender: Recommender,
    cases: Cases,
    *,
    train: Snapshot,
    target: int,
    twins: sp.csr_matrix | None = None,
    vectors: NDArray[np.float32] | None = None,
    block: int = 256,
    on_progress: OnProgress = ignore_progress,
) -> Evaluation:
    """Score, rank and measure.

    Args:
        recommender: Fitted on ``train``.
        cases: Who is asked about.
        train: What was learned from; popularity is counted there.
        target: Domain that is recommended from.
        twins: ``[I, I]`` of :func:`kgrec.evaluation.twins.find_twins`.
        vectors: ``[I, D]`` of items, for the diversity within lists.
        block: Users scored at a time.
        on_progress: Called with the fraction that is done and what is being done.
    """
    interactions = Interactions.of(train)
    items = interactions.items_of(target)
    candidates = None if cases.candidates is None else cases.candidates[items]
    kept: list[Ranks] = []
    kept_twinless: list[Ranks] = []
    tops: list[NDArray[np.int64]] = []
    start = time.perf_counter()
    for rows in blocks(len(cases), block):
        part = cases.only(np.arange(rows.start, rows.stop))
        scores = recommender.score(part.shown, target)
        kept.append(_ranks(scores, part, items))
        if cases.sampled is None:
            tops.append(_listed(scores, part.known[:, items].tocsr(), candidates, items))
        if twins is not None:
            near = (part.shown_items @ twins)[:, items].tocsr()
            kept_twinless.append(_ranks(scores, part, items, near))
        on_progress(rows.stop / len(cases), f"ranking with {recommender.name}")
    seconds = time.perf_counter() - start
    ranks = _joined(kept)
    users, sampled = _frame(cases, ranks), cases.sampled
    popularity = np.asarray(interactions.liked.sum(axis=0)).ravel().astype(np.float64)
    top = np.concatenate(tops) if tops else np.zeros((0, _LISTED), np.int64)
    return Evaluation(
        users=users,
        without_twins=users if twins is None else _frame(cases, _joined(kept_twinless)),
        groups=pl.concat(
            [
                _by_history(users, sampled=sampled is not None),
                _by_popularity(cases, ranks, popularity[items]),
            ],
            how="vertical",
        ),
        lists=_list_measures(top[:, :10], items, popularity, cases, vectors),
        top=top,
        seconds=seconds,
        sampled=None if sampled is None else int(np.diff(sampled.indptr).max(initial=0)),
    )


def main_value(
    recommender: Recommender, cases: Cases, *, train: Snapshot, target: int, block: int = 256
) -> float:
    """Mean of ``MAIN_MEASURE`` alone: what tuning looks at.

    Args:
        recommender: Fitted on ``train``.
        cases: Users to ask about.
        train: The training snapshot.
        target: Number of the target domain.
        block: Users scored at a time.
    """
    items = train.items_of(target)
    values = []
    for rows in blocks(len(cases), block):
        part = cases.only(np.arange(rows.start, rows.stop))
        scores = recommender.score(part.shown, target)
        ranks = _ranks(scores, part, items)
        values.append(user_measures(ranks, [10])[MAIN_MEASURE])
    return float(np.nanmean(np.concatenate(values))) if values else float("nan")


def counts_of(users: pl.DataFrame, *, sampled: bool) -> NDArray[np.float64] | None:
    """How much each user counts: a mean of a sampled protocol is one over interactions.

    Args:
        users: A table of :class:`Evaluation`.
        sampled: Whether the protocol ranks among drawn items.

    Returns:
        ``[B]`` weights, or None where all users count the same.
    """
    return users["positives"].to_numpy().astype(np.float64) if sampled else None


def _ranks(
    scores: NDArray[np.float32],
    cases: Cases,
    items: NDArray[np.int64],
    near: sp.csr_matrix | None = None,
) -> Ranks:
    """Ranks of the positives; ``near [B, I_d]`` marks what is neither ranked nor counted."""
    liked, known = cases.positives[:, items].tocsr(), cases.known[:, items].tocsr()
    drawn = None if cases.sampled is None else cases.sampled[:, items].tocsr()
    if near is not None:
        liked, known = _without(liked, near), (known + near).tocsr()
        drawn = None if drawn is None else _without(drawn, near)
    if drawn is not None:
        return ranks_among(scores, liked, drawn)
    candidates = None if cases.candidates is None else cases.candidates[items]
    return ranks_of(scores, liked, exclude=known, candidates=candidates)


def _without(matrix: sp.csr_matrix, near: sp.csr_matrix) -> sp.csr_matrix:
    left: sp.csr_matrix = (matrix - matrix.multiply(near > 0)).tocsr()
    left.eliminate_zeros()
    return left


def _frame(cases: Cases, ranks: Ranks) -> pl.DataFrame:
    """A row a user who has anything to find."""
    columns: dict[str, NDArray[np.generic] | Sequence[str]] = {
        "user": [str(key) for key in cases.users],
        "history": np.diff(cases.shown_items.indptr).astype(np.int64),
        "positives": np.bincount(ranks.user, minlength=len(cases)).astype(np.int64),
    }
    if cases.sampled is None:
        return pl.DataFrame(columns | user_measures(ranks)).filter(pl.col("positives") > 0)
    found = user_measures(ranks, (1, 5, 10, 1000))
    rows = pl.DataFrame(columns | {name: found[name] for name in SAMPLED_MEASURES})
    return (
        rows.filter(pl.col("positives") > 0)
        .group_by("user", maintain_order=True)
        .agg(pl.col("history").first(), pl.col("positives").sum(), pl.col(*SAMPLED_MEASURES).mean())
    )


def _listed(
    scores: NDArray[np.float32],
    known: sp.csr_matrix,
    candidates: NDArray[np.bool_] | None,
    items: NDArray[np.int64],
) -> NDArray[np.int64]:
    if candidates is not None:
        scores = np.where(candidates, scores, np.nan).astype(np.float32)
    columns, _ = top_k(scores, _LISTED, exclude=known)
    return np.where(columns == NO_ITEM, NO_ITEM, items[np.maximum(columns, 0)])


def _joined(parts: list[Ranks]) -> Ranks:
    """One :class:`Ranks` of the blocks' own, users numbered on."""
    offsets = np.cumsum([0, *(part.num_users for part in parts)])
    if not parts:
        none = np.zeros(0, dtype=np.int64)
        return Ranks(none, none, none, 0)
    return Ranks(
        user=np.concatenate([p.user + o for p, o in zip(parts, offsets, strict=False)]),
        item=np.concatenate([part.item for part in parts]),
        above=np.concatenate([part.above for part in parts]),
        num_users=int(offsets[-1]),
    )


def _by_history(users: pl.DataFrame, *, sampled: bool) -> pl.DataFrame:
    rows = []
    for low, high in HISTORY_GROUPS:
        chosen = pl.col("history") >= low
        if high is not None:
            chosen &= pl.col("history") <= high
        name = f"{low}-{high}" if high is not None else f"{low}+"
        rows.append(_group("history", name, users.filter(chosen), sampled=sampled))
    return pl.DataFrame(rows, schema=_GROUP_COLUMNS)


def _by_popularity(cases: Cases, ranks: Ranks, popularity: NDArray[np.float64]) -> pl.DataFrame:
    """Each third of the likes: as if only the liked items of that stratum were there."""
    order = np.argsort(-popularity, kind="stable")
    likes_before = np.cumsum(popularity[order]) - popularity[order]
    stratum = np.empty(len(popularity), dtype=np.int64)
    total = max(popularity.sum(), 1.0)
    stratum[order] = np.minimum(likes_before / total * len(_STRATA), len(_STRATA) - 1)
    rows = []
    for number, name in enumerate(_STRATA):
        users = _frame(cases, ranks.only(stratum[ranks.item] == number))
        rows.append(_group("popularity", name, users, sampled=cases.sampled is not None))
    return pl.DataFrame(rows, schema=_GROUP_COLUMNS)


_GROUP_COLUMNS = {
    "kind": pl.String,
    "group": pl.String,
    "users": pl.Int64,
    "mean": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
}


def _group(
    kind: str, name: str, users: pl.DataFrame, *, sampled: bool
) -> dict[str, str | int | float]:
    values, weights = users[MAIN_MEASURE].to_numpy(), counts_of(users, sampled=sampled)
    got = intervals({"": values}, weights=weights)[""]
    return {
        "kind": kind, "group": name, "users": got.users,
        "mean": got.mean, "low": got.low, "high": got.high,
    }  # fmt: skip


def _list_measures(
    top: NDArray[np.int64],
    items: NDArray[np.int64],
    popularity: NDArray[np.float64],
    cases: Cases,
    vectors: NDArray[np.float32] | None,
) -> dict[str, float]:
    if not (top != NO_ITEM).any():
        return {}
    local = np.where(top == NO_ITEM, NO_ITEM, np.searchsorted(items, top))
    result = {
        "coverage@10": measures.catalogue_coverage(local, len(items)),
        "gini@10": measures.gini(local, len(items)),
        "novelty@10": measures.novelty(local, popularity[items]),
        "popularity_bias@10": measures.popularity_bias(top, popularity, cases.positives),
    }
    if vectors is not None:
        result["diversity@10"] = measures.intra_list_diversity(top, vectors)
    return {name: value for name, value in result.items() if not np.isnan(value)}
