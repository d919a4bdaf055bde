"""iALS against its normal equations."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from kgrec.errors import TrainingError
from kgrec.solvers.als import als_item_factors, fold_in


def random_likes(users: int, items: int, *, seed: int = 0) -> sp.csr_matrix:
    likes = sp.random(users, items, density=0.3, format="csr", random_state=seed)
    likes.data[:] = 1.0
    return likes.astype(np.float32)


def test_a_fold_in_solves_the_normal_equations_of_each_user() -> None:
    likes = random_likes(7, 12)
    factors = np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32)
    folded = fold_in(likes, factors, regularization=0.7, alpha=5.0)
    for user in range(7):
        mine = likes[user].indices
        # confidence 1 everywhere, 1 + alpha on a like
        gram = factors.T @ factors + 5.0 * factors[mine].T @ factors[mine] + 0.7 * np.eye(3)
        wanted = np.linalg.solve(gram, 6.0 * factors[mine].sum(axis=0))
        np.testing.assert_allclose(folded[user], wanted, rtol=1e-3, atol=1e-4)


def test_a_user_without_history_folds_in_to_zero() -> None:
    factors = np.ones((4, 2), np.float32)
    empty = sp.csr_matrix((1, 4), dtype=np.float32)
    assert not fold_in(empty, factors, regularization=1.0, alpha=10.0).any()


def test_factors_rebuild_two_tastes_that_share_no_item() -> None:
    likes = sp.csr_matrix(np.kron(np.eye(2), np.ones((10, 4))).astype(np.float32))
    factors = als_item_factors(likes, rank=2, regularization=0.1, alpha=10.0)
    users = fold_in(likes, factors, regularization=0.1, alpha=10.0)
    np.testing.assert_allclose(users @ factors.T, likes.toarray(), atol=0.05)


def test_an_item_that_nobody_likes_has_no_factors() -> None:
    likes = random_likes(10, 6).tolil()
    likes[:, 2] = 0
    factors = als_item_factors(likes.tocsr(), rank=2, regularization=1.0, alpha=10.0)
    assert not factors[2].any()
    assert factors[[0, 1, 3, 4, 5]].any(axis=1).all()


def test_the_same_seed_gives_the_same_factors_and_another_seed_others() -> None:
    likes = random_likes(20, 10)
    first, again, other = (
        als_item_factors(likes, rank=3, regularization=1.0, alpha=10.0, seed=seed)
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)


def test_a_rank_above_the_size_of_the_matrix_is_cut_to_it() -> None:
    factors = als_item_factors(random_likes(5, 4), rank=64, regularization=1.0, alpha=10.0)
    assert factors.shape == (4, 3)


def test_factors_go_on_from_those_of_nearly_the_same_likes() -> None:
    """A few alternations from a start come nearer to the end than all from a seed."""
    likes = random_likes(60, 30)
    settings = {"rank": 4, "regularization": 1.0, "alpha": 10.0}
    before = als_item_factors(likes[:55], seed=1, **settings)
    after = als_item_factors(likes, seed=1, start=before, **settings)

    def loss(items: np.ndarray) -> float:
        users = fold_in(likes, items, regularization=1.0, alpha=10.0)
        missed = (1.0 + 10.0 * likes.toarray()) * (likes.toarray() - users @ items.T) ** 2
        return float(missed.sum() + (users**2).sum() + (items**2).sum())

    assert loss(after) < 0.999 * loss(before)
    assert loss(after) < loss(als_item_factors(likes, seed=1, **settings))


def test_a_start_may_be_narrower_or_say_nothing() -> None:
    likes = random_likes(20, 10)
    settings = {"rank": 4, "regularization": 1.0, "alpha": 10.0}
    fresh = als_item_factors(likes, seed=1, **settings)
    silent = als_item_factors(likes, seed=1, start=np.zeros((10, 4), np.float32), **settings)
    np.testing.assert_array_equal(silent, fresh)
    narrow = als_item_factors(likes, seed=1, start=fresh[:, :2], **settings)
    assert narrow.shape == (10, 4)
    assert narrow.any(axis=0).all()


def test_factors_that_become_nan_are_one_clear_error() -> None:
    with pytest.raises(TrainingError, match=r"became NaN with alpha 1e\+38 .* a lower alpha"):
        als_item_factors(random_likes(20, 10), rank=3, regularization=1.0, alpha=1e38)
