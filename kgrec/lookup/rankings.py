"""Ranks the items of one or several domains for users, and makes lists of the rankings.

In:   a trained model, those asked about, what may be recommended of each domain, rules of a list.
Out:  the lines of all lists as arrays: user, rank, item and score.

Users are scored in blocks, and only as many items are ranked as lists need: where rules leave out
so many that a list is not full, more are ranked for its user. Scores of two domains are of
different scales, so where several are asked for, they are compared on that of
:mod:`kgrec.lookup.score_scales`.

Shapes: B users of a block   I_d items of a domain   N lines
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.data.sparse_rows import picked_columns
from kgrec.lookup.arranging import WINDOW, Rules, arrange
from kgrec.lookup.asked import Asked
from kgrec.lookup.user_vectors import user_vectors
from kgrec.ranking.candidates import Tails, best_items
from kgrec.ranking.topk import NO_ITEM, blocks
from kgrec.trained import TrainedModel
from kgrec.vectors import Vectors

__all__ = ["Candidates", "Lines", "OnProgress", "make_lists"]

OnProgress = Callable[[int, int], None]
"""Called with the number of users that are done and the number of all users."""

_BLOCK_USERS = 1024
"""Users scored at once."""
_DEEPER = 4
"""Factor by which more items are ranked where a list is not full."""

Floats = NDArray[np.float32]
Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Candidates:
    """The items of one domain, and which of them may be recommended."""

    domain: int
    items: Numbers
    """``[I_d]`` ascending."""
    vectors: Vectors
    """``[I_d]``."""
    allowed: NDArray[np.bool_]
    """``[I_d]`` which may be recommended."""
    tails: Tails | None = None
    """What spares scoring every item; None: all are scored."""
    scale: tuple[float, float] = (0.0, 1.0)
    """The score that counts 0, and the difference that counts 1, beside other domains."""

    @cached_property
    def count(self) -> int:
        """Number of items that may be recommended."""
        return int(np.count_nonzero(self.allowed))


@dataclass(frozen=True)
class Lines:
    """``[N]`` lines of answers; those of a user stand together, best first."""

    user_row: Numbers
    rank: Numbers
    item: Numbers
    score: Floats

    @classmethod
    def joined(cls, parts: Sequence[Lines]) -> Lines:
        """All lines of ``parts``."""
        none = np.empty(0, np.int64)
        whole = [cls(none, none, none, np.empty(0, np.float32)), *parts]
        return cls(
            np.concatenate([one.user_row for one in whole]),
            np.concatenate([one.rank for one in whole]),
            np.concatenate([one.item for one in whole]),
            np.concatenate([one.score for one in whole]),
        )

    def only(self, mask: NDArray[np.bool_]) -> Lines:
        """Some of the lines."""
        return Lines(self.user_row[mask], self.rank[mask], self.item[mask], self.score[mask])


def make_lists(
    model: TrainedModel,
    asked: Asked,
    candidates: Sequence[Candidates],
    rules: Rules,
    *,
    with_tags: Callable[[Rules, Numbers], Rules] = lambda rules, _: rules,
    include_seen: bool = False,
    on_progress: OnProgress | None = None,
) -> Lines:
    """The list of every known user.

    Args:
        model: The run.
        asked: Whom the question is about.
        candidates: What may be recommended, for each domain.
        rules: What lists keep to.
        with_tags: Adds what reads the tags of candidates.
        include_seen: Whether items that a user has may be recommended.
        on_progress: Called after each block of users.
    """
    known = np.flatnonzero(asked.facts.known)
    found = []
    for part in blocks(len(known), _BLOCK_USERS):
        rows = known[part]
        found.append(_of_block(model, asked, rows, candidates, rules, with_tags, include_seen))
        if on_progress is not None and asked.asker.likes is None:
            on_progress(part.stop, len(known))
    return Lines.joined(found)


def _of_block(
    model: TrainedModel,
    asked: Asked,
    rows: Numbers,
    candidates: Sequence[Candidates],
    rules: Rules,
    with_tags: Callable[[Rules, Numbers], Rules],
    include_seen: bool,
) -> Lines:
    hidden = _hidden(asked, rows, include_seen)
    options = rules.options
    users = [user_vectors(model, asked, rows, one.domain) for one in candidates]
    if options.keeps_ranking and len(candidates) == 1:
        best, score = _ranked(users[0], candidates[0], hidden, options.page * options.k)
        best, score = best[:, _before(rules) :], score[:, _before(rules) :]
        row, place = np.nonzero(best != NO_ITEM)
        item = candidates[0].items[best[row, place]]
        return Lines(rows[row], place + 1 + _before(rules), item, score[row, place])
    lists: dict[int, Lines] = {}
    depth, left = options.page * options.k + WINDOW, np.arange(len(rows), dtype=np.int64)
    while len(left):
        ranked = [
            _ranked(of[left], one, hidden[left], depth)
            for of, one in zip(users, candidates, strict=True)
        ]
        rankings = [
            _Ranking.merged(
                [
                    _Ranking.of(one, best[at], score[at])
                    for (best, score), one in zip(ranked, candidates, strict=True)
                ]
            )
            for at in range(len(left))
        ]
        tagged = with_tags(rules, np.unique(np.concatenate([one.item for one in rankings])))
        for number, ranking in zip(left.tolist(), rankings, strict=True):
            made = _list(ranking, tagged, int(rows[number]))
            if made is not None:
                lists[number] = made
        left = np.array([at for at in left.tolist() if at not in lists], dtype=np.int64)
        depth *= _DEEPER
    return Lines.joined([lists[at] for at in sorted(lists)])


def _hidden(asked: Asked, rows: Numbers, include_seen: bool) -> sp.csr_matrix:
    """``[B, I]`` non-zero where an item is left out of a user's list."""
    seen = asked.facts.seen[rows]
    hidden = sp.csr_matrix(seen.shape, dtype=np.float32) if include_seen else seen
    if len(asked.dislikes):
        ones = np.ones(len(rows) * len(asked.dislikes), np.float32)
        row = np.repeat(np.arange(len(rows)), len(asked.dislikes))
        places = (row, np.tile(asked.dislikes, len(rows)))
        hidden = (hidden + sp.csr_matrix((ones, places), shape=seen.shape)).tocsr()
    return hidden


