"""Records become a graph: read, check, stage, write; resumable after any kill.

In:   a :class:`loaders.source.Source` and a store.
Out:  the graph in the store, an :class:`IngestSummary`, and a file of rows that were left aside.

The way of a job:

1. It is entered in the store's ledger under an id made of the source's bytes and options.
2. The whole source is read, checked and staged (:mod:`loaders.staging`); too many bad rows stop
   here, before anything is written.
3. Nodes, then relationships are written in the order of their keys, each batch and its checkpoint
   in one transaction. A job begun before goes on behind its checkpoint.

The same source gives the same batches, so killed and started again gives the same graph. A source
whose job is finished is known by the id and is not read again, unless it is forced: then every row
is written again, and the store says which were news.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from graph_store.properties import check_declared
from graph_store.schema import Label, RelType
from graph_store.store import Checkpoint, GraphStore, Job, Written
from loaders.checks import Rules, check
from loaders.errors import BadSourceError, SourceChangedError
from loaders.ratings import DomainScale, doubts
from loaders.rejects import Rejects, from_frame
from loaders.source import Source, Table
from loaders.staging import STAGES, Staging, stage_name
from loaders.summary import IngestSummary, summary_of_finished
from loaders.times import DAY

__all__ = ["DEFAULT_MAX_REJECTS", "IngestSummary", "OnProgress", "ingest"]

log = logging.getLogger(__name__)

DEFAULT_MAX_REJECTS = 0.01
_CHANGED = (
    "a file of the source changed while it was read; nothing was written, run the ingest again "
    "when nothing writes to it"
)
LIKE_MISSING = "users and items with an id such as nan or null, which was taken as it is"
BATCH_ROWS = 50_000

OnProgress = Callable[[str, int, int], None]
"""Called with a stage's name, how much of it is done, and its total (bytes, then rows)."""


def ingest(
    source: Source,
    store: GraphStore,
    *,
    on_progress: OnProgress = lambda stage, done, total: None,
    batch_size: int = BATCH_ROWS,
    max_rejects: float = DEFAULT_MAX_REJECTS,
    rejects_path: Path | None = None,
    work_dir: Path | None = None,
    job: str | None = None,
    force: bool = False,
    memory_limit: str = "128MB",
    now: Callable[[], float] = time.time,
) -> IngestSummary:
    """Write a source into a store.

    Args:
        source: See :func:`loaders.opening.open_source`.
        store: Where the graph goes; one process writes to it at a time.
        on_progress: Told how far each stage is.
        batch_size: Rows a transaction.
        max_rejects: Share of rows that may be left aside; above it nothing is written.
        rejects_path: JSON Lines file for rows left aside, each with job, file, line and reason;
            rejects of other jobs in it stay. None: rows left aside are counted, and a warning
            is logged.
        work_dir: Where the staging folder is made and removed; None: the system's temporary folder.
        job: A name for the job. By default the bytes and options are the name, so that a changed
            file is a new job; under a name given here a changed file is refused.
        force: Read and write a source again that the ledger knows as finished. Otherwise nothing
            is done, and the summary has ``already_ingested_at``.
        memory_limit: Memory that the staging may take, e.g. ``128MB``.
        now: The clock.

    Raises:
        BadSourceError: A file cannot be read, or ``rejects_path`` is a file of the source.
        TooManyRejectsError: See ``max_rejects``.
        SourceChangedError: A file changed while it was read; nothing was written.
        CheckpointError: ``job`` was begun with other files or options.
        BadRowsError: The graph has an item property of this name and another type.
    """
    started = time.monotonic()
    if rejects_path is not None:
        _refuse_source_as_rejects(source, rejects_path)
    stamps = source.stamps()  # before the bytes are read: what changes later is noticed
    content = _hash(source.fingerprint(), source.meaning())
    name = job if job is not None else f"ingest-{content[:16]}"
    entry = store.begin_job(name, kind="ingest", source=content, now=int(now()))
    if not force:
        done = summary_of_finished(entry, seconds=_since(started))
        if done is not None:
            return done
    folder = (work_dir or Path(tempfile.gettempdir())) / _staging_name(name, store)
    properties = {name: one.type for name, one in source.options.item_properties.items()}
    check_declared(properties, store.item_properties())  # before a long log is read
    with Staging(
        folder,
        memory_limit=memory_limit,
        keep_events=source.options.keep_events,
        properties=properties,
    ) as staging:
        with Rejects(rejects_path, job=name, max_fraction=max_rejects) as rejects:
            read = _Reading(source, staging, rejects, on_progress)
            # By the first start, so that a resume next week judges the same rows alike.
            read.all(latest=entry.started_at + DAY)
            if source.stamps() != stamps:
                raise SourceChangedError(_CHANGED)
        rejects.warn_if_not_kept()
        scales = _merge(staging, source, store, name, on_progress)
        if properties:
            store.declare_item_properties(properties)
        written, resumed = _write(staging, store, entry, content, batch_size, on_progress)
        summary = replace(
            _summary(read, name, content, written, resumed, scales),
            rejects_path=str(rejects_path) if rejects.total and rejects_path else None,
            seconds=_since(started),
        )
    store.finish_job(name, now=int(now()), summary=summary.to_dict())
    return summary


def _merge(
    staging: Staging, source: Source, store: GraphStore, job: str, on_progress: OnProgress
) -> dict[str, DomainScale]:
    """Settle the rating scale of each domain, and make facts of the staged rows by it."""
    on_progress("merging", 0, 1)
    rated = staging.rated()
    scales = source.scales.settle(rated)
    for sentence in doubts(scales, rated, _earlier_scales(store, but=job)):
        log.warning(sentence)
    staging.merge({domain: scale.scale for domain, scale in scales.items()})
    on_progress("merging", 1, 1)
    return scales


