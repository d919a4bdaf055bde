"""Measures, by hand and against ranx."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from ranx import Qrels, Run, evaluate

from kgrec.errors import InputError
from kgrec.ranking.measures import (
    Ranks,
    catalogue_coverage,
    gini,
    intra_list_diversity,
    novelty,
    popularity_bias,
    ranks_of,
    user_measures,
)
from kgrec.ranking.topk import NO_ITEM


def test_one_user_by_hand() -> None:
    """Of the list a b c d e the user liked b and e (and nothing else)."""
    scores = np.array([[5.0, 4.0, 3.0, 2.0, 1.0, 0.0]], dtype=np.float32)
    liked = sp.csr_matrix(np.array([[0, 1, 0, 0, 1, 0]]))
    ranks = ranks_of(scores, liked)
    assert ranks.rank.tolist() == [2, 5]
    got = {name: float(v[0]) for name, v in user_measures(ranks, [3, 5]).items()}
    ideal = 1 + 1 / np.log2(3)
    assert got["ndcg@3"] == pytest.approx((1 / np.log2(3)) / ideal)
    assert got["ndcg@5"] == pytest.approx((1 / np.log2(3) + 1 / np.log2(6)) / ideal)
    assert (got["recall@3"], got["recall@5"]) == (0.5, 1.0)
    assert (got["precision@3"], got["precision@5"]) == (pytest.approx(1 / 3), 0.4)
    assert (got["hit@3"], got["mrr@3"]) == (1.0, 0.5)
    assert got["map@5"] == pytest.approx((1 / 2 + 2 / 5) / 2)
    assert got["f1@5"] == pytest.approx(2 * 0.4 * 1.0 / 1.4)


def test_ties_stand_at_the_worst_position() -> None:
    liked = sp.csr_matrix(np.array([[0, 1, 1, 0, 0]]))
    constant = ranks_of(np.zeros((1, 5), np.float32), liked)
    assert constant.rank.tolist() == [4, 5], "both liked items come after the three others"
    one_tie = ranks_of(np.array([[1.0, 1.0, 0.0, 0.0, 2.0]], dtype=np.float32), liked)
    assert one_tie.rank.tolist() == [3, 5]


def test_a_score_that_is_no_number_is_the_worst() -> None:
    liked = sp.csr_matrix(np.array([[1, 0, 0]]))
    assert ranks_of(np.array([[np.nan, -5.0, -9.0]], np.float32), liked).rank.tolist() == [3]


def test_excluded_items_take_no_place() -> None:
    scores = np.array([[3.0, 2.0, 1.0]], dtype=np.float32)
    liked, known = sp.csr_matrix(np.array([[0, 0, 1]])), sp.csr_matrix(np.array([[1, 0, 0]]))
    assert ranks_of(scores, liked, exclude=known).rank.tolist() == [2]
    only = ranks_of(scores, liked, candidates=np.array([False, False, True]))
    assert only.rank.tolist() == [1]
    with pytest.raises(InputError, match="no candidate"):
        ranks_of(scores, liked, exclude=liked)


def test_a_stratum_counts_as_if_the_other_liked_items_were_not_there() -> None:
    ranks = Ranks(np.array([0, 0]), np.array([4, 9]), np.array([0, 0]), 1)
    assert ranks.rank.tolist() == [1, 2]
    assert ranks.only(np.array([False, True])).rank.tolist() == [1]


def test_a_user_who_liked_nothing_has_no_value() -> None:
    ranks = ranks_of(np.ones((2, 3), np.float32), sp.csr_matrix(np.array([[0, 0, 0], [1, 0, 0]])))
    for values in user_measures(ranks).values():
        assert np.isnan(values[0])
        assert not np.isnan(values[1])


def test_the_library_ranx_gives_the_same_values() -> None:
    rng = np.random.default_rng(3)
    scores = rng.permutation(40 * 60).reshape(40, 60).astype(np.float32)  # no ties
    liked = sp.csr_matrix((rng.random((40, 60)) < 0.12).astype(float))
    keep = np.flatnonzero(np.diff(liked.indptr))
    scores, liked = scores[keep], liked[keep]
    ours = user_measures(ranks_of(scores, liked), [5, 20])
    qrels = Qrels({str(b): {str(i): 1 for i in liked[b].indices} for b in range(len(keep))})
    run = Run(
        {str(b): {str(i): float(s) for i, s in enumerate(scores[b])} for b in range(len(keep))}
    )
    for name, theirs in {
        "ndcg": "ndcg", "recall": "recall", "precision": "precision", "hit": "hit_rate",
        "mrr": "mrr", "map": "map", "f1": "f1",
    }.items():  # fmt: skip
        for k in (5, 20):
            expected = evaluate(qrels, run, f"{theirs}@{k}")
            assert ours[f"{name}@{k}"].mean() == pytest.approx(expected), f"{name}@{k}"


def test_measures_of_whole_lists_by_hand() -> None:
    lists = np.array([[0, 1], [0, NO_ITEM]])
    popularity = np.array([3.0, 1.0, 0.0, 0.0])
    assert catalogue_coverage(lists, 4) == 0.5
    # times 0 0 1 2: the pairwise form sum |a - b| / (2 n sum) = 14 / 24... over all ordered pairs
    assert gini(lists, 4) == pytest.approx(14 / 24)
    fractions = np.array([4, 2, 1, 1]) / 8
    assert novelty(lists, popularity) == pytest.approx(-np.log2(fractions[[0, 1, 0]]).mean())
    liked = sp.csr_matrix(np.array([[0, 1, 0, 0], [0, 1, 0, 0]]))
    assert popularity_bias(lists, popularity, liked) == pytest.approx((7 / 3) / 1)
    vectors = np.array([[1.0, 0.0], [0.0, 2.0], [0.0, 0.0], [1.0, 1.0]], np.float32)
    assert intra_list_diversity(lists, vectors) == pytest.approx(1.0)
    assert intra_list_diversity(np.array([[1, 3]]), vectors) == pytest.approx(1 - 2**-0.5)
