"""A job that dies by signal 9 between two batches completes when it is run again."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from graph_store.open_store import open_store
from graph_store.schema import ENRICHED, Label
from kgrec.enrichment import JOBS, enrichments, undo
from tests.conftest import TEST_PREFIX
from tests.lookup.small import SmallModel, write_to

JOB = """
import sys, time
from graph_store.open_store import open_store
from kgrec.enrichment import JOBS, nearest_items
from tests.lookup.small import SmallModel

nearest_items._BLOCK = 2

def progress(what, done, total):
    print(done, flush=True)
    if done >= 4:
        time.sleep(600)  # until the kill

with open_store(sys.argv[2], label_prefix=sys.argv[3]) as store:
    JOBS[sys.argv[1]](SmallModel(), store, batch_size=2, on_progress=progress)
"""


@pytest.fixture(params=["embedded", pytest.param("neo4j", marks=pytest.mark.neo4j)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """URL and label prefix of an empty store."""
    if request.param == "embedded":
        return str(tmp_path / "g.duckdb"), ""
    empty: Callable[[], Any] = request.getfixturevalue("neo4j_store")
    empty()
    return request.getfixturevalue("neo4j_url"), TEST_PREFIX


@pytest.mark.parametrize("job", JOBS)
def test_a_killed_job_completes_when_it_is_run_again(place: tuple[str, str], job: str) -> None:
    url, prefix = place
    model = SmallModel()
    run_job = JOBS[job]
    with open_store(url, label_prefix=prefix) as store:
        write_to(store, model.snapshot)
        expected = run_job(model, store)
        whole = contents(store)
        undo(store, expected.enrichment_id)
    process = subprocess.Popen(
        [sys.executable, "-c", JOB, job, url, prefix], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    while (line := process.stdout.readline()) and int(line) < 4:
        pass
    process.kill()
    process.communicate()
    with open_store(url, label_prefix=prefix) as store:
        assert [(run.enrichment_id, run.finished) for run in enrichments(store)] == [
            (expected.enrichment_id, False)
        ]
        assert contents(store) != whole
        done = run_job(model, store)
        assert (done.enrichment_id, done.counts) == (expected.enrichment_id, expected.counts)
        assert contents(store) == whole
        undo(store, done.enrichment_id)
        assert enrichments(store) == []


def contents(store: Any) -> list[Any]:
    """All that a job can write: derived relationships of every type, and vectors."""
    kept: list[Any] = [store.read_relationships(rel_type).rows() for rel_type in ENRICHED]
    for label in (Label.ITEM, Label.USER):
        keys, rows = store.read_vectors(label)
        kept.append([keys, rows.tolist()])
    return kept
