"""Histories keep events in order, and their matrix says the same as their events."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from graph_store.snapshot import NO_TIME
from kgrec.data.histories import Histories
from kgrec.errors import InputError

THREE = Histories.of_lists([[2, 0, 2], [], [1, 3]], num_items=4, times=[[5, 6, 7], [], [1, 2]])


def _lists(histories: Histories) -> list[list[int]]:
    return [row.tolist() for row in np.split(histories.event_item, histories.offsets[1:-1])]


def test_lists_keep_the_order_given_and_their_repeats() -> None:
    assert _lists(THREE) == [[2, 0, 2], [], [1, 3]]
    assert THREE.items.toarray().tolist() == [[1, 0, 1, 0], [0, 0, 0, 0], [0, 1, 0, 1]]
    assert THREE.items.has_sorted_indices
    assert len(THREE) == 3
    assert THREE.lengths.tolist() == [3, 0, 2]


def test_no_users_and_users_without_events_have_histories() -> None:
    assert len(Histories.of_lists([], num_items=4)) == 0
    empty = Histories.of_lists([[], []], num_items=4)
    assert _lists(empty.last(3)) == [[], []]
    assert empty.padded(2, padding=4).tolist() == [[4, 4], [4, 4]]


def test_events_are_sorted_by_user_time_and_then_order() -> None:
    user = np.array([1, 0, 0, 0, 1])
    item = np.array([0, 1, 2, 3, 1])
    time = np.array([9, 4, 4, 1, 3])
    order = np.array([0, 2, 1, 3, 4])
    histories = Histories.of_events(user, item, shape=(2, 4), time=time, order=order)
    assert _lists(histories) == [[3, 2, 1], [1, 0]]
    assert histories.event_time is not None
    assert histories.event_time.tolist() == [1, 4, 4, 3, 9]


def test_equal_times_without_an_order_stay_as_given_and_unknown_times_come_first() -> None:
    item = np.array([3, 1, 2, 0])
    time = np.array([7, 7, NO_TIME, NO_TIME])
    histories = Histories.of_events(np.zeros(4, np.int64), item, shape=(1, 4), time=time)
    assert _lists(histories) == [[2, 0, 3, 1]]


@pytest.mark.parametrize(
    "rows",
    [np.array([2, 0, 2]), [2, 0, 2], slice(None, None, -1), np.array([True, False, True])],
    ids=["numbers", "list", "slice", "mask"],
)
def test_users_are_taken_in_the_order_asked_for(
    rows: np.ndarray | list[int] | slice,
) -> None:
    taken = THREE[rows]
    numbers = np.arange(3)[rows]
    assert _lists(taken) == [_lists(THREE)[i] for i in numbers]
    assert (taken.items != THREE.items[numbers]).nnz == 0
    assert taken.event_time is not None
    assert taken.event_time.tolist() == [[[5, 6, 7], [], [1, 2]][i][j]
                                         for i in numbers
                                         for j in range(len(_lists(THREE)[i]))]  # fmt: skip


def test_hidden_items_leave_the_rest_in_order() -> None:
    kept = THREE.keep_items(np.array([True, True, True, False]))
    assert _lists(kept) == [[2, 0, 2], [], [1]]
    assert _lists(THREE.keep_items(np.array([False, True, False, True]))) == [[], [], [1, 3]]
    assert kept.items.toarray().tolist() == [[1, 0, 1, 0], [0, 0, 0, 0], [0, 1, 0, 0]]


def test_events_can_be_kept_by_user_and_item() -> None:
    matrix = sp.csr_matrix(np.array([[0, 0, 1, 1], [1, 1, 1, 1], [0, 1, 0, 0]], np.float32))
    assert _lists(THREE.among(matrix)) == [[2, 2], [], [1]]


def test_hiding_one_of_two_events_with_an_item_leaves_the_item() -> None:
    kept = THREE.keep_events(np.array([False, True, True, True, True]))
    assert _lists(kept) == [[0, 2], [], [1, 3]]
    assert kept.items[0].toarray().tolist() == [[1, 0, 1, 0]]


def test_the_latest_events_are_the_last_ones_of_each_user() -> None:
    assert _lists(THREE.last(2)) == [[0, 2], [], [1, 3]]
    assert _lists(THREE.last(1)) == [[2], [], [3]]
    assert _lists(THREE.last(9)) == _lists(THREE)
    assert THREE.padded(2, padding=-1).tolist() == [[0, 2], [-1, -1], [1, 3]]
    assert THREE.padded(4, padding=-1)[2].tolist() == [-1, -1, 1, 3]


def test_distinct_items_stand_at_the_place_of_their_last_event() -> None:
    assert _lists(THREE.distinct()) == [[0, 2], [], [1, 3]]


def test_a_matrix_has_no_order_and_a_model_that_needs_one_says_so() -> None:
    histories = Histories.of_matrix(THREE.items)
    assert _lists(histories) == [[0, 2], [], [1, 3]]
    assert not histories.has_order
    assert not histories[np.array([2])].has_order
    with pytest.raises(InputError, match="^SASRec reads the order of a history"):
        histories.require_order("SASRec")
    THREE.require_order("SASRec")


@pytest.mark.parametrize("number", [-1, 4])
def test_an_item_number_outside_the_catalogue_is_refused(number: int) -> None:
    with pytest.raises(InputError, match=r"item numbers must lie in \[0, 4\)"):
        Histories.of_lists([[0], [number]], num_items=4)


def test_arrays_of_other_lengths_are_refused() -> None:
    with pytest.raises(InputError, match="times must have one entry"):
        Histories.of_lists([[0]], num_items=1, times=[[1, 2]])
    with pytest.raises(InputError, match="offsets must have 4 entries and end at 5"):
        Histories(THREE.items, THREE.event_item, None, None, THREE.offsets[:-1])
    with pytest.raises(InputError, match="event_time must have 5 entries, got 1"):
        Histories(THREE.items, THREE.event_item, np.zeros(1, np.int64), None, THREE.offsets)
