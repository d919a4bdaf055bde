"""Serving vectors reproduce scores as well as their width allows; a rotation changes no score."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from kgrec.data.interactions import Interactions
from kgrec.ranking.candidates import tails_of
from kgrec.training.rotation import lead_of, rotate
from kgrec.training.serving import project, sample_users
from kgrec.vectors import Vectors
from tests.training.worlds import make_snapshot

USERS, ITEMS = 80, 40


def exact_vectors(rank: int, *, seed: int = 0) -> tuple[Vectors, Vectors]:
    """Users and items of 12 dense columns, all of whose scores lie in ``rank`` directions."""
    rng = np.random.default_rng(seed)
    through = rng.normal(size=(12, rank)) @ rng.normal(size=(rank, 12))
    users = (rng.normal(size=(USERS, 12)) @ through).astype(np.float32)
    return Vectors(users), Vectors(rng.normal(size=(ITEMS, 12)).astype(np.float32))


def with_paths(users: Vectors, items: Vectors) -> tuple[Vectors, Vectors]:
    paths = sp.random(USERS, ITEMS, density=0.1, format="csr", random_state=3, dtype=np.float32)
    own = sp.diags(np.linspace(0.5, 1.5, ITEMS)).tocsr().astype(np.float32)
    return Vectors(users.dense, paths), Vectors(items.dense, own)


@pytest.mark.parametrize("rank", [1, 3])
def test_scores_of_few_directions_are_reproduced_by_as_many_columns(rank: int) -> None:
    """And one column for the mean of a user's scores."""
    users, items = exact_vectors(rank)
    serving = project(users, items, rank + 1)
    assert serving.items.shape == (ITEMS, rank + 1)
    asked = Vectors(users.dense[:5] - users.dense[5:10])  # in no sample, in the same directions
    near = serving.of_users(asked, items) @ serving.items.T
    np.testing.assert_allclose(near, asked.products(items), rtol=1e-3, atol=1e-2)


def test_with_as_many_columns_as_items_paths_are_reproduced_as_well() -> None:
    users, items = with_paths(*exact_vectors(3))
    serving = project(users, items, 128)
    assert serving.width == ITEMS
    near = serving.of_users(users, items) @ serving.items.T
    np.testing.assert_allclose(near, users.products(items), rtol=1e-3, atol=1e-2)


def test_wider_serving_vectors_come_nearer() -> None:
    users, items = with_paths(*exact_vectors(12))
    exact = users.products(items)
    errors = []
    for width in (4, 12, 30):
        serving = project(users, items, width)
        near = serving.of_users(users, items) @ serving.items.T
        errors.append(float(np.abs(near - exact).mean()))
    assert errors[0] > 1.3 * errors[1] > 1.69 * errors[2]


def test_what_a_user_has_already_takes_no_column() -> None:
    """Scores are one direction, but for each user's own item, which has a path of its own."""
    users, items = exact_vectors(1)
    own = sp.csr_matrix(
        (np.full(USERS, 100.0, np.float32), (np.arange(USERS), np.arange(USERS) % ITEMS)),
        shape=(USERS, ITEMS),
    )
    itself = sp.identity(ITEMS, np.float32, "csr")
    beside = Vectors(items.dense, itself)
    serving = project(Vectors(users.dense, own), beside, 2, seen=own)
    none = Vectors(users.dense, sp.csr_matrix(own.shape, dtype=np.float32))
    near = serving.of_users(none, beside) @ serving.items.T
    exact = users.products(items)
    correlation = [np.corrcoef(a, b)[0, 1] for a, b in zip(near, exact, strict=True)]
    assert np.abs(correlation).mean() > 0.95


def test_nothing_to_score_makes_serving_vectors_without_columns() -> None:
    users, items = exact_vectors(3)
    nothing = project(Vectors(np.zeros_like(users.dense)), items, 8)
    assert nothing.items.shape == (ITEMS, 1)
    nobody = project(Vectors(users.dense[:0]), items, 8)
    assert (nobody.of_users(users, items) @ nobody.items.T).shape == (USERS, ITEMS)


def test_a_rotation_changes_no_score_and_puts_first_what_adds_most() -> None:
    users, items = with_paths(*exact_vectors(3))
    of_users, turned, squared = rotate(users, items)
    asked = Vectors(users.dense @ of_users, users.sparse)
    np.testing.assert_allclose(asked.products(turned), users.products(items), rtol=1e-3, atol=1e-2)
    assert (np.diff(squared) <= 0).all()
    assert squared[3] < 1e-3 * squared[0]
    lead = asked.dense[:, :3] @ turned.dense[:, :3].T
    np.testing.assert_allclose(
        lead, users.dense @ items.dense.T, rtol=1e-2, atol=0.02 * np.abs(lead).max()
    )
    assert tails_of(turned, 3).lengths.max() < 0.1 * np.linalg.norm(turned.dense, axis=1).max()


def test_columns_lead_only_where_leaving_the_others_out_saves_something() -> None:
    assert lead_of(np.r_[np.ones(20), np.full(180, 1e-6)].astype(np.float32)) == 32
    assert lead_of(np.ones(200, np.float32)) is None
    assert lead_of(np.zeros(200, np.float32)) is None
    assert lead_of(np.zeros(0, np.float32)) is None


def test_half_of_the_sampled_users_are_cold() -> None:
    """Ten users like a book only, ten a film only, ten both; cold ones come first."""
    items = {"b:1": ("books", None), "f:1": ("films", None), "f:2": ("films", None)}
    likes = [(f"u{n:02}", "b:1") for n in range(20)] + [(f"u{n:02}", "f:1") for n in range(10, 30)]
    data = Interactions.of(make_snapshot(likes, items))
    films = 1
    users = sample_users(data, films, 16, seed=0)
    inside = users.items[:, data.items_of(films)].getnnz(axis=1)
    assert inside.tolist() == [0] * 8 + [1] * 8
    more = sample_users(data, films, 30, seed=0)  # five with both domains are made cold
    assert (more.items[:, data.items_of(films)].getnnz(axis=1) == 0).sum() == 15
    assert more.lengths[:15].tolist() == [1] * 15