def _ranked(
    users: Vectors, candidates: Candidates, hidden: sp.csr_matrix, depth: int
) -> tuple[Numbers, Floats]:
    """The best ``depth`` candidates of each user, as rows of their domain, and their scores."""
    exclude = picked_columns(hidden, candidates.items) if hidden.nnz else None
    return best_items(
        users, candidates.vectors, min(depth, candidates.count),
        tails=candidates.tails, allowed=candidates.allowed, exclude=exclude,
    )  # fmt: skip


def _before(rules: Rules) -> int:
    """Number of places on the pages before."""
    return (rules.options.page - 1) * rules.options.k


@dataclass(frozen=True)
class _Ranking:
    """What may be recommended to one user, best first."""

    item: Numbers
    score: Floats
    relevance: Floats
    """Scores that can be compared with those of other domains."""
    complete: bool
    """Whether there are no others."""

    @classmethod
    def of(cls, candidates: Candidates, best: Numbers, score: Floats) -> _Ranking:
        there = best != NO_ITEM
        complete = len(best) >= candidates.count or not there.all()
        low, width = candidates.scale
        relevance = (score[there] - low) / width
        return cls(candidates.items[best[there]], score[there], relevance, complete)

    @classmethod
    def merged(cls, parts: Sequence[_Ranking]) -> _Ranking:
        """Down to where a part that is not complete ends: below, its next ones are unknown."""
        if len(parts) == 1:
            return parts[0]
        item, score, relevance = (
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("item", "score", "relevance")
        )
        ends = [part.relevance[-1] for part in parts if not part.complete]
        order = np.argsort(-relevance, kind="stable")
        order = order[relevance[order] >= max(ends, default=-np.inf)]
        complete = all(part.complete for part in parts)
        return cls(item[order], score[order], relevance[order], complete)


def _list(ranking: _Ranking, rules: Rules, user_row: int) -> Lines | None:
    """One user's page, or None where more candidates must be ranked."""
    relevance = ranking.relevance
    if len(relevance):
        low = relevance[min(WINDOW, len(relevance)) - 1]
        relevance = (relevance - low) / max(float(relevance[0] - low), 1e-9)
    places = arrange(ranking.item, relevance, rules, complete=ranking.complete)
    if places is None:
        return None
    rank = np.arange(1, len(places) + 1) + _before(rules)
    return Lines(np.full(len(places), user_row), rank, ranking.item[places], ranking.score[places])
