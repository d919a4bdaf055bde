"""Top-k: order, ties, what is left out, and the blocked form against the plain one."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from kgrec.errors import NotFiniteError
from kgrec.ranking.topk import NO_ITEM, top_k, top_k_of_products
from kgrec.vectors import Vectors


def test_equal_scores_are_placed_by_column() -> None:
    scores = np.array([[1.0, 2.0, 2.0, 2.0, 0.0]], dtype=np.float32)
    assert top_k(scores, 2)[0].tolist() == [[1, 2]]
    assert top_k(np.zeros((1, 6), np.float32), 3)[0].tolist() == [[0, 1, 2]]


def test_what_is_left_out_never_appears_and_the_list_is_padded() -> None:
    scores = np.array([[3.0, 2.0, 1.0], [1.0, 2.0, 3.0]], dtype=np.float32)
    exclude = sp.csr_matrix(np.array([[1, 0, 1], [0, 0, 0]]))
    columns, values = top_k(scores, 4, exclude=exclude)
    assert columns.tolist() == [[1, NO_ITEM, NO_ITEM, NO_ITEM], [2, 1, 0, NO_ITEM]]
    assert values[0].tolist() == [2.0, -np.inf, -np.inf, -np.inf]
    assert scores[0, 0] == 3.0, "the caller's scores must not be written to"


def test_a_score_that_is_no_number_is_never_recommended() -> None:
    scores = np.array([[np.nan, 1.0, 0.5]], dtype=np.float32)
    assert top_k(scores, 3)[0].tolist() == [[1, 2, NO_ITEM]]


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("whose", ["users", "items"])
def test_vectors_that_are_no_numbers_are_an_error_and_no_empty_list(
    value: float, whose: str
) -> None:
    vectors = {name: np.ones((4, 2), np.float32) for name in ("users", "items")}
    vectors[whose][2, 1] = value
    users, items = Vectors(vectors["users"]), Vectors(vectors["items"])
    with pytest.raises(NotFiniteError, match="some scores are NaN or infinite"):
        top_k_of_products(users, items, 2, item_block=3)


@pytest.mark.parametrize("seed", range(5))
def test_blocks_of_any_size_give_the_same_lists_as_one_product(seed: int) -> None:
    rng = np.random.default_rng(seed)

    def rows(count: int) -> Vectors:
        dense = rng.integers(-2, 3, (count, 3)).astype(np.float32)  # small integers: many ties
        return Vectors(dense, sp.random(count, 9, 0.2, format="csr", random_state=rng).ceil())

    users, items = rows(17), rows(211)
    exclude = sp.random(17, 211, 0.3, format="csr", random_state=seed)
    whole = top_k(users.products(items), 5, exclude=exclude)
    tiled = top_k_of_products(users, items, 5, exclude=exclude, user_block=4, item_block=32)
    np.testing.assert_array_equal(whole[0], tiled[0])
    np.testing.assert_array_equal(whole[1], tiled[1])


def test_nobody_gives_an_empty_list_of_the_right_width() -> None:
    nobody, items = Vectors(np.zeros((0, 3), np.float32)), Vectors(np.ones((4, 3), np.float32))
    assert top_k_of_products(nobody, items, 2)[0].shape == (0, 2)
