"""Users and their likes, read from a snapshot."""

from __future__ import annotations

import numpy as np
import pytest

from kgrec.data.interactions import Interactions, item_matrix
from tests.training.worlds import make_snapshot

ITEMS = {"b:1": ("books", None), "b:2": ("books", None), "f:1": ("films", None)}


def test_accounts_of_one_person_become_one_row() -> None:
    snapshot = make_snapshot(
        [("a:anna", "b:1"), ("z:anna", "f:1"), ("m:bert", "b:2")],
        ITEMS,
        same_as=[("a:anna", "z:anna")],
    )
    log = Interactions.of(snapshot)
    assert log.row_of_account.tolist() == [0, 1, 0]
    assert log.liked.toarray().tolist() == [[1, 0, 1], [0, 1, 0]]
    assert log.active.tolist() == [[True, True], [True, False]]


def test_accounts_are_joined_along_a_chain_in_either_direction() -> None:
    snapshot = make_snapshot(
        [("a", "b:1"), ("b", "b:2"), ("c", "f:1"), ("d", "b:1")],
        ITEMS,
        same_as=[("c", "b"), ("a", "b")],
    )
    log = Interactions.of(snapshot)
    assert log.row_of_account.tolist() == [0, 0, 0, 1]
    assert log.liked.toarray().tolist() == [[1, 1, 1], [1, 0, 0]]


def test_what_two_accounts_both_liked_counts_once() -> None:
    snapshot = make_snapshot([("a", "b:1"), ("b", "b:1")], ITEMS, same_as=[("a", "b")])
    assert Interactions.of(snapshot).liked.data.tolist() == [1.0]


@pytest.mark.parametrize("threshold", [0.6, 0.7, 0.8, 0.9, 1.0])
def test_a_weight_of_exactly_the_threshold_is_a_like(threshold: float) -> None:
    """As float32, 0.7 and 0.9 lie below their float64: comparing there would lose them."""
    below = float(np.nextafter(np.float32(threshold), np.float32(0)))
    snapshot = make_snapshot([("a", "b:1", threshold), ("a", "b:2", below)], ITEMS)
    log = Interactions.of(snapshot, positive_weight=threshold)
    assert log.liked.toarray().tolist() == [[1, 0, 0]]
    assert log.seen.toarray().tolist() == [[1, 1, 0]]


def test_a_user_who_liked_nothing_has_an_empty_row() -> None:
    snapshot = make_snapshot([("a", "b:1")], ITEMS, users=["lurker"])
    log = Interactions.of(snapshot)
    assert log.num_users == 2
    assert log.liked[1].nnz == 0


def test_outside_empties_the_columns_of_one_domain() -> None:
    log = Interactions.of(make_snapshot([("a", "b:1"), ("a", "f:1")], ITEMS))
    assert log.outside(log.liked, 0).toarray().tolist() == [[0, 0, 1]]
    assert log.outside(log.liked, 1).toarray().tolist() == [[1, 0, 0]]
    assert log.items_of(0).tolist() == [0, 1]
    assert log.count_by_domain.tolist() == [[1, 1]]


def test_a_history_given_twice_is_a_one() -> None:
    rows = item_matrix([[2, 0, 2], [], [1]], 3)
    assert rows.toarray().tolist() == [[1, 0, 1], [0, 0, 0], [0, 1, 0]]
    assert rows.has_sorted_indices


def test_histories_hold_the_liked_items_of_all_accounts_of_a_person_in_order_of_time() -> None:
    snapshot = make_snapshot(
        [("a:anna", "b:2", 1.0, 9), ("z:anna", "f:1", 1.0, 3), ("a:anna", "b:1", 0.1, 5),
         ("m:bert", "b:2", 1.0, 2), ("m:bert", "b:1", 1.0, 4)],
        ITEMS,
        same_as=[("a:anna", "z:anna")],
    )  # fmt: skip
    log = Interactions.of(snapshot)
    histories = log.histories()
    assert histories.event_item.tolist() == [2, 1, 1, 0]
    assert histories.offsets.tolist() == [0, 2, 4]
    assert (histories.items != log.liked).nnz == 0
    assert log.histories(np.array([1])).event_item.tolist() == [1, 0]


def test_interactions_without_a_snapshot_give_histories_without_order() -> None:
    log = Interactions.of(make_snapshot([("a", "b:1")], ITEMS))
    bare = Interactions(log.liked, log.seen, log.row_of_account, log.item_domain, 2)
    assert not bare.histories().has_order
    assert log.histories().has_order
