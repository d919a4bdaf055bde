"""How much each component of the ensemble counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kgrec.ensemble.weights import (
    PRIOR,
    PSEUDO_USERS,
    ComponentWeights,
    Evidence,
    component_weights,
)

NAMES = ("gnn", "emcdr", "random-walk", "content", "popularity")
FIXED = "content"


def weights(
    *,
    users: int = 1000,
    prior: float = 1.0,
    exponent: float = 3.0,
    usual: float = 1.0,
    **of: dict[str, Any],
) -> dict[str, float]:
    """Weights of components that are all alike but for what ``of`` says by field and component."""
    judged = {}
    for name in NAMES:
        values: dict[str, Any] = {
            "weight": 1.0, "std": 1.0, "ndcg": usual, "fixed_weight": name == FIXED,
            "prior": 1.0 if name == "popularity" else prior,
        }  # fmt: skip
        values |= {field: by_name[name] for field, by_name in of.items() if name in by_name}
        judged[name] = Evidence(**values)
    reference = judged["popularity"].ndcg
    return component_weights(judged, users=users, reference=reference, exponent=exponent)


def test_half_the_quality_is_an_eighth_of_the_weight() -> None:
    found = weights(usual=0.2, ndcg={"emcdr": 0.1}, users=10**9)
    assert found["emcdr"] == pytest.approx(1 / 8, rel=1e-4)
    assert found["gnn"] == pytest.approx(1.0)


def test_an_exponent_of_zero_leaves_the_weights_as_they_are_given() -> None:
    found = weights(usual=0.2, ndcg={"emcdr": 0.01}, weight={"emcdr": 0.3}, exponent=0.0)
    assert found["emcdr"] == pytest.approx(0.3)


def test_scores_of_a_large_deviation_are_brought_to_that_of_the_others() -> None:
    found = weights(std={"gnn": 10.0}, weight={"emcdr": 0.33})
    assert found["gnn"] == pytest.approx(0.1)
    assert found["emcdr"] == pytest.approx(0.33)


def test_an_excluded_component_and_one_whose_scores_are_all_equal_change_no_other_weight() -> None:
    found = weights(
        usual=0.1, ndcg={"emcdr": 0.9, "random-walk": 0.9}, weight={"emcdr": 0.0},
        std={"random-walk": 0.0},
    )  # fmt: skip
    assert found["emcdr"] == found["random-walk"] == 0.0
    assert found["gnn"] == pytest.approx(1.0)


def test_with_nobody_held_out_cold_users_get_popularity_and_warm_users_all() -> None:
    cold = weights(users=0, prior=PRIOR)
    assert cold["popularity"] == 1.0
    assert cold["gnn"] == pytest.approx(PRIOR**3)
    assert set(weights(users=0).values()) == {1.0}


def test_few_users_prove_little() -> None:
    """Ten held-out users whom popularity serves half as well: the prior counts as ten more."""
    found = weights(usual=0.2, ndcg={"popularity": 0.1}, users=int(PSEUDO_USERS), prior=PRIOR)
    assert found["gnn"] == pytest.approx(1.0)
    drawn = (0.2 + PRIOR * 0.1) / 2
    assert found["popularity"] == pytest.approx((0.1 / drawn) ** 3, rel=1e-5)


def test_a_fixed_weight_is_not_judged_and_nothing_is_judged_by_it() -> None:
    found = weights(usual=0.2, ndcg={FIXED: 0.9}, weight={FIXED: 0.5})
    assert found[FIXED] == pytest.approx(0.5)
    assert found["gnn"] == pytest.approx(1.0)
    assert weights(usual=0.2, ndcg={FIXED: 0.0})[FIXED] == pytest.approx(1.0)


def test_before_anybody_is_asked_a_fixed_weight_has_the_prior_of_the_others() -> None:
    assert weights(users=0, prior=PRIOR)[FIXED] == pytest.approx(PRIOR**3)


def test_a_fixed_weight_stands_where_no_other_component_is_active() -> None:
    others = dict.fromkeys(NAMES, 0.0) | {FIXED: 0.5}
    assert weights(weight=others, users=0, prior=PRIOR)[FIXED] == pytest.approx(0.5)


def test_users_whom_no_component_served_are_as_good_as_nobody_asked() -> None:
    assert weights(usual=0.0, users=1, prior=PRIOR) == weights(users=0, prior=PRIOR)


def test_a_fixed_weight_is_drawn_to_the_prior_with_the_best_of_the_judged() -> None:
    """Ten users: quality is half what they say, half a prior of half of popularity's NDCG."""
    ten = int(PSEUDO_USERS)
    found = weights(usual=0.2, ndcg={"popularity": 0.1}, users=ten, prior=PRIOR)
    assert found[FIXED] == found["gnn"] == pytest.approx(1.0)
    found = weights(usual=0.1, ndcg={"popularity": 0.2}, users=ten, prior=PRIOR)
    assert found["popularity"] == pytest.approx(1.0)
    assert found[FIXED] == pytest.approx(((0.2 + PRIOR * 0.2) / 2 / 0.2) ** 3)


def test_items_in_the_domain_lead_from_the_weights_of_cold_users_to_those_of_warm_ones() -> None:
    values = {
        "popularity": np.array([[4.0], [0.0]], np.float32),
        "gnn": np.array([[0.0], [8.0]], np.float32),
    }
    found = ComponentWeights(values).of(np.array([0, 1, 3]), 0)
    assert found["popularity"].tolist() == pytest.approx([4.0, 2.0, 1.0])
    assert found["gnn"].tolist() == pytest.approx([0.0, 4.0, 6.0])
