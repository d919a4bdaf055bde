"""What each protocol hides, shows and asks; and that hidden rows reach nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from graph_store.snapshot import NO_TIME, Snapshot
from kgrec.data.interactions import Interactions
from kgrec.errors import InputError
from kgrec.evaluation.protocols import (
    by_time,
    cold_item,
    few_overlap,
    few_shot,
    strict_cold_user,
)
from kgrec.evaluation.protocols.users import only_domains
from kgrec.evaluation.split import load_split, save_split
from tests.evaluation.planted import planted

A, B = 0, 1


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    return planted()


def test_no_row_of_a_cold_user_is_left_in_the_target_domain(snapshot: Snapshot) -> None:
    disliked = replace(snapshot, weight=np.where(snapshot.item % 7 == 0, 0.2, 1.0).astype("f4"))
    split = strict_cold_user(disliked, target=B)
    train = split.train
    cold = np.concatenate([split.test.users, split.validation.users])
    rows = np.isin(train.user_keys[train.user], cold)
    assert set(train.item_domain[train.item[rows]]) == {A}
    whole = ~np.isin(disliked.user_keys[disliked.user], cold)
    assert (~rows).sum() == whole.sum(), "nobody else loses a row"


def test_a_tenth_each_is_tested_and_validated_and_folds_do_not_meet(snapshot: Snapshot) -> None:
    splits = [strict_cold_user(snapshot, target=B, fold=fold) for fold in range(5)]
    tests = [set(split.test.users) for split in splits]
    validations = [set(split.validation.users) for split in splits]
    assert [len(users) for users in tests] == [24] * 5
    assert len(set.union(*tests)) == 120
    assert not set.union(*tests) & set.union(*validations)


def test_what_is_asked_is_exactly_what_was_hidden_and_liked(snapshot: Snapshot) -> None:
    split = strict_cold_user(snapshot, target=B)
    for row, key in enumerate(split.test.users):
        mine = snapshot.item[snapshot.user_keys[snapshot.user] == key]
        assert sorted(split.test.positives[row].indices) == sorted(
            i for i in mine if snapshot.item_domain[i] == B
        )
        assert sorted(split.test.shown_items[row].indices) == sorted(
            i for i in mine if snapshot.item_domain[i] == A
        )


def test_poisoned_hidden_rows_change_nothing_that_training_or_scoring_sees(
    snapshot: Snapshot,
) -> None:
    clean = strict_cold_user(snapshot, target=B)
    users = np.concatenate([clean.test.users, clean.validation.users])
    hidden = np.isin(snapshot.user_keys[snapshot.user], users)
    hidden &= snapshot.item_domain[snapshot.item] == B
    assert hidden.any()
    items = snapshot.items_of(B)
    poison = snapshot.item.copy()
    # Everything hidden becomes other target items: each user's rows shifted along the catalogue.
    poison[hidden] = items[(np.searchsorted(items, poison[hidden]) + 17) % len(items)]
    count = np.where(hidden, 999, snapshot.count)
    dirty = strict_cold_user(replace(snapshot, item=poison, count=count), target=B)
    assert dirty.train.fingerprint == clean.train.fingerprint
    np.testing.assert_array_equal(dirty.test.users, clean.test.users)
    assert (dirty.test.shown_items != clean.test.shown_items).nnz == 0
    assert (dirty.validation.shown_items != clean.validation.shown_items).nnz == 0
    assert (dirty.test.positives != clean.test.positives).nnz > 0


def test_a_split_comes_back_from_its_folder(snapshot: Snapshot, tmp_path: Path) -> None:
    split = cold_item(snapshot, target=B)
    save_split(split, tmp_path / "split")
    again = load_split(tmp_path / "split")
    assert again.fingerprint == split.fingerprint
    assert again.settings == split.settings
    with pytest.raises(InputError, match="not empty"):
        save_split(split, tmp_path / "split")
    with pytest.raises(InputError, match="holds no split"):
        load_split(tmp_path)


def test_the_same_seed_gives_the_same_split_and_another_one_does_not(snapshot: Snapshot) -> None:
    first = strict_cold_user(snapshot, target=B).fingerprint
    assert strict_cold_user(snapshot, target=B).fingerprint == first
    assert strict_cold_user(snapshot, target=B, seed=1).fingerprint != first
    assert strict_cold_user(snapshot, target=B, fold=1).fingerprint != first


def test_impossible_splits_are_refused(snapshot: Snapshot) -> None:
    with pytest.raises(InputError, match="fold must be 0 to 4, got 5"):
        strict_cold_user(snapshot, target=B, fold=5)
    with pytest.raises(InputError, match="at least 10"):
        strict_cold_user(planted(9), target=B)
    with pytest.raises(InputError, match="no domain 'c'"):
        only_domains(snapshot, ["c"])


def test_points_of_a_few_shot_curve_ask_the_same_and_show_more(snapshot: Snapshot) -> None:
    points = [few_shot(snapshot, target=B, shots=shots) for shots in (0, 1, 3, 5)]
    assert len(points[0].test) > 0
    for fewer, more in zip(points, points[1:], strict=False):
        np.testing.assert_array_equal(fewer.test.users, more.test.users)
        assert (fewer.test.positives != more.test.positives).nnz == 0
        assert (more.test.shown_items - fewer.test.shown_items).min() >= 0
        assert fewer.train.fingerprint == more.train.fingerprint
    shown = points[-1].test.shown_items - points[0].test.shown_items
    assert set(np.asarray(shown.sum(axis=1)).ravel()) == {5.0}
    assert shown.multiply(points[-1].test.positives).nnz == 0


def test_a_cold_item_has_no_row_left(snapshot: Snapshot) -> None:
    split = cold_item(snapshot, target=B)
    cold = np.flatnonzero(split.test.candidates)
    assert len(cold) == 6
    assert not np.isin(split.train.item, cold).any()
    assert set(split.test.positives.indices) <= set(cold)
    among_all = cold_item(snapshot, target=B, among="all")
    assert among_all.train.fingerprint == split.train.fingerprint
    hidden_for_validation = np.flatnonzero(split.validation.candidates)
    assert among_all.test.candidates is not None
    assert not among_all.test.candidates[hidden_for_validation].any()


def test_cutting_users_in_two_keeps_every_row_and_leaves_the_number_wanted(
    snapshot: Snapshot,
) -> None:
    cold = strict_cold_user(snapshot, target=B)
    for whole in (50, 0):
        cut = few_overlap(snapshot, target=B, whole=whole)
        assert len(Interactions.of(cut.train).overlapping(B)) == whole
        assert len(cut.train.user) == len(cold.train.user)
        assert sorted(cut.train.user_keys) == list(cut.train.user_keys)
        assert sorted(cut.train.item) == sorted(cold.train.item)
        assert (cut.test.shown_items != cold.test.shown_items).nnz == 0


def test_a_row_that_goes_to_another_account_keeps_its_place_in_the_log(snapshot: Snapshot) -> None:
    """Orders and first times move with their rows, so that histories keep their order."""
    tied = replace(snapshot, at=np.zeros(len(snapshot.at), np.int64))
    tied = replace(tied, first_at=-tied.order, order=tied.order[::-1].copy())
    whole = strict_cold_user(tied, target=A).train
    cut = few_overlap(tied, target=A, whole=0).train

    def rows(log: Snapshot) -> list[tuple[int, int, int]]:
        return sorted(
            zip(log.order.tolist(), log.first_at.tolist(), log.item.tolist(), strict=True)
        )

    assert rows(cut) == rows(whole)


def test_the_users_who_stay_whole_are_among_those_of_a_larger_number(snapshot: Snapshot) -> None:
    def whole(count: int) -> set[str]:
        train = few_overlap(snapshot, target=B, whole=count).train
        return set(train.user_keys[Interactions.of(train).overlapping(B)])

    assert whole(20) < whole(60)


def test_time_trains_on_what_was_before_and_asks_for_what_came_after() -> None:
    timed = planted(times=True)
    split = by_time(timed, target=B)
    first, second = split.settings["first"], split.settings["second"]
    assert split.train.at.max() < first < second
    for row in range(len(split.test)):
        key = split.test.users[row]
        for item in split.test.positives[row].indices:
            mine = (timed.user_keys[timed.user] == key) & (timed.item == item)
            assert timed.at[mine].min() >= second
    with pytest.raises(InputError, match="have no time"):
        by_time(planted(), target=B)


@pytest.mark.parametrize("every_event_is_kept", [False, True])
def test_an_item_met_before_the_moment_and_again_after_it_is_seen_and_not_asked_for(
    every_event_is_kept: bool,
) -> None:
    timed = planted(times=True)
    split = by_time(timed, target=B)
    several = int(np.flatnonzero(np.diff(split.test.positives.indptr) > 1)[0])
    user, item = split.test.users[several], split.test.positives[several].indices[0]
    mine = (timed.user_keys[timed.user] == user) & (timed.item == item)
    if every_event_is_kept:
        rows = np.concatenate([np.arange(len(mine)), np.flatnonzero(mine)])
        again = timed.keep(rows)  # type: ignore[arg-type]  # takes numbers as well
        early = again.at.copy()
        early[len(mine) :] = 0
        again = replace(again, at=early, first_at=early)
    else:
        again = replace(timed, first_at=np.where(mine, 0, timed.first_at))
    test = by_time(again, target=B).test
    row = int(np.flatnonzero(test.users == user)[0])
    assert not test.positives[row, item]
    assert test.known[row, item]
    assert test.positives.nnz == split.test.positives.nnz - 1


def test_an_interaction_without_a_first_time_was_first_met_at_its_time() -> None:
    timed = planted(times=True)
    bare = replace(timed, first_at=np.full(len(timed.at), NO_TIME))
    assert by_time(bare, target=B).test.positives.nnz == by_time(timed, target=B).test.positives.nnz
