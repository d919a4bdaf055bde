"""Fold-ins against the normal equations, whichever form is solved."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from kgrec.solvers import fold_in as module
from kgrec.solvers.fold_in import FoldIn


def random_histories(users: int, items: int, *, density: float, seed: int = 0) -> sp.csr_matrix:
    likes = sp.random(users, items, density=density, format="csr", random_state=seed)
    likes.data[:] = 1.0
    return likes.astype(np.float32)


def by_normal_equations(
    histories: sp.csr_matrix, factors: np.ndarray, *, regularization: float, alpha: float
) -> np.ndarray:
    width = factors.shape[1]
    whole = factors.T @ factors + regularization * np.eye(width)
    rows = []
    for user in range(histories.shape[0]):
        mine = factors[histories[user].indices]
        gram = whole + alpha * mine.T @ mine
        rows.append(np.linalg.solve(gram, (1 + alpha) * mine.sum(axis=0)))
    return np.array(rows)


def test_every_length_of_history_solves_its_normal_equations() -> None:
    """Histories shorter and longer than the factors are wide, and empty ones, in one call."""
    factors = np.random.default_rng(0).normal(size=(80, 6)).astype(np.float32)
    histories = sp.vstack(
        [random_histories(9, 80, density=d, seed=s) for s, d in enumerate((0.0, 0.02, 0.07, 0.5))]
    ).tocsr()
    assert set(np.diff(histories.indptr)) >= {0, 40}
    wanted = by_normal_equations(histories, factors, regularization=0.7, alpha=5.0)
    fold = FoldIn(factors, regularization=0.7, alpha=5.0)
    np.testing.assert_allclose(fold.users(histories), wanted, rtol=1e-4, atol=1e-5)


def test_many_different_items_are_solved_like_few() -> None:
    """Beyond ``_SHARED`` different items products are made a user at a time."""
    factors = np.random.default_rng(0).normal(size=(700, 8)).astype(np.float32)
    histories = random_histories(300, 700, density=0.006)
    assert len(np.unique(histories.indices)) > module._SHARED
    wanted = by_normal_equations(histories, factors, regularization=2.0, alpha=40.0)
    found = FoldIn(factors, regularization=2.0, alpha=40.0).users(histories)
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-5)


def test_items_that_take_no_part_count_neither_in_a_history_nor_in_the_gram_matrix() -> None:
    factors = np.random.default_rng(1).normal(size=(20, 3)).astype(np.float32)
    within = np.arange(20) < 12
    histories = random_histories(5, 20, density=0.4)
    wanted = by_normal_equations(
        histories[:, :12].tocsr(), factors[:12], regularization=1.0, alpha=10.0
    )
    fold = FoldIn(factors, regularization=1.0, alpha=10.0, within=within)
    np.testing.assert_allclose(fold.users(histories), wanted, rtol=1e-4, atol=1e-5)


def test_the_gram_matrix_is_inverted_once() -> None:
    fold = FoldIn(np.eye(3, dtype=np.float32), regularization=1.0, alpha=1.0)
    fold.users(random_histories(2, 3, density=0.9))
    first = fold.inverse
    fold.users(random_histories(2, 3, density=0.9))
    assert fold.inverse is first
