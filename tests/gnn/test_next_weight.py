"""How much next items count follows from what held-out users did."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.gnn.next_weight import fit_next_weight

USERS, ITEMS = 400, 50


def drawn(signal: NDArray[np.float64], seed: int) -> sp.csr_matrix:
    """One item of each user, by the softmax of a signal."""
    chance = np.exp(signal - signal.max(1, keepdims=True))
    edges = np.cumsum(chance / chance.sum(1, keepdims=True), axis=1)
    at = (np.random.default_rng(seed).random(len(signal))[:, None] > edges).sum(1)
    return sp.csr_matrix((np.ones(len(at)), (np.arange(len(at)), at)), shape=signal.shape)


def parts() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    rng = np.random.default_rng(0)
    rest, following = 2 * rng.standard_normal((2, USERS, ITEMS)).astype(np.float32)
    return rest, following


NOTHING = sp.csr_matrix((USERS, ITEMS))


@pytest.mark.parametrize("weight", [0.5, 1.0, 2.0])
def test_the_weight_by_which_items_were_drawn_is_found(weight: float) -> None:
    rest, following = parts()
    hidden = drawn((rest + weight * following).astype(np.float64), 1)
    found = fit_next_weight(rest, following, hidden, NOTHING, seed=0)
    assert found == pytest.approx(weight, rel=0.2)
    # The scale of a part does not matter, but that of the weight follows from it.
    assert fit_next_weight(rest, following / 10, hidden, NOTHING, seed=0) == pytest.approx(
        min(10 * found, 4.0), rel=0.01
    )


def test_a_part_that_says_nothing_gets_no_weight() -> None:
    rest, noise = parts()
    hidden = drawn(rest.astype(np.float64), 2)
    assert fit_next_weight(rest, noise, hidden, NOTHING, seed=0) < 0.15
    assert fit_next_weight(rest, np.zeros_like(rest), hidden, NOTHING, seed=0) <= 4.0


def test_items_that_are_never_recommended_do_not_count() -> None:
    rest, following = parts()
    hidden = drawn((rest + following).astype(np.float64), 3)
    known = sp.csr_matrix(hidden.toarray()[:, ::-1])
    known = known - known.multiply(hidden)
    spoiled = following + 1e3 * known.toarray().astype(np.float32)
    expected = fit_next_weight(rest, following, hidden, known, seed=0)
    assert fit_next_weight(rest, spoiled, hidden, known, seed=0) == pytest.approx(
        expected, rel=1e-3
    )


def test_without_users_both_parts_count_alike() -> None:
    none = sp.csr_matrix((0, ITEMS))
    empty = np.zeros((0, ITEMS), np.float32)
    assert fit_next_weight(empty, empty, none, none, seed=0) == 1.0
