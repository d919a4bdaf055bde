"""What lookups ask of every store: histories, tags, and which items satisfy a filter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from graph_store.duckdb.store import EmbeddedStore
from graph_store.errors import BadFilterError, BadRowsError, GraphStoreError
from graph_store.neo4j.filter_statements import histories_of, select_items, tags_of
from graph_store.neo4j.statements import NO_TIME
from graph_store.neo4j.store import Neo4jStore
from graph_store.properties import PropertyCondition, PropertyType, read_condition
from graph_store.schema import Label, RelType
from graph_store.snapshot import load_snapshot, save_snapshot, take_snapshot
from graph_store.store import CypherPattern, GraphStore, NodeFilter, Written
from tests.conftest import TEST_PREFIX, empty_neo4j
from tests.graph_store.contract import fill, links, nodes

PREFIX = f"{TEST_PREFIX}Ask"
DECLARED = {
    "price": PropertyType.NUMBER,
    "language": PropertyType.TEXT,
    "published": PropertyType.TIME,
}


@pytest.fixture(scope="module")
def neo4j_graph(neo4j_url: str) -> Iterator[Neo4jStore]:
    yield from filled_server(neo4j_url)


@pytest.fixture(scope="module")
def calendar_graph(calendar_url: str) -> Iterator[Neo4jStore]:
    yield from filled_server(calendar_url)


@pytest.fixture(scope="module")
def embedded_graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    with EmbeddedStore(tmp_path_factory.mktemp("questions") / "g.duckdb") as store:
        fill_with_properties(store)
        yield store


def filled_server(url: str) -> Iterator[Neo4jStore]:
    empty_neo4j(url, PREFIX)
    with Neo4jStore.from_url(url, label_prefix=PREFIX) as store:
        fill_with_properties(store)
        yield store
        store._db.write(lambda tx: tx.run("MATCH (s:KgTestShop) DETACH DELETE s").consume())
    empty_neo4j(url, PREFIX)


SERVERS = [
    pytest.param("neo4j_graph", marks=pytest.mark.neo4j),
    pytest.param("calendar_graph", marks=pytest.mark.neo4j),
]


@pytest.fixture(params=["embedded_graph", *SERVERS])
def store(request: pytest.FixtureRequest) -> GraphStore:
    """The graph of the contract, with properties; tests only read it."""
    opened: GraphStore = request.getfixturevalue(request.param)
    return opened


@pytest.fixture(params=["embedded", pytest.param("neo4j", marks=pytest.mark.neo4j)])
def own(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[GraphStore]:
    """A store that a test may write to."""
    if request.param == "neo4j":
        yield request.getfixturevalue("neo4j_store")()
    else:
        with EmbeddedStore(tmp_path / "g.duckdb") as store:
            yield store


def items(**columns: list[Any]) -> pl.DataFrame:
    rows = nodes(Label.ITEM, *((key,) for key in columns.pop("key")))
    types = {"price": pl.Float64, "language": pl.String, "published": pl.Int64}
    return rows.with_columns(
        pl.Series(name, values, dtype=types[name]) for name, values in columns.items()
    )


def fill_with_properties(store: GraphStore) -> None:
    """The graph of the contract; b:1 has no price, f:3 no property at all."""
    fill(store)
    store.declare_item_properties(DECLARED)
    store.upsert_nodes(
        Label.ITEM,
        items(
            key=["f:1", "f:2", "b:1"],
            price=[9.5, 20.0, None],
            language=["en", "fr", "fr"],
            published=[-86_400, 1_672_876_800, 1_700_000_000],  # 1969-12-31, 2023-01-05, 2023-11-14
        ),
    )


ALL, NONE = None, list[str]()


@pytest.mark.parametrize(
    ("where", "passing", "refused"),
    [
        (NodeFilter(), ALL, []),
        (NodeFilter(domain="f"), ALL, []),
        (NodeFilter(tags_any=["y", "x"]), ["b:1", "f:1", "f:2"], []),
        (NodeFilter(domain="f", tags_any=["y", "x"]), ["f:1", "f:2"], []),
        (NodeFilter(tags_all=["x", "y", "x"]), ["f:1"], []),
        (NodeFilter(tags_all=["x"], tags_any=["x"]), ["f:1", "f:2"], []),
        (NodeFilter(tags_all=["x"], tags_none=["y"]), ["f:2"], []),
        (NodeFilter(tags_none=["y"]), ALL, ["b:1", "f:1"]),
        (NodeFilter(domain="f", tags_none=["y"]), ALL, ["f:1"]),
        (NodeFilter(deny=["f:1", "gone"], tags_none=["y"]), ALL, ["b:1", "f:1"]),
        (NodeFilter(not_seen_by="bob"), ALL, ["f:1", "f:2"]),
        (NodeFilter(not_seen_by=["cid"]), ALL, ["b:1", "f:1"]),  # of the account that is linked
        (NodeFilter(not_seen_by=["bob"], tags_any=["x"]), ["f:1", "f:2"], ["f:1", "f:2"]),
        (NodeFilter(since=30), ["f:1", "f:2"], []),
        (NodeFilter(since=31), ["f:2"], []),
        (NodeFilter(allow=["f:3", "b:1", "gone"]), ["b:1", "f:3"], []),
        (NodeFilter(allow=[]), NONE, []),
        (NodeFilter(allow=["f:3", "f:1"], deny=["f:1"]), ["f:3"], []),
        (NodeFilter(min_popularity=1), ["b:1", "f:1", "f:2"], []),
        (NodeFilter(min_popularity=2), ["f:1"], []),
        (NodeFilter(min_popularity=0, max_popularity=1), ["b:1", "f:2", "f:3"], []),
        (NodeFilter(max_popularity=0), ["f:3"], []),
    ],
)
def test_a_filter_selects_and_refuses_the_items_that_it_should(
    store: GraphStore, where: NodeFilter, passing: list[str] | None, refused: list[str]
) -> None:
    found = store.select_items(where)
    assert (found.passing, found.refused) == (passing, refused)
    assert found.unknown_tags == found.unknown_users == []
    assert found.has_times


@pytest.mark.parametrize(
    ("condition", "passing"),
    [
        ("price<=9.5", ["f:1"]),
        ("price < 9.5", []),
        ("price>9.5", ["f:2"]),
        ("price != 9.5", ["f:2"]),  # b:1 has no price
        ("price=20", ["f:2"]),
        ("price in 20|9.5", ["f:1", "f:2"]),
        ("language=fr", ["b:1", "f:2"]),
        ("language in en|de", ["f:1"]),
        ("language>en", ["b:1", "f:2"]),
        ("published>=2023-01-05", ["b:1", "f:2"]),
        ("published>2023-01-05T01:00+01:00", ["b:1"]),
        ("published<1970-01-01", ["f:1"]),
        ("published<1672876801", ["f:1", "f:2"]),
    ],
)
def test_a_condition_on_a_property_holds_where_the_item_has_it(
    store: GraphStore, condition: str, passing: list[str]
) -> None:
    assert store.select_items(NodeFilter(properties=[read_condition(condition)])).passing == passing


def test_conditions_of_every_sort_hold_together(store: GraphStore) -> None:
    where = NodeFilter(
        domain="f", tags_any=["x"], since=10, min_popularity=1, max_popularity=3, deny=["f:3"],
        properties=[PropertyCondition("price", ">", 1), PropertyCondition("language", "!=", "fr")],
        not_seen_by="bob",
    )  # fmt: skip
    found = store.select_items(where)
    assert (found.passing, found.refused) == (["f:1"], ["f:1", "f:2"])


@pytest.mark.parametrize(
    ("condition", "sentence"),
    [
        (
            PropertyCondition("prize", "<", 3),
            "no item property 'prize' in .*there are: language, p",
        ),
        (PropertyCondition("price", "<", "cheap"), "price is compared with a finite number, got"),
        (PropertyCondition("price", "<", True), "price is compared with a finite number, got True"),
        (PropertyCondition("language", "=", 3), "language is compared with a text, got 3"),
        (PropertyCondition("published", ">", "2023"), "a date such as 2023-01-05.*got '2023'"),
        (PropertyCondition("price", "~", 3), "must be one of = != < <= > >= in, got '~'"),
        (PropertyCondition("price", "in", 3), "with in takes a list of values, got 3"),
        (PropertyCondition("price", "=", [3]), "with = takes one value, got"),
    ],
)
def test_a_condition_that_cannot_be_evaluated_is_one_sentence(
    store: GraphStore, condition: PropertyCondition, sentence: str
) -> None:
    with pytest.raises(BadFilterError, match=sentence):
        store.select_items(NodeFilter(properties=[condition]))


def test_names_that_the_graph_does_not_hold_are_told(store: GraphStore) -> None:
    found = store.select_items(NodeFilter(tags_any=["x", "zz"], not_seen_by=["ann", "zoe"]))
    assert (found.unknown_tags, found.unknown_users) == (["zz"], ["zoe"])
    assert store.select_items(NodeFilter(domain="b", since=1)).has_times is False
    assert store.select_items(NodeFilter(domain="f", since=99)).has_times is True


def test_a_history_is_that_of_all_accounts_of_a_person(store: GraphStore) -> None:
    found = store.histories_of(["cid", "zoe", "bob", "cid"])
    assert found.accounts.rows() == [("bob", "bob"), ("cid", "ann"), ("cid", "cid")]
    assert found.interactions.rows() == [
        ("ann", "b:1", "rating", "", 1.0, None, 0),
        ("ann", "f:1", "rating", "", 0.75, 10, None),
        ("ann", "f:1", "view", "", 0.5, 20, 4),
        ("bob", "f:1", "view", "", 0.5, 30, -7),
        ("bob", "f:2", "rating", "", 0.25, 40, None),
    ]
    assert store.histories_of(["ann", "cid"]).interactions.height == 3
    nobody = store.histories_of(["zoe"])
    assert nobody.accounts.is_empty()
    assert nobody.interactions.schema == found.interactions.schema


def test_the_tags_of_items_come_with_the_number_of_their_bearers(store: GraphStore) -> None:
    found = store.tags_of(["f:2", "b:1", "f:3", "gone"])
    assert found.rows.rows() == [("b:1", "y"), ("f:2", "x")]
    assert found.bearers == {"x": 2, "y": 2}
    assert store.tags_of(["f:3"]).rows.is_empty()


def test_a_search_for_vectors_takes_the_same_conditions(store: GraphStore) -> None:
    if isinstance(store, EmbeddedStore):
        where = NodeFilter(properties=[PropertyCondition("price", "<", 10)], max_popularity=3)
        assert store.nearest(Label.ITEM, pl.Series([1.0, 0.0]).to_numpy(), 3, where) == []
    with pytest.raises(GraphStoreError, match="cannot be filtered by properties"):
        store.nearest(
            Label.USER, pl.Series([1.0, 0.0]).to_numpy(), 3,
            NodeFilter(properties=[PropertyCondition("price", "<", 10)]),
        )  # fmt: skip


# --- properties as part of the graph --------------------------------------------------


def test_properties_come_back_with_the_items_and_in_the_snapshot(
    store: GraphStore, tmp_path: Path
) -> None:
    read = store.read_nodes(Label.ITEM)
    assert store.item_properties() == DECLARED
    assert read.columns[-3:] == ["language", "price", "published"]
    assert read.select("key", "price").rows() == [
        ("b:1", None), ("f:1", 9.5), ("f:2", 20.0), ("f:3", None),
    ]  # fmt: skip
    snapshot = take_snapshot(store)
    assert snapshot.item_properties["language"].to_list() == ["fr", "en", "fr", None]
    save_snapshot(snapshot, tmp_path / "s")
    again = load_snapshot(tmp_path / "s")
    assert again.item_properties.equals(snapshot.item_properties)
    assert again.item_properties.schema == {
        "language": pl.String, "price": pl.Float64, "published": pl.Int64,
    }  # fmt: skip


def test_the_fingerprint_follows_a_property(own: GraphStore) -> None:
    fill(own)
    without = take_snapshot(own).fingerprint
    own.declare_item_properties({"price": PropertyType.NUMBER})
    own.upsert_nodes(Label.ITEM, items(key=["f:1"], price=[9.5]))
    one = take_snapshot(own).fingerprint
    own.upsert_nodes(Label.ITEM, items(key=["f:1"], price=[9.0]))
    assert len({without, one, take_snapshot(own).fingerprint}) == 3


def test_a_changed_property_is_written_and_a_missing_one_erases_nothing(own: GraphStore) -> None:
    own.declare_item_properties(DECLARED)
    rows = items(key=["f:1", "f:2"], price=[1.0, 2.0], language=["en", None])
    assert own.upsert_nodes(Label.ITEM, rows) == Written(2, 0)
    assert own.upsert_nodes(Label.ITEM, rows) == Written(0, 2)
    assert own.upsert_nodes(Label.ITEM, nodes(Label.ITEM, ("f:1",))) == Written(0, 1)
    changed = items(key=["f:1", "f:2"], price=[1.5, None])
    assert own.upsert_nodes(Label.ITEM, changed) == Written(1, 1)
    read = own.read_nodes(Label.ITEM).select("key", "language", "price")
    assert read.rows() == [("f:1", "en", 1.5), ("f:2", None, 2.0)]


def test_a_property_has_one_type_and_a_name_of_its_own(own: GraphStore) -> None:
    own.declare_item_properties({"price": PropertyType.NUMBER})
    own.declare_item_properties({"price": PropertyType.NUMBER, "stock": PropertyType.NUMBER})
    with pytest.raises(BadRowsError, match="'price' is a number in this graph, got it as a text"):
        own.declare_item_properties({"price": PropertyType.TEXT})
    with pytest.raises(BadRowsError, match="differs from 'price' in upper and lower case only"):
        own.declare_item_properties({"Price": PropertyType.NUMBER})
    for name in ("title", "vector_2", "a b", "x" * 64, "1st", "last_at", "kgrec_x"):
        with pytest.raises(BadRowsError, match="item property"):
            own.declare_item_properties({name: PropertyType.TEXT})
    assert list(own.item_properties()) == ["price", "stock"]


def test_popularity_and_last_time_follow_every_write_and_deletion(own: GraphStore) -> None:
    fill(own)

    def known(since: int, most: int) -> tuple[list[str] | None, list[str] | None]:
        return (
            own.select_items(NodeFilter(since=since)).passing,
            own.select_items(NodeFilter(min_popularity=1, max_popularity=most)).passing,
        )

    assert known(40, 2) == (["f:2"], ["b:1", "f:2"])
    later = links(RelType.INTERACTED, ("cid", "f:3", "view", 1.0, 1, 50))
    own.upsert_relationships(RelType.INTERACTED, later)
    own.upsert_relationships(RelType.INTERACTED, later)
    assert known(40, 2) == (["f:2", "f:3"], ["b:1", "f:2", "f:3"])
    own.forget_user("bob")  # who was the last one at f:1, at 30, and the only one at f:2
    assert known(21, 2) == (["f:3"], ["b:1", "f:1", "f:3"])
    assert known(20, 2)[0] == ["f:1", "f:3"]


# --- patterns of somebody's own, on Neo4j ---------------------------------------------


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> Neo4jStore:
    """The same graph, with two shops that are none of kgrec's."""
    store: Neo4jStore = request.getfixturevalue(request.param)
    store._db.write(
        lambda tx: tx.run(
            f"MATCH (one:{PREFIX}Item {{key: 'f:1'}}), (two:{PREFIX}Item {{key: 'f:2'}}) "
            "MERGE (lyon:KgTestShop {city: 'Lyon'}) MERGE (paris:KgTestShop {city: 'Paris'}) "
            "MERGE (one)-[:KG_TEST_IN_STOCK {left: 3}]->(lyon) "
            "MERGE (two)-[:KG_TEST_IN_STOCK {left: 9}]->(paris) "
            "MERGE (:KgTestShop {city: 'Nice'})-[:KG_TEST_IN_STOCK]->(lyon)"
        ).consume()
    )
    return store


