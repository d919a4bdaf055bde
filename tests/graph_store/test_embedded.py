"""The embedded store keeps the contract, and what only a file can get wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import polars as pl
import pytest

from graph_store.duckdb.store import EmbeddedStore
from graph_store.errors import (
    GraphStoreError,
    StoreLockedError,
    StoreUnavailableError,
    StoreVersionError,
)
from graph_store.schema import Label, RelType
from graph_store.store import GraphStore
from tests.graph_store.contract import StoreContract, fill, nodes


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "g.duckdb"


class TestEmbeddedStore(StoreContract):
    @pytest.fixture
    def store(self, path: Path) -> Iterator[EmbeddedStore]:
        with EmbeddedStore(path) as store:
            yield store

    @pytest.fixture
    def reopen(self, path: Path) -> Callable[[], GraphStore]:
        return lambda: EmbeddedStore(path)


def test_sql_reads_views_named_like_the_graph(path: Path) -> None:
    with EmbeddedStore(path) as store:
        fill(store)
        rows = store.query(
            'SELECT target, kind FROM "INTERACTED" WHERE source = $user ORDER BY ALL', user="bob"
        )
        assert rows.rows() == [("f:1", "view"), ("f:2", "rating")]


@pytest.mark.parametrize(
    "text",
    [
        "DELETE FROM node_user",
        "SELECT 1; DROP TABLE node_user",
        "COPY node_user TO 'x.csv'",
        "ATTACH 'other.duckdb'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SELEC",
    ],
)
def test_the_native_door_reads_only(path: Path, text: str) -> None:
    with EmbeddedStore(path) as store:
        fill(store)
        with pytest.raises(GraphStoreError):
            store.query(text)
        assert store.read_nodes(Label.USER).height == 3


@pytest.mark.parametrize(
    "source",
    [
        "read_csv('{file}')",
        "read_text('{file}')",
        "read_blob('{file}')",
        "read_json('{file}')",
        "read_parquet('{file}')",
        "glob('{folder}/*')",
        "'{file}'",
        "read_csv('https://example.com/x.csv')",
        "query('FROM read_text(''{file}'')')",
    ],
)
@pytest.mark.parametrize("read_only", [False, True], ids=["writing", "reading"])
def test_a_query_reaches_no_file_but_the_graph(path: Path, source: str, read_only: bool) -> None:
    secret = path.with_name("secret.csv")
    secret.write_text("password\nhunter2\n", encoding="utf-8")
    EmbeddedStore(path).close()
    with EmbeddedStore(path, read_only=read_only) as store:
        with pytest.raises(GraphStoreError, match=r"^query\(\) reads the graph only.*$") as told:
            store.query(f"SELECT * FROM {source.format(file=secret, folder=path.parent)}")
        assert "hunter2" not in str(told.value)


def test_a_query_sees_no_variable_of_the_calling_program(path: Path) -> None:
    with EmbeddedStore(path) as store:
        mine = pl.DataFrame({"a": [1]})
        with pytest.raises(GraphStoreError, match="mine does not exist"):
            store.query("SELECT * FROM mine")
        assert mine.height == 1


def test_what_does_not_fit_into_memory_still_spills_beside_the_file(path: Path) -> None:
    with EmbeddedStore(path) as store:
        assert store.query("SELECT current_setting('temp_directory') AS at").item() == f"{path}.tmp"


def test_several_may_read_one_file_and_none_of_them_writes(path: Path) -> None:
    with EmbeddedStore(path) as store:
        fill(store)
    with EmbeddedStore(path, read_only=True) as one, EmbeddedStore(path, read_only=True) as two:
        assert one.counts() == two.counts()
        with pytest.raises(GraphStoreError, match="opened for reading"):
            one.upsert_nodes(Label.USER, nodes(Label.USER, ("x",)))


def test_a_file_that_another_process_writes_is_one_clear_sentence(path: Path) -> None:
    with EmbeddedStore(path):
        code = f"from graph_store.duckdb.store import EmbeddedStore; EmbeddedStore({str(path)!r})"
        other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert f"StoreLockedError: another process holds {path}" in other.stderr
    assert StoreLockedError.__name__ in other.stderr


def test_reading_what_is_not_there_names_the_command_that_makes_it(path: Path) -> None:
    with pytest.raises(StoreUnavailableError, match="kgrec ingest"):
        EmbeddedStore(path, read_only=True)
    assert not path.exists()


def test_files_of_others_are_left_alone(path: Path, tmp_path: Path) -> None:
    duckdb.connect(str(path)).execute("CREATE TABLE mine (a INTEGER)").close()
    with pytest.raises(GraphStoreError, match="did not make"):
        EmbeddedStore(path)
    text = tmp_path / "notes.txt"
    text.write_text("no database " * 1000)
    with pytest.raises(GraphStoreError, match="a file of another kind"):
        EmbeddedStore(text)
    assert text.read_text().startswith("no database")
    with pytest.raises(GraphStoreError, match="folder"):
        EmbeddedStore(tmp_path)


def test_another_format_version_is_refused(path: Path) -> None:
    EmbeddedStore(path).close()
    with duckdb.connect(str(path)) as connection:
        connection.execute("UPDATE kgrec_meta SET value = '99'")
    with pytest.raises(StoreVersionError, match="99"):
        EmbeddedStore(path)


def test_ids_stay_dense_however_often_a_source_is_read(path: Path) -> None:
    with EmbeddedStore(path) as store:
        for start in range(0, 50, 5):
            keys = [f"u{i:03}" for i in range(start, start + 10)]
            store.upsert_nodes(Label.USER, pl.DataFrame({"key": keys}))
        rows = store.query("SELECT count(*), max(id), count(DISTINCT id) FROM node_user").row(0)
        assert rows == (55, 54, 55)


def test_a_writer_killed_by_signal_9_leaves_whole_batches(path: Path) -> None:
    code = textwrap.dedent(f"""
        import polars as pl
        from graph_store.duckdb.store import EmbeddedStore
        from graph_store.schema import Label
        from graph_store.store import Checkpoint
        store = EmbeddedStore({str(path)!r})
        store.begin_job("j", kind="ingest", source="s", now=1)
        for batch in range(1, 100_000):
            keys = [f"u{{batch}}-{{i}}" for i in range(1000)]
            checkpoint = Checkpoint("j", "s", "nodes:User", batch * 1000)
            store.upsert_nodes(Label.USER, pl.DataFrame({{"key": keys}}), checkpoint=checkpoint)
            print(batch, flush=True)
    """)
    writer = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    for _ in range(20):
        assert writer.stdout.readline()
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    with EmbeddedStore(path, read_only=True) as store:
        job = next(store.jobs())
        assert job.offset >= 20_000
        assert store.read_nodes(Label.USER).height == job.offset
    with EmbeddedStore(path) as store:
        assert store.counts().relationships[RelType.INTERACTED] == 0


@pytest.mark.parametrize("content", [b"user,item\nann,1\n", b"PAR1\x00\x00\x00\x00DUKE", b"x"])
@pytest.mark.parametrize("read_only", [False, True])
def test_a_file_of_another_kind_is_told_in_one_sentence_and_left_as_it_is(
    tmp_path: Path, content: bytes, read_only: bool
) -> None:
    path = tmp_path / "catalogue.csv"
    path.write_bytes(content)
    with pytest.raises(GraphStoreError) as caught:
        EmbeddedStore(path, read_only=read_only)
    assert str(caught.value) == (
        f"{path} is no graph but a file of another kind; the store is kgrec's own file, such as "
        f"{tmp_path / 'graph.duckdb'}, which `kgrec ingest FILES --store PATH` makes"
    )
    assert path.read_bytes() == content
