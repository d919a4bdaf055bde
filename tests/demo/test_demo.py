"""The whole demo, with a model too small to be good: numbers do not matter here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kgrec.demo import MEASURES, TARGET, Demo, run_demo
from kgrec.errors import InputError
from tests.cli.command import kgrec
from tests.conftest import TEST_PREFIX
from tests.trained_world import TINY

QUICK = [
    *(f"{group}.{name}={value}" for group, given in TINY.items() for name, value in given.items()),
    "train.epochs=1",
]


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "work"


@pytest.fixture(scope="module")
def demo(work: Path) -> Demo:
    return run_demo(work, overrides=QUICK)


def test_three_users_get_ten_films_each_with_a_reason(demo: Demo) -> None:
    assert len({story.user for story in demo.stories}) == 3
    for story in demo.stories:
        assert len(story.films) == 10
        assert {line.domain for line in story.films} == {TARGET}
        assert all(line.explanation and line.explanation.reasons for line in story.films)
        assert 0 < len(story.watched) <= story.num_watched


def test_no_reason_leans_on_a_hidden_film(demo: Demo) -> None:
    """The users' own films are hidden, so no path may start from one."""
    for story in demo.stories:
        for line in story.films:
            assert line.explanation is not None
            for reason in line.explanation.reasons:
                assert reason.via is None or not reason.via.startswith(f"{TARGET}:")


def test_the_table_measures_all_three_on_the_same_users(demo: Demo) -> None:
    assert [row.name for row in demo.table] == ["kgrec", "item-kNN", "popularity"]
    for row in demo.table:
        assert tuple(row.measures) == MEASURES
        for interval in row.measures.values():
            assert interval.users == demo.users
            assert 0 <= interval.low <= interval.mean <= interval.high <= 1
    assert set(demo.against) == {"item-kNN", "popularity"}


def test_a_demo_replaces_an_earlier_one_and_nothing_else(
    demo: Demo, work: Path, tmp_path: Path
) -> None:
    (tmp_path / "precious.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="holds something else than a demo"):
        run_demo(tmp_path, overrides=QUICK)
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]


@pytest.mark.neo4j
def test_in_neo4j_the_demo_is_the_same(
    demo: Demo, neo4j_store: Callable[..., Any], neo4j_url: str, tmp_path: Path
) -> None:
    neo4j_store()  # empties it
    other = run_demo(tmp_path, store=neo4j_url, label_prefix=TEST_PREFIX, overrides=QUICK)
    assert [story.films.to_dicts() for story in other.stories] == [
        story.films.to_dicts() for story in demo.stories
    ]
    assert other.table == demo.table
    assert "neo4j" in other.store or "bolt" in other.store


def test_the_command_prints_stories_and_table(
    work: Path, demo: Demo, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [part for override in QUICK for part in ("--set", override)]
    assert kgrec("demo", "--work", work, *options) == 0
    told = capsys.readouterr()
    for story in demo.stories:
        assert f"{story.user} liked {story.num_watched} series on TV" in told.out
    for word in ("kgrec", "item-kNN", "popularity", "NDCG@10", "Recall@10"):
        assert word in told.out
    assert "kgrec recommend --run" in told.err
