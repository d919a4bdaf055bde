"""Lists found among candidates are those of all items, whatever the estimates and filters."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from kgrec.errors import NotFiniteError
from kgrec.ranking import candidates
from kgrec.ranking.candidates import best_items, tails_of
from kgrec.ranking.topk import NO_ITEM
from kgrec.vectors import Vectors

ITEMS, WIDTH, LEAD = 600, 24, 6


@pytest.fixture(autouse=True)
def _no_catalogue_is_too_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "CHEAP", 0)


def vectors(*, decay: float, seed: int = 0) -> tuple[Vectors, Vectors]:
    """Three users and the items, with paths beside; columns fade by ``decay``."""
    rng = np.random.default_rng(seed)
    fading = decay ** np.arange(WIDTH)
    users = (rng.normal(size=(3, WIDTH)) * fading).astype(np.float32)
    items = rng.normal(size=(ITEMS, WIDTH)).astype(np.float32)
    paths = sp.random(3, ITEMS, density=0.05, format="csr", random_state=seed, dtype=np.float32)
    return Vectors(users, paths), Vectors(items, sp.identity(ITEMS, np.float32, "csr"))


def by_brute_force(users: Vectors, items: Vectors, k: int, barred: np.ndarray) -> list[list[int]]:
    scores = np.where(barred, -np.inf, users.products(items))
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return [
        [int(at) if scores[row, at] > -np.inf else NO_ITEM for at in line]
        for row, line in enumerate(order)
    ]


@pytest.mark.parametrize("decay", [0.6, 1.0, 1.4], ids=["good", "even", "bad"])
@pytest.mark.parametrize("kept", [ITEMS, 300, 7, 3, 0])
def test_lists_are_those_of_all_items_under_any_filter(decay: float, kept: int) -> None:
    """With ``bad`` estimates the leading columns carry next to nothing, and nearly all widens."""
    users, items = vectors(decay=decay)
    rng = np.random.default_rng(1)
    allowed = np.zeros(ITEMS, np.bool_)
    allowed[rng.permutation(ITEMS)[:kept]] = True
    seen = sp.random(3, ITEMS, density=0.2, format="csr", random_state=2, dtype=np.float32)
    found, score = best_items(
        users, items, 5, tails=tails_of(items, LEAD), allowed=allowed, exclude=seen
    )
    wanted = by_brute_force(users, items, 5, ~allowed[None] | (seen.toarray() > 0))
    assert found.tolist() == wanted
    exact = users.products(items)
    row, place = np.nonzero(found != NO_ITEM)
    np.testing.assert_allclose(score[row, place], exact[row, found[row, place]], rtol=1e-4)
    assert np.isneginf(score[found == NO_ITEM]).all()


def test_the_best_item_is_found_although_its_estimate_is_the_worst() -> None:
    """All of its score lies beyond the leading columns."""
    items = np.zeros((ITEMS, WIDTH), np.float32)
    items[:, 0] = np.linspace(1.0, 2.0, ITEMS)
    items[17] = 0.0
    items[17, -1] = 5.0
    user = np.zeros((1, WIDTH), np.float32)
    user[0, [0, -1]] = 1.0
    exact = Vectors(items)
    found, score = best_items(Vectors(user), exact, 2, tails=tails_of(exact, LEAD))
    assert found.tolist() == [[17, ITEMS - 1]]
    assert score.tolist() == [[5.0, 2.0]]


def test_equal_scores_are_placed_by_row() -> None:
    items = Vectors(np.ones((ITEMS, WIDTH), np.float32))
    user = Vectors(np.ones((1, WIDTH), np.float32))
    found, _ = best_items(user, items, 3, tails=tails_of(items, LEAD))
    assert found.tolist() == [[0, 1, 2]]


@pytest.mark.parametrize("decay", [0.6, 1.4], ids=["good", "bad"])
def test_a_longer_list_begins_with_the_shorter_one_to_the_last_bit(decay: float) -> None:
    """So pages hold no item twice, though each is found among other candidates."""
    users, items = vectors(decay=decay)
    tails = tails_of(items, LEAD)
    longest, scores = best_items(users, items, ITEMS, tails=tails)
    for k in (1, 7, 40, 311):
        found, score = best_items(users, items, k, tails=tails)
        assert found.tolist() == longest[:, :k].tolist()
        assert score.tolist() == scores[:, :k].tolist()


def test_many_users_at_once_get_the_same_lists() -> None:
    users, items = vectors(decay=0.8)
    many = users[np.arange(30) % 3]
    assert len(many) > candidates.FEW_USERS
    found, _ = best_items(many, items, 5, tails=tails_of(items, LEAD))
    few, _ = best_items(users, items, 5, tails=tails_of(items, LEAD))
    assert found.tolist() == few[np.arange(30) % 3].tolist()


def test_a_score_that_is_no_number_is_an_error() -> None:
    users, items = vectors(decay=0.8)
    items.dense[4, 1] = np.nan
    with pytest.raises(NotFiniteError, match="some scores are NaN or infinite"):
        best_items(users, items, 5, tails=tails_of(items, LEAD))
