"""Recommenders as components: what each says of a user, and how near two solvers are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from kgrec.config import load_settings
from kgrec.data.histories import Histories
from kgrec.data.interactions import Interactions, item_matrix
from kgrec.ensemble.fit import fit_components
from kgrec.ensemble.settings import read_components
from kgrec.errors import ConfigError, InputError
from kgrec.recommenders import registry
from kgrec.recommenders.base import BaseRecommender, RecommenderSettings, VectorRecommender
from kgrec.recommenders.emcdr import EMCDR
from kgrec.recommenders.feature_map import FeatureMap
from kgrec.recommenders.ials import IALS
from kgrec.recommenders.item_ridge import ItemRidge
from kgrec.recommenders.popularity import Popularity
from kgrec.recommenders.ptupcdr import PTUPCDR
from kgrec.recommenders.random_walk import RandomWalk
from kgrec.solvers import domain_factors
from kgrec.solvers.als import als_item_factors

DOMAIN = np.repeat(np.array([0, 1], dtype=np.int32), 8)
SETTINGS = load_settings(
    "default",
    ["components.emcdr.rank=4", "components.ials.rank=4", "components.content.width=2"],
).components


def data_of(rows: list[list[int]], *, text: bool = True) -> Interactions:
    liked = item_matrix(rows, len(DOMAIN))
    data = Interactions(liked, liked, np.arange(len(rows)), DOMAIN, 2)
    return replace(data, item_text=texts()) if text else data


def two_tastes(count: int = 60) -> Interactions:
    """Items 0-3 go with 8-11, and 4-7 with 12-15; the last user was never over there."""
    rng = np.random.default_rng(0)
    rows = []
    for user in range(count):
        at = 4 * (user % 2)
        here, there = (rng.choice(4, 3, replace=False) + at for _ in range(2))
        rows.append([*here, *(there + 8)])
    return data_of([*rows, [0, 1]])


def texts() -> NDArray[np.float32]:
    """Two topics, told by the second direction; the first, and longest, tells the domain."""
    rng = np.random.default_rng(0)
    domain = np.where(DOMAIN == 0, 9.0, -9.0)
    topic = np.tile(np.repeat([1.0, -1.0], 4), 2)
    noise = rng.normal(0, 0.1, (len(DOMAIN), 2))
    return np.column_stack([domain, topic, noise]).astype(np.float32)


def users(rows: list[list[int]]) -> Histories:
    return Histories.of_lists(rows, len(DOMAIN))


def fitted(name: str, data: Interactions) -> VectorRecommender:
    return fit_components(data, {name: SETTINGS[name]}, seed=0)[name]


@pytest.mark.parametrize(
    "name", ["emcdr", "emcdr-narrow", "ials", "item-ridge", "random-walk", "content"]
)
def test_every_component_by_itself_finds_the_taste_of_a_cold_user(name: str) -> None:
    scores = fitted(name, two_tastes()).score(users([[0, 1], [4, 5]]), 1)
    assert scores[0, :4].min() > scores[0, 4:].max()
    assert scores[1, 4:].min() > scores[1, :4].max()


@pytest.mark.parametrize("name", ["emcdr", "emcdr-narrow", "item-ridge", "random-walk"])
def test_without_overlap_a_cold_user_gets_no_answer(name: str) -> None:
    apart = data_of([[0, 1], [1, 2], [8, 9], [9, 10]])
    assert not fitted(name, apart).score(users([[0], []]), 1).any()


def test_popularity_says_the_same_of_everybody() -> None:
    data = data_of([[0, 8], [1, 8], [2, 9]])
    scores = fitted("popularity", data).score(users([[0], []]), 1)
    assert (scores[0] == scores[1]).all()
    assert scores[0].argsort()[::-1][:2].tolist() == [0, 1]
    assert scores[0].mean() == pytest.approx(0.0, abs=1e-6)
    np.testing.assert_allclose(scores[0], data.popularity[DOMAIN == 1])


def test_both_scales_of_popularity_rank_alike() -> None:
    data = two_tastes()
    count, log = (Popularity(scale=scale).fit(data).item_scores for scale in ("count", "log"))
    for domain in (0, 1):
        order = [np.argsort(-scores[domain == DOMAIN], kind="stable") for scores in (count, log)]
        np.testing.assert_array_equal(*order)


def test_history_scores_what_a_user_likes_already() -> None:
    scores = fitted("history", two_tastes()).score(users([[0, 9, 15], []]), 1)
    assert np.flatnonzero(scores[0]).tolist() == [1, 7]
    assert not scores[1].any()


def test_a_walk_is_the_product_of_the_normalised_graph() -> None:
    data = two_tastes(6)
    liked = data.liked.toarray()
    by_user, by_item = liked.sum(1) ** -0.5, np.maximum(liked.sum(0), 1.0) ** -0.5
    expected = (liked * by_item) @ (by_user[:, None] * liked).T @ (by_user[:, None] * liked)
    found = RandomWalk().fit(data).score(data.histories(), 1)
    np.testing.assert_allclose(found, expected[:, DOMAIN == 1], rtol=1e-5)


def test_own_history_takes_over_from_the_map_only_where_it_is_asked_for() -> None:
    asked = users([[0, 1], [0, 1, 12, 13, 14, 15]])
    scores = fitted("emcdr", two_tastes()).score(asked, 1)
    assert scores[0, :4].mean() > scores[0, 4:].mean()
    assert scores[1, 4:].mean() > scores[1, :4].mean()
    strict = EMCDR(rank=4, sources="separate").fit(two_tastes()).score(asked, 1)
    np.testing.assert_array_equal(strict[0], strict[1])


# --- two kinds of the same mathematics --------------------------------------------


def test_the_truncated_ridge_in_all_directions_is_that_of_conjugate_gradients() -> None:
    data = two_tastes(40)
    exact = ItemRidge(strength=5.0, among="all").fit(data)
    truncated = ItemRidge(strength=5.0, among="all", solver="svd", rank=8).fit(data)
    asked = data.histories()
    np.testing.assert_allclose(truncated.score(asked, 1), exact.score(asked, 1), atol=2e-3)


def test_the_truncated_ridge_beyond_its_directions_takes_their_weight_for_nothing() -> None:
    data = two_tastes(40)
    outside, inside = data.liked[:, :8].toarray(), data.liked[:, 8:].toarray()
    _, e, v = np.linalg.svd(outside, full_matrices=False)
    inverse = np.where(np.arange(8) < 2, 1 / (e**2 + 5.0), 1 / 5.0)
    expected = outside @ (v.T * inverse) @ v @ outside.T @ inside
    found = ItemRidge(strength=5.0, among="all", solver="svd", rank=2).fit(data)
    np.testing.assert_allclose(found.score(data.histories(), 1), expected, rtol=1e-3, atol=1e-3)


def test_with_a_large_strength_few_directions_are_nearly_the_whole_ridge() -> None:
    """As in the default config: 2 of 8 directions, strength far above the other values."""
    data = two_tastes(40)
    exact = ItemRidge(strength=300.0, among="all").fit(data).score(data.histories(), 1)
    few = ItemRidge(strength=300.0, among="all", solver="svd", rank=2).fit(data)
    gap = np.abs(few.score(data.histories(), 1) - exact).max() / np.abs(exact).max()
    assert gap < 0.05


def test_vectors_of_conjugate_gradients_give_their_scores() -> None:
    data = two_tastes(40)
    ridge = ItemRidge(strength=30.0, among="all", history_exponent=0.5).fit(data)
    products = ridge.user_vectors(data.histories(), 1).products(ridge.item_vectors(1))
    np.testing.assert_allclose(products, ridge.score(data.histories(), 1), rtol=1e-3, atol=1e-5)


def test_of_two_domains_merged_and_separate_sources_say_nearly_the_same() -> None:
    """Their factorisations differ in the random start alone: scores of likes agree closely."""
    data, asked = two_tastes(), users([[0, 1], [4, 5], [2]])
    merged, separate = (
        EMCDR(rank=4, regularization=10.0, alpha=40.0, sources=sources).fit(data).score(asked, 1)
        for sources in ("merged", "separate")
    )
    for one, other in zip(merged, separate, strict=True):
        assert np.corrcoef(one, other)[0, 1] > 0.98


# --- refit ------------------------------------------------------------------------


def test_every_factorisation_goes_on_from_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    starts: list[NDArray[np.float32] | None] = []

    def spied(likes: Any, **settings: Any) -> NDArray[np.float32]:
        starts.append(settings["start"])
        return als_item_factors(likes, **settings)

    monkeypatch.setattr("kgrec.recommenders.factors.als_item_factors", spied)
    monkeypatch.setattr(domain_factors, "als_item_factors", spied)
    models = (
        EMCDR(rank=4, sources="separate"),
        EMCDR(rank=4),
        IALS(rank=4),
        FeatureMap(rank=4, spectrum_rank=4),
        PTUPCDR(rank=4, epochs=0),
    )
    for model in models:
        starts.clear()
        model.fit(two_tastes(50))
        assert starts
        assert all(start is None for start in starts)
        solved = len(starts)
        model.refit(two_tastes())
        assert len(starts) == 2 * solved
        assert all(start is not None and start.any() for start in starts[solved:])


# --- what is refused --------------------------------------------------------------


def test_texts_are_needed_where_texts_are_compared() -> None:
    with pytest.raises(InputError, match="content cosine compares texts, and these"):
        registry.entry("content").make().fit(data_of([[0, 8]], text=False))


def test_sums_of_powers_of_cosines_by_hand() -> None:
    model = registry.entry("content").make(exponent=3.0).fit(two_tastes())
    unit = texts() / np.linalg.norm(texts(), axis=1, keepdims=True)
    near = np.maximum(unit[[0, 5]] @ unit[DOMAIN == 1].T, 0.0) ** 3
    found = model.score(users([[0, 5]]), 1)[0]
    np.testing.assert_allclose(found, near.sum(axis=0), rtol=1e-4, atol=1e-6)


class Closeness(BaseRecommender[RecommenderSettings]):
    """Scores that are no inner product of narrow vectors, as a new recommender may have them."""

    name = "closeness"
    no_vectors = "a score is a distance to the nearest item of the history"


@pytest.mark.parametrize(
    ("model", "why"),
    [
        ("closeness", "a score is a distance to the nearest item of the history"),
        ("fusion", "its votes depend on the places of all items in a user's list"),
        ("kgrec", "it is the whole ensemble"),
        ("gnn", "the joint model is always there"),
    ],
)
def test_what_has_no_vectors_is_refused_as_a_component_with_the_reason(
    model: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = registry.Entry(f"{__name__}.Closeness")
    monkeypatch.setattr(registry.Entry, "load", lambda _: Closeness)
    monkeypatch.setitem(registry.RECOMMENDERS, "closeness", entry)
    said = f"components.mine.model: {model} cannot be a component: {why}"
    with pytest.raises(ConfigError, match=said):
        read_components({"mine": {"model": model}})
