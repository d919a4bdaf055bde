"""Every baseline finds a planted answer; the closed forms against dense algebra by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Self

import numpy as np
import pytest
import scipy.sparse as sp

from kgrec.data.histories import Histories
from kgrec.data.interactions import Interactions
from kgrec.errors import ConfigError, InputError
from kgrec.evaluation import registry
from kgrec.evaluation.evaluate import main_value
from kgrec.evaluation.protocols import strict_cold_user
from kgrec.evaluation.split import Split
from kgrec.recommenders.base import Recommender
from kgrec.recommenders.ease import EASE
from kgrec.recommenders.fusion import RankFusion
from kgrec.recommenders.graph_filter import GraphFilter
from kgrec.recommenders.ials import IALS
from kgrec.recommenders.item_knn import ItemKNN
from kgrec.recommenders.item_ridge import ItemRidge
from kgrec.recommenders.popularity import Popularity
from kgrec.solvers.conjugate_gradients import solve_gram
from kgrec.solvers.kept import sharing
from kgrec.solvers.whitening import whitened
from tests.evaluation.planted import PlantedTexts, planted

ROOT = Path(__file__).parents[2]
A, B = 0, 1
BASELINES = [name for name in registry.names() if name not in (registry.FUSION, registry.KGREC)]
NEURAL = {"lightgcn", "lightgcn-target", "alpharec"}
IMPERSONAL = {"popularity", "popularity-overlap", "lightgcn-target", "history"}
SMALL = {
    "bpr": {"rank": 16, "iterations": 400, "bias": 0.0},
    "lightgcn": {"epochs": 20, "dim": 16, "batch": 512},
    "lightgcn-target": {"epochs": 4, "dim": 16, "batch": 512},
    "cmf": {"epochs": 60, "dim": 16, "batch": 512},
    "ptupcdr": {"epochs": 30, "rank": 8},
    "bitgcf": {"epochs": 20, "dim": 16, "batch": 512},
    "cdrib": {"epochs": 20, "dim": 16, "batch": 512},
    "alpharec": {"epochs": 8, "dim": 16, "batch": 512},
    "sasrec": {"epochs": 15, "dim": 16, "batch": 32, "layers": 1, "learning_rate": 0.01},
    "svd": {"rank": 16},
    "graph-filter": {"rank": 16},
    "ridge-map": {"spectrum_rank": 16, "rank": 16},
    "kernel-map": {"spectrum_rank": 16, "rank": 16},
    "emcdr": {"rank": 8},
    "ials": {"rank": 8, "regularization": 1.0},
}


@pytest.fixture(scope="module")
def split() -> Split:
    return strict_cold_user(planted(times=True), target=B)


def made(name: str) -> Recommender:
    return registry.entry(name, registry.BenchmarkResources()).make(**SMALL.get(name, {}))


def data_of(split: Split) -> Interactions:
    """What models learn from, the texts included."""
    return replace(Interactions.of(split.train), item_text=PlantedTexts().of(split.train))


@pytest.mark.parametrize("name", BASELINES)
def test_a_planted_taste_is_found_by_whoever_looks_at_the_user(name: str, split: Split) -> None:
    popular = Popularity()
    popular.fit(Interactions.of(split.train))
    floor = main_value(popular, split.test, train=split.train, target=B)
    model = made(name)
    model.fit(data_of(split), seed=0, domains=[B])
    value = main_value(model, split.test, train=split.train, target=B)
    if name in IMPERSONAL:
        scores = model.score(split.test.shown[:2], B)
        np.testing.assert_array_equal(scores[0], scores[1])
        assert value < 2 * floor
    else:
        assert value > 1.5 * floor


@pytest.mark.parametrize("name", BASELINES)
def test_the_same_seed_gives_the_same_scores_and_users_do_not_touch_each_other(
    name: str, split: Split
) -> None:
    scores = []
    for rows in (np.arange(6), np.arange(6)[::-1]):
        model = made(name)
        model.fit(data_of(split), seed=3, domains=[B])
        scores.append(model.score(split.test.shown[rows], B))
    assert scores[0].shape == (6, len(split.train.items_of(B)))
    assert scores[0].dtype == np.float32
    np.testing.assert_allclose(scores[0], scores[1][::-1], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", BASELINES)
def test_a_user_of_whom_nothing_is_known_gets_scores_that_are_numbers(
    name: str, split: Split
) -> None:
    model = made(name)
    model.fit(data_of(split), domains=[B])
    nobody = sp.csr_matrix((1, split.train.num_items), dtype=np.float32)
    assert np.isfinite(model.score(Histories.of_matrix(nobody), B)).all()


@pytest.mark.parametrize("name", [n for n in BASELINES if n not in NEURAL])
def test_a_domain_that_was_not_fitted_is_refused(name: str, split: Split) -> None:
    model = made(name)
    model.fit(data_of(split), domains=[B])
    with pytest.raises(InputError, match=r"not for 0"):
        model.score(split.test.shown[:1], A)


def test_tuning_grids_are_within_the_rule_and_every_setting_makes_a_model() -> None:
    for name in BASELINES:
        entry = registry.entry(name, registry.BenchmarkResources())
        assert 1 <= len(entry.trials) <= 20, name
        assert len({str(trial) for trial in entry.trials}) == len(entry.trials), name
        for trial in entry.trials:
            entry.make(**trial)


def test_an_unknown_model_is_one_sentence() -> None:
    with pytest.raises(ConfigError, match="no recommender is named 'magic'"):
        registry.entry("magic", registry.BenchmarkResources())


def test_an_old_name_of_a_model_is_refused_with_the_new_one() -> None:
    with pytest.raises(ConfigError, match="models: ridge is called item-ridge now"):
        registry.entry("ridge", registry.BenchmarkResources())


def test_a_setting_that_a_recommender_does_not_have_is_one_sentence() -> None:
    said = r"ContentSimilarity.sharp: no such setting \(there are width, noise_floor"
    with pytest.raises(ConfigError, match=said):
        registry.entry("content", registry.BenchmarkResources()).make(sharp=3.0)


def test_a_setting_that_a_recommender_had_by_another_name_is_refused_with_the_new_one() -> None:
    said = "ContentSimilarity.sharpness: is called ContentSimilarity.exponent now"
    with pytest.raises(ConfigError, match=said):
        registry.entry("content", registry.BenchmarkResources()).make(sharpness=3.0)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("random-walk", "RandomWalk.read", "history_exponent"),
        ("random-walk", "RandomWalk.write", "popularity_exponent"),
        ("svd", "SVDFilter.read", "history_exponent"),
        ("svd", "SVDFilter.write", "popularity_exponent"),
        ("graph-filter", "GraphFilter.write", "popularity_exponent"),
        ("item-knn", "ItemKNN.popularity", "divisor_exponent"),
        ("item-ridge", "ItemRidge.popularity", "history_exponent"),
    ],
)
def test_settings_that_an_earlier_version_has_tuned_are_refused_with_their_new_names(
    name: str, old: str, new: str
) -> None:
    cls, setting = old.split(".")
    with pytest.raises(ConfigError, match=rf"^{old}: is called {cls}\.{new} now$"):
        registry.entry(name, registry.BenchmarkResources()).make(**{setting: 0.5})


def test_the_tuned_settings_that_are_stored_are_those_of_today() -> None:
    files = sorted((ROOT / "benchmarks/results/tuning").rglob("*.json"))
    assert len(files) > 150
    for file in files:
        found = json.loads(file.read_text(encoding="utf-8"))
        entry = registry.entry(found["model"], registry.BenchmarkResources())
        for settings in (found["settings"], *(trial["settings"] for trial in found["trials"])):
            entry.make(**settings)


def test_popularity_among_overlapping_users_counts_only_them(split: Split) -> None:
    everyone, overlap = Popularity(), Popularity(among="overlap")
    everyone.fit(Interactions.of(split.train))
    overlap.fit(Interactions.of(split.train))
    nobody = sp.csr_matrix((1, split.train.num_items), dtype=np.float32)
    # In the source domain the cold users count for all, and for overlap they do not.
    assert (
        everyone.score(Histories.of_matrix(nobody), A).sum()
        > overlap.score(Histories.of_matrix(nobody), A).sum()
    )
    assert (
        everyone.score(Histories.of_matrix(nobody), B).sum()
        == overlap.score(Histories.of_matrix(nobody), B).sum()
    )


def test_neighbours_by_hand(split: Split) -> None:
    log = Interactions.of(split.train)
    likes = log.liked.toarray()
    norms = np.sqrt(np.maximum(likes.sum(0), 1.0))
    cosine = (likes.T @ likes) / (np.outer(norms, norms) + 10.0)
    np.fill_diagonal(cosine, 0.0)
    expected = split.test.shown_items.toarray() @ cosine[:, log.items_of(B)]
    knn = ItemKNN(neighbours=10_000, shrinkage=10.0)
    knn.fit(Interactions.of(split.train))
    np.testing.assert_allclose(
        knn.score(Histories.of_matrix(split.test.shown_items), B), expected, rtol=1e-4
    )


def test_only_the_nearest_neighbours_are_kept(split: Split) -> None:
    knn = ItemKNN(neighbours=3)
    knn.fit(Interactions.of(split.train))
    one_item_each = sp.identity(split.train.num_items, format="csr", dtype=np.float32)
    assert ((knn.score(Histories.of_matrix(one_item_each), B) > 0).sum(axis=0) <= 3).all()


def test_ridge_by_dense_algebra(split: Split) -> None:
    log = Interactions.of(split.train)
    source = log.outside(log.liked, B).toarray()
    target = log.liked.toarray()[:, log.items_of(B)]
    gram = source.T @ source + 30.0 * np.eye(source.shape[1])
    expected = split.test.shown_items.toarray() @ np.linalg.solve(gram, source.T @ target)
    model = ItemRidge(strength=30.0, among="all", history_exponent=0.0)
    model.fit(Interactions.of(split.train))
    np.testing.assert_allclose(
        model.score(Histories.of_matrix(split.test.shown_items), B), expected, atol=1e-3
    )


def test_conjugate_gradients_solve_what_they_should() -> None:
    rng = np.random.default_rng(0)
    matrix = sp.random(50, 30, 0.2, format="csr", random_state=1, dtype=np.float32)
    right = rng.standard_normal((30, 4)).astype(np.float32)
    right[:, 2] = 0.0  # a user without history is done before the first step
    exact = np.linalg.solve((matrix.T @ matrix).toarray() + np.eye(30), right)
    np.testing.assert_allclose(solve_gram(matrix, right, 1.0), exact, atol=1e-3)


def test_ease_by_dense_algebra_and_zero_beyond_its_items(split: Split) -> None:
    log = Interactions.of(split.train)
    likes = log.liked.toarray()
    inverse = np.linalg.inv(likes.T @ likes + 50.0 * np.eye(likes.shape[1]))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    expected = split.test.shown_items.toarray() @ weights[:, log.items_of(B)]
    whole = EASE(strength=50.0)
    whole.fit(Interactions.of(split.train))
    np.testing.assert_allclose(
        whole.score(Histories.of_matrix(split.test.shown_items), B), expected, atol=1e-4
    )
    part = EASE(strength=50.0, largest=40)
    part.fit(Interactions.of(split.train))
    assert (
        (part.score(Histories.of_matrix(split.test.shown_items), B) != 0).any(axis=0)
    ).sum() <= 40


def test_a_graph_filter_by_dense_algebra(split: Split) -> None:
    log = Interactions.of(split.train)
    likes = log.liked.toarray()
    degree = np.maximum(likes.sum(0), 1.0)
    flow = likes / np.sqrt(np.maximum(likes.sum(1, keepdims=True), 1.0)) / np.sqrt(degree)
    items = log.items_of(B)
    read = split.test.shown_items.toarray() / np.sqrt(degree)
    expected = (read @ flow.T @ flow)[:, items] * np.sqrt(degree[items])
    model = GraphFilter(low_pass=0.0, popularity_exponent=0.5)
    model.fit(Interactions.of(split.train))
    np.testing.assert_allclose(
        model.score(Histories.of_matrix(split.test.shown_items), B), expected, rtol=1e-3, atol=1e-5
    )


def test_a_factorisation_is_done_once_where_solves_are_shared(split: Split) -> None:
    data = Interactions.of(split.train)
    with sharing(2):
        first = IALS(rank=4).fit(data)
        again = IALS(rank=4).fit(data)
        other = IALS(rank=4).fit(data, seed=1)
    np.testing.assert_array_equal(first.items, again.items)
    assert not np.array_equal(first.items, other.items)


class _Fixed:
    def __init__(self, scores: list[float]) -> None:
        self.name = "fixed"
        self.scores = np.array([scores], np.float32)

    def fit(self, data: Interactions, **_: object) -> Self:
        raise AssertionError("a fitted member must not be fitted again")

    def score(self, users: Histories, domain: int) -> np.ndarray:  # type: ignore[type-arg]
        return self.scores


def test_rank_fusion_by_hand() -> None:
    fusion = RankFusion([_Fixed([3, 2, 1]), _Fixed([10, 0, 10])], fitted=True)
    fusion.fit(Interactions.of(planted(12)))
    votes = fusion.score(Histories.of_matrix(sp.csr_matrix((1, 1))), B)[0]
    expected = [1 / 61 + 1 / 62, 1 / 62 + 1 / 63, 1 / 63 + 1 / 62]
    np.testing.assert_allclose(votes, expected, rtol=1e-6)


def test_whitening_gives_unit_rows_and_leaves_items_without_text_at_zero() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((200, 6)) * [5, 1, 1, 1, 1, 0.1] + 3
    vectors[0] = 0.0
    white = whitened(vectors.astype(np.float32), width=4)
    assert not white[0].any()
    np.testing.assert_allclose(np.linalg.norm(white[1:], axis=1), 1.0, rtol=1e-5)
    std = white[1:].std(axis=0)
    assert std.max() / std.min() < 1.5
