"""The closed-form parts: what each says of a person."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.typing import NDArray

import kgrec.model.blend
import kgrec.solvers.domain_factors
from kgrec.config import BlendSettings, RidgeSettings, resolve
from kgrec.data.interactions import Interactions, histories
from kgrec.model.blend import Blend, Regressed, Walk, load_blend, solve_blend
from kgrec.model.weights import PARTS
from kgrec.solvers.als import als_item_factors

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


SETTINGS = BlendSettings.model_validate(
    {"mapped": {"rank": 4}, "merged": {"rank": 4}, "content": {"width": 2}}
)


def texts() -> NDArray[np.float32]:
    """Two topics, told by the second direction; the first, and longest, tells the domain."""
    rng = np.random.default_rng(0)
    domain = np.where(DOMAIN == 0, 9.0, -9.0)
    topic = np.tile(np.repeat([1.0, -1.0], 4), 2)
    noise = rng.normal(0, 0.1, (len(DOMAIN), 2))
    return np.column_stack([domain, topic, noise]).astype(np.float32)


def scores_of(blend: Blend, rows: sp.csr_matrix, domain: int, part: str) -> NDArray[np.float32]:
    return blend.people(rows, domain)[part].products(blend.items(domain)[part])


@pytest.mark.parametrize("part", ["mapped", "narrow", "merged", "ridge", "walk", "content"])
def test_every_part_by_itself_finds_the_taste_of_somebody_new(part: str) -> None:
    blend = solve_blend(two_tastes(), SETTINGS, texts(), seed=0)
    scores = scores_of(blend, histories([[0, 1], [4, 5]], 16), 1, part)
    assert scores[0, :4].min() > scores[0, 4:].max()
    assert scores[1, 4:].min() > scores[1, :4].max()


def test_every_factorisation_goes_on_from_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    starts: list[NDArray[np.float32] | None] = []

    def spied(likes: sp.csr_matrix, **settings: Any) -> NDArray[np.float32]:
        starts.append(settings["start"])
        return als_item_factors(likes, **settings)

    for module in (kgrec.model.blend, kgrec.solvers.domain_factors):
        monkeypatch.setattr(module, "als_item_factors", spied)
    before = solve_blend(two_tastes(50), SETTINGS, texts(), seed=0)
    assert starts == [None] * 5
    solve_blend(two_tastes(), SETTINGS, texts(), seed=0, start=before)
    domains = (slice(0, 8), slice(8, 16))
    assert before.merged is not None
    wanted = [before.mapped[name].items[d] for name in ("mapped", "narrow") for d in domains]
    for start, own in zip(starts[5:], [*wanted, before.merged.items], strict=True):
        np.testing.assert_array_equal(start, own)


def test_popularity_says_the_same_of_everybody() -> None:
    log = log_of([[0, 8], [1, 8], [2, 9]])
    scores = scores_of(
        solve_blend(log, SETTINGS, texts(), seed=0), histories([[0], []], 16), 1, "popularity"
    )
    assert (scores[0] == scores[1]).all()
    assert scores[0].argsort()[::-1][:2].tolist() == [0, 1]
    assert scores[0].mean() == pytest.approx(0.0, abs=1e-6)


def test_a_walk_is_the_product_of_the_normalised_graph() -> None:
    log = two_tastes(6)
    liked = log.liked.toarray()
    people, items = liked.sum(1) ** -0.5, np.maximum(liked.sum(0), 1.0) ** -0.5
    expected = (liked * items) @ (people[:, None] * liked).T @ (people[:, None] * liked)
    walk = Walk.over(log)
    # a person's root of degree is met once on the way in and once on the way out
    found = walk.people(log.liked) @ walk.items(np.arange(16)).T
    np.testing.assert_allclose(found.toarray(), expected, rtol=1e-5)


def test_ridge_in_all_directions_is_the_regression_itself() -> None:
    log = two_tastes(40)
    outside, inside = log.liked[:, :8].toarray(), log.liked[:, 8:].toarray()
    gram = outside.T @ outside + 5.0 * np.eye(8)
    expected = outside @ np.linalg.solve(gram, outside.T @ inside)
    regressed = Regressed.solve(log, RidgeSettings(strength=5.0, rank=8), seed=0)
    found = regressed.people(log.liked, 1).products(regressed.items(np.arange(8, 16)))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


def test_ridge_beyond_its_directions_takes_their_weight_for_nothing() -> None:
    log = two_tastes(40)
    outside, inside = log.liked[:, :8].toarray(), log.liked[:, 8:].toarray()
    _, e, v = np.linalg.svd(outside, full_matrices=False)
    inverse = np.where(np.arange(8) < 2, 1 / (e**2 + 5.0), 1 / 5.0)
    expected = outside @ (v.T * inverse) @ v @ outside.T @ inside
    regressed = Regressed.solve(log, RidgeSettings(strength=5.0, rank=2), seed=0)
    found = regressed.people(log.liked, 1).products(regressed.items(np.arange(8, 16)))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_own_rows_take_over_from_the_map() -> None:
    blend = solve_blend(two_tastes(), SETTINGS, texts(), seed=0)
    rows = histories([[0, 1], [0, 1, 12, 13, 14, 15]], 16)
    scores = scores_of(blend, rows, 1, "mapped")
    assert scores[0, :4].mean() > scores[0, 4:].mean()
    assert scores[1, 4:].mean() > scores[1, :4].mean()


@pytest.mark.parametrize("part", ["mapped", "narrow", "ridge", "walk"])
def test_where_nobody_is_in_two_domains_a_newcomer_gets_no_answer(part: str) -> None:
    apart = log_of([[0, 1], [1, 2], [8, 9], [9, 10]])
    blend = solve_blend(apart, SETTINGS, texts(), seed=0)
    assert not scores_of(blend, histories([[0], []], 16), 1, part).any()


def test_a_blend_comes_back_from_its_arrays() -> None:
    log = two_tastes()
    blend = solve_blend(log, SETTINGS, texts(), seed=0)
    again = load_blend(blend.arrays(), SETTINGS, log)
    for part in PARTS[1:]:
        np.testing.assert_array_equal(*(scores_of(b, log.liked, 1, part) for b in (blend, again)))


def test_shares_of_zero_leave_nothing_to_solve() -> None:
    none = resolve(
        {}, [f"blend.{part}.share=0" for part in PARTS[1:] if part != "popularity"]
    ).blend
    blend = solve_blend(two_tastes(), none, texts(), seed=0)
    assert list(blend.items(0)) == ["popularity"]
    assert blend.arrays() == {}
