"""Rows that cannot be used: kept aside in a file, counted by reason.

In:   rejected rows with file, line and reason.
Out:  a JSON Lines file ``{"job", "file", "line", "reason", "row"}`` in reading order, and counts.

One file holds the rejects of several ingests. Each start of a job reads its whole source, so it
replaces the lines of its own job; those of other jobs stay.
"""

from __future__ import annotations

import json
import logging
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import polars as pl

from graph_store.export_files import writing_file
from loaders.errors import TooManyRejectsError

__all__ = ["COLUMNS", "Reject", "Rejects", "from_frame", "is_rejects_file"]

log = logging.getLogger(__name__)

COLUMNS = ("job", "file", "line", "reason", "row")
"""What each line of the file holds."""

LONGEST_ROW = 2_000
"""Characters of a line that are kept; enough to find it again."""
FIRST_FEW = 3
_FIRST_DAY, _END_OF_YEARS = -719_162, 2_932_897
"""Days from 1970-01-01 to 0001-01-01 and to the first day of the year 10000."""
JUDGED_FROM = 100_000
"""Rows after which a job may be stopped before its end; sooner, a few bad rows weigh too much."""


@dataclass(frozen=True, slots=True)
class Reject:
    """One row that cannot be used."""

    file: str
    line: int
    """Line of a text file, from 1, the header included; row of a Parquet file, from 1."""
    reason: str
    row: str
    """The line as it was, or the row's columns as JSON."""


def is_rejects_file(columns: Iterable[str]) -> bool:
    """Whether a file with these columns holds rejects of an earlier ingest.

    Example:
        >>> is_rejects_file(["reason", "row", "line", "file", "job"]), is_rejects_file(["file"])
        (True, False)
    """
    return set(columns) | {"job"} == set(COLUMNS)  # files of earlier versions name no job


def from_frame(frame: pl.DataFrame, file: str) -> list[Reject]:
    """Rejects of checked rows: ``line`` and ``reason``, every other column is the row."""
    columns = [name for name in frame.columns if name not in ("line", "reason")]
    frame = frame.with_columns(
        _shown_time(name, frame.schema[name])
        for name in columns
        if frame.schema[name].is_temporal()
    )
    return [
        Reject(
            file,
            row["line"],
            row["reason"],
            json.dumps({c: row[c] for c in columns}, ensure_ascii=False, default=str),
        )
        for row in frame.iter_rows(named=True)
    ]


def _shown_time(name: str, dtype: pl.DataType) -> pl.Expr:
    """A date or time as text; where it has no year of four digits, the number that is stored."""
    unit = dtype.time_unit if isinstance(dtype, pl.Datetime) else None
    per_day = 1 if unit is None else 86_400 * {"ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    stored = pl.col(name).to_physical().cast(pl.Int64)
    has_year = stored.is_between(_FIRST_DAY * per_day, _END_OF_YEARS * per_day, closed="left")
    # Polars panics when it is asked for the text of the others.
    return pl.when(has_year).then(pl.col(name)).cast(pl.String).fill_null(stored.cast(pl.String))


def _ends_a_line(path: Path) -> bool:
    """Whether a file is empty or ends with a line break."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - 1, 0))
        return file.read(1) in (b"", b"\n")


class Rejects:
    """Writes rejects, counts them, and says when there are too many."""

    def __init__(self, path: Path | None, *, job: str, max_share: float) -> None:
        """Read and write nothing yet.

        Args:
            path: The file, which may hold rejects of other jobs; None: rejects are counted only.
            job: Name of the job, which stands in each of its lines.
            max_share: Share of the rows that may be rejected.
        """
        self.path = path
        self.job = job
        self.max_share = max_share
        self.by_reason: Counter[str] = Counter()
        self._first: list[Reject] = []
        self._file: BinaryIO | None = None

    @property
    def total(self) -> int:
        """Rows rejected so far."""
        return self.by_reason.total()

    def add(self, rejects: Iterable[Reject]) -> None:
        """Keep rows aside."""
        lines = []
        for reject in rejects:
            self.by_reason[reject.reason] += 1
            if len(self._first) < FIRST_FEW:
                self._first.append(reject)
            if self.path is not None:
                lines.append(self._line(reject))
        if lines:
            self._write("".join(lines).encode())

    def check(self, rows_read: int, *, at_end: bool) -> None:
        """Stop the job when too large a share of the rows read cannot be used.

        Raises:
            TooManyRejectsError: The share is above ``max_share``.
        """
        if not at_end and rows_read < JUDGED_FROM:
            return
        if self.total <= self.max_share * rows_read:
            return
        shown = "; ".join(f"{r.file}:{r.line}: {r.reason}" for r in self._first)
        where = f"; all of them are in {self.path}, job {self.job}" if self.path is not None else ""
        raise TooManyRejectsError(
            f"{self.total:,} of {rows_read:,} rows cannot be used, more than the share of "
            f"{self.max_share:g} that is allowed ({shown}){where}; mend the source, or allow "
            f"more with --max-rejects"
        )

    def warn_if_not_kept(self) -> None:
        """Log how many rows are left out, and how to keep them, where there is no file."""
        if self.path is not None or not self.total:
            return
        reasons = "; ".join(f"{reason}: {n:,}" for reason, n in self.by_reason.most_common())
        log.warning(
            "%s rows cannot be used and were left out (%s); give ingest() a rejects_path, and it "
            "writes each of them there with its file, line and reason",
            f"{self.total:,}",
            reasons,
        )

    def close(self) -> None:
        """Finish the file; there is none when nothing was rejected."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _line(self, reject: Reject) -> str:
        line = {
            "job": self.job,
            "file": reject.file,
            "line": reject.line,
            "reason": reject.reason,
            "row": reject.row[:LONGEST_ROW],
        }
        return json.dumps(line, ensure_ascii=False) + "\n"

    def _write(self, lines: bytes) -> None:
        if self._file is None:
            assert self.path is not None  # noqa: S101 - checked by the only caller
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Whole lines in one call each, so that another ingest may append beside this one.
            self._file = self.path.open("ab", buffering=0)
            if not _ends_a_line(self.path):  # of a job that a full disk or a cut of power stopped
                lines = b"\n" + lines
        while lines:  # a full disk takes a part first and refuses the rest
            lines = lines[self._file.write(lines) :]

    def _remove_own_lines(self, path: Path) -> None:
        """Take out what an earlier start of the same job wrote; the file too, if that was all."""
        own = f'{{"job": {json.dumps(self.job, ensure_ascii=False)}, '.encode()
        with path.open("rb") as old:
            if not any(line.startswith(own) for line in old):
                return
        others = 0
        with path.open("rb") as old, writing_file(path) as aside, aside.open("wb") as new:
            for line in old:
                if not line.startswith(own):
                    others += new.write(line)
        if not others:
            path.unlink()

    def __enter__(self) -> Self:
        if self.path is not None and self.path.exists():
            self._remove_own_lines(self.path)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
