"""Item-to-item matrices give the scores of paths over users, without the log."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp

from kgrec.data.histories import Histories
from kgrec.data.interactions import Interactions
from kgrec.ensemble.cold_items import ColdItemImputer
from kgrec.ensemble.item_paths import strongest
from kgrec.ensemble.recommender import Components, Ensemble
from kgrec.ensemble.settings import read_components
from kgrec.ensemble.weights import ComponentWeights
from kgrec.recommenders import registry
from tests.evaluation.planted import planted

SETTINGS = read_components(
    {
        "walk": {"model": "random-walk", "popularity_exponent": -0.3},
        "ridge": {"model": "item-ridge", "solver": "svd", "rank": 4, "history_exponent": 0.5},
        "own": {"model": "history", "cold_items_only": True},
        "factors": {"model": "ials", "rank": 4},
    }
)


@pytest.fixture(scope="module")
def data() -> Interactions:
    """A log in which nobody likes the last three items of either domain."""
    whole = Interactions.of(planted(40, times=True))
    liked = whole.liked.tolil()
    for domain in (0, 1):
        liked[:, whole.items_of(domain)[-3:]] = 0
    return replace(whole, liked=liked.tocsr(), snapshot=None)


@pytest.fixture(scope="module")
def ensemble(data: Interactions) -> Ensemble:
    """Four components without a joint model; cold items have two donors each."""
    size = len(data.item_domain)
    rows, columns = [], []
    for domain in (0, 1):
        items = data.items_of(domain)
        for cold in items[-3:]:
            rows += [cold, cold]
            columns += items[:2].tolist()
    donors = sp.csr_matrix((np.full(len(rows), 0.5, np.float32), (rows, columns)), (size, size))
    tried = [int(data.items_of(domain)[5]) for domain in (0, 1)]
    near = [int(data.items_of(domain)[6]) for domain in (0, 1)]
    sample = sp.csr_matrix((np.ones(2, np.float32), (tried, near)), (size, size))
    imputer = ColdItemImputer(donors, sample, discount=0.8)
    fitted = {
        name: registry.entry(given.model).load()(given.settings).fit(data)
        for name, given in SETTINGS.items()
    }
    weights = {
        name: np.array([[0.5, 1.0], [2.0, 1.5]], np.float32) * (1 + at)
        for at, name in enumerate(SETTINGS)
    }
    return Ensemble(
        Components(fitted, imputer, data.item_domain), ComponentWeights(weights), SETTINGS
    )


def test_uncut_matrices_give_the_scores_of_paths_over_users(
    ensemble: Ensemble, data: Interactions
) -> None:
    """Of cold items, whose vectors are imputed and discounted, as well."""
    users = Histories.of_matrix(data.liked[:12])
    paths = ensemble.with_paths(None)
    for domain in (0, 1):
        wanted = ensemble.score(users, domain)
        assert np.abs(wanted[:, -3:]).max() > 0
        np.testing.assert_allclose(paths.score(users, domain), wanted, rtol=1e-3, atol=1e-4)
        for excluded in (["walk"], ["ridge", "own"]):
            found, over_users = (
                held.user_vectors(users, domain, excluded=excluded).products(
                    held.item_vectors(domain)
                )
                for held in (paths, ensemble)
            )
            np.testing.assert_allclose(found, over_users, rtol=1e-3, atol=1e-4)


def test_sparse_columns_are_as_many_as_items_and_need_no_log(
    ensemble: Ensemble, data: Interactions
) -> None:
    paths = ensemble.with_paths(None)
    assert paths.paths is not None
    assert paths.paths.names == {"walk", "ridge"}  # not what counts for cold items only
    users = Histories.of_matrix(data.liked[:5])
    wanted = paths.score(users, 1)
    nothing = replace(data, liked=sp.csr_matrix(data.liked.shape, dtype=np.float32))
    without_log = {
        name: type(found).from_state(found.settings, found.state(), nothing)
        for name, found in ensemble.components.recommenders.items()
    }
    components = replace(ensemble.components, recommenders=without_log)
    items = {domain: paths.item_vectors(domain) for domain in (0, 1)}
    again = Ensemble(components, paths.weights, SETTINGS, paths=paths.paths, items=items)
    vectors = again.user_vectors(users, 1)
    assert vectors.sparse is not None
    assert vectors.sparse.shape == (5, 2 * len(data.items_of(1)))
    np.testing.assert_allclose(again.score(users, 1), wanted, rtol=1e-5, atol=1e-6)


def test_an_item_keeps_its_strongest_entries(ensemble: Ensemble) -> None:
    whole, cut = ensemble.with_paths(None).paths, ensemble.with_paths(2).paths
    assert whole is not None
    assert cut is not None
    for key, matrix in cut.matrices.items():
        assert np.diff(matrix.indptr).max(initial=0) <= 2
        uncut = np.sort(np.abs(whole.matrices[key].toarray()), axis=1)[:, ::-1]
        kept = np.sort(np.abs(matrix.toarray()), axis=1)[:, ::-1]
        np.testing.assert_allclose(kept[:, :2], uncut[:, :2], rtol=1e-6)


def test_of_equal_entries_the_first_columns_stay() -> None:
    matrix = sp.csr_matrix([[1.0, 2.0, 2.0, -3.0], [0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0]])
    assert strongest(matrix, 2).toarray().tolist() == [
        [0.0, 2.0, 0.0, -3.0],
        [0.0, 0.0, 0.0, 0.0],
        [1.0, 1.0, 0.0, 0.0],
    ]
