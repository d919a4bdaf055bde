"""Who is asked, what is hidden of them, and that it follows from seed and epoch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp

from kgrec.data.hold_out import hold_out
from kgrec.data.interactions import Interactions
from kgrec.model.people import by_root_of_length
from kgrec.ranking.validation import ndcg
from kgrec.training import episodes as episodes_module
from kgrec.training.episodes import Episode, draw_episodes, make_pool
from tests.training.worlds import make_snapshot, planted_snapshot, small_world, tiny

LOG = Interactions.of(planted_snapshot(small_world()))


def draw(log: Interactions = LOG, **changes: float) -> list[Episode]:
    options = {"least_warm": 16, "cold_fraction": 0.8, "seed": 0, "epoch": 1} | changes
    return list(draw_episodes(log, **options))  # type: ignore[arg-type]


def plain(episodes: list[Episode]) -> list[tuple[int, bool, list[int], list[list[int]]]]:
    return [
        (e.domain, e.cold, e.people.tolist(), np.argwhere(e.hidden.toarray()).tolist())
        for e in episodes
    ]


def test_every_person_with_two_domains_is_asked_cold_once_a_domain() -> None:
    both = np.flatnonzero(LOG.active.all(axis=1))
    for domain in (0, 1):
        asked = [e.people for e in draw() if e.cold and e.domain == domain]
        assert sorted(np.concatenate(asked)) == both.tolist()


def test_of_more_people_than_eight_episodes_hold_each_epoch_draws_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(episodes_module, "MOST_PEOPLE", 5)
    asked = []
    for epoch in (1, 2):
        drawn = [e for e in draw(epoch=epoch) if e.cold and e.domain == 0]
        assert [len(e.people) for e in drawn] == [5] * 8
        asked.append(set(np.concatenate([e.people for e in drawn]).tolist()))
    assert [len(people) for people in asked] == [40, 40]  # nobody twice
    assert asked[0] != asked[1]


def test_a_domain_that_nobody_links_has_as_large_episodes_as_where_nobody_links_any(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two domains with few people in both, and beside them one with many people of its own."""
    monkeypatch.setattr(episodes_module, "FEWEST_PEOPLE", 2)
    likes = [(f"u{n}", f"{d}:{k}") for n in range(8) for d in "ab" for k in range(2)]
    likes += [(f"v{n}", f"c:{k}") for n in range(320) for k in range(2)]
    items = {f"{d}:{k}": (d, None) for d in "abc" for k in range(2)}
    log = Interactions.of(make_snapshot(likes, items))
    drawn = draw(log, least_warm=5)
    linked = [len(e.people) for e in drawn if e.cold]
    alone = [len(e.people) for e in drawn if e.domain == 2]
    assert linked == [2] * 8
    assert alone == [10] * 32


def test_a_cold_episode_hides_all_of_the_domain_and_only_that() -> None:
    for episode in draw():
        inside = LOG.liked.toarray() * (LOG.item_domain == episode.domain)
        mine = np.isin(np.arange(LOG.num_users), episode.people)[:, None]
        hidden = episode.hidden.toarray()
        if episode.cold:
            np.testing.assert_array_equal(hidden, inside * mine)
        else:
            assert (hidden <= inside * mine).all()
            assert 0 < hidden.sum() < (inside * mine).sum()


def test_the_share_of_cold_episodes_is_as_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(episodes_module, "FEWEST_PEOPLE", 1)
    monkeypatch.setattr(episodes_module, "MOST_PEOPLE", 1)
    for share in (0.15, 0.5, 0.8, 1.0):
        drawn = draw(cold_fraction=share)
        assert np.mean([e.cold for e in drawn]) == pytest.approx(share, abs=0.03)
    assert not any(e.cold for e in draw(cold_fraction=0.0))


def test_episodes_follow_from_seed_and_epoch_alone() -> None:
    assert plain(draw()) == plain(draw())
    assert plain(draw(epoch=2)) != plain(draw())
    assert plain(draw(seed=1)) != plain(draw())


