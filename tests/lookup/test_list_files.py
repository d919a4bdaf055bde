"""Files that list users or items: encodings, tables, and what is refused."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from kgrec.errors import InputError, NotFoundError
from kgrec.lookup.list_files import read_items
from kgrec.lookup.user_files import read_users

KEYS = ["films:amélie", "films:tron"]
TEXT = "films:amélie\n\n  films:tron \nfilms:amélie\n"
READERS: list[Callable[[Path], list[str]]] = [read_items, lambda path: read_users(path).keys]


@pytest.mark.parametrize("read", READERS, ids=["items", "users"])
@pytest.mark.parametrize(
    "data",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.encode("utf-16"),
        b"\xfe\xff" + TEXT.encode("utf-16-be"),
        TEXT.replace("\n", "\r\n").encode("utf-8-sig"),
        TEXT.replace("\n", "\r").encode(),
        "films:amélie".encode("utf-8-sig") + b"\n" + "films:tron".encode("utf-8-sig"),
    ],
    ids=["utf-8", "bom", "utf-16", "utf-16-be", "windows", "old-mac", "two-joined"],
)
def test_a_byte_order_mark_is_no_part_of_a_name(
    tmp_path: Path, read: Callable[[Path], list[str]], data: bytes
) -> None:
    (tmp_path / "list.txt").write_bytes(data)
    assert read(tmp_path / "list.txt") == KEYS


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize(("suffix", "separator"), [(".csv", ","), (".tsv", "\t"), (".txt", ",")])
def test_tables_of_text_are_read_in_every_encoding(
    tmp_path: Path, encoding: str, suffix: str, separator: str
) -> None:
    rows = [("rank", "key", "user_id"), ("1", KEYS[0], "zoë"), ("2", f'"{KEYS[1]}"', "007")]
    path = tmp_path / f"table{suffix}"
    path.write_text("\n".join(separator.join(row) for row in rows), encoding=encoding)
    assert read_items(path) == KEYS
    assert read_users(path).keys == ["zoë", "007"]


def test_parquet_names_items_by_their_key(tmp_path: Path) -> None:
    pl.DataFrame({"key": [KEYS[1], None, KEYS[0], KEYS[1]]}).write_parquet(tmp_path / "l.parquet")
    assert read_items(tmp_path / "l.parquet") == [KEYS[1], KEYS[0]]


def test_a_list_may_be_empty(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("\n", encoding="utf-8")
    assert read_items(tmp_path / "list.txt") == []


@pytest.mark.parametrize("read", READERS, ids=["items", "users"])
@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("l.txt", b"a\nfilms:am\xe9lie\n", r"l\.txt cannot be read: line 2 is not UTF-8 text "
         r"\(byte 0xe9\); save the file as UTF-8, for Latin-1 with `iconv -f LATIN1 -t UTF-8`$"),
        ("l.csv", b"key,user_id\nb\xe4,b\xe4\n", r"line 2 is not UTF-8 text \(byte 0xe4\)"),
        ("l.txt", b"\xff\xfea\x00\n", r"line 1 is not UTF-16-LE text .* save the file as UTF-8$"),
        ("l.txt", "a\nb\n".encode("utf-16-le"), "holds zero bytes, as UTF-16 without a byte-order"),
        ("l.csv", b"name\nx\n", r"l\.csv has no column '(key|user_id)', it has name; rename one"),
        ("l.csv", b'key,user_id\n"a,1\nb,2\n', "cannot be read|a quote that runs over"),
        ("l.csv", b"key,user_id,key,user_id\na,b,c,d\n", "has 2 columns named '(key|user_id)'"),
        ("l.txt", b"\x1f\x8b\x08\0", "is packed; unpack it, e.g. with `gzip -d`"),
        ("l.jsonl", b'{"key": "a"}\n', "is JSON; give one name a line"),
        ("l.parquet", b"no parquet", "cannot be read"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_is_one_sentence(
    tmp_path: Path, read: Callable[[Path], list[str]], name: str, data: bytes, sentence: str
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match=sentence) as told:
        read(tmp_path / name)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("read", READERS, ids=["items", "users"])
@pytest.mark.parametrize("values", [[[1]], [{"a": 1}], [True], [b"x"]], ids=str)
def test_a_column_of_another_type_is_one_sentence(
    tmp_path: Path, read: Callable[[Path], list[str]], values: list[object]
) -> None:
    pl.DataFrame({"key": values, "user_id": values}).write_parquet(tmp_path / "l.parquet")
    with pytest.raises(InputError, match=r"the column '(key|user_id)' holds .* must hold text"):
        read(tmp_path / "l.parquet")


@pytest.mark.parametrize("read", READERS, ids=["items", "users"])
def test_a_missing_file_is_named(tmp_path: Path, read: Callable[[Path], list[str]]) -> None:
    with pytest.raises(NotFoundError, match=r"there is no file .*absent\.txt"):
        read(tmp_path / "absent.txt")


def test_a_folder_is_no_list(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot be read \(Is a directory\)"):
        read_items(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
def test_a_list_may_come_from_a_pipe(tmp_path: Path) -> None:
    """As from ``--deny <(command)`` of a shell."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=("a\nb\n",))
    writer.start()
    assert read_items(pipe) == ["a", "b"]
    writer.join()
