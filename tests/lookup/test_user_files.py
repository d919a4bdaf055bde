"""The users to answer for, as files name them."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from kgrec.errors import InputError, NotFoundError
from kgrec.lookup import Run
from kgrec.lookup.user_files import read_users
from tests.lookup.small import SmallModel


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("ids.txt", "ann\n\n  eve \nann\n"),
        ("ids.csv", "age,user_id\n3,ann\n4,eve\n"),
        ("table.txt", "user_id,age\nann,3\neve,4\n"),
        ("ids", "ann\neve"),
        ("bom.csv", "\ufeffuser_id\nann\neve\n"),
        ("quoted.csv", '"user_id"\n"ann"\n"eve"\n'),
    ],
)
def test_ids_are_read_once_each_in_their_order(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert read_users(tmp_path / name).keys == ["ann", "eve"]


def test_parquet_is_read_and_numbers_stay_numbers(tmp_path: Path) -> None:
    pl.DataFrame({"user_id": [7, 9, None]}).write_parquet(tmp_path / "u.parquet")
    file = read_users(tmp_path / "u.parquet")
    assert file.keys == ["7", "9"]
    nobody = Run(SmallModel()).recommend(users=file.keys, domain="films")
    assert nobody.unknown == ["7", "9"]
    assert file.frame(nobody).schema["user_id"] == pl.Int64


def test_floats_are_the_ids_that_ingest_makes_of_them(tmp_path: Path) -> None:
    """A column of numbers becomes floats in pandas as soon as one value is missing."""
    ids = [3.0, float("nan"), 7.0, None, 1.5, float("inf"), 3.0]
    pl.DataFrame({"user_id": ids}).write_parquet(tmp_path / "u.parquet")
    file = read_users(tmp_path / "u.parquet")
    assert file.keys == ["3", "7"]
    assert file.without_id == 4


def test_leading_zeros_of_ids_survive(tmp_path: Path) -> None:
    (tmp_path / "u.csv").write_text("user_id\n007\n", encoding="utf-8")
    assert read_users(tmp_path / "u.csv").keys == ["007"]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("u.csv", b"user\nann\n", "no column 'user_id', it has user"),
        ("u.txt", b"\n \n", "names nobody"),
        ("u.parquet", b"no parquet", "cannot be read"),
        ("u.txt", b"\xff\xfe\x00", "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_sentence(
    tmp_path: Path, name: str, content: bytes, sentence: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=sentence):
        read_users(tmp_path / name)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"there is no file .*absent\.csv"):
        read_users(tmp_path / "absent.csv")
