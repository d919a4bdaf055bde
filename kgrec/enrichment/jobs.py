"""What every enrichment job shares: its id, its place in the ledger, how it is undone.

In:   a store, what the job was made of, and a function that writes it in batches.
Out:  an :class:`Enrichment` that says what was written under which id.

The id is a hash of the job, its options, the trained run and the part of the graph that the
job reads. So a job that was killed finds its own unfinished run and completes it, and a job
whose result is already in force writes nothing. Nothing here computes what is written.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from graph_store.store import EnrichmentRun, GraphStore
from kgrec.errors import NotFoundError
from kgrec.trained import TrainedModel

__all__ = ["Enrichment", "OnProgress", "apply", "run_id", "runs", "undo"]

log = logging.getLogger(__name__)

OnProgress = Callable[[str, int, int], None]
"""Called with a stage's name, rows done and rows in all."""


@dataclass(frozen=True, slots=True)
class Enrichment:
    """What a job did, or under ``dry_run`` would do."""

    run: str
    job: str
    counts: dict[str, int]
    """Rows written by what they are, e.g. ``{"SIMILAR_TO": 1280}``."""
    left_out: dict[str, int] = field(default_factory=dict)
    """What got nothing, by reason."""
    dry_run: bool = False
    in_force_already: bool = False
    """The same job had been done on the same graph: nothing was written."""
    seconds: float = 0.0


def run_id(job: str, model: TrainedModel, graph: str, options: Mapping[str, Any]) -> str:
    """The id of a job: same run, graph and options, same id."""
    said = json.dumps([job, model.manifest, graph, dict(options)], sort_keys=True, default=str)
    return f"{job}-{hashlib.sha256(said.encode()).hexdigest()[:12]}"


def apply(
    store: GraphStore,
    run: str,
    job: str,
    write: Callable[[str], dict[str, int]],
    *,
    planned: dict[str, int],
    left_out: dict[str, int],
    dry_run: bool = False,
    now: int | None = None,
) -> Enrichment:
    """Enter ``run`` in the ledger, let ``write(run)`` write its batches, close the entry.

    Args:
        store: Where to.
        run: From :func:`run_id`.
        job: Name of the job.
        write: Writes idempotent batches and returns its counts.
        planned: The counts to report under ``dry_run``.
        left_out: What got nothing, by reason.
        dry_run: Write nothing.
        now: Unix seconds; None for the clock.
    """
    begun = time.monotonic()
    of_job = [entry for entry in store.enrichment_runs() if entry.job == job]
    newest = of_job[-1] if of_job else None
    if newest is not None and newest.finished and _stem(newest.run) == run:
        return Enrichment(newest.run, job, newest.counts, left_out, dry_run, in_force_already=True)
    run = _free(run, of_job)
    if dry_run:
        return Enrichment(run, job, planned, left_out, dry_run=True)
    if newest is not None and not newest.finished and newest.run != run:
        log.info("taking back %s, which was begun on another graph and never finished", newest.run)
        store.undo_enrichment(newest.run)
    store.begin_enrichment(run, job, at=int(time.time()) if now is None else now)
    counts = write(run)
    store.finish_enrichment(run, counts)
    return Enrichment(run, job, counts, left_out, seconds=time.monotonic() - begun)


def runs(store: GraphStore) -> list[EnrichmentRun]:
    """All runs that were not undone, oldest first."""
    return store.enrichment_runs()


def undo(store: GraphStore, run: str) -> int:
    """Take back what ``run`` wrote and bring back what was there before it.

    Returns:
        How many relationships and vectors were taken back.

    Raises:
        NotFoundError: No such run.
        GraphStoreError: A later run of the same job stands on it.
    """
    known = [entry.run for entry in store.enrichment_runs()]
    if run not in known:
        there = f"there are {', '.join(known)}" if known else "none was written"
        raise NotFoundError(f"no enrichment {run!r} in {store.url}; {there}")
    return store.undo_enrichment(run)


def _stem(run: str) -> str:
    """``vectors-0123456789ab.2`` is the second time that ``vectors-0123456789ab`` was written."""
    return run.partition(".")[0]


def _free(run: str, of_job: list[EnrichmentRun]) -> str:
    """``run``, or with a number where a later job has since taken its place."""
    finished = {entry.run for entry in of_job if entry.finished}
    name, times = run, 1
    while name in finished:
        times += 1
        name = f"{run}.{times}"
    return name
