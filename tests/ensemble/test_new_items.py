"""Items that came after the training count in every form in which an ensemble keeps its columns."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from kgrec.data.histories import Histories
from kgrec.data.interactions import Interactions
from kgrec.ensemble.new_items import Neighbours, new_item_vectors
from kgrec.ensemble.recommender import Components, Ensemble
from kgrec.training.rotation import rotate
from tests.ensemble.test_item_paths import data, ensemble

__all__ = ["data", "ensemble"]  # fixtures


def twice(place: int, other: int, size: int) -> sp.csr_matrix:
    """Two new items: one made of two donors, one of the first alone."""
    return sp.csr_matrix(
        (np.array([0.5, 0.5, 1.0], np.float32), ([0, 0, 1], [place, other, place])), (2, size)
    )


@pytest.fixture
def neighbours(data: Interactions) -> Neighbours:
    size = len(data.items_of(1))
    sample = sp.csr_matrix((np.full(2, 0.5, np.float32), ([0, 0], [1, 2])), (1, size))
    return Neighbours(twice(0, 1, size), sample, np.array([5]))


def scores(held: Ensemble, users: Histories, neighbours: Neighbours) -> np.ndarray:
    new = new_item_vectors(held, 1, neighbours, discount=0.8)
    return held.user_vectors(users, 1).products(new)


def test_a_new_item_scores_the_same_in_a_rotated_basis(
    ensemble: Ensemble, data: Interactions, neighbours: Neighbours
) -> None:
    users = Histories.of_matrix(data.liked[:12])
    paths = ensemble.with_paths(None)
    of_users, items, _ = rotate(paths.user_vectors(users, 1), paths.item_vectors(1))
    rotated = paths.rotated({1: of_users}, {1: items})
    wanted = scores(paths, users, neighbours)
    assert np.abs(wanted).max() > 0
    np.testing.assert_allclose(scores(rotated, users, neighbours), wanted, rtol=1e-3, atol=1e-4)


def test_item_to_item_matrices_give_new_items_the_scores_of_paths_over_users(
    ensemble: Ensemble, data: Interactions, neighbours: Neighbours
) -> None:
    users = Histories.of_matrix(data.liked[:12])
    names = ("walk", "own")
    fitted = ensemble.components
    only = Components(
        {name: fitted.recommenders[name] for name in names}, fitted.imputer, fitted.item_domain
    )
    over_users = Ensemble(only, ensemble.weights, ensemble.settings)
    # Without a sample nothing is widened, so both are the plain means of the donors' scores.
    size = len(data.items_of(1))
    plain = Neighbours(neighbours.new, sp.csr_matrix((0, size), dtype=np.float32), np.empty(0, int))
    wanted = scores(over_users, users, plain)
    assert np.abs(wanted).max() > 0
    np.testing.assert_allclose(
        scores(over_users.with_paths(None), users, plain), wanted, rtol=1e-3, atol=1e-4
    )


def test_scores_by_matrices_are_widened_by_what_the_mean_takes_from_liked_items(
    ensemble: Ensemble, neighbours: Neighbours
) -> None:
    paths = ensemble.with_paths(None)
    assert paths.paths is not None
    wide = narrow = 0.0
    for name in paths.paths.names:
        matrix = paths.paths.matrices[name, 1].toarray() * paths.weights.values[name][:, 1].mean()
        wide += float((matrix[:, 5] ** 2).sum())
        narrow += float(((matrix[:, 1] + matrix[:, 2]) ** 2).sum() / 4)
    found = new_item_vectors(paths, 1, neighbours).sparse
    assert found is not None
    of_donors = found[:, -neighbours.new.shape[1] :].toarray()
    ratio = np.sqrt(wide / narrow)
    np.testing.assert_allclose(of_donors, ratio * neighbours.new.toarray(), rtol=1e-4)
