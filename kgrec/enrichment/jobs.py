"""What every enrichment job shares: its id, its place in the ledger, how it is undone.

In:   a store, what the job was made of, and a function that writes it in batches.
Out:  an :class:`Enrichment` that says what was written under which id.

The id is a hash of the job, its options, the trained run and the part of the graph that the
job reads. So a job that was killed finds its own unfinished enrichment and completes it, and a job
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

from graph_store.store import EnrichmentEntry, GraphStore
from kgrec.errors import NotFoundError
from kgrec.trained import TrainedModel

__all__ = ["Enrichment", "OnProgress", "apply", "enrichment_id", "enrichments", "undo"]

log = logging.getLogger(__name__)

OnProgress = Callable[[str, int, int], None]
"""Called with a stage's name, rows done and rows in all."""


@dataclass(frozen=True, slots=True)
class Enrichment:
    """What a job did, or under ``dry_run`` would do."""

    enrichment_id: str
    job: str
    counts: dict[str, int]
    """Rows written by what they are, e.g. ``{"SIMILAR_TO": 1280}``."""
    left_out: dict[str, int] = field(default_factory=dict)
    """What got nothing, by reason."""
    dry_run: bool = False
    in_force_already: bool = False
    """The same job had been done on the same graph: nothing was written."""
    seconds: float = 0.0


def enrichment_id(job: str, model: TrainedModel, graph: str, options: Mapping[str, Any]) -> str:
    """Id of an enrichment: the same run, graph and options give the same id.

    Args:
        job: Name of the job.
        model: The trained run.
        graph: A hash of what the job reads of the graph.
        options: The options that change the result.
    """
    said = json.dumps([job, model.manifest, graph, dict(options)], sort_keys=True, default=str)
    return f"{job}-{hashlib.sha256(said.encode()).hexdigest()[:12]}"


def apply(
    store: GraphStore,
    enrichment: str,
    job: str,
    write: Callable[[str], dict[str, int]],
    *,
    planned: dict[str, int],
    left_out: dict[str, int],
    dry_run: bool = False,
    now: int | None = None,
) -> Enrichment:
    """Enter an enrichment in the ledger, let ``write(id)`` write its batches, close the entry.

    Args:
        store: The graph that is written to.
        enrichment: Its id, from :func:`enrichment_id`.
        job: Name of the job.
        write: Writes idempotent batches and returns its counts.
        planned: The counts to report under ``dry_run``.
        left_out: What got nothing, by reason.
        dry_run: Write nothing.
        now: Unix seconds; None for the clock.
    """
    begun = time.monotonic()
    of_job = [entry for entry in store.enrichments() if entry.job == job]
    newest = of_job[-1] if of_job else None
    if newest is not None and newest.finished and _stem(newest.enrichment_id) == enrichment:
        known = newest.enrichment_id
        return Enrichment(known, job, newest.counts, left_out, dry_run, in_force_already=True)
    enrichment = _free(enrichment, of_job)
    if dry_run:
        return Enrichment(enrichment, job, planned, left_out, dry_run=True)
    if newest is not None and not newest.finished and newest.enrichment_id != enrichment:
        other = newest.enrichment_id
        log.info("taking back %s, which was begun on another graph and never finished", other)
        store.undo_enrichment(other)
    store.begin_enrichment(enrichment, job, at=int(time.time()) if now is None else now)
    counts = write(enrichment)
    store.finish_enrichment(enrichment, counts)
    return Enrichment(enrichment, job, counts, left_out, seconds=time.monotonic() - begun)


def enrichments(store: GraphStore) -> list[EnrichmentEntry]:
    """All enrichments that were not undone, oldest first."""
    return store.enrichments()


def undo(store: GraphStore, enrichment: str) -> int:
    """Take back what an enrichment wrote and bring back what was there before it.

    Args:
        store: Where it was written.
        enrichment: Its id.

    Returns:
        How many relationships and vectors were taken back.

    Raises:
        NotFoundError: No such enrichment.
        GraphStoreError: A later enrichment of the same job stands on it.
    """
    known = [entry.enrichment_id for entry in store.enrichments()]
    if enrichment not in known:
        there = f"there are {', '.join(known)}" if known else "none was written"
        raise NotFoundError(f"no enrichment {enrichment!r} in {store.url}; {there}")
    return store.undo_enrichment(enrichment)


def _stem(enrichment: str) -> str:
    """``vectors-0123456789ab.2`` is the second time that ``vectors-0123456789ab`` was written."""
    return enrichment.partition(".")[0]


def _free(enrichment: str, of_job: list[EnrichmentEntry]) -> str:
    """The id, with a number where a later job has since taken its place."""
    finished = {entry.enrichment_id for entry in of_job if entry.finished}
    name, times = enrichment, 1
    while name in finished:
        times += 1
        name = f"{enrichment}.{times}"
    return name
