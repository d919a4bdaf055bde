"""Titles, descriptions and tags: HTML is removed, lists written as text are lists."""

from __future__ import annotations

import math
from pathlib import Path

import polars as pl
import pytest

from loaders.catalogue import HTML_REMOVED, LISTS_READ, LISTS_UNREAD
from loaders.markup import plain_text
from loaders.text_lists import read_text_list
from tests.loaders.worlds import load, write_jsonl, write_text


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Salt &amp; Pepper &#39;Deluxe&#39; <b>Card</b>", "Salt & Pepper 'Deluxe' Card"),
        ("Tom &amp;amp; Jerry", "Tom & Jerry"),
        ("one<br>two<BR/>three</p><p class='x'>four", "one two three  four"),
        ("H<sub>2</sub>O &#x2014; caf&eacute;&nbsp;au lait", "H2O \u2014 café au lait"),
        ("a<script type='x'>if (a < b) alert('<b>')</script>b<style>p {}</style>", "a b"),
        ("cut off <script>alert(", "cut off"),
        ("seen<!-- never <b> -->again", "seen again"),
        ("line&lt;br /&gt;line", "line line"),
        ('<a href="http://x/?a=1&amp;b=2">link</a>', "link"),
        ("<![CDATA[Salt & <b>Pepper</b>]]>", "Salt & Pepper"),
        ("<iframe src='x' allowfullscreen></iframe><td nowrap>cell<hr noshade/>", "cell"),
    ],
)
def test_html_becomes_plain_text(text: str, plain: str) -> None:
    assert plain_text(text) == plain


@pytest.mark.parametrize(
    "text",
    [
        "AT&T", "a < b", "I <3 you", "a<b and c>d", "R&D; more",
        "Food&notes &copy me", "<Untitled>", "List<int>", "x <- y -> z", "<>", "Q&A: 1 < 2 > 0",
        "<", "&", "5 &unknown; 6", "&#;", " AT&T ", "<a thing>",
    ],
)  # fmt: skip
def test_what_is_no_html_survives(text: str) -> None:
    assert plain_text(text) == text


def test_html_is_removed_from_every_field_of_every_layout_and_counted(tmp_path: Path) -> None:
    row = {
        "item": "1",
        "title": "Salt &amp; Pepper",
        "description": ["Tom &amp; Jerry", "<br>two"],
        "tags": ["Food &amp; Drink", "Plain"],
    }
    write_jsonl(tmp_path / "items.jsonl", [row])
    pl.DataFrame([row]).write_parquet(tmp_path / "items.parquet")
    write_text(
        tmp_path / "items.csv",
        [
            "item,title,description,tags",
            "1,Salt &amp; Pepper,Tom &amp; Jerry <br>two,Food &amp; Drink;Plain",
        ],
    )
    for name, separator in (("jsonl", "|"), ("parquet", "|"), ("csv", ";")):
        path = tmp_path / f"items.{name}"
        store = tmp_path / f"{name}.duckdb"
        graph = load(path, domain="d", store=store, tag_separator=separator)
        assert graph.items["d:1"]["text"] == ("Salt & Pepper\nTom & Jerry two\nFood & Drink, Plain")
        assert graph.tags == [("d:1", "Food & Drink"), ("d:1", "Plain")]
        assert graph.summary.remarks == {HTML_REMOVED: 3}


