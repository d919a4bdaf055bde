"""Ratings to weights: each domain has a scale of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from graph_store.open_store import open_store
from loaders import DomainScale, SourceOptions, ingest, open_source
from loaders.ratings import rating_scale
from tests.loaders.worlds import load, rejected, write_jsonl, write_text

LIKED = 0.8
TWO_SCALES = [
    "user,item,domain,rating",
    "u1,m1,movies,5",
    "u1,m2,movies,4.5",
    "u1,b1,books,10",
    "u2,b2,books,8",
]


@pytest.mark.parametrize(
    ("ratings", "scale", "weights"),
    [
        (["8", "10"], 10, [LIKED, 1.0]),
        (["4", "5", "0"], 5, [LIKED, 1.0, 0.0]),
        (["80", "20"], 100, [LIKED, 0.2]),
        (["0.8", "1"], 1, [LIKED, 1.0]),
        (["", ""], None, [1.0, 1.0]),
        (["", "4"], 5, [1.0, LIKED]),
    ],
)
def test_the_scale_is_inferred_from_the_ratings(
    tmp_path: Path, ratings: list[str], scale: float | None, weights: list[float]
) -> None:
    rows = [f"u{n},i,{rating}" for n, rating in enumerate(ratings)]
    graph = load(write_text(tmp_path / "log.csv", ["user,item,rating", *rows]), domain="d")
    assert graph.interacted["weight"].to_list() == weights
    count = len([rating for rating in ratings if rating])
    known = {"d": DomainScale(scale, "inferred", count)} if scale else {}
    assert graph.summary.rating_scales == known


@pytest.mark.parametrize(
    ("given", "weights", "scales"),
    [
        (None, [1.0, 0.9, 1.0, 0.8], {"books": (10, "inferred"), "movies": (5, "inferred")}),
        (10, [0.5, 0.45, 1.0, 0.8], {"books": (10, "given"), "movies": (10, "given")}),
        (
            {"movies": 100},
            [0.05, 0.045, 1.0, 0.8],
            {"books": (10, "inferred"), "movies": (100, "given")},
        ),
        (
            {"*": 20, "movies": 5},
            [1.0, 0.9, 0.5, 0.4],
            {"books": (20, "given"), "movies": (5, "given")},
        ),
    ],
)
def test_five_of_five_weighs_1_though_another_domain_rates_to_ten(
    tmp_path: Path, given: Any, weights: list[float], scales: dict[str, tuple[float, str]]
) -> None:
    graph = load(write_text(tmp_path / "log.csv", TWO_SCALES), rating_scale=given)
    of_item = dict(graph.interacted.select("target", "weight").iter_rows())
    items = ("movies:m1", "movies:m2", "books:b1", "books:b2")
    assert [of_item[item] for item in items] == weights
    found = {name: (one.scale, one.origin) for name, one in graph.summary.rating_scales.items()}
    assert found == scales


def test_a_rating_outside_the_scale_of_its_domain_is_rejected(tmp_path: Path) -> None:
    path = write_text(tmp_path / "log.csv", [*TWO_SCALES, "u3,m1,movies,7", "u3,b1,books,-1"])
    graph = load(path, rating_scale={"movies": 5}, rejects_path=tmp_path / "r.jsonl")
    assert rejected(tmp_path / "r.jsonl") == [
        ("log.csv", 6, "rating outside 0 to 5, the scale of movies"),
        ("log.csv", 7, "rating outside 0 to 100"),
    ]
    assert graph.users == ["u1", "u2"]


def test_a_scale_that_is_given_for_all_holds(tmp_path: Path) -> None:
    path = write_text(tmp_path / "log.csv", ["user,item,rating", "a,i,4", "b,i,7"])
    graph = load(path, domain="d", rating_scale=5)
    assert graph.interacted.select("source", "weight").rows() == [("a", 0.8)]
    assert graph.summary.rejected == {"rating outside 0 to 5": 1}


def test_a_domain_that_is_named_and_not_rated_is_shown(tmp_path: Path) -> None:
    path = write_text(tmp_path / "log.csv", TWO_SCALES)
    scales = load(path, rating_scale={"moveis": 5}).summary.rating_scales
    assert scales["moveis"] == DomainScale(5, "given", 0)
    assert scales["movies"].origin == "inferred"


def test_the_scale_covers_all_files_of_a_source(tmp_path: Path) -> None:
    first = write_text(tmp_path / "1.csv", ["user,item,rating", "a,i,4"])
    second = write_text(tmp_path / "2.csv", ["user,item,rating", "b,i,8"])
    assert load(first, second, domain="d").interacted["weight"].to_list() == [0.4, 0.8]


def test_what_the_form_says_holds_and_what_a_person_says_stands_above_it(tmp_path: Path) -> None:
    row = {"user_id": "A", "parent_asin": "B", "rating": 4.0, "timestamp": 1_588_687_728_923}
    path = write_jsonl(tmp_path / "Books.jsonl", [row])
    graph = load(path, format="amazon-reviews", store=tmp_path / "a.duckdb")
    assert graph.one(source="A")["weight"] == 0.8
    assert graph.summary.rating_scales == {"books": DomainScale(5, "format", 1)}
    graph = load(path, format="amazon-reviews", rating_scale=10, store=tmp_path / "b.duckdb")
    assert graph.one(source="A")["weight"] == 0.4


@pytest.mark.parametrize(("highest", "scale"), [(1.0, 1), (1.5, 5), (5.0, 5), (6.0, 10), (11, 100)])
def test_scales_at_their_borders(highest: float, scale: float) -> None:
    assert rating_scale(highest) == scale


def test_a_scale_that_differs_from_an_earlier_source_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = write_text(tmp_path / "a.csv", ["user,item,rating", "u1,i,9"])
    second = write_text(tmp_path / "b.csv", ["user,item,rating", "u1,j,5"])
    with open_store(str(tmp_path / "g.duckdb")) as store:
        options = SourceOptions(domain="books")
        ingest(open_source([first], options=options), store)
        assert caplog.messages == []
        ingest(open_source([second], options=options), store)
        (told,) = caplog.messages
        assert "books are read on the scale 0 to 5" in told
        assert "were on 0 to 10" in told
        assert "--rating-scale books=10" in told
        caplog.clear()
        given = SourceOptions(domain="books", rating_scale={"books": 10})
        ingest(open_source([second], options=given), store)
        assert caplog.messages == []


def test_few_ratings_that_make_a_higher_scale_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [f"u{n},i,{1 + n % 10}" for n in range(200)]
    log = write_text(tmp_path / "log.csv", ["user,item,rating", *rows, "u0,j,11"])
    assert load(log, domain="d").summary.rating_scales["d"].scale == 100
    (told,) = caplog.messages
    assert told.startswith("1 of 201 ratings of d are above 10, so that the scale 0 to 100")
    assert "--rating-scale d=10" in told
