"""How much a question reads from a live store, and that its filter is that of the snapshot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from graph_store.duckdb.store import EmbeddedStore
from graph_store.errors import BadFilterError
from graph_store.neo4j.connection import Connection
from graph_store.properties import PropertyCondition, PropertyType
from graph_store.schema import NODE_COLUMNS, Label, RelType
from graph_store.snapshot import take_snapshot
from graph_store.store import CypherPattern, GraphStore, NodeFilter
from kgrec.errors import InputError, NotFoundError
from kgrec.lookup import Run
from tests.conftest import TEST_PREFIX, empty_neo4j
from tests.lookup.small import SmallModel, write_to

PREFIX = f"{TEST_PREFIX}Read"
PRICES = {"films:alien": 3.0, "films:matrix": 12.0, "films:notebook": 7.5, "books:dune": 9.0}
CROWD = [f"crowd {number:04}" for number in range(1_000)]
EVERYTHING = NodeFilter(
    tags_any=["scifi", "romance"], tags_none=["desert"], not_seen_by=["dan"], since=100,
    min_popularity=2, max_popularity=5_000, deny=["films:clueless"],
    properties=[PropertyCondition("price", "<=", 10)],
)  # fmt: skip


@pytest.fixture(scope="module", params=["embedded", pytest.param("neo4j", marks=pytest.mark.neo4j)])
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GraphStore]:
    """The small graph with prices and times, and a crowd with 3,000 interactions of its own."""
    if request.param == "embedded":
        with EmbeddedStore(tmp_path_factory.mktemp("read") / "g.duckdb") as store:
            fill(store)
            yield store
        return
    from graph_store.neo4j.store import Neo4jStore

    url = request.getfixturevalue("neo4j_url")
    empty_neo4j(url, PREFIX)
    with Neo4jStore.from_url(url, label_prefix=PREFIX) as server:
        fill(server)
        yield server
    empty_neo4j(url, PREFIX)


def fill(store: GraphStore) -> None:
    write_to(store, SmallModel().snapshot)
    store.declare_item_properties({"price": PropertyType.NUMBER})
    rows = pl.DataFrame({"key": list(PRICES), "price": list(PRICES.values())})
    empty = [pl.lit(None, pl.String).alias(name) for name in ("title", "text", "text_hash")]
    store.upsert_nodes(Label.ITEM, rows.with_columns(empty))
    others = [f"films:other {number}" for number in range(3)]
    store.upsert_nodes(
        Label.ITEM,
        pl.DataFrame({"key": others}).with_columns(
            pl.lit(None, dtype).alias(name)
            for name, dtype in NODE_COLUMNS[Label.ITEM].items()
            if name != "key"
        ),
    )
    in_domain = pl.DataFrame({"source": others, "target": ["films"] * 3})
    store.upsert_relationships(RelType.IN_DOMAIN, in_domain)
    store.upsert_nodes(Label.USER, pl.DataFrame({"key": CROWD}))
    liked = ["films:alien", "films:notebook", "films:tron"]
    pairs = [(user, item) for user in CROWD for item in liked]
    store.upsert_relationships(
        RelType.INTERACTED,
        pl.DataFrame(pairs, schema=["source", "target"], orient="row").with_columns(
            kind=pl.lit("rating"), weight=1.0, count=1, at=pl.lit(200, pl.Int64)
        ),
    )


class Counted:
    """Statements that were sent, and values of the columns that came back in lists or rows."""

    def __init__(self) -> None:
        self.statements: list[str] = []
        self.rows = 0


@contextmanager
def counting(store: GraphStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[Counted]:
    counted = Counted()
    if isinstance(store, EmbeddedStore):
        reading = EmbeddedStore._reading

        @contextmanager
        def _reading(self: EmbeddedStore) -> Iterator[Any]:
            with reading(self) as cursor:
                yield Spy(cursor, counted)

        monkeypatch.setattr(EmbeddedStore, "_reading", _reading)
    else:
        rows = Connection.rows

        def _rows(self: Connection, statement: str, **params: Any) -> Any:
            counted.statements.append(statement)
            found = rows(self, statement, **params)
            counted.rows += sum(width(record.values()) for record in found)
            return found

        monkeypatch.setattr(Connection, "rows", _rows)
    yield counted
    monkeypatch.undo()


class Spy:
    """A cursor that counts what is asked by way of it."""

    def __init__(self, cursor: Any, counted: Counted) -> None:
        self._cursor = cursor
        self._counted = counted

    def sql(self, statement: str, **options: Any) -> Any:
        relation = self._cursor.sql(statement, **options)
        self._counted.statements.append(statement)
        self._counted.rows += len(relation)
        return relation

    def execute(self, statement: str, *params: Any) -> Any:
        self._counted.statements.append(statement)
        result = self._cursor.execute(statement, *params)
        return Answer(result, self._counted)


class Answer:
    def __init__(self, result: Any, counted: Counted) -> None:
        self._result = result
        self._counted = counted

    def fetchone(self) -> Any:
        row = self._result.fetchone()
        self._counted.rows += width(row or ())
        return row

    def fetchall(self) -> Any:
        rows = self._result.fetchall()
        self._counted.rows += len(rows)
        return rows


def width(values: Any) -> int:
    return max((len(value) if isinstance(value, list) else 1 for value in values), default=0)


def test_one_question_is_two_statements_and_few_rows_whatever_the_filter(
    store: GraphStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(SmallModel(), store=store)
    with counting(store, monkeypatch) as counted:
        found = run.recommend("ann", domain="films", where=EVERYTHING)
    assert [line.key for line in found] == ["films:notebook", "films:alien"][::-1]
    asked = [one for one in counted.statements if "duckdb_columns" not in one]  # the catalogue
    assert len(asked) == 2
    assert counted.rows < 20  # of more than 3,000 interactions and 20 tags of items


def test_a_thousand_users_are_a_handful_of_statements(
    store: GraphStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(SmallModel(), store=store)
    with counting(store, monkeypatch) as counted:
        found = run.recommend(users=CROWD, domain="films", where=EVERYTHING, include_seen=True)
    assert found.to_frame()["user_id"].n_unique() == len(CROWD)
    assert len(counted.statements) <= 3
    assert counted.rows <= 3 * len(CROWD) + 20  # their own interactions, and nobody else's


def test_reasons_read_the_tags_of_the_items_that_they_name(
    store: GraphStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(SmallModel(), store=store)
    with counting(store, monkeypatch) as counted:
        run.recommend("fay", domain="films", k=1, explain=True)
    assert len(counted.statements) == 2
    assert counted.rows <= 10


FILTERS: list[Callable[[], NodeFilter]] = [
    lambda: EVERYTHING,
    lambda: NodeFilter(min_popularity=3),
    lambda: NodeFilter(max_popularity=3),
    lambda: NodeFilter(properties=[PropertyCondition("price", "!=", 3)]),
    lambda: NodeFilter(properties=[PropertyCondition("price", "in", [3, "12"])]),
    lambda: NodeFilter(tags_none=["space"], allow=["films:alien", "films:tron"]),
    lambda: NodeFilter(tags_all=["scifi", "hackers"], not_seen_by=["shop:ann"]),
    lambda: NodeFilter(since=200),
]


@pytest.mark.parametrize("where", FILTERS)
def test_a_filter_leaves_of_the_store_what_it_leaves_of_the_snapshot(
    store: GraphStore, where: Callable[[], NodeFilter]
) -> None:
    model = SmallModel(take_snapshot(store))
    live = Run(model, store=store).recommend("eve", domain="films", where=where())
    alone = Run(model).recommend("eve", domain="films", where=where())
    assert live.to_dicts() == alone.to_dicts()
    assert 0 < len(live) < 8


def test_a_snapshot_without_the_property_says_what_there_is() -> None:
    with pytest.raises(BadFilterError, match="no item property 'price' in the run.* there are: no"):
        Run(SmallModel()).recommend("eve", domain="films", where=EVERYTHING)


def test_a_pattern_needs_a_live_graph() -> None:
    where = NodeFilter(cypher=CypherPattern("(item)"))
    with pytest.raises(BadFilterError, match="needs a live graph in Neo4j, and the run .*--store"):
        Run(SmallModel()).recommend("eve", domain="films", where=where)


@pytest.mark.neo4j
@pytest.mark.parametrize("store", ["neo4j"], indirect=True)
def test_a_pattern_is_checked_once_and_then_part_of_the_one_question(
    store: GraphStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(SmallModel(), store=store)
    where = NodeFilter(
        cypher=CypherPattern(f"(item)<-[:{PREFIX}INTERACTED]-(u) WHERE u.key = $by", {"by": "cat"})
    )
    for _ in range(2):
        with counting(store, monkeypatch) as counted:
            found = run.recommend("eve", domain="films", where=where)
        assert {line.key for line in found} == {"films:alien", "films:matrix"}
        assert len(counted.statements) == 2


@pytest.mark.parametrize(
    ("where", "sentence"),
    [
        (NodeFilter(tags_any=["scify"]), "no tag 'scify' in the store .*did you mean 'scifi'"),
        (NodeFilter(not_seen_by=["zoe"]), "no user 'zoe' in the store"),
    ],
)
def test_an_unknown_name_in_a_filter_is_told(
    store: GraphStore, where: NodeFilter, sentence: str
) -> None:
    with pytest.raises(NotFoundError, match=sentence):
        Run(SmallModel(), store=store).recommend("eve", domain="films", where=where)


@pytest.mark.parametrize(
    ("where", "sentence"),
    [
        (NodeFilter(min_popularity=2.5), "min_popularity must be a whole number, got 2.5"),  # type: ignore[arg-type]
        (NodeFilter(properties=["price<3"]), "properties must be a list of PropertyCondition"),  # type: ignore[list-item]
        (NodeFilter(cypher="(item)"), "cypher must be a CypherPattern, got '"),  # type: ignore[arg-type]
    ],
)
def test_a_condition_of_another_type_is_one_sentence(where: NodeFilter, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        Run(SmallModel()).recommend("eve", domain="films", where=where)


def test_a_run_folder_keeps_the_properties_of_its_items(tmp_path: Path) -> None:
    from graph_store.snapshot import load_snapshot, save_snapshot

    snapshot = SmallModel().snapshot
    prices = [PRICES.get(key) for key in snapshot.item_keys.tolist()]
    frame = pl.DataFrame({"price": prices}, schema={"price": pl.Float64})
    save_snapshot(replace(snapshot, item_properties=frame), tmp_path / "graph")
    run = Run(SmallModel(load_snapshot(tmp_path / "graph")))
    cheap = NodeFilter(properties=[PropertyCondition("price", "<", 8)])
    found = run.recommend("eve", domain="films", where=cheap, include_seen=True)
    assert {line.key for line in found} == {"films:alien", "films:notebook"}
