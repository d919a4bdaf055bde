"""What follows what, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from graph_store.snapshot import NO_TIME
from kgrec.data.histories import Histories
from kgrec.gnn import item_pairs
from kgrec.gnn.item_pairs import (
    PairRows,
    count_item_pairs,
    latest_items,
    pair_features,
    read_pair_rows,
)
from kgrec.gnn.time_bins import assign_times, count_times, make_time_bins

DAY = 86_400


def counted_in(histories: Histories) -> item_pairs.ItemPairs:
    """Pairs of ordered histories of one domain."""
    one_domain = np.zeros(histories.num_items, np.int32)
    return count_item_pairs(histories.items, histories, one_domain)


def test_an_item_follows_those_up_to_three_events_before_it() -> None:
    counted = counted_in(Histories.of_lists([[0, 1, 2, 3, 4], [0, 1]], 5))
    steps = np.zeros((5, 5))
    steps[0, 1] = 2
    steps[1, 2] = steps[2, 3] = steps[3, 4] = 1
    steps[0, 2] = steps[1, 3] = steps[2, 4] = 1 / 2
    steps[0, 3] = steps[1, 4] = 1 / 3
    wanted = steps / np.sqrt(1 + steps.sum(1))[:, None] / np.sqrt(1 + steps.sum(0))
    np.testing.assert_allclose(counted.after.toarray(), wanted, rtol=1e-6)


def test_items_of_one_history_lie_together_whatever_their_order() -> None:
    one = counted_in(Histories.of_lists([[0, 1], [1, 2]], 3)).together.toarray()
    other = counted_in(Histories.of_lists([[1, 0], [2, 1]], 3)).together.toarray()
    np.testing.assert_allclose(one, other)
    # Each pair shares one history of two items: 1/2, divided by the root of the first one's users.
    assert one[0, 1] == pytest.approx(1 / 2)
    assert one[1, 0] == pytest.approx(1 / 2 / np.sqrt(2))
    assert one[0, 2] == one[0, 0] == 0


def test_an_item_keeps_its_strongest_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(item_pairs, "_STRONGEST", 1)
    lists = [[0, 1]] * 3 + [[0, 2]]
    kept = counted_in(Histories.of_lists(lists, 3)).after.toarray()
    assert kept[0, 1] > 0
    assert kept[0, 2] == 0


def test_the_latest_items_count_by_how_late_they_are() -> None:
    events = np.array([4, 0, 1, 2], np.int32)
    rows = latest_items(events, np.array([1, 1, 0]), np.array([3, 1, -1]), 5).toarray()
    np.testing.assert_allclose(rows, [[1 / 3, 1 / 2, 1, 0, 0], [1, 0, 0, 0, 0], [0] * 5])
    pairs = counted_in(Histories.of_lists([[2, 3]], 5))
    latest = latest_items(events, np.array([1]), np.array([3]), 5)
    after, _ = pair_features(PairRows(latest, latest), pairs)
    assert after[0, 3] == pytest.approx(np.log1p(30 * 1 / 2))


def test_a_cold_user_is_read_whole_and_a_warm_one_by_the_latest_items() -> None:
    histories = sp.csr_matrix(np.array([[1, 1, 1, 1], [1, 1, 0, 0]], np.float32))
    latest = sp.csr_matrix(np.array([[0, 0, 0.5, 1], [0.5, 1, 0, 0]], np.float32))
    rows = read_pair_rows(histories, latest, np.array([True, False]))
    np.testing.assert_array_equal(rows.after.toarray(), latest.toarray())
    np.testing.assert_allclose(rows.together.toarray()[0], [0, 0, 0.5, 1])
    np.testing.assert_allclose(rows.together.toarray()[1], [2**-0.5, 2**-0.5, 0, 0])
    without_order = read_pair_rows(histories, None, np.array([True, False]))
    assert without_order.after.nnz == 0
    np.testing.assert_allclose(without_order.together.toarray()[0], [0.5] * 4)


def test_ties_to_a_domain_with_few_users_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(item_pairs, "_STRONGEST", 1)
    likes = sp.csr_matrix(np.array([[1, 1, 0], [1, 1, 0], [1, 0, 1]], np.float32))
    kept = count_item_pairs(likes, None, np.array([0, 0, 1])).together.toarray()
    assert kept[0, 1] > kept[0, 2] > 0


def test_events_count_in_the_bins_of_their_times() -> None:
    times = np.array([0, 10, 20, 30, NO_TIME]) * DAY
    times[-1] = NO_TIME
    bins = make_time_bins(times)
    assert 1 < len(bins) <= 32
    assert (np.diff(bins) > 0).all()
    counts = count_times(bins, np.array([0, 0, 1, 1, 2]), times, 3)
    assert counts[0].argmax() < counts[1].argmax()
    assert not counts[2].any()
    weights = assign_times(bins, times, 5)
    np.testing.assert_allclose(weights.sum(1), [1, 1, 1, 1, 0], rtol=1e-5)


def test_without_times_there_are_no_bins() -> None:
    assert make_time_bins(None).shape == (0,)
    assert make_time_bins(np.array([NO_TIME])).shape == (0,)
    assert assign_times(make_time_bins(None), None, 3).shape == (3, 0)
