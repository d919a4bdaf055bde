"""Lost answers, lost lines and a killed server leave the graph that an undisturbed run leaves."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from graph_store.duckdb.store import EmbeddedStore
from graph_store.errors import GraphStoreError, StoreUnavailableError
from graph_store.neo4j import enrichment, reading
from graph_store.neo4j import store as neo4j_store_module
from graph_store.neo4j.settings import read_settings
from graph_store.neo4j.store import Neo4jStore
from graph_store.schema import Label, RelType
from graph_store.snapshot import take_snapshot
from graph_store.store import Checkpoint, GraphStore
from tests.conftest import TEST_PREFIX
from tests.graph_store.contract import fill, links
from tests.neo4j_server.proxy import COMMIT, PULL, CuttingProxy
from tests.neo4j_server.server import Neo4jServer, ServerMissingError, do_without

pytestmark = pytest.mark.neo4j

Factory = Callable[..., Neo4jStore]


@pytest.fixture
def proxy(neo4j_url: str) -> Iterator[CuttingProxy]:
    host, _, port = read_settings(neo4j_url).uri.partition("://")[2].rpartition(":")
    if host not in ("127.0.0.1", "localhost"):
        pytest.skip("the line is cut only on this machine")
    with CuttingProxy(int(port)) as proxy:
        yield proxy


@pytest.fixture
def through(proxy: CuttingProxy, neo4j_store: Factory, neo4j_url: str) -> Iterator[Neo4jStore]:
    """A store, filled, behind the proxy."""
    fill(neo4j_store())
    given = read_settings(neo4j_url)
    url = f"bolt://{given.user}:{given.password}@127.0.0.1:{proxy.port}"
    with Neo4jStore.from_url(url, label_prefix=TEST_PREFIX, wait=60) as store:
        yield store


def test_a_commit_whose_answer_is_lost_is_sent_again_and_counts_once(
    through: Neo4jStore, proxy: CuttingProxy
) -> None:
    through.begin_job("j", kind="ingest", source="s", now=1)
    rows = links(RelType.INTERACTED, ("cid", "f:1", "view", 0.5, 2, 5))
    proxy.arm(COMMIT)
    through.upsert_relationships(RelType.INTERACTED, rows, checkpoint=Checkpoint("j", "s", "x", 1))
    assert proxy.cuts == 1
    mine = through.read_relationships(RelType.INTERACTED).filter(source="cid")
    assert mine.rows() == rows.rows()
    assert [job.offset for job in through.jobs()] == [1]


def test_a_line_that_is_cut_during_a_read_costs_a_page(
    through: Neo4jStore, proxy: CuttingProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed = through.read_relationships(RelType.INTERACTED)
    monkeypatch.setattr(reading, "_PAGE", 1)
    proxy.arm(PULL, skip=1)
    assert through.read_relationships(RelType.INTERACTED).equals(undisturbed)
    assert proxy.cuts == 1


def test_an_enrichment_killed_half_way_can_be_begun_again_or_undone(
    neo4j_store: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = neo4j_store()
    fill(store)
    first = links(RelType.SIMILAR_TO, ("f:1", "f:2", 0.5), ("f:2", "b:1", 0.1))
    store.begin_enrichment("r", "similar-items", at=1)
    store.write_enrichment("r", RelType.SIMILAR_TO, first)

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(store._ledger, "set_relationships_aside", dies)
        with pytest.raises(KeyboardInterrupt):
            store.begin_enrichment("r2", "similar-items", at=2)
    assert store.read_relationships(RelType.SIMILAR_TO).height == 0  # r2 stands, and is empty
    store.begin_enrichment("r2", "similar-items", at=2)
    with monkeypatch.context() as patch:
        patch.setattr(store._ledger, "bring_relationships_back", dies)
        with pytest.raises(KeyboardInterrupt):
            store.undo_enrichment("r2")
    assert store.read_relationships(RelType.SIMILAR_TO).rows() == first.rows()
    with pytest.raises(GraphStoreError, match="undo it once more"):
        store.begin_enrichment("r3", "similar-items", at=3)
    assert store.undo_enrichment("r2") == 0  # it was killed before it wrote anything
    assert store.read_relationships(RelType.SIMILAR_TO).rows() == first.rows()
    assert [run.enrichment_id for run in store.enrichments()] == ["r"]


@pytest.mark.parametrize("killed_after", [1, 2, 8])
def test_an_undo_that_was_killed_reports_all_when_it_is_asked_for_again(
    neo4j_store: Factory, monkeypatch: pytest.MonkeyPatch, killed_after: int
) -> None:
    """Killed after so many of its transactions; the eighth takes vectors back."""
    store = neo4j_store()
    fill(store)
    rows = links(RelType.SIMILAR_TO, ("f:1", "f:2", 0.5), ("f:2", "b:1", 0.1), ("b:1", "f:1", 0.1))
    store.begin_enrichment("r", "both", at=1)
    store.write_enrichment("r", RelType.SIMILAR_TO, rows)
    store.write_vectors(Label.ITEM, ["f:1", "f:2"], np.eye(2, dtype=np.float32), enrichment_id="r")
    monkeypatch.setattr(enrichment, "_MOVED", 2)
    with monkeypatch.context() as patch:
        take_back, left = store._ledger.take_back, killed_after

        def dies(*args: Any, **params: Any) -> dict[str, Any]:
            nonlocal left
            if not left:
                raise KeyboardInterrupt
            left -= 1
            return take_back(*args, **params)

        patch.setattr(store._ledger, "take_back", dies)
        with pytest.raises(KeyboardInterrupt):
            store.undo_enrichment("r")
    assert neo4j_store().undo_enrichment("r") == 5
    assert store.enrichments() == []


def test_a_user_whose_deletion_was_killed_is_reported_whole(
    neo4j_store: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = neo4j_store()
    fill(store)  # ann: three interactions and one SAME_AS
    monkeypatch.setattr(neo4j_store_module, "_FORGOTTEN", 3)
    with monkeypatch.context() as patch:
        write_one = store._db.write_one

        def once(statement: str, **params: Any) -> dict[str, Any]:
            patch.setattr(store._db, "write_one", dies)
            return write_one(statement, **params)

        def dies(*_: object, **__: object) -> dict[str, Any]:
            raise KeyboardInterrupt

        patch.setattr(store._db, "write_one", once)
        with pytest.raises(KeyboardInterrupt):
            store.forget_user("ann")
    assert store.read_relationships(RelType.INTERACTED).filter(source="ann").height < 3
    assert store.forget_user("ann") == 4
    assert "ann" not in store.read_nodes(Label.USER)["key"].to_list()


def test_a_batch_of_an_enrichment_whose_answer_is_lost_counts_once(
    through: Neo4jStore, proxy: CuttingProxy
) -> None:
    through.begin_enrichment("r", "similar-items", at=1)
    rows = links(RelType.SIMILAR_TO, ("f:1", "f:2", 0.5), ("f:2", "b:1", 0.1))
    proxy.arm(COMMIT)
    through.write_enrichment("r", RelType.SIMILAR_TO, rows)
    assert proxy.cuts == 1
    assert through.counts().relationships["SIMILAR_TO"] == 2
    proxy.arm(COMMIT, skip=1)  # the first transaction enters the undo, the second deletes
    assert through.undo_enrichment("r") == 2
    assert proxy.cuts == 2


def test_a_server_that_starts_late_is_waited_for_when_that_is_asked(neo4j_url: str) -> None:
    """The port answers nobody at first; then it leads to the server."""
    given = read_settings(neo4j_url)
    host, _, port = given.uri.partition("://")[2].rpartition(":")
    if host not in ("127.0.0.1", "localhost"):
        pytest.skip("the line is cut only on this machine")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        late = probe.getsockname()[1]
    url = f"bolt://{given.user}:{given.password}@127.0.0.1:{late}"
    with pytest.raises(StoreUnavailableError, match="--wait SECONDS"):
        Neo4jStore.from_url(url, label_prefix=TEST_PREFIX)
    opened: list[CuttingProxy] = []
    timer = threading.Timer(1, lambda: opened.append(CuttingProxy(int(port), port=late)))
    timer.start()
    try:
        with Neo4jStore.from_url(url, label_prefix=TEST_PREFIX, wait=60) as store:
            assert store.url == f"bolt://127.0.0.1:{late}"
    finally:
        timer.join()
        for proxy in opened:
            proxy.close()


BATCHES, SIZE = 30, 200


def write_log(store: GraphStore, after_batch: Callable[[int], None]) -> None:
    """A log in batches, each with its checkpoint; goes on where the store says it is."""
    fill(store)
    job = store.begin_job("j", kind="ingest", source="s", now=1)
    for batch in range(job.offset, BATCHES):
        keys = [f"u{batch}-{i}" for i in range(SIZE)]
        store.upsert_nodes(Label.USER, pl.DataFrame({"key": keys}))
        rows = pl.DataFrame(
            {"source": keys, "target": "f:1", "kind": "view", "weight": 0.5, "count": 1, "at": 9}
        )
        store.upsert_relationships(
            RelType.INTERACTED, rows, checkpoint=Checkpoint("j", "s", "x", batch + 1)
        )
        after_batch(batch)


def test_a_server_killed_in_the_middle_and_restarted_costs_nothing(tmp_path: Path) -> None:
    with EmbeddedStore(tmp_path / "g.duckdb") as quiet:
        write_log(quiet, lambda _: None)
        expected = take_snapshot(quiet).fingerprint
    try:
        server = Neo4jServer().start()
    except ServerMissingError as error:
        do_without(error)
    try:
        threads = []

        def disturb(batch: int) -> None:
            if batch == BATCHES // 2:
                server.kill()
                threads.append(server.restart_after(0.5))

        with Neo4jStore.from_url(server.url, wait=600) as store:
            write_log(store, disturb)
            for thread in threads:
                thread.join()
            assert [job.offset for job in store.jobs()] == [BATCHES]
            assert take_snapshot(store).fingerprint == expected
    finally:
        server.remove()
