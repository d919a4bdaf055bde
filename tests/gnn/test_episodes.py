"""Who is asked, what is hidden of them, and that it follows from seed and epoch."""

from __future__ import annotations

import numpy as np
import pytest

from kgrec.data.interactions import Interactions, by_root_of_length
from kgrec.gnn import bridge_users
from kgrec.gnn import episodes as episodes_module
from kgrec.gnn.episodes import Episode, draw_episodes
from kgrec.gnn.item_features import solve_item_features
from tests.training.worlds import make_snapshot, planted_snapshot, small_world, tiny

LOG = Interactions.of(planted_snapshot(small_world()))


def draw(log: Interactions = LOG, **changes: float) -> list[Episode]:
    options = {"min_warm_users": 16, "cold_fraction": 0.8, "seed": 0, "epoch": 1} | changes
    one_fold = np.zeros(log.num_users, np.int64)
    return list(draw_episodes(log, one_fold, **options))  # type: ignore[arg-type]


def plain(episodes: list[Episode]) -> list[tuple[int, str, list[int], list[list[int]]]]:
    return [
        (e.domain, e.kind, e.users.tolist(), np.argwhere(e.hidden.toarray()).tolist())
        for e in episodes
    ]


def test_every_user_with_two_domains_is_asked_cold_once_a_domain() -> None:
    both = np.flatnonzero(LOG.active.all(axis=1))
    for domain in (0, 1):
        asked = [e.users for e in draw() if e.kind == "cold" and e.domain == domain]
        assert sorted(np.concatenate(asked)) == both.tolist()


def test_of_more_users_than_eight_episodes_hold_each_epoch_draws_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(episodes_module, "MOST_USERS", 5)
    asked = []
    for epoch in (1, 2):
        drawn = [e for e in draw(epoch=epoch) if e.kind == "cold" and e.domain == 0]
        assert [len(e.users) for e in drawn] == [5] * 8
        asked.append(set(np.concatenate([e.users for e in drawn]).tolist()))
    assert [len(users) for users in asked] == [40, 40]  # nobody twice
    assert asked[0] != asked[1]


def test_a_domain_that_nobody_links_has_as_large_episodes_as_where_nobody_links_any(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two domains with few users in both, and beside them one with many users of its own."""
    monkeypatch.setattr(episodes_module, "FEWEST_USERS", 2)
    likes = [(f"u{n}", f"{d}:{k}") for n in range(8) for d in "ab" for k in range(2)]
    likes += [(f"v{n}", f"c:{k}") for n in range(320) for k in range(2)]
    items = {f"{d}:{k}": (d, None) for d in "abc" for k in range(2)}
    log = Interactions.of(make_snapshot(likes, items))
    drawn = draw(log, min_warm_users=5)
    linked = [len(e.users) for e in drawn if e.kind == "cold"]
    alone = [len(e.users) for e in drawn if e.domain == 2]
    assert linked == [2] * 8
    assert alone == [10] * 32


def test_a_cold_episode_hides_all_of_the_domain_and_only_that() -> None:
    for episode in draw():
        inside = LOG.liked.toarray() * (LOG.item_domain == episode.domain)
        mine = np.isin(np.arange(LOG.num_users), episode.users)[:, None]
        hidden = episode.hidden.toarray()
        if episode.kind == "cold":
            np.testing.assert_array_equal(hidden, inside * mine)
        else:
            assert (hidden <= inside * mine).all()
            assert 0 < hidden.sum() < (inside * mine).sum()


def test_as_many_episodes_are_cold_as_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(episodes_module, "FEWEST_USERS", 1)
    monkeypatch.setattr(episodes_module, "MOST_USERS", 1)
    for fraction in (0.15, 0.5, 0.8, 1.0):
        drawn = draw(cold_fraction=fraction)
        assert np.mean([e.kind == "cold" for e in drawn]) == pytest.approx(fraction, abs=0.03)
    assert not any(e.kind == "cold" for e in draw(cold_fraction=0.0))


def test_episodes_follow_from_seed_and_epoch_alone() -> None:
    assert plain(draw()) == plain(draw())
    assert plain(draw(epoch=2)) != plain(draw())
    assert plain(draw(seed=1)) != plain(draw())


def test_where_nobody_is_in_two_domains_all_episodes_are_warm() -> None:
    likes = [(f"u{n}", f"{'bf'[n % 2]}:{k}") for n in range(20) for k in range(3)]
    items = {f"{d}:{k}": (d, None) for d in "bf" for k in range(3)}
    drawn = draw(Interactions.of(make_snapshot(likes, items)))
    assert drawn
    assert not any(e.kind == "cold" for e in drawn)


def test_the_users_of_a_bridge_are_cut_to_a_limit_and_stay_sorted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bridge_users, "MOST_USERS", 10)
    features = solve_item_features(LOG, tiny("x").model, seed=0)
    pool = bridge_users.choose_bridge_users(LOG, features, 1, seed=0)
    assert len(pool.users) == len(set(pool.users)) == 10
    assert (np.diff(pool.users) > 0).all()
    assert pool.targets.shape == (10, 4)
    assert not pool.inputs.inside_count.any()  # their answers are targets, never features


def test_a_long_history_says_more_but_not_so_many_times_more() -> None:
    rows = by_root_of_length(LOG.liked)
    length = np.diff(LOG.liked.indptr)
    np.testing.assert_allclose(np.asarray(rows.sum(axis=1)).ravel(), np.sqrt(length), rtol=1e-5)
