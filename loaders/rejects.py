"""Rows that cannot be used: kept aside in a file, counted by reason.

In:   rejected rows with file, line and reason.
Out:  a JSON Lines file ``{"file", "line", "reason", "row"}`` in reading order, and counts.

The file is written anew by every start of a job, since every start reads the whole source.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import polars as pl

from loaders.errors import TooManyRejectsError

__all__ = ["COLUMNS", "Reject", "Rejects", "from_frame"]

COLUMNS = ("file", "line", "reason", "row")
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


class Rejects:
    """Writes rejects, counts them, and says when there are too many."""

    def __init__(self, path: Path | None, *, max_fraction: float) -> None:
        self.path = path
        self.max_fraction = max_fraction
        self.by_reason: Counter[str] = Counter()
        self._first: list[Reject] = []
        self._file: IO[str] | None = None

    @property
    def total(self) -> int:
        """Rows rejected so far."""
        return self.by_reason.total()

    def add(self, rejects: Iterable[Reject]) -> None:
        """Keep rows aside."""
        for reject in rejects:
            self.by_reason[reject.reason] += 1
            if len(self._first) < FIRST_FEW:
                self._first.append(reject)
            if self.path is not None:
                self._write(reject)

    def check(self, rows_read: int, *, at_end: bool) -> None:
        """Stop the job when too large a fraction of the rows read cannot be used.

        Raises:
            TooManyRejectsError: The fraction is above ``max_fraction``.
        """
        if not at_end and rows_read < JUDGED_FROM:
            return
        if self.total <= self.max_fraction * rows_read:
            return
        if self._file is not None:
            self._file.flush()
        shown = "; ".join(f"{r.file}:{r.line}: {r.reason}" for r in self._first)
        where = f"; all of them are in {self.path}" if self.path is not None else ""
        raise TooManyRejectsError(
            f"{self.total:,} of {rows_read:,} rows cannot be used, more than the fraction of "
            f"{self.max_fraction:g} that is allowed ({shown}){where}; mend the source, or allow "
            f"more with --max-rejects"
        )

    def close(self) -> None:
        """Finish the file; there is none when nothing was rejected."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, reject: Reject) -> None:
        if self._file is None:
            assert self.path is not None  # noqa: S101 - checked by the only caller
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("w", encoding="utf-8")
        line = {
            "file": reject.file,
            "line": reject.line,
            "reason": reject.reason,
            "row": reject.row[:LONGEST_ROW],
        }
        self._file.write(json.dumps(line, ensure_ascii=False) + "\n")

    def __enter__(self) -> Self:
        # What an earlier start left would otherwise outlive a start without rejects.
        if self.path is not None:
            self.path.unlink(missing_ok=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
