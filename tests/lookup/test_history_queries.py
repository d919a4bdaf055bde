"""A history that a query of the live graph finds, on both stores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from graph_store import GraphStoreError
from graph_store.duckdb.store import EmbeddedStore
from graph_store.store import GraphStore
from kgrec.errors import InputError
from kgrec.lookup import HistoryQuery, Run
from tests.conftest import TEST_PREFIX
from tests.lookup.small import SmallModel, write_to

QUERIES = {
    "embedded": 'SELECT target AS item, "order" AS time, kind FROM "INTERACTED" '
    "WHERE source = $who AND weight > 0.5",
    "neo4j": f"MATCH (:{TEST_PREFIX}User {{key: $who}})-[e:{TEST_PREFIX}INTERACTED]->"
    f"(i:{TEST_PREFIX}Item) WHERE e.weight > 0.5 "
    "RETURN i.key AS item, e.kind AS kind",
}


@pytest.fixture(params=["embedded", pytest.param("neo4j", marks=pytest.mark.neo4j)])
def asked(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Run, str]]:
    """A run over a live graph, and a query in its language."""
    if request.param == "neo4j":
        opened: GraphStore = request.getfixturevalue("neo4j_store")()
    else:
        opened = EmbeddedStore(tmp_path / "g.duckdb")
    with opened:
        write_to(opened, SmallModel().snapshot)
        yield Run(SmallModel(), store=opened), QUERIES[request.param]


def test_the_rows_of_a_query_are_a_history(asked: tuple[Run, str]) -> None:
    run, query = asked
    found = run.recommend(history=HistoryQuery(query, {"who": "cat"}), domain="films")
    given = run.recommend(history=["books:neuro", "films:matrix", "films:alien"], domain="films")
    assert {line.key: round(line.score, 5) for line in found} == {
        line.key: round(line.score, 5) for line in given
    }
    why = run.explain("films:tron", history=HistoryQuery(query, {"who": "cat"}))
    assert why.reasons[0].via == "books:neuro"


def test_a_query_that_finds_nothing_or_nothing_known_is_told(asked: tuple[Run, str]) -> None:
    run, query = asked
    with pytest.raises(InputError, match="found nothing; check its pattern and its parameters"):
        run.recommend(history=HistoryQuery(query, {"who": "nobody"}), domain="films")
    other = query.replace("AS item", "AS thing")
    with pytest.raises(InputError, match="no column item, it has thing"):
        run.recommend(history=HistoryQuery(other, {"who": "cat"}), domain="films")


def test_a_query_that_writes_is_refused(asked: tuple[Run, str]) -> None:
    run, query = asked
    writing = "CREATE (n:Item {key: 'x'}) RETURN n.key AS item"
    if query.startswith("SELECT"):
        writing = "DELETE FROM node_item"
    with pytest.raises(GraphStoreError):
        run.recommend(history=HistoryQuery(writing), domain="films")
    assert len(run.recommend("ann", domain="films"))


def test_rows_that_the_run_does_not_know_are_left_out_and_told(
    asked: tuple[Run, str], caplog: pytest.LogCaptureFixture
) -> None:
    run, query = asked
    caplog.set_level("INFO", "kgrec")
    if query.startswith("SELECT"):
        both = "SELECT * FROM (VALUES ('films:new'), ('books:dune')) AS rows(item)"
    else:
        both = "UNWIND ['films:new', 'books:dune'] AS item RETURN item"
    found = run.recommend(history=HistoryQuery(both), domain="films")
    assert found.to_dicts() == run.recommend(history=["books:dune"], domain="films").to_dicts()
    assert "1 of 2 rows of the query for the history are no items of the run" in caplog.text
    none = both.replace("books:dune", "films:newer")
    with pytest.raises(InputError, match="none of the 2 rows .* the first is 'films:new'"):
        run.recommend(history=HistoryQuery(none), domain="films")


def test_a_query_needs_a_live_graph() -> None:
    with pytest.raises(InputError, match="needs a live graph; name it with --store"):
        Run(SmallModel()).recommend(history=HistoryQuery("RETURN 1 AS item"), domain="films")
    with pytest.raises(InputError, match="a query for a history must be a text, got ''"):
        HistoryQuery("")
