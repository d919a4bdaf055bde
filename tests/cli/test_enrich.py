"""``kgrec enrich`` on a run that was really trained: dry run, write, list, undo."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from graph_store.open_store import open_store
from graph_store.schema import Label, RelType
from graph_store.store import GraphStore
from tests.cli.command import kgrec
from tests.conftest import TEST_PREFIX
from tests.trained_world import TrainedWorld

Output = pytest.CaptureFixture[str]


@pytest.fixture
def store(trained_world: TrainedWorld, tmp_path: Path) -> Path:
    return Path(shutil.copy(trained_world.store, tmp_path / "g.duckdb"))


def test_vectors_are_written_listed_and_undone(
    trained_world: TrainedWorld, store: Path, capsys: Output
) -> None:
    job = ["enrich", "vectors", "--run", trained_world.run, "--store", store]
    assert kgrec(*job, "--dry-run") == 0
    assert "would write" in capsys.readouterr().out
    assert kgrec(*job, "--json") == 0
    done = json.loads(capsys.readouterr().out)
    with open_store(str(store), read_only=True) as graph:
        keys, rows = graph.read_vectors(Label.ITEM)
    assert len(keys) == done["counts"]["Item"] == trained_world.world.items.height
    assert rows.shape[0] == len(keys)
    assert kgrec("enrich", "list", "--store", store, "--json") == 0
    (entry,) = json.loads(capsys.readouterr().out)
    assert (entry["enrichment_id"], entry["finished"]) == (done["enrichment_id"], True)
    assert kgrec(*job) == 0
    assert "in force already" in capsys.readouterr().out
    assert kgrec("enrich", "undo", done["enrichment_id"], "--store", store) == 0
    assert kgrec("enrich", "list", "--store", store, "--json") == 0
    assert json.loads(capsys.readouterr().out.partition("\n")[2]) == []


def test_similar_items_cross_domains(
    trained_world: TrainedWorld, store: Path, capsys: Output
) -> None:
    args = ["--run", trained_world.run, "--store", store, "--scope", "across", "--floor", "-1"]
    assert kgrec("enrich", "similar-items", *args, "-k", 2, "--json") == 0
    done = json.loads(capsys.readouterr().out)
    with open_store(str(store), read_only=True) as graph:
        rows = graph.read_relationships(RelType.SIMILAR_TO)
    assert rows.height == done["counts"]["SIMILAR_TO"] == 2 * trained_world.world.items.height
    ends = rows.select("source", "target").rows()
    assert all(source.split(":")[0] != target.split(":")[0] for source, target in ends)


def test_undoing_what_never_was_is_one_sentence(store: Path, capsys: Output) -> None:
    assert kgrec("enrich", "undo", "vectors-1", "--store", store) == 3
    assert "no enrichment 'vectors-1'" in capsys.readouterr().err


@pytest.mark.neo4j
def test_the_prefix_of_another_graph_is_bad_input_and_makes_no_graph(
    neo4j_url: str, neo4j_store: Callable[..., GraphStore], capsys: Output
) -> None:
    other = f"{TEST_PREFIX}Never"
    graph = neo4j_store()
    for command in (["enrich", "undo", "r"], ["enrich", "list"], ["forget", "ann"], ["status"]):
        assert kgrec(*command, "--store", neo4j_url, "--label-prefix", other) == 2
        message = capsys.readouterr().err  # the server may hold graphs of other tests too
        assert re.search(rf"there is one with .*--label-prefix {TEST_PREFIX}\b", message)
    labels = graph.query("CALL db.labels() YIELD label RETURN label")["label"].to_list()
    assert f"{other}KgrecStore" not in labels


def test_undoing_and_forgetting_make_no_file(tmp_path: Path, capsys: Output) -> None:
    missing = tmp_path / "none.duckdb"
    for command in (["enrich", "undo", "r"], ["forget", "ann"]):
        assert kgrec(*command, "--store", missing) == 3
        assert "there is no graph" in capsys.readouterr().err
    assert not missing.exists()


@pytest.mark.parametrize(
    ("options", "environment"), [(["--wait", "1"], {}), ([], {"KGREC_WAIT": "1"})]
)
def test_a_server_is_waited_for_as_long_as_was_asked(
    options: list[str], environment: dict[str, str], capsys: Output,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    begun = time.monotonic()
    assert kgrec("status", "--store", "bolt://127.0.0.1:9", *options) == 3
    assert time.monotonic() - begun >= 1
    said = capsys.readouterr().err
    assert "bolt://127.0.0.1:9 does not answer yet; waiting for it" in said
    assert "no Neo4j answers at bolt://127.0.0.1:9" in said
    assert kgrec("status", "--store", "bolt://127.0.0.1:9", "--wait", "-1") == 2