def ask(store: GraphStore, text: str, **params: Any) -> list[str] | None:
    return store.select_items(NodeFilter(domain="f", cypher=CypherPattern(text, params))).passing


@pytest.mark.parametrize(
    ("text", "params", "passing"),
    [
        ("(item)-[:KG_TEST_IN_STOCK]->(:KgTestShop {city: $city})", {"city": "Lyon"}, ["f:1"]),
        ("(item)-[s:KG_TEST_IN_STOCK]->() WHERE s.left > $n", {"n": 2}, ["f:1", "f:2"]),
        ("(item)-[s:KG_TEST_IN_STOCK]->() WHERE s.left > $n // stock", {"n": 5}, ["f:2"]),
        ("(item)-[:KG_TEST_IN_STOCK]->(s) WHERE s.city IN $c", {"c": ["Nice"]}, []),
        ("(item) WHERE item.key = $key", {"key": "f:1' OR true //"}, []),  # a value is no Cypher
        ("(x)-[:KG_TEST_IN_STOCK]->() WITH x AS item", {}, ["f:1", "f:2"]),  # Nice is no item
    ],
)
def test_a_pattern_selects_items_by_its_parameters(
    server: Neo4jStore, text: str, params: dict[str, Any], passing: list[str]
) -> None:
    assert ask(server, text, **params) == passing


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("(item) SET item.price = 0", "would write into the graph; nothing was run"),
        ("(item) DETACH DELETE item", "would write into the graph"),
        ("(item) MERGE (x:KgTestShop {city: 'Rome'})", "would write into the graph"),
        ("(item) CALL (item) { CREATE (:KgTestShop) }", "would write into the graph"),
        ("(item) LOAD CSV FROM 'file:///etc/passwd' AS row", "would read a file; nothing was run"),
        ("(item) CALL db.labels() YIELD label", "would call a procedure; nothing was run"),
        ("(item)-[:KG_TEST_IN_STOCK]->(", "is no Cypher that the server can read"),
        ("(x)-[:KG_TEST_IN_STOCK]->()", "must be about the variable item"),
        ("(item) WHERE item.key = $key AND item.text = $text", "without a value: key, text"),
        ("(item) WHERE item.key = $kgrec_beginning", "cannot begin with kgrec_"),
    ],
)
def test_a_pattern_that_does_more_than_to_read_is_refused(
    server: Neo4jStore, text: str, sentence: str
) -> None:
    before = server.query("MATCH (n) RETURN count(n) AS n, sum(n.price) AS price")
    with pytest.raises(BadFilterError, match=sentence):
        ask(server, text)
    assert server.query("MATCH (n) RETURN count(n) AS n, sum(n.price) AS price").equals(before)


