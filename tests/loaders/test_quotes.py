"""Quotes in delimited text: what is a field, what is stray, and that no row is swallowed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from loaders import BadSourceError, SourceOptions, open_source
from loaders.delimited import Delimited
from loaders.quotes import LONGEST_LINES
from tests.loaders.worlds import load, rejected, write_text

NO_END = "a quote that never closes (--quote none?)"
TEXT_AFTER = "text after a closing quote (--quote none?)"
HOLDS_ROWS = "a quoted field that holds whole rows (--quote none?)"
OTHER_COUNT = "a quote that closes in a later line, with another number of fields (--quote none?)"

STRAY = [
    ("item_id", "domain", "title"),
    ("1", "films", '"Weird'),
    ("2", "films", "Second"),
    ("3", "films", "Third"),
    ("4", "films", 'Fourth 7" single'),
    ("5", "films", "Fifth"),
]


def read(
    path: Path, layout: Delimited | None = None
) -> tuple[list[tuple[str, ...]], list[tuple[int, str]]]:
    """All rows with all columns, and line and reason of each reject."""
    layout = layout or Delimited()
    rows: list[tuple[str, ...]] = []
    faults: list[tuple[int, str]] = []
    for batch in layout.read(path, layout.columns(path)):
        rows += batch.frame.drop("line").rows()
        faults += [(fault.line, fault.reason) for fault in batch.faults]
    return rows, sorted(faults)


def joined(rows: Sequence[tuple[str, ...]], separator: str) -> list[str]:
    return [separator.join(row) for row in rows]


def test_a_stray_quote_in_csv_is_rejected_and_swallows_no_row(tmp_path: Path) -> None:
    path = write_text(tmp_path / "items.csv", joined(STRAY, ","))
    graph = load(path, rejects_path=tmp_path / "r.jsonl")
    titles = {row["key"]: row["title"] for row in graph.items.values()}
    assert titles == {f"films:{item}": title for item, _, title in STRAY[2:]}
    assert rejected(tmp_path / "r.jsonl") == [("items.csv", 2, TEXT_AFTER)]


def test_a_quote_in_tsv_is_a_character_like_any_other(tmp_path: Path) -> None:
    path = write_text(tmp_path / "items.tsv", joined(STRAY, "\t"))
    graph = load(path)
    titles = {row["key"]: row["title"] for row in graph.items.values()}
    assert titles == {f"films:{item}": title for item, _, title in STRAY[1:]}
    assert graph.summary.rows_rejected == 0


def test_quoting_is_turned_off_and_on_by_an_option(tmp_path: Path) -> None:
    plain = write_text(tmp_path / "items.csv", joined(STRAY, ","))
    assert load(plain, quote="none").items["films:1"]["title"] == '"Weird'
    quoted = write_text(
        tmp_path / "more.tsv", ["item_id\ttitle", '1\t"tabs\tand\nlines"', "2\tPlain"]
    )
    graph = load(quoted, quote='"', domain="d", store=tmp_path / "2.duckdb")
    assert graph.items["d:1"]["title"] == "tabs\tand\nlines"
    atomic = write_text(tmp_path / "x.item", ["item_id:token\tname:token", "1\t'a\tb'"])
    graph = load(atomic, format="recbole", quote="'", store=tmp_path / "3.duckdb")
    assert graph.items["x:1"]["title"] == "a\tb"


@pytest.mark.parametrize(
    ("lines", "rows", "faults"),
    [
        (['1,"a ""b"" c",d'], [("1", 'a "b" c', "d")], []),
        (['1,"",""""'], [("1", "", '"')], []),
        (['1,a "b" c,7"'], [("1", 'a "b" c', '7"')], []),
        (['1,"a', "", ' b",c'], [("1", "a\n\n b", "c")], []),
        (['1,"a, b', 'c","d', 'e"'], [("1", "a, b\nc", "d\ne")], []),
        (['1,"Salt, and', 'pepper, mild, fine",c'], [("1", "Salt, and\npepper, mild, fine", "c")],
         []),
        (['1,2,"one', "two, three, four", 'five, six, seven"'],
         [("1", "2", "one\ntwo, three, four\nfive, six, seven")], []),
        (['1,a,"b" c', "2,a,b"], [("2", "a", "b")], [(2, TEXT_AFTER)]),
        (['1,a,"b', "2,a,b"], [("2", "a", "b")], [(2, NO_END)]),
        (['1,a,"b', '2,a,"b"'], [("2", "a", "b")], [(2, TEXT_AFTER)]),
        (['1,a,"b', '2,a,12"', "3,a,b"], [("2", "a", '12"'), ("3", "a", "b")], [(2, HOLDS_ROWS)]),
        (['1,"a,b', '2,12",b', "3,a,b"], [("2", '12"', "b"), ("3", "a", "b")], [(2, HOLDS_ROWS)]),
        (['"1,a,b', '2,12",b', "3,a,b"], [("2", '12"', "b"), ("3", "a", "b")], [(2, OTHER_COUNT)]),
        (['1,a,"b', '2,"a', "3,a,b"], [("3", "a", "b")], [(2, TEXT_AFTER), (3, NO_END)]),
    ],
)  # fmt: skip
def test_the_rule_for_quotes(
    tmp_path: Path,
    lines: list[str],
    rows: list[tuple[str, ...]],
    faults: list[tuple[int, str]],
) -> None:
    path = write_text(tmp_path / "x.csv", ["i,j,k", *lines])
    assert read(path) == (rows, faults)


