"""A graph that kgrec did not make is read in pages, goes on after a stop, and is never changed."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import neo4j
import pytest
from neo4j.time import Date, DateTime, Duration

from graph_store.duckdb.store import EmbeddedStore
from graph_store.errors import BadFilterError
from graph_store.neo4j.connection import Connection
from graph_store.neo4j.other_graph import OtherGraph
from graph_store.neo4j.settings import read_settings
from graph_store.schema import Label, RelType
from loaders import BadSourceError, SourceOptions, ingest, open_source
from loaders.item_properties import read_declarations
from loaders.neo4j_pages import GraphPages, mapping_of, read_pages
from loaders.neo4j_values import column
from tests.cli.command import kgrec

CUSTOMER, PRODUCT = "KgTestCustomer", "KgTest Product"
MAPPING = f":{CUSTOMER}-[:KG_TEST_BOUGHT|KG_TEST_VIEWED]->:{PRODUCT}"
COLUMNS = {"user": "no", "item": "sku", "time": "at", "title": "name", "tags": "groups"}
OPTIONS = SourceOptions(
    columns=COLUMNS, domain="shop", item_properties=read_declarations(["price=eur:number"])
)
QUERY = f"""
MATCH (c:{CUSTOMER})-[r:KG_TEST_BOUGHT|KG_TEST_VIEWED]->(p:`{PRODUCT}`)
RETURN c.no AS user, p.sku AS item, r.at AS time, toLower(type(r)) AS kind
"""
EXPECTED = [
    ("1", "shop:a", "kg_test_bought", 1_672_920_000),
    ("1", "shop:b", "kg_test_viewed", None),
    ("2", "shop:a", "kg_test_viewed", 1_672_920_001),
    ("3", "shop:c", "kg_test_bought", 1_672_876_800),
    ("4", "shop:c", "kg_test_bought", None),
    ("5", "shop:b", "kg_test_bought", None),
]

MAKE = f"""
UNWIND range(1, 6) AS no MERGE (:{CUSTOMER} {{no: no}})
WITH count(*) AS _ UNWIND ['a', 'b', 'c'] AS sku
MERGE (p:`{PRODUCT}` {{sku: sku}}) SET p.name = 'Product ' + sku, p.groups = [sku, 'all']
WITH count(*) AS _ MATCH (p:`{PRODUCT}` {{sku: 'a'}}) SET p.eur = 9.5
WITH p AS a MATCH (b:`{PRODUCT}` {{sku: 'b'}}), (c:`{PRODUCT}` {{sku: 'c'}})
MATCH (c1:{CUSTOMER} {{no: 1}}), (c2:{CUSTOMER} {{no: 2}}), (c3:{CUSTOMER} {{no: 3}}),
      (c4:{CUSTOMER} {{no: 4}}), (c5:{CUSTOMER} {{no: 5}})
CREATE (c1)-[:KG_TEST_BOUGHT {{at: datetime('2023-01-05T13:00:00+01:00')}}]->(a),
       (c1)-[:KG_TEST_VIEWED]->(b),
       (c2)-[:KG_TEST_VIEWED {{at: datetime('2023-01-05T12:00:01.5Z')}}]->(a),
       (c3)-[:KG_TEST_BOUGHT {{at: date('2023-01-05')}}]->(c),
       (c4)-[:KG_TEST_BOUGHT]->(c), (c5)-[:KG_TEST_BOUGHT]->(b),
       (a)-[:KG_TEST_BOUGHT]->(b)
