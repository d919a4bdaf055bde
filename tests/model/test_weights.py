"""How much of a voice each part of a score gets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from kgrec.model.weights import (
    PARTS,
    PSEUDO_PEOPLE,
    UNJUDGED,
    UNPROVEN,
    PartWeights,
    part_weights,
)

ALL = np.ones(len(PARTS))
POPULARITY = PARTS.index("popularity")


def weights(**changes: Any) -> dict[str, float]:
    options: dict[str, Any] = {
        "shares": ALL, "spreads": ALL, "worth": ALL, "people": 1000, "belief": 1.0,
        "sharpness": 3.0,
    } | changes  # fmt: skip
    shares, spreads, worth = (options.pop(name) for name in ("shares", "spreads", "worth"))
    found = part_weights(shares, spreads, worth, **options)
    return dict(zip(PARTS, found.tolist(), strict=True))


def by_name(usual: float, **others: float) -> NDArray[np.float64]:
    return np.array([others.get(name, usual) for name in PARTS])


def test_half_the_quality_is_an_eighth_of_the_voice() -> None:
    found = weights(worth=by_name(0.2, mapped=0.1), people=10**9)
    assert found["mapped"] == pytest.approx(1 / 8, rel=1e-4)
    assert found["learned"] == pytest.approx(1.0)


def test_a_wide_score_is_brought_to_the_spread_of_the_others() -> None:
    found = weights(
        spreads=by_name(1.0, learned=10.0), shares=by_name(0.0, learned=1.0, mapped=0.33)
    )
    assert found["learned"] == pytest.approx(0.1)
    assert found["mapped"] == pytest.approx(0.33)


def test_what_is_left_out_or_mute_has_no_weight_and_takes_none() -> None:
    best_is_out = weights(
        worth=by_name(0.1, mapped=0.9, walk=0.9), shares=by_name(1.0, mapped=0.0),
        spreads=by_name(1.0, walk=0.0),
    )  # fmt: skip
    assert best_is_out["mapped"] == best_is_out["walk"] == 0.0
    assert best_is_out["learned"] == pytest.approx(1.0)


def test_nobody_to_ask_leaves_newcomers_to_popularity_and_known_people_to_the_shares() -> None:
    new = weights(people=0, belief=UNPROVEN)
    assert new["popularity"] == 1.0
    assert new["learned"] == pytest.approx(UNPROVEN**3)
    assert set(weights(people=0).values()) == {1.0}


def test_few_people_prove_little() -> None:
    """Ten held-out people whom popularity serves half as well: the prior counts as ten more."""
    worth = by_name(0.2, popularity=0.1)
    found = weights(worth=worth, people=int(PSEUDO_PEOPLE), belief=UNPROVEN)
    assert found["learned"] == pytest.approx(1.0)
    believed = (0.2 + UNPROVEN * 0.1) / 2
    assert found["popularity"] == pytest.approx((0.1 / believed) ** 3, rel=1e-5)


@pytest.mark.parametrize("part", UNJUDGED)
def test_some_parts_are_not_judged_and_nothing_is_judged_by_them(part: str) -> None:
    found = weights(worth=by_name(0.2, **{part: 0.9}), shares=by_name(1.0, **{part: 0.5}))
    assert found[part] == pytest.approx(0.5)
    assert found["learned"] == pytest.approx(1.0)
    assert weights(worth=by_name(0.2, **{part: 0.0}))[part] == pytest.approx(1.0)


@pytest.mark.parametrize("part", UNJUDGED)
def test_until_somebody_is_asked_they_are_believed_as_little_as_others(part: str) -> None:
    assert weights(people=0, belief=UNPROVEN)[part] == pytest.approx(UNPROVEN**3)


def test_a_part_that_is_not_judged_speaks_where_no_other_is_heard() -> None:
    found = weights(shares=by_name(0.0, content=0.5), people=0, belief=UNPROVEN)
    assert found["content"] == pytest.approx(0.5)


def test_people_whom_no_part_served_are_as_good_as_nobody_asked() -> None:
    nothing = weights(worth=np.zeros(len(PARTS)), people=1, belief=UNPROVEN)
    assert nothing == weights(people=0, belief=UNPROVEN)


@pytest.mark.parametrize("part", UNJUDGED)
def test_what_is_not_judged_is_drawn_to_the_prior_with_the_best_of_the_judged(part: str) -> None:
    """Ten people: quality is half what they say, half a prior of half of popularity's worth."""
    ten = int(PSEUDO_PEOPLE)
    found = weights(worth=by_name(0.2, popularity=0.1), people=ten, belief=UNPROVEN)
    assert found[part] == found["learned"] == pytest.approx(1.0)
    found = weights(worth=by_name(0.1, popularity=0.2), people=ten, belief=UNPROVEN)
    assert found["popularity"] == pytest.approx(1.0)
    assert found[part] == pytest.approx(((0.2 + UNPROVEN * 0.2) / 2 / 0.2) ** 3)


def test_own_items_lead_from_the_weights_of_newcomers_to_those_of_known_people() -> None:
    values = np.zeros((2, 1, len(PARTS)), np.float32)
    values[0, 0, POPULARITY], values[1, 0, 0] = 4.0, 8.0
    found = PartWeights(values).of(np.array([0, 1, 3]), 0)
    assert found[:, POPULARITY].tolist() == pytest.approx([4.0, 2.0, 1.0])
    assert found[:, 0].tolist() == pytest.approx([0.0, 4.0, 6.0])
