"""A job: twice the same, resumed behind its checkpoint, refused where the source is another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from graph_store.errors import CheckpointError
from graph_store.open_store import open_store
from graph_store.schema import Label, RelType
from graph_store.snapshot import take_snapshot
from graph_store.store import GraphStore
from loaders import IngestSummary, SourceChangedError, SourceOptions, ingest, open_source
from loaders.graph_builder import OnProgress
from loaders.staging import STAGES, Staging, stage_name
from loaders.synthetic import planted, write_planted
from tests.loaders.worlds import NOW, load, write_text


class Interrupted(BaseException):  # noqa: N818 - like KeyboardInterrupt
    """Stands for a Ctrl-C."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_planted(planted(num_users=40, tags=True), tmp_path / "set")


def run(
    folder: Path,
    store: GraphStore,
    on_progress: OnProgress = lambda *_: None,
    batch: int = 50,
    *,
    force: bool = False,
) -> IngestSummary:
    return ingest(
        open_source([folder]),
        store,
        on_progress=on_progress,
        batch_size=batch,
        work_dir=folder.parent,
        force=force,
        now=lambda: NOW,
    )


def total(summary: IngestSummary) -> int:
    return sum(summary.nodes.values()) + sum(summary.relationships.values())


def test_twice_is_once_and_the_second_time_says_so(folder: Path, tmp_path: Path) -> None:
    with open_store(str(tmp_path / "g.duckdb")) as store:
        first = run(folder, store)
        fingerprint = take_snapshot(store).fingerprint
        second = run(folder, store, force=True)
        assert take_snapshot(store).fingerprint == fingerprint
        jobs = list(store.jobs())
    assert (first.written, first.unchanged) == (total(first), 0)
    assert (second.written, second.unchanged) == (0, total(first))
    assert first.rows_read == second.rows_read == 288 + 80
    assert first.relationships["INTERACTED"] == 288
    assert [job.job for job in jobs] == [first.job]
    assert jobs[0].finished_at == NOW
    assert jobs[0].summary["unchanged"] == total(first)


def test_what_was_lost_after_a_finished_job_is_written_again_by_force(
    folder: Path, tmp_path: Path
) -> None:
    with open_store(str(tmp_path / "g.duckdb")) as store:
        run(folder, store)
        fingerprint = take_snapshot(store).fingerprint
        lost = store.forget_user("u3")
        again = run(folder, store, force=True)
        assert again.written == lost + 1
        assert take_snapshot(store).fingerprint == fingerprint


def test_the_size_of_batches_plays_no_part_and_the_order_of_rows_is_kept_as_such(
    folder: Path, tmp_path: Path
) -> None:
    found, orders = set(), set()

    def note(store: GraphStore) -> None:
        snapshot = take_snapshot(store)
        found.add(replace(snapshot, order=np.zeros_like(snapshot.order)).fingerprint)
        orders.add(snapshot.fingerprint)

    for number, batch in enumerate((30, 50_000)):
        with open_store(str(tmp_path / f"{number}.duckdb")) as store:
            run(folder, store, batch=batch)
            note(store)
    for name in ("interactions.parquet", "items.parquet"):
        pl.read_parquet(folder / name).sample(fraction=1, shuffle=True, seed=1).write_parquet(
            folder / name
        )
    with open_store(str(tmp_path / "shuffled.duckdb")) as store:
        run(folder, store)
        note(store)
    assert (len(found), len(orders)) == (1, 2)


def test_an_interrupted_job_goes_on_behind_its_checkpoint(folder: Path, tmp_path: Path) -> None:
    def interrupt(stage: str, done: int, total: int) -> None:
        if stage == "relationships:INTERACTED" and done >= 100:
            raise Interrupted

    with open_store(str(tmp_path / "whole.duckdb")) as store:
        whole = run(folder, store)
        fingerprint = take_snapshot(store).fingerprint
    with open_store(str(tmp_path / "g.duckdb")) as store:
        with pytest.raises(Interrupted):
            run(folder, store, interrupt)
        (job,) = store.jobs()
        assert (job.stage, job.offset, job.finished_at) == ("relationships:INTERACTED", 100, None)
        seen: list[tuple[str, int]] = []
        # Another batch size: the checkpoint counts rows, not batches.
        rest = run(folder, store, lambda stage, done, _: seen.append((stage, done)), batch=30)
        assert take_snapshot(store).fingerprint == fingerprint
    assert rest.resumed == total(whole) - 188
    assert rest.written == 188
    assert [s for s in seen if s[0].startswith(("nodes", "relationships"))][-2:] == [
        ("relationships:INTERACTED", 280),
        ("relationships:INTERACTED", 288),
    ]


