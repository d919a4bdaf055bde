"""Encodings and line ends are told by the bytes of a text file, however it is packed."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
import zstandard

from loaders import BadSourceError
from loaders.lines import read_blocks
from tests.loaders.worlds import load, rejected, write_text

ITEMS = "item_id,domain,title\n1,books,Müller 詠春\n2,books,Ok\n"
TITLES = ["Müller 詠春", "Ok"]


def titles(graph_items: dict[str, dict[str, object]]) -> list[object]:
    return [row["title"] for row in graph_items.values()]


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-8", "\ufeff"),
        ("utf-16-le", "\ufeff"),
        ("utf-16-be", "\ufeff"),
        ("utf-32-le", "\ufeff"),
        ("utf-32-be", "\ufeff"),
    ],
)
@pytest.mark.parametrize("block_bytes", [3, 4 << 20])
def test_a_byte_order_mark_tells_the_encoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str, mark: str, block_bytes: int
) -> None:
    monkeypatch.setattr("loaders.lines.BLOCK_BYTES", block_bytes)
    path = tmp_path / "items.csv"
    path.write_bytes((mark + ITEMS).encode(encoding))
    lines = [line for block in read_blocks(path) for line in block.lines]
    assert lines == ITEMS.splitlines()
    # A mark says more than a name that was given for other files of the source.
    lines = [line for block in read_blocks(path, encoding="latin-1") for line in block.lines]
    assert lines == ITEMS.splitlines()


def test_utf_16_becomes_a_graph(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_bytes(ITEMS.encode("utf-16"))
    assert titles(load(tmp_path / "items.csv").items) == TITLES


@pytest.mark.parametrize("encoding", ["utf-16-le", "gbk", "iso2022_jp_2", "utf-7"])
def test_an_encoding_is_named_by_an_option(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "items.csv"
    path.write_bytes(ITEMS.encode(encoding))
    assert titles(load(path, encoding=encoding).items) == TITLES


def test_utf_16_without_a_mark_names_the_option(tmp_path: Path) -> None:
    path = tmp_path / "items.csv"
    path.write_bytes(ITEMS.encode("utf-16-le"))
    with pytest.raises(BadSourceError, match="NUL bytes in its first line.*--encoding utf-16-le"):
        load(path)


def test_an_order_of_bytes_that_nothing_tells_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "items.csv"
    path.write_bytes(ITEMS.encode("utf-16-be"))
    with pytest.raises(BadSourceError, match="not begin with a byte-order mark.*utf-16-le"):
        load(path, encoding="utf-16")


def test_marks_where_files_were_joined_are_no_part_of_an_id(tmp_path: Path) -> None:
    rows = ["\ufeffuser,item", "ann,1", "\ufeffann,2"]
    graph = load(write_text(tmp_path / "log.csv", rows), domain="d")
    assert graph.users == ["ann"]
    events = ['{"user": "ann", "item": "1"}', '\ufeff{"user": "ann", "item": "2"}']
    path = write_text(tmp_path / "json" / "log.jsonl", events)
    assert load(path, domain="d").summary.rows_rejected == 0


def test_latin_1_is_rejected_with_the_option_that_reads_it(tmp_path: Path) -> None:
    lines = ["item_id,domain,title", "1,books,Müller", "2,books,Ok"]
    path = write_text(tmp_path / "items.csv", lines, encoding="latin-1")
    load(path, rejects_path=tmp_path / "r.jsonl")
    reason = "broken encoding (not utf-8; --encoding latin-1?)"
    assert rejected(tmp_path / "r.jsonl") == [("items.csv", 2, reason)]
    graph = load(path, encoding="latin-1", store=tmp_path / "2.duckdb")
    assert titles(graph.items) == ["Müller", "Ok"]


def test_a_header_that_cannot_be_decoded_names_the_option(tmp_path: Path) -> None:
    path = write_text(tmp_path / "log.csv", ["usér,item", "user,item", "1,2"], encoding="latin-1")
    with pytest.raises(BadSourceError, match="line 1 of .*, the header.*--encoding latin-1"):
        load(path)


def test_broken_utf_16_costs_one_line(tmp_path: Path) -> None:
    data = "\ufeffuser,item\na,1\nb,\ud800\nc,3\nd,4".encode("utf-16-le", "surrogatepass") + b"\0"
    (tmp_path / "log.csv").write_bytes(data)
    graph = load(tmp_path / "log.csv", domain="d", rejects_path=tmp_path / "r.jsonl")
    assert graph.users == ["a", "c"]
    assert [line for _, line, _ in rejected(tmp_path / "r.jsonl")] == [3, 5]


def packed(path: Path, packing: str, data: bytes) -> Path:
    pack = {"": bytes, ".gz": gzip.compress, ".zst": zstandard.compress}[packing]
    path = path.with_name(path.name + packing)
    path.write_bytes(pack(data))
    return path


@pytest.mark.parametrize("packing", ["", ".gz", ".zst"])
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_movielens_catalogues_are_read_by_their_bytes(
    tmp_path: Path, packing: str, encoding: str
) -> None:
    lines = "1::Amélie (2001)::Comedy\n2::Ok (1994)::Action\n"
    path = packed(tmp_path / "movies.dat", packing, lines.encode(encoding))
    assert load(path, format="movielens").items["movies:1"]["title"] == "Amélie (2001)"
    flags = "|".join(["0"] * 19)
    data = f"1|Amélie (2001)|||x|{flags}\n".encode(encoding)
    path = packed(tmp_path / "u.item", packing, data)
    graph = load(path, format="movielens", store=tmp_path / "2.duckdb")
    assert graph.items["movies:1"]["title"] == "Amélie (2001)"


def test_one_broken_line_does_not_make_latin_1_of_a_catalogue(tmp_path: Path) -> None:
    data = "1::Amélie::Drama\n2::Misérables::Drama\n".encode() + b"3::caf\xe9::Drama\n"
    path = packed(tmp_path / "movies.dat", ".gz", data)
    graph = load(path, format="movielens")
    assert titles(graph.items) == ["Amélie", "Misérables"]
    assert graph.summary.rows_rejected == 1
    graph = load(path, format="movielens", encoding="cp1252", store=tmp_path / "2.duckdb")
    assert graph.items["movies:3"]["title"] == "café"


def test_a_carriage_return_inside_a_row_belongs_to_it(tmp_path: Path) -> None:
    path = tmp_path / "items.csv"
    path.write_bytes(b'i,title\n1,First\n2,Second\rline\n3,"a\rb",x\r\n4,"c\rd"\r\n5,Fifth\r\r\n')
    graph = load(path, domain="d", columns={"item": "i"}, rejects_path=tmp_path / "r.jsonl")
    assert titles(graph.items) == ["First", "Second\rline", "c\rd", "Fifth"]
    assert rejected(tmp_path / "r.jsonl") == [("items.csv", 4, "3 fields instead of 2")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_lines_may_end_with_carriage_returns_alone(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes("user_id,item_id,domain\ru1,1,books\ru2,books\ru3,2,books".encode(encoding))
    graph = load(path, rejects_path=tmp_path / "r.jsonl")
    assert graph.users == ["u1", "u3"]
    assert rejected(tmp_path / "r.jsonl") == [("log.csv", 3, "2 fields instead of 3")]


@pytest.mark.parametrize("quote", ["", '"'])
def test_a_field_may_be_long(tmp_path: Path, quote: str) -> None:
    long = "word " * 60_000
    lines = ["item_id,title", f"1,{quote}{long}{quote}", "2,Short"]
    graph = load(write_text(tmp_path / "items.csv", lines), domain="d")
    assert graph.items["d:1"]["title"].split() == long.split()
    assert graph.items["d:2"]["title"] == "Short"