def test_a_quoted_field_ends_before_a_line_that_cannot_be_decoded(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b'i,j\n1,"a\nb\xe9\nc"\n2,b\n')
    rows, faults = read(path)
    assert rows == [("2", "b")]
    assert [line for line, _ in faults] == [2, 3, 4]


@pytest.mark.parametrize(("lines", "is_one"), [(LONGEST_LINES, True), (LONGEST_LINES + 1, False)])
def test_a_quoted_field_has_so_many_lines_at_most(tmp_path: Path, lines: int, is_one: bool) -> None:
    """One that is longer is a stray quote: what waits for the end of a field is bounded."""
    field = ['1,"first', *["more"] * (lines - 2), 'last"']
    rows, faults = read(write_text(tmp_path / "x.csv", ["i,j", *field, "2,b"]))
    assert len(rows) + len(faults) == (2 if is_one else lines + 1)
    assert rows[-1] == ("2", "b")
    assert (faults == []) == is_one


def test_signs_of_quoting_in_a_file_without_it_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lines = ["i\tj", "1\ta", '2\t"b"', '3\t"c', 'd"', '4\t"e"']
    path = write_text(tmp_path / "x.tsv", lines)
    layout = Delimited("\t", None)
    assert read(path, layout) == (
        [("1", "a"), ("2", '"b"'), ("3", '"c'), ("4", '"e"')],
        [(5, "1 fields instead of 2 (--quote '\"'?)")],
    )
    assert [record.getMessage().split(",")[0] for record in caplog.records] == [
        "x.tsv:3: j stands in quotes"
    ]
    caplog.clear()
    read(path, layout.with_options(separator=None, quote="none", encoding=None))
    assert caplog.records == []


def test_a_separator_of_several_characters_may_have_quotes(tmp_path: Path) -> None:
    path = write_text(
        tmp_path / "x.csv", ["i::j", '1::"a::b"', '2::"c', 'd"', '3::"e" f', "4::g:h"]
    )
    layout = Delimited().with_options(separator="::", quote=None, encoding=None)
    assert layout.quote is None
    layout = Delimited().with_options(separator="::", quote='"', encoding=None)
    assert read(path, layout) == (
        [("1", "a::b"), ("2", "c\nd"), ("4", "g:h")],
        [(5, TEXT_AFTER)],
    )


NASTY = [
    '1,a,"b', "2,a,b", '3,"a",b', '4,"a" x,b', "", '5,a,7" b', '6,"a, ""x""', 'y",b', '7,a,"',
    "8,a", '"9,a,b', '10,a,12"', "11,a\rb,c", '12,"a\rb",c', ",,", '"', '""', '13,a,"b', "   ",
    '14,a,b',
]  # fmt: skip
"""Lines with all kinds of quotes; ``6,`` and ``y"`` are one record of two lines."""


@pytest.mark.parametrize("block_bytes", [8, 64, 4 << 20])
@pytest.mark.parametrize("start", range(0, len(NASTY), 3))
def test_every_line_is_a_row_or_a_reject(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block_bytes: int, start: int
) -> None:
    monkeypatch.setattr("loaders.lines.BLOCK_BYTES", block_bytes)
    turned = NASTY[start:] + NASTY[:start]
    path = write_text(tmp_path / "x.csv", ["i,j,k", *turned, "15,a,b"])
    lines: list[int] = []
    faults: list[int] = []
    for batch in Delimited().read(path, ["i", "j", "k"]):
        lines += batch.frame["line"].to_list()
        faults += [fault.line for fault in batch.faults]
        assert batch.frame["line"].is_sorted()
    # The record of two lines may have been turned around the end; then both are rejects.
    inner = turned.index('y",b') + 2
    whole = turned.index('6,"a, ""x""') + 1 == turned.index('y",b')
    blank = {number for number, line in enumerate(turned, start=2) if not line.strip()}
    physical = set(range(2, len(NASTY) + 3)) - blank - ({inner} if whole else set())
    assert sorted(lines + faults) == sorted(physical)
    assert "15" in {row[0] for row in read(path)[0]}


