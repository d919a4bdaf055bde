"""Bootstrap intervals and paired tests."""

from __future__ import annotations

import numpy as np
import pytest

from kgrec.errors import InputError
from kgrec.ranking.intervals import interval, intervals, paired_difference, paired_ratios


def test_the_interval_is_that_of_the_normal_approximation_on_many_users() -> None:
    values = np.random.default_rng(0).normal(3.0, 2.0, 4000)
    got = interval(values)
    half = 1.96 * values.std() / np.sqrt(len(values))
    assert got.mean == pytest.approx(values.mean())
    assert got.low == pytest.approx(values.mean() - half, abs=0.01)
    assert got.high == pytest.approx(values.mean() + half, abs=0.01)


def test_users_without_a_value_are_left_out() -> None:
    assert interval(np.array([1.0, np.nan, 3.0])).users == 2
    assert np.isnan(interval(np.array([np.nan])).mean)


def test_a_constant_has_no_width_and_the_same_seed_gives_the_same_interval() -> None:
    assert interval(np.full(9, 0.5)) == interval(np.full(9, 0.5))
    assert interval(np.full(9, 0.5)).low == interval(np.full(9, 0.5)).high == 0.5


def test_a_pairing_sees_what_two_separate_intervals_do_not() -> None:
    rng = np.random.default_rng(1)
    theirs = rng.normal(0, 5, 300)
    better = paired_difference(theirs + 0.2 + rng.normal(0, 0.1, 300), theirs)
    assert better.low > 0
    assert better.p_value < 0.001
    same = paired_difference(theirs + rng.normal(0, 1, 300), theirs)
    assert same.low < 0 < same.high
    assert same.p_value > 0.05


def test_users_must_be_the_same() -> None:
    with pytest.raises(InputError, match="same users"):
        paired_difference(np.zeros(3), np.zeros(4))


def test_a_weight_counts_like_so_many_equal_rows_in_the_mean() -> None:
    values, weights = np.array([0.0, 1.0, 0.5]), np.array([1.0, 3.0, 2.0])
    got = intervals({"": values}, weights=weights)[""]
    assert got.mean == pytest.approx(np.repeat(values, [1, 3, 2]).mean())
    assert got.users == 3, "the weight makes nobody into several users"
    gap = paired_difference(values, np.zeros(3), weights=weights)
    assert gap.mean == pytest.approx(got.mean)
    assert (gap.low, gap.high) == pytest.approx((got.low, got.high))


def test_a_ratio_of_the_same_users_is_known_better_than_either_mean() -> None:
    theirs = np.random.default_rng(0).random(500)
    (found,), together = paired_ratios([(2 * theirs, theirs)])
    assert (found.mean, found.low, found.high) == pytest.approx((2.0, 2.0, 2.0))
    assert together == found


def test_ratios_come_together_by_their_geometric_mean() -> None:
    rng = np.random.default_rng(0)
    values = [rng.random(400) for _ in range(4)]
    each, together = paired_ratios([(values[0] * 4, values[1]), (values[2], values[3])])
    assert together.mean == pytest.approx((each[0].mean * each[1].mean) ** 0.5)
    assert together.low < together.mean < together.high
    assert together.users == 800
    widths = [np.log(found.high / found.low) for found in (*each, together)]
    assert widths[2] < max(widths[:2])


def test_no_pair_has_no_ratio() -> None:
    with pytest.raises(InputError, match="no pair"):
        paired_ratios([])
