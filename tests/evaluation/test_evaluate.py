"""Evaluation: by hand, in blocks, by group, without twins."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Self

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.data.histories import Histories
from kgrec.data.interactions import Interactions
from kgrec.evaluation.evaluate import evaluate, main_value
from kgrec.evaluation.protocols import cold_item, strict_cold_user
from kgrec.evaluation.split import Split
from kgrec.evaluation.tuning import tune
from kgrec.recommenders.base import OnProgress, ignore_progress
from kgrec.recommenders.item_knn import ItemKNN
from tests.evaluation.planted import PER_TASTE, planted, taste_of_item, taste_of_user

B = 1


class Oracle:
    """Knows every user's taste by their history; may know what is popular beside."""

    def __init__(self, *, weight: float = 1.0, popular: float = 0.0) -> None:
        self.name = "oracle"
        self.weight = weight
        self.popular = popular

    def fit(
        self,
        data: Interactions,
        *,
        seed: int = 0,
        domains: Sequence[int] | None = None,
        on_progress: OnProgress = ignore_progress,
    ) -> Self:
        self.data = data
        return self

    def score(self, users: Histories, domain: int) -> NDArray[np.float32]:
        tastes = np.eye(4)[[taste_of_item(i) for i in range(self.data.liked.shape[1])]]
        items = self.data.items_of(domain)
        counts = np.asarray(self.data.seen.sum(axis=0)).ravel()[items]
        known = self.weight * (users.items @ tastes @ tastes[items].T)
        return (known + self.popular * counts / counts.max()).astype(np.float32)


@pytest.fixture(scope="module")
def split() -> Split:
    return strict_cold_user(planted(), target=B)


@pytest.fixture(scope="module")
def oracle(split: Split) -> Oracle:
    made = Oracle()
    made.fit(Interactions.of(split.train))
    return made


def test_ties_within_a_taste_leave_exactly_what_can_be_known(split: Split, oracle: Oracle) -> None:
    """All 15 items of the taste tie, five or six are liked, so those take the last places."""
    found = evaluate(oracle, split.test, train=split.train, target=B)
    row = found.users.row(0, named=True)
    number = int(row["user"].removeprefix("u"))
    own = [i for i in split.test.positives[0].indices if taste_of_item(i) == number % 4]
    inside = len(own)
    assert row["precision@10"] == max(0, 10 - (PER_TASTE - inside)) / 10
    assert taste_of_user(number) == number % 4
    assert found.users.height == len(split.test)


def test_the_size_of_blocks_changes_nothing(split: Split) -> None:
    knn = ItemKNN()
    knn.fit(Interactions.of(split.train))
    whole = evaluate(knn, split.test, train=split.train, target=B, block=1000)
    small = evaluate(knn, split.test, train=split.train, target=B, block=7)
    assert whole.users.equals(small.users)
    assert whole.groups.equals(small.groups)
    np.testing.assert_array_equal(whole.top, small.top)
    value = main_value(knn, split.test, train=split.train, target=B, block=5)
    assert value == pytest.approx(whole.summary()["ndcg@10"].mean)


def test_recommended_items_are_of_the_target_and_never_known_ones(split: Split) -> None:
    knn = ItemKNN()
    knn.fit(Interactions.of(split.train))
    items = cold_item(planted(), target=B)
    found = evaluate(knn, items.test, train=items.train, target=B)
    assert set(found.top[found.top >= 0]) <= set(np.flatnonzero(items.test.candidates))
    strict = evaluate(knn, split.test, train=split.train, target=B)
    assert set(split.train.item_domain[strict.top.ravel()]) == {B}


def test_a_twin_of_the_history_is_neither_ranked_nor_counted(split: Split, oracle: Oracle) -> None:
    first = split.test.positives[0].indices[0]
    known = split.test.shown_items[0].indices[0]
    size = split.train.num_items
    twins = sp.csr_matrix((np.ones(2, np.float32), ([first, known], [known, first])), (size, size))
    found = evaluate(oracle, split.test, train=split.train, target=B, twins=twins)
    key = split.test.users[0]

    def positives(frame: object) -> int:
        return frame.filter(frame["user"] == key)["positives"][0]  # type: ignore[attr-defined]

    assert positives(found.without_twins) == positives(found.users) - 1


def test_groups_cover_all_users_and_all_that_is_to_be_found(split: Split, oracle: Oracle) -> None:
    groups = evaluate(oracle, split.test, train=split.train, target=B).groups
    history = groups.filter(groups["kind"] == "history")
    assert history["users"].sum() == len(split.test)
    strata = groups.filter(groups["kind"] == "popularity")
    assert strata["group"].to_list() == ["head", "middle", "tail"]
    assert strata["users"].min() > 0


def test_tuning_takes_the_best_on_validation_and_the_first_of_equals(split: Split) -> None:
    tuned = tune(partial(Oracle, popular=0.5), [{"weight": w} for w in (-1.0, 1.0, 2.0)], split)
    assert tuned.settings == {"weight": 1.0}
    assert tuned.complete
    assert [trial.value > 0.1 for trial in tuned.trials] == [False, True, True]


def test_tuning_stops_when_time_is_up_and_says_so(split: Split) -> None:
    tuned = tune(Oracle, [{"weight": 1.0}, {"weight": 2.0}], split, max_seconds=0.0)
    assert len(tuned.trials) == 1
    assert not tuned.complete