def test_a_resume_judges_times_by_the_first_start(tmp_path: Path) -> None:
    path = write_text(
        tmp_path / "log.csv", ["user,item,time", "ann,1,1600000000", f"bob,1,{NOW + 3 * 86400:.0f}"]
    )
    store = tmp_path / "g.duckdb"
    first = load(path, domain="d", store=store)
    assert first.summary.rejected == {"time in the future": 1}
    a_week_later: Callable[[], float] = lambda: NOW + 7 * 86_400  # noqa: E731
    again = load(path, domain="d", store=store, now=a_week_later, force=True)
    assert again.summary.rejected == {"time in the future": 1}
    assert again.fingerprint == first.fingerprint


def test_a_changed_file_is_a_new_job(tmp_path: Path) -> None:
    store, path = tmp_path / "g.duckdb", tmp_path / "log.csv"
    first = load(write_text(path, ["user,item", "ann,1"]), domain="d", store=store)
    grown = load(write_text(path, ["user,item", "ann,1", "bob,1"]), domain="d", store=store)
    assert grown.summary.job != first.summary.job
    assert grown.users == ["ann", "bob"]


def test_other_options_are_another_job(tmp_path: Path) -> None:
    path = write_text(tmp_path / "log.csv", ["user,item", "ann,1"])
    jobs = {
        load(path, store=tmp_path / "g.duckdb", **options).summary.job
        for options in ({"domain": "d"}, {"domain": "e"}, {"domain": "d", "kind": "view"})
    }
    assert len(jobs) == 3


def test_a_named_job_refuses_another_source(tmp_path: Path) -> None:
    store, path = tmp_path / "g.duckdb", tmp_path / "log.csv"
    load(write_text(path, ["user,item", "ann,1"]), domain="d", store=store, job="nightly")
    write_text(path, ["user,item", "ann,1", "bob,1"])
    with pytest.raises(CheckpointError, match="nightly"):
        load(path, domain="d", store=store, job="nightly")


def test_a_file_that_changes_while_it_is_read_stops_the_job(tmp_path: Path) -> None:
    path = write_text(tmp_path / "log.csv", ["user,item", "ann,1"])

    def append(stage: str, done: int, total: int) -> None:
        if stage == "reading":
            with path.open("a") as file:
                file.write("bob,1\n")

    source = open_source([path], options=SourceOptions(domain="d"))
    with open_store(str(tmp_path / "g.duckdb")) as store:
        with pytest.raises(SourceChangedError, match="nothing was written"):
            ingest(source, store, on_progress=append, work_dir=tmp_path)
        assert store.counts().nodes["User"] == 0


def test_progress_reaches_its_total_in_every_stage(folder: Path, tmp_path: Path) -> None:
    last: dict[str, tuple[int, int]] = {}
    with open_store(str(tmp_path / "g.duckdb")) as store:
        run(folder, store, lambda stage, done, total: last.update({stage: (done, total)}))
    stages = [stage_name(s) for s in STAGES if s is not RelType.SAME_AS]
    assert list(last) == ["reading", "merging", *stages]
    assert all(done == total for done, total in last.values())


def test_later_sources_add_to_the_graph_and_older_news_do_not_win(tmp_path: Path) -> None:
    store = tmp_path / "g.duckdb"
    header = "user,item,rating,time"
    newer = write_text(tmp_path / "newer.csv", [header, "ann,1,5,200"])
    older = write_text(tmp_path / "older.csv", [header, "ann,1,1,100", "bob,2,1,100"])
    load(newer, domain="d", store=store, rating_scale=5, time_unit="s")
    graph = load(older, domain="d", store=store, rating_scale=5, time_unit="s")
    assert graph.one(source="ann")["weight"] == 1.0
    assert graph.one(source="bob")["weight"] == 0.2
    assert graph.with_order.filter(source="ann").select("at", "first_at").rows() == [(200, 100)]
    assert (graph.summary.written, graph.summary.unchanged) == (5, 4)  # the first time is news


def test_staging_gives_every_row_once_whatever_the_slices(tmp_path: Path) -> None:
    records = pl.DataFrame(
        {
            "line": range(1000),
            "user": [f"u{n % 97}" for n in range(1000)],
            "item": [f"d:{n % 89}" for n in range(1000)],
            "kind": ["view"] * 1000,
            "rating": [None] * 1000,
            "at": [None] * 1000,
            "order": [None] * 1000,
            "event": [None] * 1000,
        }
    )
    with Staging(tmp_path / "it's here") as staging:
        staging.add("interactions", records[:600])
        staging.add("interactions", records[600:])
        staging.merge({})
        count = staging.count(RelType.INTERACTED)
        assert count == records.n_unique(["user", "item"])
        whole = staging.slice(RelType.INTERACTED, 0, count)
        parts = [
            staging.slice(RelType.INTERACTED, first, min(first + 70, count))
            for first in range(0, count, 70)
        ]
        assert pl.concat(parts).equals(whole)
        assert whole.equals(whole.sort("source", "target"))
        assert whole["count"].sum() == 1000
        assert staging.items_without_text() == staging.count(Label.ITEM) == 89
    assert not (tmp_path / "it's here").exists()