def _summary(
    read: _Reading,
    job: str,
    content: str,
    written: Written,
    resumed: int,
    scales: dict[str, DomainScale],
) -> IngestSummary:
    """What was read and became of it, while the staging is open; without the place of rejects."""
    staging, rejects = read.staging, read.rejects
    if like_missing := staging.ids_like_missing():
        read.remarks[LIKE_MISSING] = like_missing
    return IngestSummary(
        job=job,
        source=content,
        rows_read=read.rows,
        rows_rejected=rejects.total,
        rejected=dict(sorted(rejects.by_reason.items())),
        rejects_path=None,
        remarks={what: count for what, count in sorted(read.remarks.items()) if count},
        nodes={s.value: staging.count(s) for s in STAGES if isinstance(s, Label)},
        relationships={s.value: staging.count(s) for s in STAGES if isinstance(s, RelType)},
        written=written.written,
        unchanged=written.unchanged,
        resumed=resumed,
        rating_scales=scales,
        times=list(staging.times),
        items_without_text=staging.items_without_text(),
        without_value=read.without_value,
        already_ingested_at=None,
        seconds=0.0,
    )


@dataclass
class _Reading:
    """Takes the tables of a source into the staging."""

    source: Source
    staging: Staging
    rejects: Rejects
    on_progress: OnProgress
    rows: int = field(default=0, init=False)
    bytes_before: int = field(default=0, init=False)
    without_value: dict[str, list[str]] = field(default_factory=dict, init=False)
    remarks: Counter[str] = field(default_factory=Counter, init=False)

    def all(self, *, latest: int) -> None:
        """Read every table; ``rows`` is then the number of rows, bad ones included."""
        for table in self.source.tables:
            self._table(table, self._rules(table, latest))
            self.bytes_before += table.path.stat().st_size
        self.rejects.check(self.rows, at_end=True)

    def _rules(self, table: Table, latest: int) -> Rules:
        return Rules(
            latest=latest,
            domain=table.domain,
            platform=self.source.options.platform,
            kind=table.kind,
            time_unit=table.time_unit,
            time_unit_is_given=self.source.options.time_unit is not None,
            scales=self.source.scales,
            tag_separator=table.tag_separator,
        )

    def _table(self, table: Table, rules: Rules) -> None:
        total, size = self.source.total_bytes, table.path.stat().st_size
        without_value: tuple[str, ...] = ()
        for rows in table.fields():
            without_value = rows.without_value
            if rows.bytes_done > size:  # a log that is being written could be followed for ever
                raise SourceChangedError(_CHANGED)
            good, bad, remarks = check(table.role, rows.frame, rules)
            self.remarks.update(remarks)
            faults = [*rows.faults, *from_frame(bad, table.path.name)]
            self.rejects.add(sorted(faults, key=lambda reject: reject.line))
            self.staging.add(table.role, good)
            self.rows += len(rows.frame) + len(rows.faults)
            self.rejects.check(self.rows, at_end=False)
            self.on_progress("reading", min(total, self.bytes_before + rows.bytes_done), total)
        if without_value:
            self.without_value[table.path.name] = list(without_value)


def _write(
    staging: Staging,
    store: GraphStore,
    entry: Job,
    content: str,
    batch_size: int,
    on_progress: OnProgress,
) -> tuple[Written, int]:
    """Write all stages; return what became of the rows, and how many were there already."""
    # A finished job has nothing to resume: all is written again, and its first checkpoint opens
    # the job anew, so that one that is killed now is not taken for finished.
    finished = entry.finished_at is not None
    names = [stage_name(stage) for stage in STAGES]
    resume_at = names.index(entry.stage) if entry.stage in names and not finished else -1
    written, resumed = Written(), 0
    for place, stage in enumerate(STAGES):
        total = staging.count(stage)
        first = total if place < resume_at else entry.offset if place == resume_at else 0
        resumed += first
        if total:
            on_progress(names[place], first, total)
        while first < total:
            last = min(first + batch_size, total)
            checkpoint = Checkpoint(entry.job, content, names[place], last)
            batch = staging.slice(stage, first, last)
            if isinstance(stage, Label):
                written += store.upsert_nodes(stage, batch, checkpoint=checkpoint)
            else:
                written += store.upsert_relationships(stage, batch, checkpoint=checkpoint)
            first = last
            on_progress(names[place], first, total)
    if resumed:
        log.info("%s went on behind %s rows that were in the store already", entry.job, resumed)
    return written, resumed


def _refuse_source_as_rejects(source: Source, path: Path) -> None:
    """Rejects are appended to their file: it must not be one that is to be read."""
    if path.exists() and any(path.samefile(table.path) for table in source.tables):
        raise BadSourceError(
            f"rows that cannot be used would be written into {path}, a file of the source; name "
            f"another file with --rejects"
        )


def _earlier_scales(store: GraphStore, *, but: str) -> dict[str, float]:
    """Rating scale of each domain in the last source that was ingested before."""
    summaries = [job.summary for job in store.jobs() if job.kind == "ingest" and job.job != but]
    return {
        domain: float(scale["scale"])
        for summary in summaries
        for domain, scale in summary.get("rating_scales", {}).items()
        if scale["ratings"]
    }


def _since(started: float) -> float:
    return round(time.monotonic() - started, 3)


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _staging_name(job: str, store: GraphStore) -> str:
    return f"kgrec-staging-{_hash(job, store.url)[:16]}"
