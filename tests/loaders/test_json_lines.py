"""JSON Lines: a key may first appear in any record."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from loaders import BadSourceError, open_source
from loaders.json_lines import HEAD_RECORDS
from loaders.source import SourceOptions
from tests.loaders.worlds import load, rejected, write_jsonl, write_text

Row = dict[str, Any]


def late(first: Row, last: Sequence[Row]) -> list[Row]:
    """As many records as are looked at to find out what a file is, then others."""
    return [first] * HEAD_RECORDS + list(last)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('[{"user": "ann", "item": "1"}]', "holds a JSON array.*`jq -c '.\\[\\]'`"),
        ('[\n{"user": "ann", "item": "1"},\n{"user": "ann", "item": "2"}\n]', "holds a JSON array"),
        ('{\n  "user": "ann",\n  "item": "1"\n}', "if its records span lines.*`jq -c .`"),
        ("", "is empty; JSON objects, one a line, were expected"),
    ],
)
def test_other_json_is_one_sentence_that_says_how_to_convert_it(
    tmp_path: Path, text: str, sentence: str
) -> None:
    (tmp_path / "log.json").write_text(text, encoding="utf-8")
    with pytest.raises(BadSourceError, match=sentence):
        open_source([tmp_path / "log.json"], options=SourceOptions(domain="d"))


def test_a_late_column_of_a_log_is_read(tmp_path: Path) -> None:
    event = {"user_id": "ann", "item_id": "1", "domain": "books"}
    last = {"user_id": "bob", "item_id": "2", "domain": "books"}
    rated = last | {"event": "rate", "rating": 4, "timestamp": 1_600_000_000}
    path = write_jsonl(tmp_path / "log.jsonl", late(event, [rated]))
    assert load(path).one(source="bob") == {
        "source": "bob", "target": "books:2", "kind": "rate", "weight": 0.8, "count": 1,
        "at": 1_600_000_000,
    }  # fmt: skip


def test_each_record_may_use_other_names_of_a_field(tmp_path: Path) -> None:
    first = {"item": "1", "title": "A", "tags": ["a"], "categories": [{"id": 1}]}
    second = {"item_id": "2", "title": "B", "categories": ["b"]}
    third = {"itemId": "3", "title": "C", "tags": {"id": 1}}
    path = write_jsonl(tmp_path / "items.jsonl", [first, second, third])
    graph = load(path, domain="d", rejects_path=tmp_path / "r.jsonl")
    assert graph.tags == [("d:1", "a"), ("d:2", "b")]
    why = "a list, an object or a truth value where one value belongs"
    assert rejected(tmp_path / "r.jsonl") == [("items.jsonl", 3, why)]


def test_metadata_of_two_years_in_one_file_keeps_its_tags(tmp_path: Path) -> None:
    rows = [{"asin": "1", "title": "A", "category": ["a"]},
            {"parent_asin": "2", "title": "B", "categories": ["b"]}]  # fmt: skip
    path = write_jsonl(tmp_path / "meta_Books.jsonl", rows)
    assert load(path, format="amazon-reviews").tags == [("books:1", "a"), ("books:2", "b")]


def test_late_columns_of_a_catalogue_are_read(tmp_path: Path) -> None:
    described = {"item": "2", "title": "T", "description": ["One.", "Two."], "categories": [["a"]]}
    path = write_jsonl(tmp_path / "items.jsonl", late({"item": "1"}, [described]))
    graph = load(path, domain="d")
    assert graph.items["d:2"]["text"] == "T\nOne. Two.\na"
    assert graph.summary.rows_rejected == 0


def test_of_several_late_columns_the_first_with_a_value_counts(tmp_path: Path) -> None:
    rows = [{"item": "2", "tags": ["a"], "categories": ["b"]}, {"item": "3", "categories": ["c"]}]
    path = write_jsonl(tmp_path / "items.jsonl", late({"item": "1"}, rows))
    assert load(path, domain="d").tags == [("d:2", "a"), ("d:3", "c")]


@pytest.mark.parametrize("options", [{"domain": "d"}, {}])
def test_a_log_whose_first_records_name_no_user_is_a_log(
    tmp_path: Path, options: dict[str, str]
) -> None:
    known = {"user": "ann", "item": "1", "title": '"user": x'} | (
        {} if options else {"domain": "d"}
    )
    first = {"item": "1", "title": 'the "user"', "seen": {"user": "bob"}}
    path = write_jsonl(tmp_path / "log.jsonl", late(first, [known]))
    graph = load(path, rejects_path=tmp_path / "r.jsonl", **options)
    assert graph.interacted["source"].to_list() == ["ann"]
    assert graph.summary.rejected == {"no user id": HEAD_RECORDS}
    source = open_source([path], options=SourceOptions(**options))  # type: ignore[arg-type]
    assert [table.role for table in source.tables] == ["interactions"]


def test_links_whose_first_records_are_incomplete_are_links(tmp_path: Path) -> None:
    pair = {"account_a": "a", "account_b": "b"}
    path = write_jsonl(tmp_path / "links.jsonl", late({"account_a": "c"}, [pair]))
    assert load(path).same_as == [("a", "b")]


def test_a_late_domain_is_found_and_a_missing_one_is_told(tmp_path: Path) -> None:
    rows = late({"user": "ann", "item": "1"}, [{"user": "bob", "item": "2", "domain": "books"}])
    path = write_jsonl(tmp_path / "log.jsonl", rows)
    graph = load(path)
    assert graph.domains == ["books"]
    assert graph.summary.rejected == {"no domain": HEAD_RECORDS}
    with pytest.raises(BadSourceError, match="does not say which domain"):
        load(write_jsonl(tmp_path / "other.jsonl", rows[:-1]))


def test_a_mapped_column_may_appear_late_and_must_appear(tmp_path: Path) -> None:
    rows = late({"user": "ann", "item": "1"}, [{"user": "bob", "item": "2", "stars": 5}])
    path = write_jsonl(tmp_path / "log.jsonl", rows)
    assert load(path, domain="d", columns={"rating": "stars"}).one(source="bob")["weight"] == 1.0
    with pytest.raises(BadSourceError, match="--map rating=points: no file of interactions"):
        load(path, domain="d", columns={"rating": "points"})


def test_columns_without_a_single_value_are_in_the_summary(tmp_path: Path) -> None:
    rows = [{"user": "ann", "item": "1", "stars": None, "when": 1_600_000_000}]
    path = write_jsonl(tmp_path / "log.jsonl", rows)
    columns = {"rating": "stars", "time": "when"}
    assert load(path, domain="d", columns=columns).summary.without_value == {"log.jsonl": ["stars"]}
    path = write_jsonl(tmp_path / "meta_Music.json", [{"asin": "B1", "title": "T"}])
    graph = load(path, format="amazon-reviews", store=tmp_path / "2.duckdb")
    assert graph.summary.without_value == {
        "meta_Music.json": ["description", "categories or category"]
    }


@pytest.mark.parametrize("name", ["meta_Digital_Music.json", "Music.json"])
@pytest.mark.parametrize("as_python", [False, True])
def test_amazon_metadata_whose_first_records_have_no_title(
    tmp_path: Path, name: str, as_python: bool
) -> None:
    last = {"asin": "B2", "title": "Album", "description": "Loud.", "categories": [["Music", "CD"]]}
    rows = late({"asin": "B1", "price": 1.0}, [last])
    path = tmp_path / name
    if as_python:
        write_text(path, map(str, rows))
    else:
        write_jsonl(path, rows)
    graph = load(path, format="amazon-reviews", domain="music")
    assert graph.items["music:B2"]["text"] == "Album\nLoud.\nMusic, CD"
    assert graph.tags == [("music:B2", "CD"), ("music:B2", "Music")]


@pytest.mark.parametrize(
    ("first", "last", "at"),
    [
        ({"asin": "B1"}, {"reviewerID": "A", "asin": "B1", "unixReviewTime": 1_600_000_000}, 1.6e9),
        (
            {"asin": "B1", "parent_asin": "B1"},
            {"user_id": "A", "parent_asin": "B1", "timestamp": 1_600_000_000_000},
            1.6e9,
        ),
        ({"reviewerID": "Z", "asin": "B1"}, {"reviewerID": "A", "asin": "B1", "overall": 2}, None),
    ],
)
def test_amazon_reviews_are_told_by_their_user_wherever_one_appears(
    tmp_path: Path, first: Row, last: Row, at: float | None
) -> None:
    path = write_jsonl(tmp_path / "Music.json", late(first, [last]))
    graph = load(path, format="amazon-reviews")
    assert graph.one(source="A")["at"] == at


def test_values_of_all_types_become_the_same_text(tmp_path: Path) -> None:
    rows = [
        '{"user": "7", "item": "a"}', '{"user": 7, "item": "a"}', '{"user": 7.0, "item": "a"}',
        '{"user": 123456789012345678901234567890, "item": "a"}',
        '{"user": "\\ud800", "item": "a"}', '{"user": [7], "item": "a"}', "", "  ",
        '{"user": "8", "item": {"id": 1}, "seen": [1]}',
    ]  # fmt: skip
    path = write_text(tmp_path / "log.jsonl", rows)
    graph = load(path, domain="d", rejects_path=tmp_path / "r.jsonl")
    assert graph.users == ["123456789012345678901234567890", "7", "?"]
    assert graph.one(source="7")["count"] == 3
    why = "a list, an object or a truth value where one value belongs"
    assert rejected(tmp_path / "r.jsonl") == [("log.jsonl", 6, why), ("log.jsonl", 9, why)]
