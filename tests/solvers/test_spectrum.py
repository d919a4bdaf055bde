"""The spectrum against a dense decomposition."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from kgrec.solvers.spectrum import item_spectrum, normalized


def random_likes(users: int, items: int) -> sp.csr_matrix:
    likes = sp.random(users, items, density=0.4, format="csr", random_state=0)
    likes.data[:] = 1.0
    return likes.astype(np.float32)


def test_rows_and_columns_are_divided_by_the_root_of_their_degree() -> None:
    likes = sp.csr_matrix(np.array([[1, 1, 0], [0, 1, 0]], np.float32))
    by_hand = [[1 / np.sqrt(2), 0.5, 0.0], [0.0, 1 / np.sqrt(2), 0.0]]
    np.testing.assert_allclose(normalized(likes).toarray(), by_hand, rtol=1e-6)


def test_the_spectrum_is_that_of_the_dense_matrix() -> None:
    likes = random_likes(15, 10)
    vectors, values = item_spectrum(likes, rank=4)
    _, wanted_values, wanted = np.linalg.svd(normalized(likes).toarray())
    np.testing.assert_allclose(values, wanted_values[:4], rtol=1e-4)
    # The sign of a singular vector means nothing.
    np.testing.assert_allclose(np.abs(vectors.T), np.abs(wanted[:4]), atol=1e-3)


def test_the_first_singular_value_of_a_connected_graph_is_one() -> None:
    assert abs(item_spectrum(random_likes(15, 10), rank=1)[1][0] - 1.0) < 1e-5


def test_a_rank_above_the_size_of_the_matrix_is_cut_to_it() -> None:
    vectors, values = item_spectrum(random_likes(6, 4), rank=256)
    assert vectors.shape == (4, 3)
    assert values.shape == (3,)
