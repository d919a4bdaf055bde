"""Neo4j keeps the contract, on the long-term release and on the calendar release."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import neo4j
import numpy as np
import polars as pl
import pytest

from graph_store.errors import (
    BadLabelPrefixError,
    GraphStoreError,
    StoreUnavailableError,
    StoreVersionError,
)
from graph_store.neo4j.settings import read_settings
from graph_store.neo4j.store import Neo4jStore
from graph_store.open_store import open_store
from graph_store.schema import Label, RelType
from graph_store.store import GraphStore
from tests.conftest import TEST_PREFIX, empty_neo4j
from tests.graph_store.contract import StoreContract, fill, links, nodes

pytestmark = pytest.mark.neo4j

Factory = Callable[..., Neo4jStore]


class TestNeo4jStore(StoreContract):
    @pytest.fixture
    def store(self, neo4j_store: Factory) -> Neo4jStore:
        return neo4j_store()

    @pytest.fixture
    def reopen(self, neo4j_store: Factory) -> Callable[[], GraphStore]:
        return neo4j_store


class TestNeo4jStoreOfTheCalendarRelease(StoreContract):
    @pytest.fixture
    def reopen(self, calendar_url: str) -> Iterator[Callable[[], GraphStore]]:
        opened = []

        def open_one() -> GraphStore:
            opened.append(Neo4jStore.from_url(calendar_url, label_prefix=TEST_PREFIX))
            return opened[-1]

        yield open_one
        for store in opened:
            store.close()

    @pytest.fixture
    def store(self, calendar_url: str, reopen: Callable[[], GraphStore]) -> GraphStore:
        empty_neo4j(calendar_url)
        return reopen()


# --- getting in ---------------------------------------------------------------------


def test_no_server_is_one_clear_sentence_at_once() -> None:
    with pytest.raises(StoreUnavailableError, match=r"no Neo4j answers at bolt://127\.0\.0\.1:9"):
        open_store("bolt://neo4j:secret@127.0.0.1:9")


def test_a_wrong_password_is_one_clear_sentence_without_it(neo4j_url: str) -> None:
    settings = read_settings(neo4j_url)
    host = settings.uri.partition("://")[2]
    with pytest.raises(StoreUnavailableError, match="refuses the user and password") as caught:
        open_store(f"bolt://neo4j:wrong-secret@{host}")
    assert "wrong-secret" not in str(caught.value)


def test_a_missing_database_is_one_clear_sentence(neo4j_url: str) -> None:
    settings = read_settings(neo4j_url)
    host = settings.uri.partition("://")[2]
    with pytest.raises(StoreUnavailableError, match="no database"):
        open_store(f"bolt://{settings.user}:{settings.password}@{host}/nowhere")


def test_the_url_of_a_store_shows_no_password(neo4j_store: Factory, neo4j_url: str) -> None:
    password = read_settings(neo4j_url).password
    assert password is not None
    assert password not in neo4j_store().url


def test_a_driver_of_the_caller_stays_open(neo4j_url: str) -> None:
    settings = read_settings(neo4j_url)
    auth = (settings.user or "neo4j", settings.password or "")
    with neo4j.GraphDatabase.driver(settings.uri, auth=auth) as driver:
        with Neo4jStore.from_driver(driver, label_prefix=TEST_PREFIX) as store:
            store.counts()
        driver.verify_connectivity()


# --- keeping to its own -------------------------------------------------------------


def test_nodes_of_others_are_neither_read_nor_changed(neo4j_store: Factory, neo4j_url: str) -> None:
    store = neo4j_store()
    settings = read_settings(neo4j_url)
    auth = (settings.user or "neo4j", settings.password or "")
    with neo4j.GraphDatabase.driver(settings.uri, auth=auth) as driver:
        theirs = "MATCH (u:User {key: 'theirs'}) RETURN properties(u) AS p"
        driver.execute_query("CREATE (:User {key: 'theirs', age: 7})")
        try:
            fill(store)
            assert "theirs" not in store.read_nodes(Label.USER)["key"].to_list()
            with pytest.raises(GraphStoreError, match="--label-prefix"):
                Neo4jStore.from_driver(driver)
            store.drop_all()
            records = driver.execute_query(theirs).records
            assert [r["p"] for r in records] == [{"key": "theirs", "age": 7}]
        finally:
            driver.execute_query("MATCH (u:User {key: 'theirs'}) DELETE u")


def test_a_prefix_that_could_change_a_statement_is_refused(neo4j_url: str) -> None:
    with pytest.raises(BadLabelPrefixError, match="label prefix"):
        Neo4jStore.from_url(neo4j_url, label_prefix="X) DETACH DELETE (n")


def test_another_format_version_is_refused(neo4j_store: Factory) -> None:
    prefix = f"{TEST_PREFIX}Version"
    store = neo4j_store(label_prefix=prefix)
    version = f"MATCH (s:{prefix}KgrecStore) SET s.format_version = $version"
    store._db.write(lambda tx: tx.run(version, version=99).consume())
    try:
        with pytest.raises(StoreVersionError, match="99"):
            neo4j_store(label_prefix=prefix)
    finally:
        store._db.write(lambda tx: tx.run(version, version=1).consume())


@pytest.mark.parametrize("options", [{"read_only": True}, {"create": False}])
def test_a_prefix_of_no_graph_is_named_with_those_that_there_are(
    neo4j_store: Factory, options: dict[str, bool]
) -> None:
    neo4j_store()
    known = f"--label-prefix {TEST_PREFIX}"
    with pytest.raises(BadLabelPrefixError, match=f"no graph in .*{TEST_PREFIX}Never.*{known}"):
        neo4j_store(label_prefix=f"{TEST_PREFIX}Never", **options)
    labels = neo4j_store().query("CALL db.labels() YIELD label RETURN label")["label"]
    assert f"{TEST_PREFIX}NeverKgrecStore" not in labels.to_list()


def test_a_reading_store_refuses_to_write(neo4j_store: Factory) -> None:
    neo4j_store()
    store = neo4j_store(read_only=True)
    with pytest.raises(GraphStoreError, match="opened for reading"):
        store.upsert_nodes(Label.USER, nodes(Label.USER, ("x",)))


def test_cypher_is_answered_and_cannot_write(neo4j_store: Factory) -> None:
    store = neo4j_store()
    fill(store)
    rows = store.query(
        f"MATCH (u:{TEST_PREFIX}User {{key: $user}})-[r]->(i:{TEST_PREFIX}Item) "
        "RETURN i.key AS item, r.kind AS kind ORDER BY item",
        user="bob",
    )
    assert rows.rows() == [("f:1", "view"), ("f:2", "rating")]
    with pytest.raises(GraphStoreError, match="refuses this"):
        store.query(f"CREATE (:{TEST_PREFIX}User {{key: 'x'}})")


def test_derived_relationships_bear_run_and_time_for_native_queries(neo4j_store: Factory) -> None:
    store = neo4j_store()
    fill(store)
    store.begin_enrichment("r", "similar-items", at=1234)
    store.write_enrichment("r", RelType.SIMILAR_TO, links(RelType.SIMILAR_TO, ("f:1", "f:2", 0.5)))
    rows = store.query(f"MATCH ()-[r:{TEST_PREFIX}SIMILAR_TO]->() RETURN properties(r) AS p")
    assert rows["p"].to_list() == [{"run": "r", "score": 0.5, "written_at": 1234}]


def test_two_writers_of_one_batch_leave_one_graph(neo4j_store: Factory) -> None:
    from concurrent.futures import ThreadPoolExecutor

    store = neo4j_store()
    fill(store)
    users = pl.DataFrame({"key": [f"u{i}" for i in range(200)]})
    store.upsert_nodes(Label.USER, users)
    rows = pl.DataFrame(
        {"source": users["key"], "target": "f:1", "kind": "view", "weight": 1.0, "count": 1,
         "at": 1}
    )  # fmt: skip
    with ThreadPoolExecutor(4) as pool:
        shuffled = [rows.sample(fraction=1, shuffle=True, seed=seed) for seed in range(8)]
        list(pool.map(lambda r: store.upsert_relationships(RelType.INTERACTED, r), shuffled))
    back = store.read_relationships(RelType.INTERACTED).filter(
        pl.col("source").str.starts_with("u")
    )
    assert back.height == 200


def test_two_writers_of_one_enrichment_leave_one_relationship_a_pair(neo4j_store: Factory) -> None:
    from concurrent.futures import ThreadPoolExecutor

    store = neo4j_store()
    keys = [f"f:{i}" for i in range(200)]
    store.upsert_nodes(Label.ITEM, nodes(Label.ITEM, *((key,) for key in keys)))
    store.begin_enrichment("r", "similar-items", at=1)
    rows = pl.DataFrame({"source": keys, "target": "f:0", "score": 0.5})
    with ThreadPoolExecutor(4) as pool:
        written = pool.map(
            lambda _: store.write_enrichment("r", RelType.SIMILAR_TO, rows).written, range(8)
        )
        assert sum(written) == 200
    drawn = store.query(f"MATCH ()-[r:{TEST_PREFIX}SIMILAR_TO]->() RETURN count(r) AS n")
    assert drawn["n"].to_list() == [200]


def test_a_new_vector_index_takes_zero_vectors_however_soon_they_come(neo4j_store: Factory) -> None:
    """A zero vector that is written while Neo4j populates a cosine index makes the index fail."""
    keys = [f"f:{n}" for n in range(50)]
    store = neo4j_store()
    for turn in range(3):
        store.drop_all()  # with the index
        store.upsert_nodes(Label.ITEM, nodes(Label.ITEM, *((key,) for key in keys)))
        store.begin_enrichment("r", "vectors", at=turn)
        store.write_vectors(Label.ITEM, keys, np.zeros((50, 2), np.float32), enrichment_id="r")
        store.await_vectors(Label.ITEM)