def test_what_the_check_overlooked_the_server_refuses(
    server: Neo4jStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The transaction reads only, so that a write in it is an error of the server."""
    monkeypatch.setattr("graph_store.neo4j.questions.check_reads_only", lambda *_, **__: None)
    with pytest.raises(GraphStoreError, match="refuses this: .*[Ww]rit"):
        ask(server, "(item) SET item.price = 0 ")
    assert ask(server, "(item) WHERE item.price = 0 ") == []


def test_a_search_for_vectors_takes_a_pattern(server: Neo4jStore) -> None:
    vectors = pl.DataFrame([[1.0, 0.0], [0.8, 0.6]]).transpose().to_numpy().astype("float32")
    server.begin_enrichment("r", "vectors", at=1)
    server.write_vectors(Label.ITEM, ["f:1", "f:2"], vectors, enrichment_id="r")
    server.await_vectors(Label.ITEM)
    pattern = CypherPattern("(item)-[s:KG_TEST_IN_STOCK]->() WHERE s.left > $n", {"n": 5})
    for where in (
        NodeFilter(cypher=pattern),
        NodeFilter(properties=[PropertyCondition("price", ">", 10)], min_popularity=1),
    ):
        assert [one.key for one in server.nearest(Label.ITEM, vectors[0], 2, where)] == ["f:2"]


def test_a_pattern_needs_a_graph_in_neo4j(embedded_graph: EmbeddedStore) -> None:
    with pytest.raises(BadFilterError, match="needs a graph in Neo4j, this one is .*g.duckdb"):
        ask(embedded_graph, "(item)")


@pytest.mark.neo4j
def test_a_graph_of_an_earlier_version_is_filtered_alike_and_filled_in_at_the_next_write(
    neo4j_store: Callable[..., Neo4jStore],
) -> None:
    store = neo4j_store()
    fill(store)
    store._db.write(
        lambda tx: tx.run(
            f"MATCH (s:{TEST_PREFIX}KgrecStore) REMOVE s.has_activity "
            f"WITH s MATCH (n:{TEST_PREFIX}Item) REMOVE n.interactions, n.last_at"
        ).consume()
    )

    def asked(one: Neo4jStore) -> list[list[str] | None]:
        filters = NodeFilter(since=31), NodeFilter(min_popularity=2), NodeFilter(max_popularity=0)
        return [one.select_items(where).passing for where in filters]

    expected = [["f:2"], ["f:1"], ["f:3"]]
    old = neo4j_store(read_only=True)
    assert not old._questions.has_activity
    assert asked(old) == expected
    new = neo4j_store()
    assert new._questions.has_activity
    assert asked(new) == expected
    held = f"MATCH (n:{TEST_PREFIX}Item) WHERE n.key = 'f:1' RETURN n.interactions, n.last_at"
    assert new.query(held).rows() == [(3, 30)]


@pytest.mark.neo4j
def test_a_property_that_another_process_declared_is_found(
    neo4j_store: Callable[..., Neo4jStore],
) -> None:
    writer = neo4j_store()
    reader = neo4j_store(read_only=True)
    fill(writer)
    writer.declare_item_properties({"price": PropertyType.NUMBER})
    writer.upsert_nodes(Label.ITEM, items(key=["f:1"], price=[9.5]))
    where = NodeFilter(properties=[PropertyCondition("price", "<", 10)])
    assert reader.select_items(where).passing == ["f:1"]


# --- how much is read -----------------------------------------------------------------


@pytest.mark.neo4j
def test_no_question_reads_a_relationship_type_however_large_it_is(neo4j_graph: Neo4jStore) -> None:
    """PROFILE counts what the server touched: far less than the interactions of the graph."""
    others, count = [f"f:other {i}" for i in range(40)], 2_400
    store = neo4j_graph
    users = [f"user {i:02}" for i in range(60)]
    store.upsert_nodes(Label.USER, nodes(Label.USER, *((user,) for user in users)))
    store.upsert_nodes(Label.ITEM, nodes(Label.ITEM, *((key,) for key in others)))
    rows = [(user, item, "view", 1.0, 1, 5) for user in users for item in others]
    assert len(rows) == count
    store.upsert_relationships(RelType.INTERACTED, links(RelType.INTERACTED, *rows))
    crowd = [f"f:more {i:04}" for i in range(count)]
    store.upsert_nodes(Label.ITEM, nodes(Label.ITEM, *((key,) for key in crowd)))
    store.upsert_nodes(Label.TAG, nodes(Label.TAG, ("z", "Z")))
    store.upsert_relationships(
        RelType.HAS_TAG, links(RelType.HAS_TAG, *((key, "z") for key in crowd))
    )
    where = NodeFilter(
        domain="f", tags_any=["x"], tags_all=["x"], tags_none=["y"], not_seen_by="bob", since=10,
        min_popularity=1, properties=[PropertyCondition("price", ">", 1)],
    )  # fmt: skip
    names = store._names
    compiled = store._questions.compiled(where)
    alone = [store._questions.compiled(NodeFilter(domain="f", **one)) for one in
             ({"tags_none": ["y"]}, {"not_seen_by": "bob"}, {"since": 10}, {"min_popularity": 4},
              {"tags_any": ["x"]}, {"tags_all": ["y", "x"]},
              {"properties": [PropertyCondition("price", "<", 10)]})]  # fmt: skip
    asked = [(select_items(one), one.params) for one in (compiled, *alone)]
    asked.append((histories_of(names), {"users": ["ann", "bob"], "no_time": NO_TIME}))
    asked.append((tags_of(names), {"items": ["f:1", "f:2"]}))
    for statement, params in asked:
        assert touched(store, statement, params) < count / 8, statement


def touched(store: Neo4jStore, statement: str, params: dict[str, Any]) -> int:
    profile = store._db.read(lambda tx: tx.run(f"PROFILE {statement}", params).consume().profile)
    assert profile is not None
    hits, open_ = 0, [profile]
    while open_:
        one = open_.pop()
        hits += one["dbHits"]
        open_ += one.get("children", [])
    return hits
