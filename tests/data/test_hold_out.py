"""Who is held out while training, and what is hidden of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp

from kgrec.data.hold_out import hold_out
from kgrec.data.interactions import Interactions
from kgrec.ranking.validation import ndcg
from tests.training.worlds import make_snapshot, planted_snapshot, small_world

LOG = Interactions.of(planted_snapshot(small_world()))


def test_cold_users_lose_one_whole_domain_and_warm_users_keep_some() -> None:
    train, groups = hold_out(LOG, 0.3, seed=0)
    lost = LOG.liked.toarray() - train.liked.toarray()
    assert (lost >= 0).all()
    assert sum(g.hidden.nnz for g in groups) == lost.sum()
    assert sum(g.hidden.shape[0] for g in groups if g.cold) == 48 // 3
    for group in groups:
        inside = group.users.items[:, LOG.items_of(group.domain)].getnnz(axis=1)
        assert (inside == 0).all() if group.cold else inside.any()


def test_hidden_likes_are_no_events_either() -> None:
    train, groups = hold_out(LOG, 0.3, seed=0)
    assert groups
    assert (train.histories().items != train.liked).nnz == 0
    assert len(train.histories().event_item) == train.liked.nnz < LOG.liked.nnz


def test_nobody_is_held_out_twice() -> None:
    train, groups = hold_out(LOG, 0.3, seed=0)
    changed = (LOG.liked - train.liked).getnnz(axis=1) > 0
    assert changed.sum() == sum(g.hidden.shape[0] for g in groups) <= LOG.num_users
    for user in np.flatnonzero(changed):
        lost = (LOG.liked - train.liked)[user].indices
        assert len(set(LOG.item_domain[lost])) == 1


def test_whoever_lost_nothing_is_not_held_out() -> None:
    """With four likes in a domain, half of them hidden, one in sixteen loses none."""
    users, likes = 400, 4
    rows = np.repeat(np.arange(users), likes)
    few = replace(
        LOG,
        snapshot=None,
        liked=sp.csr_matrix(
            (np.ones(len(rows), np.float32), (rows, np.tile(LOG.items_of(0)[:likes], users))),
            shape=(users, LOG.liked.shape[1]),
        ),
    )
    _, groups = hold_out(few, 0.5, seed=0)
    assert groups
    for group in groups:
        assert (group.hidden.getnnz(axis=1) > 0).all()


def test_the_same_users_are_held_out_by_the_same_seed() -> None:
    first, again, other = (hold_out(LOG, 0.3, seed=s)[0].liked.toarray() for s in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_too_few_users_to_judge_by_are_not_held_out() -> None:
    few = replace(LOG, liked=LOG.liked[:20], row_of_account=np.arange(20), snapshot=None)
    train, groups = hold_out(few, 0.3, seed=0)
    assert groups == []
    assert (train.liked != few.liked).nnz == 0


def test_a_fraction_of_zero_holds_nobody_out() -> None:
    assert hold_out(LOG, 0.0, seed=0)[1] == []


def test_where_nobody_is_in_two_domains_half_of_one_is_hidden() -> None:
    likes = [(f"u{n:02}", f"b:{k}") for n in range(60) for k in range(6)]
    log = Interactions.of(make_snapshot(likes, {f"b:{k}": ("books", None) for k in range(6)}))
    assert not log.has_order, "every list is sorted by item"
    train, groups = hold_out(log, 0.3, seed=0)
    assert [group.cold for group in groups] == [False]
    lost = (log.liked - train.liked).toarray().sum(axis=1)
    assert lost.max() < 6
    assert 2 < lost[lost > 0].mean() < 4


def test_warm_users_lose_their_latest_like_where_the_order_is_known() -> None:
    rng = np.random.default_rng(0)
    orders = {f"u{n:02}": rng.permutation(20)[: 6 + n % 13] for n in range(60)}
    likes = [(user, f"b:{item:02}") for user, items in orders.items() for item in items]
    log = Interactions.of(make_snapshot(likes, {f"b:{k:02}": ("books", None) for k in range(20)}))
    assert log.has_order
    train, groups = hold_out(log, 0.3, seed=0)
    assert [group.cold for group in groups] == [False]
    lost = (log.liked - train.liked).tocsr()
    for number, items in enumerate(orders.values()):
        assert lost[number].indices.tolist() in ([], [items[-1]])
    assert lost.nnz == 18


def test_nothing_is_known_of_a_warm_user_after_what_they_lose() -> None:
    domains = {f"{d}:{k}": (d, None) for d in "ab" for k in range(9)}
    rng = np.random.default_rng(0)
    likes = []
    for number in range(60):
        mine = [f"a:{k}" for k in range(5)] + [f"b:{k}" for k in range(5)]
        likes += [(f"u{number:02}", mine[k]) for k in rng.permutation(10)]
    log = Interactions.of(make_snapshot(likes, domains))
    _, groups = hold_out(log, 0.5, seed=0)
    warm = [group for group in groups if not group.cold]
    assert {group.domain for group in warm} == {0, 1}
    for group in warm:
        assert (group.users.lengths == 9).all()
        assert (group.hidden.getnnz(axis=1) == 1).all()


def test_a_perfect_ranking_of_the_hidden_has_an_ndcg_of_one() -> None:
    _, groups = hold_out(LOG, 0.3, seed=0)
    for group in groups:
        items = LOG.items_of(group.domain)
        perfect = group.hidden.toarray().astype(np.float32)
        assert ndcg(perfect, group, items, at=10) == pytest.approx(1.0)
        assert ndcg(-perfect, group, items, at=10) < 0.5