@pytest.mark.parametrize(
    ("header", "options", "sentence"),
    [
        ('"User-ID";"ISBN";"Book-Rating"', {}, r"one column.*separated by ','.*--separator ';'"),
        ("user\titem\trating", {}, "--separator 'tab'"),
        ("user|item", {"separator": ";"}, r"separated by ';'.*--separator '\|'"),
        ('"user,item', {}, "opening quote without a closing one.*--quote none"),
        ('"user" id,item', {}, "opening quote without a closing one.*--quote none"),
        ('"user_id"\t"item_id"', {"separator": "tab", "quote": None, "suffix": ".tsv"},
         "has a name in quotes, \"user_id\", but the file is read without quoting; give --quote"),
    ],
)  # fmt: skip
def test_a_header_of_another_layout_names_the_option(
    tmp_path: Path, header: str, options: dict[str, str], sentence: str
) -> None:
    suffix = options.pop("suffix", ".csv")
    path = write_text(tmp_path / f"log{suffix}", [header, header])
    with pytest.raises(BadSourceError, match=sentence):
        open_source([path], options=SourceOptions(**options))  # type: ignore[arg-type]


def test_semicolons_are_read_when_they_are_named(tmp_path: Path) -> None:
    path = write_text(
        tmp_path / "ratings.csv",
        [
            '"User-ID";"ISBN";"Book-Rating"',
            '"276725";"034545104X";"0"',
            '"276726";"0155061224";"5"',
        ],
    )
    columns = {"user": "User-ID", "item": "ISBN", "rating": "Book-Rating"}
    graph = load(path, separator=";", columns=columns, domain="books")
    assert graph.interacted.select("source", "target", "weight").rows() == [
        ("276725", "books:034545104X", 0.0),
        ("276726", "books:0155061224", 1.0),
    ]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"separator": ""}, "separator must be one or more characters.*got ''"),
        ({"separator": "\n"}, "separator must be one or more characters without a line break"),
        ({"quote": "ab"}, "quote must be one character or the word none, got 'ab'"),
        ({"quote": ","}, "quote and separator must differ, got ',' and ','"),
        ({"encoding": "klingon"}, "text encoding that Python knows.*got 'klingon'"),
        ({"encoding": "rot13"}, "text encoding that Python knows.*got 'rot13'"),
    ],
)
def test_wrong_options_are_one_sentence(
    tmp_path: Path, options: dict[str, str], sentence: str
) -> None:
    path = write_text(tmp_path / "log.csv", ["user,item", "1,2"])
    with pytest.raises(BadSourceError, match=sentence):
        open_source([path], options=SourceOptions(domain="d", **options))  # type: ignore[arg-type]


@pytest.mark.parametrize("option", ["separator", "quote"])
def test_formats_of_a_fixed_layout_refuse_options_for_another(tmp_path: Path, option: str) -> None:
    options = SourceOptions(domain="d", **{option: ";"})  # type: ignore[arg-type]
    write_text(tmp_path / "log.jsonl", ['{"user": 1, "item": 2}'])
    refused = f"has no use for --{option} .got ';'"
    for format in ("movielens", "amazon-reviews"):
        with pytest.raises(BadSourceError, match=f"the format {format} {refused}"):
            open_source([tmp_path], format=format, options=options)
    with pytest.raises(BadSourceError, match=f"the format sample {refused}"):
        open_source(format="sample", options=options)
    with pytest.raises(BadSourceError, match=f"a source without CSV and TSV files {refused}"):
        open_source([tmp_path], options=options)


def test_options_of_the_layout_are_part_of_what_a_source_means(tmp_path: Path) -> None:
    path = write_text(tmp_path / "log.csv", ["user,item", "1,2"])
    meanings = {
        open_source([path], options=SourceOptions(domain="d", **options)).meaning()  # type: ignore[arg-type]
        for options in ({}, {"separator": ","}, {"quote": "none"}, {"encoding": "cp1252"})
    }
    assert len(meanings) == 4
