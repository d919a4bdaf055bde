"""What an ingest read and what became of it; kept in the store's ledger as well.

In:   counts of a job that has just ended, or the ledger's entry of one that ended before.
Out:  an :class:`IngestSummary`, always of the same shape.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from graph_store.store import Job
from loaders.ratings import DomainScale

__all__ = ["IngestSummary", "summary_of_finished"]


@dataclass(frozen=True, slots=True)
class IngestSummary:
    """What an ingest read and what became of it."""

    job: str
    source: str
    """Fingerprint of the files."""
    rows_read: int
    """Rows of all files, bad ones included."""
    rows_rejected: int
    rejected: dict[str, int]
    """Rows left aside, by reason."""
    rejects_path: str | None
    """The file that was given for them; None when every row could be used, or none was given."""
    remarks: dict[str, int]
    """Values that were changed, or that look wrong and were taken, by what is said of them."""
    nodes: dict[str, int]
    """Distinct nodes of the source by label."""
    relationships: dict[str, int]
    """Distinct relationships of the source by type."""
    written: int
    """Nodes and relationships that were new to the store, or changed."""
    unchanged: int
    resumed: int
    """Nodes and relationships that an earlier, interrupted start had already written."""
    rating_scales: dict[str, DomainScale]
    """The rating that weighs 1, for each domain with ratings, and where it is from."""
    times: list[int]
    """Unix seconds of the earliest and the latest interaction; empty when none has a time."""
    items_without_text: int
    """Items that no catalogue describes; they are kept."""
    without_value: dict[str, list[str]]
    """Columns that the map or the format names and in which no row has a value, by file."""
    already_ingested_at: int | None
    """Unix seconds when this source had been ingested, so that nothing was done now: the counts
    are those of then, ``written``, ``unchanged`` and ``resumed`` are 0. None: it was read now."""
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """For ``--json`` and the job ledger."""
        return asdict(self)


def summary_of_finished(entry: Job, *, seconds: float) -> IngestSummary | None:
    """The summary of a job that was finished before: nothing is written now.

    Args:
        entry: The job's entry in the ledger.
        seconds: What it took to find that out.

    Returns:
        None if the job is not finished, or if its entry is not one of an ingest.
    """
    names = {field.name for field in fields(IngestSummary)}
    if entry.finished_at is None or set(entry.summary) != names:
        return None
    kept = dict(entry.summary)
    scales = {domain: _read_scale(scale) for domain, scale in kept.pop("rating_scales").items()}
    return replace(
        IngestSummary(**kept, rating_scales=scales),
        rejects_path=None,  # the file may have been moved since
        written=0,
        unchanged=0,
        resumed=0,
        already_ingested_at=entry.finished_at,
        seconds=seconds,
    )


def _read_scale(kept: dict[str, Any]) -> DomainScale:
    """A scale as the ledger has it; entries of an earlier version call a format a form."""
    origin = "format" if kept["origin"] == "form" else kept["origin"]
    return DomainScale(**{**kept, "origin": origin})