def test_where_nobody_is_in_two_domains_all_episodes_are_warm() -> None:
    likes = [(f"u{n}", f"{'bf'[n % 2]}:{k}") for n in range(20) for k in range(3)]
    items = {f"{d}:{k}": (d, None) for d in "bf" for k in range(3)}
    drawn = draw(Interactions.of(make_snapshot(likes, items)))
    assert drawn
    assert not any(e.cold for e in drawn)


def test_a_pool_is_cut_to_its_limit_and_stays_sorted(monkeypatch: pytest.MonkeyPatch) -> None:
    from kgrec.model.channels import build_channels

    monkeypatch.setattr(episodes_module, "MAX_POOL", 10)
    pool = make_pool(LOG, build_channels(LOG, tiny("x").model, seed=0), 1, seed=0)
    assert len(pool.people) == len(set(pool.people)) == 10
    assert (np.diff(pool.people) > 0).all()
    assert pool.targets.shape == (10, 4)
    assert not pool.view.inside_count.any()  # their answers are targets, never features


def test_a_long_history_says_more_but_not_so_many_times_more() -> None:
    rows = by_root_of_length(LOG.liked)
    length = np.diff(LOG.liked.indptr)
    np.testing.assert_allclose(np.asarray(rows.sum(axis=1)).ravel(), np.sqrt(length), rtol=1e-5)


# --- held-out people --------------------------------------------------------------


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
    for person in np.flatnonzero(changed):
        lost = (LOG.liked - train.liked)[person].indices
        assert len(set(LOG.item_domain[lost])) == 1


def test_whoever_lost_nothing_is_not_held_out() -> None:
    """With four likes in a domain, half of them hidden, one in sixteen loses none."""
    people, likes = 400, 4
    rows = np.repeat(np.arange(people), likes)
    few = replace(
        LOG,
        liked=sp.csr_matrix(
            (np.ones(len(rows), np.float32), (rows, np.tile(LOG.items_of(0)[:likes], people))),
            shape=(people, LOG.liked.shape[1]),
        ),
    )
    _, groups = hold_out(few, 0.5, seed=0)
    assert groups
    for group in groups:
        assert (group.hidden.getnnz(axis=1) > 0).all()


def test_the_same_people_are_held_out_by_the_same_seed() -> None:
    first, again, other = (hold_out(LOG, 0.3, seed=s)[0].liked.toarray() for s in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_too_few_people_to_judge_by_are_not_held_out() -> None:
    few = replace(LOG, liked=LOG.liked[:20], row_of_account=np.arange(20))
    train, groups = hold_out(few, 0.3, seed=0)
    assert groups == []
    assert (train.liked != few.liked).nnz == 0


def test_a_share_of_zero_holds_nobody_out() -> None:
    assert hold_out(LOG, 0.0, seed=0)[1] == []


def test_where_nobody_is_in_two_domains_half_of_one_is_hidden() -> None:
    likes = [(f"u{n:02}", f"b:{k}") for n in range(60) for k in range(6)]
    log = Interactions.of(make_snapshot(likes, {f"b:{k}": ("books", None) for k in range(6)}))
    train, groups = hold_out(log, 0.3, seed=0)
    assert [group.cold for group in groups] == [False]
    lost = (log.liked - train.liked).toarray().sum(axis=1)
    assert lost.max() < 6
    assert 2 < lost[lost > 0].mean() < 4


def test_a_perfect_ranking_of_the_hidden_has_an_ndcg_of_one() -> None:
    _, groups = hold_out(LOG, 0.3, seed=0)
    for group in groups:
        items = LOG.items_of(group.domain)
        perfect = group.hidden.toarray().astype(np.float32)
        assert ndcg(perfect, group, items, at=10) == pytest.approx(1.0)
        assert ndcg(-perfect, group, items, at=10) < 0.5
