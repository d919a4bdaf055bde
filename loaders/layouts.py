"""How rows lie in a file: what every layout gives, and Parquet, read in batches.

In:   a path and the columns that are wanted.
Out:  :class:`Rows` after :class:`Rows`: a frame with ``line`` and those columns, and the rows
      that are not even rows (broken encoding, wrong number of fields, no JSON).

Delimited text is in :mod:`loaders.delimited`, JSON Lines in :mod:`loaders.json_lines`. Values keep
the type the file gives them; what they mean is for :mod:`loaders.checks`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import polars as pl
import polars.selectors as cs
import pyarrow.parquet as pq
from pyarrow import lib as arrow

from loaders.errors import BadSourceError
from loaders.rejects import Reject

__all__ = ["Layout", "Parquet", "Rows"]

PARQUET_ROWS = 65_536


@dataclass(slots=True)
class Rows:
    """One batch of a file."""

    frame: pl.DataFrame
    faults: list[Reject] = field(default_factory=list)
    bytes_done: int = 0
    without_value: tuple[str, ...] = ()
    """Columns that should be there and have held nothing, in this batch and all before."""


class Layout(Protocol):
    """Reads one kind of file."""

    def columns(self, path: Path) -> list[str]:
        """The names of the columns that a file has.

        Raises:
            BadSourceError: The file cannot be read as this layout.
        """
        ...

    def read(self, path: Path, wanted: Sequence[str]) -> Iterator[Rows]:
        """All rows, batch after batch, with the wanted columns.

        Raises:
            BadSourceError: The file is damaged.
        """
        ...


@dataclass(frozen=True, slots=True)
class Parquet:
    """Parquet; columns keep their types."""

    def columns(self, path: Path) -> list[str]:
        with _parquet(path) as file:
            return list(file.schema_arrow.names)

    def read(self, path: Path, wanted: Sequence[str]) -> Iterator[Rows]:
        first = 1
        with _parquet(path) as file:
            size, total = path.stat().st_size, max(1, file.metadata.num_rows)
            batches = file.iter_batches(
                batch_size=PARQUET_ROWS, columns=list(dict.fromkeys(wanted)), use_threads=False
            )
            while True:
                try:
                    batch = next(batches, None)
                except (arrow.ArrowException, OSError) as error:
                    raise BadSourceError(f"{path} is damaged ({error}); get it anew") from error
                if batch is None:
                    return
                frame = _frame(path, batch)
                lines = pl.int_range(first, first + len(frame), dtype=pl.Int64, eager=True)
                first += len(frame)
                yield Rows(
                    frame.select(lines.alias("line"), *wanted),
                    bytes_done=size * (first - 1) // total,
                )


def _frame(path: Path, batch: arrow.RecordBatch) -> pl.DataFrame:
    """A batch as a frame; texts that lie in a dictionary (pandas' categories) are texts."""
    types = ", ".join(f"{field.name}: {field.type}" for field in batch.schema)
    cure = "write it as text, numbers or lists of texts"
    # At such a column Polars panics, which is no error that could be caught as one.
    if "decimal256" in types:
        raise BadSourceError(f"{path} has a column of a type that cannot be read ({types}); {cure}")
    try:
        frame = pl.DataFrame(arrow.Table.from_batches([batch]))
    except (pl.exceptions.PolarsError, arrow.ArrowException, NotImplementedError) as error:
        raise BadSourceError(
            f"{path} has a column of a type that cannot be read ({types}: {error}); {cure}"
        ) from error
    return frame.with_columns((cs.categorical() | cs.enum()).cast(pl.String))


def _parquet(path: Path) -> pq.ParquetFile:
    try:
        # Row groups are read through a small buffer, never whole.
        return pq.ParquetFile(path, buffer_size=1 << 20, pre_buffer=False)  # type: ignore[no-untyped-call]
    except (arrow.ArrowException, OSError) as error:
        raise BadSourceError(f"{path} cannot be read as Parquet ({error})") from error
