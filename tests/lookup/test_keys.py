"""Keys that a caller gives: text, numbers, and columns of them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest

from kgrec.errors import InputError
from kgrec.lookup import Run
from kgrec.lookup.keys import key_of, keys_of
from loaders.ids import id_texts
from tests.lookup.small import SmallModel

ASKED = ["3", "7", "unknown"]


@pytest.fixture(scope="module")
def run() -> Run:
    """Users are called 3, 4 ... as they are where ids came in as numbers."""
    model = SmallModel()
    users = np.array([str(number) for number in range(1, 1 + model.snapshot.num_users)])
    return Run(SmallModel(replace(model.snapshot, user_keys=users)))


@pytest.mark.parametrize("number", [3, 3.0, np.int64(3), np.uint8(3), np.float32(3.0), "3"])
def test_a_number_is_the_user_of_its_digits(run: Run, number: object) -> None:
    expected = run.recommend("3", domain="films").to_dicts()
    assert run.recommend(number, domain="films").to_dicts() == expected  # type: ignore[arg-type]
    assert run.recommend(users=[number], domain="films").unknown == []  # type: ignore[list-item]
    told = run.explain("films:tron", user=number)  # type: ignore[arg-type]
    assert told.user == "3"


@pytest.mark.parametrize(
    "users",
    [
        [3, 7],
        (3, 7),
        range(3, 8, 4),
        iter([3, 7]),
        np.array([3, 7]),
        np.array([3.0, 7.0]),
        np.array(["3", "7"]),
        np.array([3, "7"], dtype=object),
        pl.Series([3, 7]),
        pl.Series(["3", "7"]),
        pd.Series([3, 7]),
        pd.Series([3.0, 7.0]),
        pd.Series(["3", "7"], dtype="string"),
        pd.Index([3, 7]),
    ],
    ids=lambda users: type(users).__module__.split(".")[0] + type(users).__name__,
)
def test_users_come_as_lists_arrays_and_columns(run: Run, users: object) -> None:
    found = run.recommend(users=users, domain="films", k=1)  # type: ignore[arg-type]
    assert [line.user for line in found] == ["3", "7"]


@pytest.mark.parametrize(
    ("users", "sentence"),
    [
        ([3, None], r"users\[1\] must be a text or a whole number, got None of type NoneType"),
        ([float("nan")], r"users\[0\] must be a text or a whole number, got nan"),
        (pd.Series([3.0, None]), r"users\[1\] must be a text or a whole number, got nan"),
        (pl.Series([3, None]), r"users\[1\] .* got None"),
        ([1.5], r"users\[0\] .* got 1.5"),
        ([float("inf")], r"users\[0\] .* got inf"),
        ([True], r"users\[0\] .* got True of type bool"),
        ([b"ann"], r"users\[0\] .* of type bytes"),
        ([["ann"]], r"users\[0\] .* of type list"),
        (np.array([[3, 7]]), r"users\[0\] .* of type list"),
        (3, "users must be a list of keys, got int; put it into a list"),
        ("ann", "users must be a list of keys, got the text 'ann'"),
        (b"ann", "users must be a list of keys, got the bytes b'ann'"),
        (pl.DataFrame({"a": [1]}), "got DataFrame; give one column of it"),
        (pd.DataFrame({"a": [1]}), "got DataFrame; give one column of it"),
        ({"ann": 1}, "got dict; give one column of it"),
    ],
)
def test_what_is_no_key_is_one_sentence(run: Run, users: object, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        run.recommend(users=users, domain="films")  # type: ignore[arg-type]
    if isinstance(users, list):
        with pytest.raises(InputError, match=r"history\[\d\] must be a text or a whole number"):
            run.recommend(history=users, domain="films")


def test_a_number_in_a_history_is_a_title_of_digits() -> None:
    """Items are named ``domain:item_id`` or by title, and a film may be called 300."""
    model = SmallModel()
    titles = [*model.snapshot.titles[:-1], "300"]
    run = Run(SmallModel(replace(model.snapshot, titles=titles)))
    by_key = run.recommend(history=["films:tron"], domain="films").to_dicts()
    assert run.recommend(history=[300], domain="films").to_dicts() == by_key
    assert run.similar(300, k=2) == run.similar("films:tron", k=2)


def test_numbers_become_the_ids_that_ingest_makes_of_them() -> None:
    """The same rule as for a column of floats in a log."""
    floats = [0.0, -1.0, 7.0, 1e15, 2.0**53 - 1, 2.0**53, 1e300, 1.5, float("nan"), float("inf")]
    for number, expected in zip(floats, id_texts(pl.Series(floats)).to_list(), strict=True):
        if expected is None:
            with pytest.raises(InputError):
                key_of(number, "user")
        else:
            assert key_of(number, "user") == expected
    single = np.array([7, 2**24 - 1, 2**24], dtype=np.float32)
    assert id_texts(pl.Series(single)).to_list() == ["7", "16777215", None]
    assert keys_of(single[:2], "users") == ["7", "16777215"]
    with pytest.raises(InputError):
        key_of(single[2], "user")


def test_a_decimal_is_refused_since_it_is_no_number_of_python_arithmetic() -> None:
    with pytest.raises(InputError, match="of type Decimal"):
        key_of(Decimal(3), "user")