def test_a_title_of_nothing_but_html_is_missing(tmp_path: Path) -> None:
    path = write_text(tmp_path / "items.csv", ["item,title,tags", "1,<br>,&nbsp;"])
    graph = load(path, domain="d")
    assert graph.items["d:1"]["title"] is None
    assert graph.tags == []


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("['Drama', 'Comedy']", ["Drama", "Comedy"]),
        ('["Drama", "Comedy"]', ["Drama", "Comedy"]),
        ("""['Rock ''n', "it's"]""", ["Rock n", "it's"]),
        ("['Drama' 'Comedy']", ["Drama", "Comedy"]),  # NumPy's way
        ("['Drama'\n 'Comedy']", ["Drama", "Comedy"]),
        ("[['a', 'b'], ['c']]", ["a", "b", "c"]),
        ("[18, 80]", ["18", "80"]),
        ("('Drama', 'Comedy')", ["Drama", "Comedy"]),
        ("{'Drama', 'Comedy'}", ["Comedy", "Drama"]),
        ("['Drama', nan]", ["Drama"]),
        ('["Drama", NaN]', ["Drama"]),
        ("('Drama')", None),
        ("(Unfinished)", None),
        ("{'id': 1}", None),
        ("[]", []),
        ("[Drama, Comedy]", None),
        ("[Unfinished] Tales", None),
        ("[{'id': 1}]", None),
        ("['a', 1.5]", None),
        ("['open", None),
        ("[" * 5000 + "]" * 5000, None),
    ],
)
def test_a_list_is_read_only_where_the_whole_text_is_one(
    text: str, parts: list[str] | None
) -> None:
    assert read_text_list(text) == parts


def test_tag_lists_written_as_text_are_read_in_every_layout_and_counted(tmp_path: Path) -> None:
    lines = ["item,title,tags", "1,One,\"['Drama', 'Comedy']\"", "2,Two,\"['Drama']\"", "3,x,a|[b]"]
    write_text(tmp_path / "items.csv", lines)
    rows = [
        {"item": "1", "title": "One", "tags": "['Drama', 'Comedy']"},
        {"item": "2", "title": "Two", "tags": "['Drama']"},
        {"item": "3", "title": "x", "tags": ["a", "[b]"]},
    ]
    write_jsonl(tmp_path / "items.jsonl", rows)
    for name in ("csv", "jsonl"):
        graph = load(tmp_path / f"items.{name}", domain="d", store=tmp_path / f"{name}.duckdb")
        assert graph.tags == [
            ("d:1", "Comedy"), ("d:1", "Drama"), ("d:2", "Drama"), ("d:3", "[b]"), ("d:3", "a"),
        ]  # fmt: skip
        assert graph.summary.remarks == {LISTS_READ: 2}


def test_tags_that_only_look_like_a_list_are_told(tmp_path: Path) -> None:
    tags = ["[Drama, Comedy]", "[{'id': 1, 'name': 'Drama'}]", "[Unfinished]", "(Drama, Comedy)"]
    rows = [{"item": str(n), "title": "T", "tags": text} for n, text in enumerate(tags)]
    graph = load(write_jsonl(tmp_path / "items.jsonl", rows), domain="d")
    assert [tag for _, tag in graph.tags] == tags
    assert graph.summary.remarks == {LISTS_UNREAD: 2}


def test_a_description_written_as_a_list_is_one_text(tmp_path: Path) -> None:
    lines = ["item,title,description", "1,[a],\"['One.', 'Two.']\"", "2,b,[Sic] all"]
    graph = load(write_text(tmp_path / "items.csv", lines), domain="d")
    assert graph.items["d:1"]["text"] == "[a]\nOne. Two."
    assert graph.items["d:2"]["text"] == "b\n[Sic] all"


def test_what_is_nan_in_a_catalogue_is_missing(tmp_path: Path) -> None:
    write_text(tmp_path / "items.jsonl", ['{"item": 1, "title": NaN, "tags": [NaN, "a"]}'])
    frame = pl.DataFrame({"item": [1, 2], "title": [math.nan, 1984.0], "tags": [["a"], None]})
    frame.write_parquet(tmp_path / "items.parquet")
    for name in ("jsonl", "parquet"):
        graph = load(tmp_path / f"items.{name}", domain="d", store=tmp_path / f"{name}.duckdb")
        assert graph.items["d:1"]["text"] == "a"
    assert graph.items["d:2"]["text"] == "1984"
