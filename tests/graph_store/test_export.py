"""What other programs read of a graph is the graph."""

from __future__ import annotations

import shlex
from pathlib import Path

import networkx as nx
import numpy as np
import polars as pl
import pytest

from graph_store.duckdb.store import EmbeddedStore
from graph_store.errors import GraphStoreError
from graph_store.export import export_graphml, export_neo4j_import, export_parquet
from graph_store.open_store import open_store
from graph_store.properties import PropertyType
from graph_store.schema import Label, RelType
from graph_store.snapshot import take_snapshot
from tests.graph_store.contract import INTERACTIONS, fill, links, nodes
from tests.neo4j_server.server import Neo4jServer, ServerMissingError, do_without


@pytest.fixture
def store(tmp_path: Path) -> EmbeddedStore:
    store = EmbeddedStore(tmp_path / "g.duckdb")
    fill(store)
    store.upsert_nodes(Label.ITEM, nodes(Label.ITEM, ("f:2", None, "")))  # empty is not unknown
    store.declare_item_properties({"price": PropertyType.NUMBER})
    priced = nodes(Label.ITEM, ("f:1",)).with_columns(price=pl.lit(9.5))
    store.upsert_nodes(Label.ITEM, priced)
    store.begin_enrichment("r", "similar-items", at=1)
    store.write_enrichment("r", RelType.SIMILAR_TO, links(RelType.SIMILAR_TO, ("f:1", "f:2", 0.5)))
    return store


def test_import_files_have_headers_ids_and_quoted_texts(
    store: EmbeddedStore, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    command = export_neo4j_import(store, folder, label_prefix="Kg")
    item_header = (folder / "nodes_Item_header.csv").read_text()
    assert item_header == ("key:ID(Item),title:string,text:string,text_hash:string,price:double\n")
    header = (folder / "relationships_INTERACTED_header.csv").read_text()
    assert header == (
        ":START_ID(User),:END_ID(Item),kind:string,weight:double,count:long,at:long,"
        "first_at:long,order:long,event:string\n"
    )
    items = (folder / "nodes_Item.csv").read_text(encoding="utf-8")
    assert items.startswith('"b:1","Böok “1”, with\nlines","a ""quoted"", text","h3",\n')
    assert '"f:2","Two","","h2",\n"f:3",,,,\n' in items
    named = [part for a in shlex.split(command) if "=" in a for part in a.split("=")[-1].split(",")]
    written = {path.name for path in folder.iterdir()} - {"import.sh"}
    assert {part for part in named if part.endswith(".csv")} == written
    assert '"One film","h1",9.5\n' in items
    mark = (folder / "nodes_store.csv").read_text(encoding="utf-8")
    assert mark == '"store",2,"{""price"": ""number""}"\n'
    assert "--nodes=KgItem=nodes_Item_header.csv,nodes_Item.csv" in command
    assert "SIMILAR_TO" not in command


def test_an_import_says_which_derived_relationships_it_leaves_out(
    store: EmbeddedStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    vectors = np.eye(2, dtype=np.float32)
    store.begin_enrichment("v", "vectors", at=2)
    store.write_vectors(Label.ITEM, ["f:1", "f:2"], vectors, enrichment_id="v")
    export_neo4j_import(store, tmp_path / "both")
    assert "1 SIMILAR_TO relationships and the embeddings of items; run `kgrec enrich`" in (
        caplog.text
    )
    caplog.clear()
    for run in ("r", "v"):
        store.undo_enrichment(run)
    export_neo4j_import(store, tmp_path / "none")
    assert caplog.text == ""


def test_files_are_not_mixed_with_what_is_there(store: EmbeddedStore, tmp_path: Path) -> None:
    with pytest.raises(GraphStoreError, match="not an empty folder"):
        export_neo4j_import(store, tmp_path)
    with pytest.raises(GraphStoreError, match="not an empty folder"):
        export_parquet(store, tmp_path)


def test_parquet_holds_every_table(store: EmbeddedStore, tmp_path: Path) -> None:
    paths = export_parquet(store, tmp_path / "out")
    assert len(paths) == len(Label) + len(RelType)
    rows = pl.read_parquet(tmp_path / "out" / "INTERACTED.parquet")
    assert rows.rows() == INTERACTIONS.sort("source", "target", "kind").rows()
    assert pl.read_parquet(tmp_path / "out" / "SIMILAR_TO.parquet").height == 1


def test_graphml_is_read_back_by_networkx(store: EmbeddedStore, tmp_path: Path) -> None:
    graph = nx.read_graphml(export_graphml(store, tmp_path / "g.graphml"))
    assert graph.number_of_nodes() == 11
    assert graph.number_of_edges() == 4 + 4 + 1 + 5 + 1
    assert graph.nodes["Item:f:1"]["title"] == "One"
    assert "title" not in graph.nodes["Item:f:3"]


def test_control_characters_do_not_stop_a_graphml_export(
    store: EmbeddedStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    odd = [("f:\x01", "Form\x0cfeed"), ("f:\x02", "Tab\tand 😀"), ("f:4", "Not \ufffe one\x00")]
    store.upsert_nodes(Label.ITEM, nodes(Label.ITEM, *odd))
    store.upsert_relationships(RelType.HAS_TAG, links(RelType.HAS_TAG, ("f:\x01", "x")))
    graph = nx.read_graphml(export_graphml(store, tmp_path / "g.graphml"))
    assert graph.nodes["Item:f:\\u0001"]["title"] == "Form\ufffdfeed"
    assert graph.nodes["Item:f:\\u0002"]["title"] == "Tab\tand 😀"
    assert graph.nodes["Item:f:4"]["title"] == "Not \ufffd one\ufffd"
    assert graph.has_edge("Item:f:\\u0001", "Tag:x")
    assert "replaced 5 characters" in caplog.text


def test_an_export_that_fails_leaves_what_was_there(
    store: EmbeddedStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_half(rel_type: RelType) -> pl.DataFrame:
        if rel_type is RelType.SAME_AS:
            raise GraphStoreError("the line is lost")
        return EmbeddedStore.read_relationships(store, rel_type)

    def write_half(graph: object, path: Path) -> None:
        path.write_text("<graphml>")
        raise OSError("no space left on the device")

    old = export_graphml(store, tmp_path / "g.graphml").read_bytes()
    there = tmp_path / "there"
    there.mkdir()
    monkeypatch.setattr(nx, "write_graphml", write_half)
    with pytest.raises(OSError, match="no space"):
        export_graphml(store, tmp_path / "g.graphml")
    monkeypatch.setattr(store, "read_relationships", read_half)
    for export in (export_parquet, export_neo4j_import):
        for folder in (there, tmp_path / "new"):
            with pytest.raises(GraphStoreError, match="the line is lost"):
                export(store, folder)
    assert (tmp_path / "g.graphml").read_bytes() == old
    assert list(there.iterdir()) == []
    left = {path.name for path in tmp_path.iterdir() if not path.name.startswith("g.duckdb")}
    assert left == {"g.graphml", "there"}


@pytest.mark.slow
@pytest.mark.neo4j
def test_neo4j_admin_imports_the_same_graph(store: EmbeddedStore, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    command = shlex.split(export_neo4j_import(store, folder))
    server = Neo4jServer()
    try:
        server.admin(*command[1:], cwd=folder)
        server.start()
        with open_store(server.url) as imported:
            assert take_snapshot(imported).fingerprint == take_snapshot(store).fingerprint
            assert imported.upsert_relationships(RelType.INTERACTED, INTERACTIONS).written == 0
    except ServerMissingError as error:
        do_without(error)
    finally:
        server.remove()
