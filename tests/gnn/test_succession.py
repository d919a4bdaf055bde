"""What follows what, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from graph_store.snapshot import NO_TIME
from kgrec.data.histories import Histories
from kgrec.gnn import succession
from kgrec.gnn.succession import count_succession, latest_items, succession_features
from kgrec.gnn.time_bins import assign_times, count_times, make_time_bins

DAY = 86_400


def test_an_item_follows_those_up_to_three_events_before_it() -> None:
    counted = count_succession(Histories.of_lists([[0, 1, 2, 3, 4], [0, 1]], 5))
    steps = np.zeros((5, 5))
    steps[0, 1] = 2
    steps[1, 2] = steps[2, 3] = steps[3, 4] = 1
    steps[0, 2] = steps[1, 3] = steps[2, 4] = 1 / 2
    steps[0, 3] = steps[1, 4] = 1 / 3
    wanted = steps / np.sqrt(1 + steps.sum(1))[:, None] / np.sqrt(1 + steps.sum(0))
    np.testing.assert_allclose(counted.after.toarray(), wanted, rtol=1e-6)


def test_items_of_one_history_lie_together_whatever_their_order() -> None:
    one = count_succession(Histories.of_lists([[0, 1], [1, 2]], 3)).together.toarray()
    other = count_succession(Histories.of_lists([[1, 0], [2, 1]], 3)).together.toarray()
    np.testing.assert_allclose(one, other)
    # Each pair shares one history of two items: 1/2, divided by (1 + root of users) of both.
    assert one[0, 1] == pytest.approx(0.5 / 2 / (1 + np.sqrt(2)))
    assert one[0, 2] == one[0, 0] == 0


def test_an_item_keeps_its_strongest_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(succession, "_STRONGEST", 1)
    lists = [[0, 1]] * 3 + [[0, 2]]
    kept = count_succession(Histories.of_lists(lists, 3)).after.toarray()
    assert kept[0, 1] > 0
    assert kept[0, 2] == 0


def test_the_latest_items_count_by_how_late_they_are() -> None:
    events = np.array([4, 0, 1, 2], np.int32)
    rows = latest_items(events, np.array([1, 1, 0]), np.array([3, 1, -1]), 5).toarray()
    np.testing.assert_allclose(rows, [[1 / 3, 1 / 2, 1, 0, 0], [1, 0, 0, 0, 0], [0] * 5])
    matrix = count_succession(Histories.of_lists([[2, 3]], 5)).after
    (feature,) = succession_features(
        latest_items(events, np.array([1]), np.array([3]), 5), [matrix]
    )
    assert feature[0, 3] == pytest.approx(np.log1p(30 * 1 / 2))


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
