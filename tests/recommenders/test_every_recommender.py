"""Every recommender of the registry: what its interface promises, alone and as a component.

A recommender that is added to the registry is tested here without another edit. It gets the small
settings of ``SMALL`` if it needs any to be quick.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from pkgutil import walk_packages
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from safetensors.numpy import load, load_file, save

from kgrec.data.histories import Histories
from kgrec.data.interactions import Interactions, count_inside
from kgrec.ensemble.settings import Component
from kgrec.lookup import Run
from kgrec.lookup import load as load_run
from kgrec.recommenders import networks, registry
from kgrec.recommenders.base import BaseVectorRecommender
from kgrec.runs import TrainedRun
from kgrec.runs.model_file import MODEL_FILE
from kgrec.training import train
from tests.encoder_fixtures import bert
from tests.evaluation.planted import PlantedTexts, planted
from tests.training.worlds import planted_snapshot, small_world, tiny

__all__ = ["bert"]

NAMES = registry.names()
QUICK: dict[str, Any] = {"dim": 4, "epochs": 1, "batch": 256, "negatives": 8}
SMALL: dict[str, dict[str, Any]] = {
    "ials": {"rank": 4}, "emcdr": {"rank": 4}, "svd": {"rank": 4}, "graph-filter": {"rank": 4},
    "ridge-map": {"rank": 4, "spectrum_rank": 4}, "kernel-map": {"rank": 4, "spectrum_rank": 4},
    "bpr": {"rank": 4, "iterations": 5}, "ptupcdr": {"rank": 4, "epochs": 1},
    "sasrec": {"dim": 4, "layers": 1, "epochs": 1},
    **dict.fromkeys(("lightgcn", "lightgcn-target", "alpharec", "cmf", "bitgcf", "cdrib"), QUICK),
}  # fmt: skip
VARIANTS: list[tuple[str, dict[str, Any]]] = [
    ("emcdr", {"rank": 4, "sources": "separate", "own_history": True}),
    ("item-ridge", {"solver": "svd", "rank": 4, "among": "all"}),
    ("popularity", {"scale": "log"}),
    ("content", {"width": 2, "centre": True}),
    ("content", {"exponent": 3.0}),
    ("bitgcf", {**QUICK, "layers": 0}),
    ("lightgcn", {**QUICK, "layers": 0}),
]
NEED_TENSORS = {"sasrec"}  # a transformer computes its users' vectors
NETWORKS = [found.name for found in walk_packages(networks.__path__, f"{networks.__name__}.")]
ALIKE = {"rtol": 1e-3, "atol": 1e-5}


def test_no_recommender_is_lost_from_the_registry() -> None:
    """A new one needs no edit here."""
    assert len(NAMES) >= 24
    assert set(SMALL) <= set(NAMES)


@pytest.fixture(scope="module")
def data() -> Interactions:
    snapshot = planted(40, times=True)
    return replace(Interactions.of(snapshot), item_text=PlantedTexts().of(snapshot))


def some_users(data: Interactions) -> Histories:
    """A warm user, two who are cold in one domain each, and one of whom nothing is known."""
    few = data.histories(np.array([0, 1, 2, 3]))
    user = np.repeat(np.arange(4), few.lengths)
    hidden = np.where(user == 3, data.item_domain[few.event_item], user - 1)
    return few.keep_events((user == 0) | (hidden != data.item_domain[few.event_item]))


@contextmanager
def without_tensors(name: str) -> Iterator[None]:
    """No tensor library can be imported, except by the recommenders of ``NEED_TENSORS``."""
    with pytest.MonkeyPatch.context() as patch:
        if name not in NEED_TENSORS:
            for module in ("torch", *NETWORKS):
                patch.setitem(sys.modules, module, None)
        yield


@pytest.mark.parametrize(
    ("name", "values"), [*((name, SMALL.get(name, {})) for name in NAMES), *VARIANTS]
)
def test_scores_are_products_of_vectors_that_come_back_from_the_state(
    name: str, values: dict[str, Any], data: Interactions
) -> None:
    model = registry.entry(name).make(**values).fit(data)
    assert isinstance(model, BaseVectorRecommender)
    state = model.state()
    assert all(type(array) is np.ndarray for array in state.values())
    # What a run keeps is what a file gives back; it has no text vectors of the encoder.
    stored = load(save({key: np.ascontiguousarray(array) for key, array in state.items()}))
    with without_tensors(name):
        again = type(model).from_state(model.settings, stored, replace(data, item_text=None))
    asked = some_users(data)
    assert (asked.lengths > 0).tolist() == [True, True, True, False]
    for domain in (0, 1):
        scores = model.score(asked, domain)
        assert scores.shape == (4, 60)
        assert scores.dtype == np.float32
        users, items = model.user_vectors(asked, domain), model.item_vectors(domain)
        assert (len(users), len(items)) == scores.shape
        np.testing.assert_allclose(users.products(items), scores, **ALIKE)
        with without_tensors(name):
            found = again.score(asked, domain)
        np.testing.assert_allclose(found, scores, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    ("name", "values"), [*((name, SMALL.get(name, {})) for name in NAMES), *VARIANTS]
)
def test_paths_add_up_where_a_recommender_says_so(
    name: str, values: dict[str, Any], data: Interactions
) -> None:
    model = registry.entry(name).make(**values).fit(data)
    assert isinstance(model, BaseVectorRecommender)
    asked = some_users(data)
    single = Histories.of_matrix(sp.identity(asked.num_items, np.float32, "csr"))
    for domain in (0, 1):
        dense = model.dense_user_vectors(asked, domain)
        np.testing.assert_allclose(dense, model.user_vectors(asked, domain).dense, **ALIKE)
        if model.paths_add_up:
            whole = model.user_vectors(asked, domain).sparse
            parts = model.user_vectors(single, domain).sparse
            assert whole is not None
            assert whole.nnz
            np.testing.assert_allclose((asked.items @ parts).toarray(), whole.toarray(), **ALIKE)


@pytest.mark.parametrize("name", NAMES)
def test_a_refit_is_a_new_recommender_of_the_new_data(name: str, data: Interactions) -> None:
    model = registry.entry(name).make(**SMALL.get(name, {})).fit(data)
    assert isinstance(model, BaseVectorRecommender)
    before = model.state()
    longer = planted(48, times=True)
    more = replace(Interactions.of(longer), item_text=data.item_text)
    refitted = model.refit(more)
    assert refitted is not model
    assert refitted.data is more
    assert refitted.settings == model.settings
    assert np.isfinite(refitted.score(some_users(data), 1)).all()
    for key, array in model.state().items():
        np.testing.assert_array_equal(array, before[key])


@pytest.mark.parametrize("name", NAMES)
def test_where_only_one_domain_has_likes_all_scores_are_numbers(
    name: str, data: Interactions
) -> None:
    """One domain has no source then, and the other one nothing to learn from."""
    snapshot = planted(40, times=True)
    alone = Interactions.of(snapshot.keep(snapshot.item_domain[snapshot.item] == 0))
    model = registry.entry(name).make(**SMALL.get(name, {}))
    model.fit(replace(alone, item_text=data.item_text))
    for domain in (0, 1):
        assert np.isfinite(model.score(some_users(data), domain)).all()


# --- as components of one run ---------------------------------------------------------


@pytest.fixture(scope="module")
def trained(bert: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainedRun:
    """A run with every recommender as a component, as it is read from its folder."""
    folder = tmp_path_factory.mktemp("every") / "run"
    components = (
        f"components.c-{name}={{{', '.join(f'{key}: {value}' for key, value in values.items())}}}"
        for name, values in ((name, {"model": name, **SMALL.get(name, {})}) for name in NAMES)
    )
    settings = tiny(bert, "train.epochs=0", "train.validation_fraction=0.2", *components)
    snapshot = planted_snapshot(small_world(num_users=80, tags=True))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder.parent / "cache"))
        return train(snapshot, settings, folder)


@pytest.fixture(scope="module")
def run(trained: TrainedRun) -> Iterator[Run]:
    with load_run(trained.path) as opened:
        yield opened


def component_of(trained: TrainedRun, name: str) -> tuple[str, BaseVectorRecommender[Any]]:
    key = f"c-{name}"
    found = trained.scorer.ensemble.components.recommenders[key]
    assert isinstance(found, BaseVectorRecommender)
    return key, found


@pytest.mark.parametrize("name", NAMES)
def test_as_a_component_it_is_weighed_and_saved(name: str, trained: TrainedRun) -> None:
    key, component = component_of(trained, name)
    kinds = trained.manifest["components"]
    assert len(kinds) == 4  # cold and warm users of two domains
    assert all(0 <= kind["ndcg"][key] <= 1 for kind in kinds)
    if name != "history":  # what everybody likes already is no opinion of anything else
        assert max(kind["contribution"][key] for kind in kinds) > 0
    prefix = f"component.{key}."
    stored = {
        file_key.removeprefix(prefix): array
        for file_key, array in load_file(trained.path / MODEL_FILE).items()
        if file_key.startswith(prefix)
    }
    assert stored.keys() == component.state().keys()
    for file_key, array in component.state().items():
        np.testing.assert_array_equal(stored[file_key], array)


@pytest.mark.parametrize("name", NAMES)
def test_as_a_component_it_is_part_of_every_score_that_is_explained(
    name: str, trained: TrainedRun, run: Run
) -> None:
    key, component = component_of(trained, name)
    user, item = str(trained.snapshot.user_keys[0]), str(trained.snapshot.item_keys[-1])
    domain = int(trained.snapshot.item_domain[-1])
    history = trained.interactions.histories(trained.interactions.row_of_account[:1])
    explained = run.explain(item, user=user)
    items = trained.scorer.item_vectors(domain)
    whole = trained.scorer.user_vectors(history, domain).products(items)[0]
    assert explained.score == pytest.approx(whole[-1], rel=1e-4)
    assert explained.because
    without = trained.scorer.user_vectors(history, domain, excluded=[key]).products(items)[0]
    inside = count_inside(history.items, trained.interactions.item_domain, domain)
    weight = trained.scorer.ensemble.weights.of(inside, domain)[key][0]
    liked = trained.interactions.liked[:, trained.snapshot.items_of(domain)].getnnz(axis=0) > 0
    assert liked.any()
    alone = component.score(history, domain)[0]
    np.testing.assert_allclose((whole - without)[liked], weight * alone[liked], atol=1e-4)


def test_all_components_answer_words(trained: TrainedRun) -> None:
    """A text stands for the items nearest to it, whose order those that read one are given."""
    vectors = trained.scorer.text_user_vectors(["bababa"], 0)
    assert np.isfinite(vectors.products(trained.scorer.item_vectors(0))).all()


def test_no_setting_of_a_recommender_has_the_name_of_a_setting_of_a_component() -> None:
    for name in NAMES:
        fields = registry.entry(name).load().settings_class.model_fields
        assert not fields.keys() & Component.model_fields.keys(), name
        assert all(field.description for field in fields.values()), name
