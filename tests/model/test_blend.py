"""The closed-form parts: what each says of a person, and how much of a voice it gets."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from kgrec.config import BlendSettings, resolve
from kgrec.interactions import Interactions, histories
from kgrec.model.blend import Walk, load_blend, newcomers, solve_blend, spread

DOMAIN = np.repeat(np.array([0, 1], dtype=np.int32), 8)


def log_of(rows: list[list[int]]) -> Interactions:
    liked = histories(rows, len(DOMAIN))
    return Interactions(liked, liked, np.arange(len(rows)), DOMAIN, 2)


def two_tastes(people: int = 60) -> Interactions:
    """Items 0-3 go with 8-11, and 4-7 with 12-15; the last person was never over there."""
    rng = np.random.default_rng(0)
    rows = []
    for person in range(people):
        at = 4 * (person % 2)
        here, there = (rng.choice(4, 3, replace=False) + at for _ in range(2))
        rows.append([*here, *(there + 8)])
    return log_of([*rows, [0, 1]])


SETTINGS = BlendSettings.model_validate({"mapped": {"rank": 4}, "merged": {"rank": 4}})


@pytest.mark.parametrize("part", ["mapped", "merged", "walk"])
def test_every_part_by_itself_finds_the_taste_of_somebody_new(part: str) -> None:
    others = {name: {"share": 0.0} for name in ("mapped", "merged", "walk") if name != part}
    own = {} if part == "walk" else {part: {"rank": 4}}
    log = two_tastes()
    blend = solve_blend(log, BlendSettings.model_validate(others | own), seed=0)
    people = blend.person_vectors(histories([[0, 1], [4, 5]], 16), 1, spread=1.0)
    scores = people.products(blend.item_vectors(1))
    assert scores[0, :4].min() > scores[0, 4:].max()
    assert scores[1, 4:].min() > scores[1, :4].max()


def test_each_part_spreads_by_its_share_of_the_score_it_stands_beside() -> None:
    log = two_tastes()
    blend = solve_blend(log, SETTINGS, seed=0)
    rows = log.outside(log.liked[newcomers(log, 1, seed=0)], 1)
    people = blend.person_vectors(rows, 1, spread=10.0)
    items = blend.item_vectors(1)
    mapped, merged = people.dense[:, :4], people.dense[:, 4:]
    assert spread(mapped, items.dense[:, :4]) == pytest.approx(3.3, rel=1e-3)
    assert spread(merged, items.dense[:, 4:]) == pytest.approx(3.3, rel=1e-3)


def test_the_spread_of_a_walk_leaves_out_the_way_through_the_walker() -> None:
    alone = log_of([[0, 8], [1, 9]])  # nobody else likes what either of them likes
    assert solve_blend(alone, SETTINGS, seed=0).weights[2, 1] == 0.0
    together = log_of([[0, 8], [0, 9]])
    assert solve_blend(together, SETTINGS, seed=0).weights[2, 1] > 0.0


def test_a_walk_is_the_product_of_the_normalised_graph() -> None:
    log = two_tastes(6)
    liked = log.liked.toarray()
    people, items = liked.sum(1) ** -0.5, np.maximum(liked.sum(0), 1.0) ** -0.5
    expected = (liked * items) @ (people[:, None] * liked).T @ (people[:, None] * liked)
    walk = Walk.over(log)
    # a person's root of degree is met once on the way in and once on the way out
    found = walk.people(log.liked) @ walk.items(np.arange(16)).T
    np.testing.assert_allclose(found.toarray(), expected, rtol=1e-5)


def test_own_rows_take_over_from_the_map() -> None:
    log = two_tastes()
    blend = solve_blend(log, BlendSettings.model_validate(
        {"mapped": {"rank": 4}, "merged": {"share": 0}, "walk": {"share": 0}}), seed=0)  # fmt: skip
    rows = histories([[0, 1], [0, 1, 12, 13, 14, 15]], 16)
    scores = blend.person_vectors(rows, 1, spread=1.0).products(blend.item_vectors(1))
    assert scores[0, :4].mean() > scores[0, 4:].mean()
    assert scores[1, 4:].mean() > scores[1, :4].mean()


def test_nobody_in_two_domains_leaves_the_map_silent_and_nothing_broken() -> None:
    apart = log_of([[0, 1], [1, 2], [8, 9], [9, 10]])
    blend = solve_blend(apart, SETTINGS, seed=0)
    scores = blend.person_vectors(histories([[0], []], 16), 1, spread=1.0).products(
        blend.item_vectors(1)
    )
    assert np.isfinite(scores).all()
    assert np.abs(scores[1]).max() == 0.0


def test_a_blend_comes_back_from_its_arrays() -> None:
    log = two_tastes()
    blend = solve_blend(log, SETTINGS, seed=0)
    again = load_blend(blend.arrays(), SETTINGS, log)
    before, after = (b.person_vectors(log.liked, 1, spread=2.0) for b in (blend, again))
    np.testing.assert_array_equal(before.dense, after.dense)
    assert (before.sparse != after.sparse).nnz == 0


def test_shares_of_zero_leave_nothing_to_solve() -> None:
    none = resolve({}, [f"blend.{part}.share=0" for part in ("mapped", "merged", "walk")]).blend
    blend = solve_blend(two_tastes(), none, seed=0)
    vectors = blend.person_vectors(sp.csr_matrix((2, 16), dtype=np.float32), 0, spread=1.0)
    assert vectors.dense.shape == (2, 0)
    assert vectors.sparse is None
