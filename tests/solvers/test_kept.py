"""A remembered solve gives what it gave, and only for the arguments it gave it for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.solvers.als import als_item_factors
from kgrec.solvers.kept import remembered, remembering
from kgrec.solvers.spectrum import leading_directions

LIKES = sp.random(30, 20, density=0.3, format="csr", dtype=np.float32, rng=1)
calls: list[float] = []


@remembered
def column_sums(
    matrix: sp.csr_matrix, *, times: float = 1.0, start: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """Stands for a solve; counts how often it was done."""
    calls.append(times)
    sums = np.asarray(matrix.sum(axis=0)).ravel() * np.float32(times)
    return sums if start is None else sums + start


@pytest.fixture(autouse=True)
def no_calls() -> None:
    calls.clear()


def test_the_same_arguments_are_solved_once_however_they_are_written(tmp_path: Path) -> None:
    with remembering(tmp_path / "solved"):
        first = column_sums(LIKES)
    with remembering(tmp_path / "solved"):
        again = column_sums(LIKES.copy(), times=1.0, start=None)
    assert calls == [1.0]
    np.testing.assert_array_equal(again, first)
    np.testing.assert_array_equal(first, np.asarray(LIKES.sum(axis=0)).ravel())


def test_other_arguments_are_solved(tmp_path: Path) -> None:
    other = LIKES.copy()
    other.data[0] += 1
    start = np.ones(20, np.float32)
    with remembering(tmp_path):
        column_sums(LIKES)
        column_sums(LIKES, times=2.0)
        column_sums(other)
        column_sums(LIKES[:, ::-1].tocsr())
        column_sums(LIKES[:15])
        np.testing.assert_array_equal(column_sums(LIKES, start=start), column_sums(LIKES) + 1)
        column_sums(LIKES, start=2 * start)
    assert len(calls) == 7


def test_nothing_is_remembered_outside(tmp_path: Path) -> None:
    with remembering(tmp_path):
        column_sums(LIKES)
    column_sums(LIKES)
    column_sums(LIKES)
    assert len(calls) == 3


def test_what_is_remembered_may_be_written_to(tmp_path: Path) -> None:
    with remembering(tmp_path):
        column_sums(LIKES)[:] = -1.0
        assert (column_sums(LIKES) >= 0).all()


def test_the_solvers_of_the_model_come_back_as_they_were(tmp_path: Path) -> None:
    als = als_item_factors(LIKES, rank=4, regularization=1.0, alpha=3.0)
    directions, values = leading_directions(LIKES, rank=4)
    with remembering(tmp_path):
        for _ in range(2):
            np.testing.assert_array_equal(
                als_item_factors(LIKES, rank=4, regularization=1.0, alpha=3.0), als
            )
            again, values_again = leading_directions(LIKES, rank=4)
            np.testing.assert_array_equal(again, directions)
            np.testing.assert_array_equal(values_again, values)
    assert len(list(tmp_path.iterdir())) == 2


def test_an_argument_without_a_digest_is_refused_before_it_is_solved(tmp_path: Path) -> None:
    drawn: object = np.random.default_rng(0)
    with remembering(tmp_path), pytest.raises(TypeError, match="times is a Generator"):
        column_sums(LIKES, times=drawn)  # type: ignore[arg-type]
    assert calls == []
