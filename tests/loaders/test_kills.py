"""Signal 9 at any moment, to the ingesting process or to the server, loses nothing."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest

from graph_store.errors import GraphStoreError
from graph_store.neo4j.store import Neo4jStore
from graph_store.open_store import open_store
from graph_store.snapshot import take_snapshot
from loaders import IngestSummary, ingest, open_source
from loaders.synthetic import planted, write_planted
from tests.conftest import TEST_PREFIX
from tests.loaders.worlds import rejected
from tests.neo4j_server.server import Neo4jServer, ServerMissingError, do_without

ROOT = Path(__file__).parents[2]
KILLS = 10


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A source of some 80 small batches, with a bad row."""
    world = planted(num_users=260, items_per_domain=60, tags=True, seed=5)
    folder = write_planted(world, tmp_path_factory.mktemp("kills") / "set")
    log = pl.read_parquet(folder / "interactions.parquet")
    bad = log.head(1).with_columns(user_id=pl.lit(""))
    pl.concat([log, bad]).write_parquet(folder / "interactions.parquet")
    return folder


@pytest.fixture(scope="module")
def undisturbed(folder: Path) -> str:
    """The fingerprint that every other run must come to."""
    with open_store(str(folder.parent / "undisturbed.duckdb")) as store:
        ingest(open_source([folder]), store, work_dir=folder.parent, max_rejects=0.5)
        return take_snapshot(store).fingerprint


def start(folder: Path, url: str, prefix: str, rejects: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.loaders.ingesting", str(folder), url, prefix, str(rejects)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


def kill_after(process: subprocess.Popen[str], steps: int, seconds: float) -> list[str]:
    """Kill it ``seconds`` after its step number ``steps``; return the steps it told."""
    assert process.stdout is not None
    told = [process.stdout.readline().split(" ")[0] for _ in range(steps)]
    time.sleep(seconds)
    process.kill()
    told += [line.split(" ")[0] for line in process.stdout]
    assert process.wait() == -9, told
    return told


def ingest_through_kills(folder: Path, url: str, prefix: str, rejects: Path) -> set[str]:
    """Kill one job again and again, then let it end; return the stages it was killed in."""
    moments = random.Random(0)
    stages = set()
    for kill in range(KILLS):
        # While it starts, while it reads, then ever further into the writing: each start
        # tells reading twice, merging twice, where it goes on, and each batch.
        steps = (0, 1, 3)[kill] if kill < 3 else 4 + moments.randint(2, 9)
        told = kill_after(start(folder, url, prefix, rejects), steps, moments.random() * 0.02)
        stages.add(told[-1] if told else "start")
    process = start(folder, url, prefix, rejects)
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    assert int(out.split()[-1]) > 0, "the last start began at zero: no kill came in the writing"
    return stages


def test_ten_kills_of_an_ingest_into_a_file(folder: Path, undisturbed: str, tmp_path: Path) -> None:
    store, rejects = tmp_path / "g.duckdb", tmp_path / "rejects.jsonl"
    stages = ingest_through_kills(folder, str(store), "", rejects)
    assert any(stage.startswith("relationships") for stage in stages), stages
    with open_store(str(store), read_only=True) as graph:
        assert take_snapshot(graph).fingerprint == undisturbed
        (job,) = graph.jobs()
    assert job.finished_at is not None
    assert [reason for _, _, reason in rejected(rejects)] == ["no user id"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["g.duckdb", "rejects.jsonl"]


@pytest.mark.neo4j
def test_ten_kills_of_an_ingest_into_neo4j(
    folder: Path,
    undisturbed: str,
    tmp_path: Path,
    neo4j_url: str,
    neo4j_store: Callable[..., Neo4jStore],
) -> None:
    store = neo4j_store()
    ingest_through_kills(folder, neo4j_url, TEST_PREFIX, tmp_path / "rejects.jsonl")
    assert take_snapshot(store).fingerprint == undisturbed


@pytest.fixture
def own_server() -> Iterator[Neo4jServer]:
    """A server that a test may kill: never the one of the session, nor one under NEO4J_URI."""
    try:
        server = Neo4jServer().start()
    except ServerMissingError as error:
        do_without(error)
    yield server
    server.remove()


def ingest_and_kill_the_server(
    folder: Path, store: Neo4jStore, work: Path, kill: Callable[[], None]
) -> IngestSummary:
    """Call ``kill`` in another thread while a third of the log is written."""
    killer = threading.Thread(target=kill)

    def in_the_middle(stage: str, done: int, total: int) -> None:
        if stage == "relationships:INTERACTED" and done >= total // 3 and killer.ident is None:
            killer.start()

    try:
        return ingest(
            open_source([folder]), store, on_progress=in_the_middle, batch_size=40, work_dir=work,
            max_rejects=0.5,
        )  # fmt: skip
    finally:
        killer.join()


@pytest.mark.neo4j
def test_kills_of_the_server_in_the_middle(
    folder: Path, undisturbed: str, tmp_path: Path, own_server: Neo4jServer
) -> None:
    def kill_and_restart() -> None:
        own_server.kill()
        own_server.restart()

    with Neo4jStore.from_url(own_server.url, label_prefix="Waits") as store:
        # The server is away for less than the store waits: the job never notices.
        ingest_and_kill_the_server(folder, store, tmp_path, kill_and_restart)
        assert take_snapshot(store).fingerprint == undisturbed
    with (
        Neo4jStore.from_url(own_server.url, label_prefix="Gives_up", wait=1) as store,
        pytest.raises(GraphStoreError, match="bolt://"),
    ):
        ingest_and_kill_the_server(folder, store, tmp_path, own_server.kill)
    own_server.restart()
    with Neo4jStore.from_url(own_server.url, label_prefix="Gives_up") as store:
        summary = ingest(open_source([folder]), store, max_rejects=0.5, work_dir=tmp_path)
        assert summary.resumed > 0
        assert take_snapshot(store).fingerprint == undisturbed
