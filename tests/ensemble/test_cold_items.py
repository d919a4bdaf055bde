"""Items without a like get vectors from what is most similar in text, and nothing else does."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.ensemble.cold_items import ColdItemImputer
from kgrec.ensemble.settings import ColdItemSettings
from kgrec.vectors import Vectors

DOMAIN = np.repeat(np.array([0, 1], dtype=np.int32), 20)
LIKES = np.where(np.isin(np.arange(40), [2, 25]), 0, 1)


def texts() -> NDArray[np.float32]:
    """Item 2 is nearly item 0; item 25 nearly item 0 too, and somewhat like item 30."""
    rows = np.random.default_rng(0).standard_normal((40, 16)).astype(np.float32)
    rows[2] = rows[0] + 0.1 * rows[1]
    rows[25] = rows[0] + 0.5 * rows[30]
    return rows


def imputer(
    text: NDArray[np.float32],
    likes: NDArray[np.integer] = LIKES,
    neighbours: int = 20,
    discount: float = 1.0,
) -> ColdItemImputer:
    domain = DOMAIN if len(likes) == len(DOMAIN) else np.zeros(len(likes), np.int32)
    settings = ColdItemSettings(neighbours=neighbours, discount=discount)
    return ColdItemImputer.by_text(text, likes, domain, settings)


def donors(item: int) -> dict[int, float]:
    row = imputer(texts()).weights[item].tocoo()
    return dict(zip(row.col.tolist(), row.data.tolist(), strict=True))


def test_donors_of_a_cold_item_are_liked_ones_of_its_domain_and_mostly_the_nearest() -> None:
    assert set(donors(2)) <= set(range(20)) - {2}
    assert max(donors(2).items(), key=lambda pair: pair[1])[0] == 0
    assert set(donors(25)) <= set(range(20, 40)) - {25}
    assert max(donors(25).items(), key=lambda pair: pair[1])[0] == 30
    assert sum(donors(2).values()) == pytest.approx(1.0)


def test_liked_items_keep_their_own_vectors() -> None:
    rng = np.random.default_rng(0)
    own = Vectors(rng.random((20, 3), np.float32), sp.random(20, 50, 0.3, "csr", np.float32))
    imputed = imputer(texts()).impute(own, np.arange(20))
    liked = LIKES[:20] > 0
    np.testing.assert_array_equal(imputed.dense[liked], own.dense[liked])
    assert imputed.sparse is not None
    assert own.sparse is not None
    assert not (imputed.sparse[liked] != own.sparse[liked]).nnz
    assert (imputed.sparse[2] != own.sparse[2]).nnz


def test_scores_of_cold_items_are_as_wide_and_lie_where_those_of_liked_ones_do() -> None:
    rng = np.random.default_rng(0)
    text = rng.standard_normal((400, 16)).astype(np.float32)
    likes = np.where(np.arange(400) < 300, 1, 0)
    vectors = Vectors(np.where(likes, 1, 0)[:, None] * rng.normal(1, 1, (400, 64)).astype("f4"))
    imputed = imputer(text, likes).impute(vectors, np.arange(400))
    scores = Vectors(rng.normal(1, 1, (50, 64)).astype("f4")).products(imputed)
    warm, cold = scores[:, :300], scores[:, 300:]
    assert cold.std(axis=1).mean() == pytest.approx(warm.std(axis=1).mean(), rel=0.15)
    assert cold.mean() == pytest.approx(warm.mean(), rel=0.05)


def test_who_likes_an_item_is_led_to_the_cold_one_that_reads_like_it() -> None:
    one_like_each = Vectors(np.zeros((20, 0), np.float32), sp.identity(20, np.float32, "csr"))
    imputed = imputer(texts(), neighbours=3).impute(one_like_each, np.arange(20))
    by_whom = one_like_each.products(imputed)[:, 2]
    assert by_whom.argmax() == 0
    assert np.count_nonzero(by_whom) == len(imputer(texts(), neighbours=3).weights[2].indices) <= 3


def test_scores_of_cold_items_are_discounted_and_those_of_liked_items_are_not() -> None:
    rng = np.random.default_rng(0)
    beside = Vectors(rng.random((20, 3), np.float32), sp.random(20, 50, 0.3, "csr", np.float32))
    user = Vectors(rng.random((1, 3), np.float32), sp.random(1, 50, 0.9, "csr", np.float32))
    some = imputer(texts(), discount=0.4)
    discounted = user.products(some.discounted(beside, np.arange(20)))[0]
    expected = np.where(np.arange(20) == 2, 0.4, 1) * user.products(beside)[0]
    np.testing.assert_allclose(discounted, expected, rtol=1e-5)


def test_in_the_space_of_all_domains_a_cold_item_lies_among_its_neighbours() -> None:
    rng = np.random.default_rng(0)
    unit = rng.standard_normal((40, 8)).astype(np.float32)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    turned = imputer(texts()).impute_directions(unit)
    np.testing.assert_allclose(np.linalg.norm(turned, axis=1), 1.0, rtol=1e-5)
    np.testing.assert_array_equal(turned[LIKES > 0], unit[LIKES > 0])
    assert (turned @ unit[0]).argsort()[::-1][:2].tolist() == [0, 2]


@pytest.mark.parametrize(
    ("text", "likes", "neighbours"),
    [
        (texts(), LIKES, 0),
        (np.zeros((40, 16), np.float32), LIKES, 20),
        (texts(), np.zeros(40, np.int64), 20),
    ],
    ids=["none wanted", "no texts", "no likes"],
)
def test_without_donors_every_item_keeps_its_own_vector(
    text: NDArray[np.float32], likes: NDArray[np.int64], neighbours: int
) -> None:
    own = Vectors(np.eye(40, dtype=np.float32))
    imputed = imputer(text, likes, neighbours).impute(own, np.arange(40))
    np.testing.assert_array_equal(imputed.dense, own.dense)
