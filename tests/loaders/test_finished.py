"""A source that was ingested before is known by its bytes and options."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import pytest

from graph_store.open_store import open_store
from graph_store.store import Job
from loaders import DomainScale, IngestSummary, SourceOptions, ingest, open_source
from loaders.summary import summary_of_finished
from tests.loaders.worlds import NOW, load, write_text


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return write_text(tmp_path / "log.csv", ["user,item,rating", "ann,1,4", ",1,4"])


def test_a_finished_source_is_neither_read_nor_written_again(log: Path, tmp_path: Path) -> None:
    store, rejects = tmp_path / "g.duckdb", tmp_path / "r.jsonl"
    first = load(log, domain="d", store=store, rejects_path=rejects)
    stages: list[str] = []
    with open_store(str(store)) as graph:
        again = ingest(
            open_source([log], options=SourceOptions(domain="d")),
            graph,
            on_progress=lambda stage, done, total: stages.append(stage),
            rejects_path=rejects,
            work_dir=tmp_path,
            now=lambda: NOW + 10_000,
        )
        (job,) = graph.jobs()
    assert stages == []
    assert again.already_ingested_at == int(NOW) == job.finished_at
    assert (again.written, again.unchanged, again.resumed) == (0, 0, 0)
    assert again.rejected == first.summary.rejected == {"no user id": 1}
    assert again.rating_scales == first.summary.rating_scales
    shape = json.loads(json.dumps(again.to_dict()))
    assert shape.keys() == first.summary.to_dict().keys()
    assert rejects.exists(), "the rows that were kept aside then are still there"


def test_a_ledger_of_an_earlier_version_names_the_origin_of_a_scale_otherwise() -> None:
    scale = {"scale": 5.0, "origin": "form", "ratings": 1}
    filled = {field.name: 0 for field in fields(IngestSummary)} | {"rating_scales": {"d": scale}}
    entry = Job("j", "ingest", "s", "", 0, started_at=1, finished_at=2, summary=filled)
    read = summary_of_finished(entry, seconds=0.0)
    assert read is not None
    assert read.rating_scales == {"d": DomainScale(5.0, "format", 1)}


def test_a_forgotten_user_does_not_come_back_by_the_same_command(log: Path, tmp_path: Path) -> None:
    store = tmp_path / "g.duckdb"
    load(log, domain="d", store=store)
    with open_store(str(store)) as graph:
        graph.forget_user("ann")
    assert load(log, domain="d", store=store).users == []
    forced = load(log, domain="d", store=store, force=True)
    assert forced.users == ["ann"]
    assert forced.summary.already_ingested_at is None


def test_other_bytes_and_options_and_stores_are_read(log: Path, tmp_path: Path) -> None:
    store = tmp_path / "g.duckdb"
    load(log, domain="d", store=store)
    assert load(log, domain="e", store=store).summary.already_ingested_at is None
    assert load(log, domain="d", store=tmp_path / "h.duckdb").summary.already_ingested_at is None
    scaled = load(log, domain="d", store=store, rating_scale={"d": 10})
    assert scaled.one(target="d:1")["weight"] == 0.4
    log.write_text("user,item\nbob,1\n", encoding="utf-8")
    assert "bob" in load(log, domain="d", store=store).users


def test_a_forced_job_that_is_stopped_is_not_taken_for_finished(log: Path, tmp_path: Path) -> None:
    store = tmp_path / "g.duckdb"
    load(log, domain="d", store=store)

    def stop(stage: str, done: int, total: int) -> None:
        if stage == "nodes:Item":
            raise KeyboardInterrupt

    source = open_source([log], options=SourceOptions(domain="d"))
    with open_store(str(store)) as graph, pytest.raises(KeyboardInterrupt):
        ingest(source, graph, on_progress=stop, force=True, max_rejects=1, work_dir=tmp_path)
    rest = load(log, domain="d", store=store)
    assert rest.summary.already_ingested_at is None
    assert rest.summary.resumed == 2  # the domain and the user


def test_a_source_that_was_read_by_other_rules_is_read_again(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "g.duckdb"
    with monkeypatch.context() as earlier:
        earlier.setattr("loaders.source.READING_VERSION", 1)
        load(log, domain="d", store=store)
    assert load(log, domain="d", store=store).summary.already_ingested_at is None