"""


class Shop:
    """The graph of somebody else, on the server of the tests."""

    def __init__(self, url: str) -> None:
        settings = read_settings(url)
        self.url = url
        self._driver = neo4j.GraphDatabase.driver(
            settings.uri, auth=(settings.user or "neo4j", settings.password or "")
        )

    def run(self, statement: str) -> list[dict[str, Any]]:
        return [record.data() for record in self._driver.execute_query(statement).records]

    def clear(self) -> None:
        self.run(f"MATCH (n) WHERE n:{CUSTOMER} OR n:`{PRODUCT}` DETACH DELETE n")

    def state(self) -> list[dict[str, Any]]:
        return self.run(
            f"MATCH (n) WHERE n:{CUSTOMER} OR n:`{PRODUCT}` OPTIONAL MATCH (n)-[r]->(m) RETURN "
            "labels(n) AS l, properties(n) AS n, type(r) AS t, properties(r) AS r, "
            "properties(m) AS m ORDER BY toString(n.no), n.sku, t, m.sku"
        )


@pytest.fixture
def shop(neo4j_url: str) -> Iterator[Shop]:
    shop = Shop(neo4j_url)
    shop.clear()
    shop.run(MAKE)
    before = shop.state()
    yield shop
    assert len(before) > 8
    if not hasattr(shop, "changed"):
        assert shop.state() == before  # whatever a test asked, the graph was only read
    shop.clear()
    shop._driver.close()


def interactions(store: EmbeddedStore) -> list[Any]:
    return store.read_relationships(RelType.INTERACTED).select(
        "source", "target", "kind", "at"
    ).rows()  # fmt: skip


def read_into(folder: Path, shop: Shop, what: GraphPages, options: SourceOptions) -> list[Any]:
    """The interactions that come of a question to the shop."""
    with OtherGraph(shop.url) as graph:
        understood = read_pages(graph, what, options, folder / "pages")
    with EmbeddedStore(folder / "g.duckdb") as store:
        source = open_source([folder / "pages"], format="neo4j", options=understood)
        ingest(source, store, max_rejects=0)
        return interactions(store)


@pytest.mark.neo4j
def test_a_mapping_of_labels_and_types_becomes_the_graph(
    shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "g.duckdb"
    args = ["ingest", "--store", path, "--format", "neo4j", "--from", shop.url, "--mapping",
            MAPPING, "--domain", "shop", "--item-property", "price=eur:number", "--json",
            *(word for pair in COLUMNS.items() for word in ("--map", "=".join(pair)))]  # fmt: skip
    assert kgrec(*args) == 0
    with EmbeddedStore(path) as store:
        assert interactions(store) == EXPECTED
        assert store.read_nodes(Label.ITEM).select("key", "title", "price").rows() == [
            ("shop:a", "Product a", 9.5), ("shop:b", "Product b", None),
            ("shop:c", "Product c", None),
        ]  # fmt: skip
        assert store.read_nodes(Label.TAG)["key"].to_list() == ["a", "all", "b", "c"]
    assert not list(tmp_path.glob("kgrec-neo4j-*"))
    assert kgrec(*args) == 0  # read again, and found to be what was ingested
    assert '"already_ingested_at": 1' in capsys.readouterr().out


@pytest.mark.neo4j
def test_a_query_names_the_fields_by_its_columns(shop: Shop, tmp_path: Path) -> None:
    options = SourceOptions(domain="shop")
    what = GraphPages([QUERY + ";", f"MATCH (i:`{PRODUCT}`) RETURN i.sku AS item, i.name AS title"])
    assert read_into(tmp_path, shop, what, options) == EXPECTED
    one = GraphPages([f"MATCH (c:{CUSTOMER} {{no: $no}})-[]->(p) RETURN c.no AS u, p.sku AS item"],
                     {"no": 2})  # fmt: skip
    by_map = SourceOptions(domain="shop", columns={"user": "u"})
    assert read_into(tmp_path / "one", shop, one, by_map) == [("2", "shop:a", "interaction", None)]


class Stopped(Exception):
    """Stands for the end of the process."""


def stop_after(pages: int) -> Any:
    seen = []

    def on_page(table: str, rows: int) -> None:
        seen.append(table)
        if seen.count("events") + seen.count("query-1") == pages:
            raise Stopped

    return on_page


@pytest.mark.neo4j
@pytest.mark.parametrize(
    ("what", "read_again"),
    [
        (GraphPages(mapping=MAPPING), 2),  # 6 users in 3 pages of 2, of which 2 were read
        (GraphPages([f"{QUERY} ORDER BY user, item, kind"]), 2),
        (GraphPages([QUERY]), 6),  # rows have no order: from the beginning
        (GraphPages([f"{QUERY} ORDER BY user, item, kind LIMIT 9"]), 6),  # no SKIP can follow
    ],
    ids=["mapping", "ordered query", "query without order", "query with a limit"],
)
def test_reading_that_was_stopped_goes_on_behind_the_last_page(
    shop: Shop,
    tmp_path: Path,
    what: GraphPages,
    read_again: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("graph_store.neo4j.other_graph._NODES", 2)
    monkeypatch.setattr("loaders.neo4j_pages._ROWS", 2)
    options = OPTIONS if what.mapping else SourceOptions(domain="shop")
    with OtherGraph(shop.url) as graph, pytest.raises(Stopped):
        read_pages(graph, what, options, tmp_path / "pages", on_page=stop_after(2))
    counts: list[int] = []
    with OtherGraph(shop.url) as graph:
        read_pages(graph, what, options, tmp_path / "pages",
                   on_page=lambda table, rows: counts.append(rows))  # fmt: skip
    assert (counts[0], counts[-1]) == (2 if read_again == 6 else 6, 6)
    assert read_into(tmp_path, shop, what, options) == EXPECTED


@pytest.mark.neo4j
def test_each_page_of_a_mapping_is_one_statement_of_bounded_size(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graph_store.neo4j.other_graph._NODES", 2)
    sizes: list[int] = []
    rows = Connection.rows

    def counted(self: Connection, statement: str, **params: Any) -> list[neo4j.Record]:
        found = rows(self, statement, **params)
        sizes.append(len(found))
        return found

    monkeypatch.setattr(Connection, "rows", counted)
    with OtherGraph(shop.url) as graph:
        read_pages(graph, GraphPages(mapping=MAPPING), OPTIONS, tmp_path)
    assert sizes == [1, 2, 1, 0, 1, 2, 2, 2, 0]  # count, items; count, users


@pytest.mark.neo4j
@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        (f"MATCH (c:{CUSTOMER}) SET c.no = 0 RETURN c.no AS user", "the query would write into th"),
        (f"MERGE (c:{CUSTOMER} {{no: 99}}) RETURN c.no AS user", "the query would write into the"),
        (f"CALL () {{ CREATE (:{CUSTOMER}) }} RETURN 1 AS user", "the query would write into the"),
        ("MATCH (c RETURN c", "is no Cypher that the server can read"),
    ],
)
def test_a_query_that_writes_is_refused_before_it_is_run(
    shop: Shop, tmp_path: Path, query: str, sentence: str
) -> None:
    with OtherGraph(shop.url) as graph, pytest.raises(BadFilterError, match=sentence):
        read_pages(graph, GraphPages([query]), SourceOptions(), tmp_path)


@pytest.mark.neo4j
def test_nodes_that_cannot_be_told_apart_are_an_error_and_those_without_a_key_are_told(
    shop: Shop, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graph_store.neo4j.other_graph._NODES", 2)
    shop.changed = True  # type: ignore[attr-defined]
    shop.run(f"CREATE (:{CUSTOMER} {{name: 'nobody'}})")
    with caplog.at_level(logging.WARNING):
        assert read_into(tmp_path, shop, GraphPages(mapping=MAPPING), OPTIONS) == EXPECTED
    assert f"1 of 7 {CUSTOMER} nodes have no property no and are left out" in caplog.text
    shop.run(f"CREATE (:{CUSTOMER} {{no: 'six'}}), (:{CUSTOMER} {{no: 'seven'}})")
    with OtherGraph(shop.url) as graph, pytest.raises(BadSourceError, match="could not be told ap"):
        read_pages(graph, GraphPages(mapping=MAPPING), OPTIONS, tmp_path / "mixed")


@pytest.mark.neo4j
@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        (GraphPages([f"MATCH (c:{CUSTOMER}) RETURN c"]), "'c' of the graph holds a Node where one"),
        (GraphPages([f"MATCH (c:{CUSTOMER} {{no: 77}}) RETURN c.no AS user"]), "gave no row"),
        (GraphPages(mapping=":KgTestNobody-[:X]->:KgTestNothing"), "has no node with the label 'K"),
        (GraphPages(), "needs either --query or --mapping"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(
    shop: Shop, tmp_path: Path, what: GraphPages, sentence: str
) -> None:
    with OtherGraph(shop.url) as graph, pytest.raises(BadSourceError, match=sentence):
        read_pages(graph, what, OPTIONS, tmp_path)


@pytest.mark.parametrize(
    ("text", "columns", "sentence"),
    [
        (":A-[:B]-:C", COLUMNS, "must look like ':Customer-.BOUGHT.->:Product', from users to it"),
        ("A-[:B]->C", COLUMNS, "must look like"),
        (":A-[:B]->:C", {"item": "sku"}, "needs the property that names each user: --map user="),
        (":A-[:B]->:C", {**COLUMNS, "account_a": "x"}, "--map account_a: a mapping of labels has"),
    ],
)
def test_a_mapping_that_cannot_be_meant_is_one_sentence(
    text: str, columns: dict[str, str], sentence: str
) -> None:
    with pytest.raises(BadSourceError, match=sentence.replace("-.BOUGHT.-", r"-\[:BOUGHT\]-")):
        mapping_of(text, SourceOptions(columns=columns))


def test_a_mapping_may_be_written_like_a_pattern() -> None:
    found = mapping_of("(:Client)-[:BOUGHT|VIEWED]->(:Film)", SourceOptions(columns=COLUMNS))
    assert (found.user_label, found.types, found.item_label) == (
        "Client", ["BOUGHT", "VIEWED"], "Film",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["--from", "neo4j://h"], "--from is for a graph: add --format neo4j, or leave it out"),
        (["--format", "neo4j"], "needs the graph to read: --from neo4j://host:7687"),
        (["--format", "neo4j", "--from", "neo4j://h"], "either --query or --mapping, got none"),
        (["--format", "neo4j", "--from", "neo4j://h", "--query", "x", "--mapping", "y"],
         "needs either --query or --mapping, got both"),
        (["--format", "neo4j", "--from", "neo4j://h", "--mapping", "y", "--param", "a=1"],
         "--param is for the parameters of --query, and none is given"),
        ([".", "--format", "neo4j", "--from", "neo4j://h"], "reads no files, got ."),
    ],
)  # fmt: skip
def test_options_that_do_not_fit_together_are_bad_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], args: list[str], sentence: str
) -> None:
    assert kgrec("ingest", "--store", tmp_path / "g.duckdb", *args) == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, None, 2], [1, None, 2]),
        ([1, 2.5], [1.0, 2.5]),
        (["a", 7], ["a", "7"]),
        ([None], [None]),
        ([["a", 1], None, "b"], [["a", "1"], None, ["b"]]),
        ([Date(2023, 1, 5), None], ["2023-01-05", None]),
        ([DateTime(2023, 1, 5, 12, 30)], ["2023-01-05T12:30:00"]),
    ],
)
def test_values_of_the_driver_become_columns(values: list[Any], expected: list[Any]) -> None:
    assert column("x", values).to_list() == expected


def test_a_value_that_is_none_for_a_column_is_told() -> None:
    with pytest.raises(BadSourceError, match="'x' of the graph holds a Duration where one value"):
        column("x", [Duration(days=1)])
