"""How rows lie in a file: delimited text, JSON Lines, Parquet; read in batches.

In:   a path and the columns that are wanted.
Out:  :class:`Rows` after :class:`Rows`: a frame with ``line`` and those columns, and the rows
      that are not even rows (broken encoding, wrong number of fields, no JSON).

Values keep the type the file gives them; what they mean is for :mod:`loaders.checks`.
"""

from __future__ import annotations

import ast
import csv
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import polars as pl
import pyarrow.parquet as pq
from pyarrow import lib as arrow

from loaders.errors import BadSourceError
from loaders.ids import NO_EXACT_NUMBER
from loaders.lines import read_blocks, read_head
from loaders.rejects import Reject

__all__ = ["Delimited", "JsonLines", "Layout", "Parquet", "Rows"]

PARQUET_ROWS = 65_536
HEAD_RECORDS = 200
LONGEST_QUOTED = 1_000
"""Lines that one quoted field may span; beyond it the quote is taken for a stray one."""


@dataclass(slots=True)
class Rows:
    """One batch of a file."""

    frame: pl.DataFrame
    faults: list[Reject] = field(default_factory=list)
    bytes_done: int = 0


class Layout(Protocol):
    """Reads one kind of file."""

    def columns(self, path: Path) -> list[str]:
        """The names of the columns that a file has."""
        ...

    def read(self, path: Path, wanted: Sequence[str]) -> Iterator[Rows]:
        """All rows, batch after batch, with the wanted columns."""
        ...


@dataclass(frozen=True, slots=True)
class Delimited:
    """CSV, TSV and their like; every column is text."""

    separator: str = ","
    """More than one character (MovieLens: ``::``) goes without quotes."""
    quote: str | None = '"'
    names: tuple[str, ...] | None = None
    """Of the columns, where the file has no header."""
    encoding: str = "utf-8"

    def columns(self, path: Path) -> list[str]:
        if self.names is not None:
            return list(self.names)
        head = read_head(path, encoding=self.encoding, lines=1)
        if not head:
            raise BadSourceError(f"{path} is empty; a header line with column names was expected")
        return self._split(head)[0]

    def read(self, path: Path, wanted: Sequence[str]) -> Iterator[Rows]:
        names = self.columns(path)
        places = [names.index(name) for name in wanted]
        awaiting_header = self.names is None
        open_numbers: list[int] = []  # lines of a quoted field that goes on in the next block
        open_lines: list[str] = []
        for block in read_blocks(path, encoding=self.encoding):
            numbers, lines = open_numbers + block.numbers, open_lines + block.lines
            open_numbers, open_lines = [], []
            if awaiting_header and lines:
                numbers, lines, awaiting_header = numbers[1:], lines[1:], False
            faults = block.faults
            if self.quote is not None and any(self.quote in line for line in lines):
                numbers, lines, rest, stray = _join_quoted(numbers, lines, self)
                open_numbers, open_lines = rest
                faults = faults + [Reject(path.name, *line) for line in stray]
            yield self._rows(path, names, wanted, places, numbers, lines, faults, block.bytes_done)
        if open_lines:
            faults = [Reject(path.name, open_numbers[0], _STRAY, open_lines[0])]
            yield self._rows(
                path, names, wanted, places, open_numbers[1:], open_lines[1:], faults, 0
            )

    def _rows(
        self,
        path: Path,
        names: list[str],
        wanted: Sequence[str],
        places: list[int],
        numbers: list[int],
        lines: list[str],
        faults: list[Reject],
        bytes_done: int,
    ) -> Rows:
        rows = self._split(lines)
        whole = [len(row) == len(names) for row in rows]
        if not all(whole):
            faults = faults + [
                Reject(path.name, number, f"{len(row)} fields instead of {len(names)}", line)
                for number, row, line, fits in zip(numbers, rows, lines, whole, strict=True)
                if not fits
            ]
            numbers = [number for number, fits in zip(numbers, whole, strict=True) if fits]
            rows = [row for row, fits in zip(rows, whole, strict=True) if fits]
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
        data = [
            pl.Series(name, columns[place], dtype=pl.String)
            for name, place in zip(wanted, places, strict=True)
        ]
        return Rows(
            pl.DataFrame([pl.Series("line", numbers, dtype=pl.Int64), *data]), faults, bytes_done
        )

    def _split(self, lines: list[str]) -> list[list[str]]:
        if self.quote is None or len(self.separator) > 1:
            return [line.split(self.separator) for line in lines]
        return list(csv.reader(lines, delimiter=self.separator, quotechar=self.quote))


_STRAY = "a quote that never closes"


def _join_quoted(
    numbers: list[int], lines: list[str], layout: Delimited
) -> tuple[list[int], list[str], tuple[list[int], list[str]], list[tuple[int, str, str]]]:
    """Make one record of the lines that a quoted field spans.

    Returns:
        Numbers and texts of whole records, the lines of a record that is still open at the
        end, and lines whose quote never closes.
    """
    quote = str(layout.quote)
    kept_numbers: list[int] = []
    kept: list[str] = []
    stray: list[tuple[int, str, str]] = []
    place = 0
    while place < len(lines):
        end = place + 1
        record = lines[place]
        if record.count(quote) % 2 and _is_open(record, layout):
            while end < len(lines) and end - place < LONGEST_QUOTED:
                record = f"{record}\n{lines[end]}"
                end += 1
                if lines[end - 1].count(quote) % 2 and not _is_open(record, layout):
                    break
            else:
                if end - place < LONGEST_QUOTED:
                    return kept_numbers, kept, (numbers[place:], lines[place:]), stray
                stray.append((numbers[place], _STRAY, lines[place]))
                place += 1
                continue
        kept_numbers.append(numbers[place])
        kept.append(record)
        place = end
    return kept_numbers, kept, ([], []), stray


def _is_open(record: str, layout: Delimited) -> bool:
    """Whether a record ends inside quotes."""
    reader = csv.reader(
        [record], delimiter=layout.separator, quotechar=str(layout.quote), strict=True
    )
    try:
        next(reader)
    except csv.Error as error:
        return "unexpected end" in str(error)
    return False


@dataclass(frozen=True, slots=True)
class JsonLines:
    """One JSON object a line."""

    python_literals: bool = False
    """Take ``{'a': 1}`` as well: the Amazon metadata of 2014 is written so."""
    lists: frozenset[str] = frozenset()
    """Columns that hold a text or a list of texts, however nested."""

    def columns(self, path: Path) -> list[str]:
        names: dict[str, None] = {}
        for line in read_head(path, lines=HEAD_RECORDS):
            record = self._parse(line)
            if record is not None:
                names.update(dict.fromkeys(record))
        if not names:
            raise BadSourceError(f"{path} does not begin with JSON objects, one a line")
        return list(names)

    def read(self, path: Path, wanted: Sequence[str]) -> Iterator[Rows]:
        for block in read_blocks(path):
            numbers: list[int] = []
            values: list[list[Any]] = [[] for _ in wanted]
            faults = block.faults
            for number, line in zip(block.numbers, block.lines, strict=True):
                record = self._parse(line)
                if record is None:
                    faults.append(Reject(path.name, number, "no JSON object", line))
                    continue
                try:
                    row = [self._value(name, record.get(name)) for name in wanted]
                except TypeError:
                    faults.append(
                        Reject(path.name, number, "a list or object where one value belongs", line)
                    )
                    continue
                numbers.append(number)
                for column, value in zip(values, row, strict=True):
                    column.append(value)
            data = [
                pl.Series(
                    name, column, dtype=pl.List(pl.String) if name in self.lists else pl.String
                )
                for name, column in zip(wanted, values, strict=True)
            ]
            line_numbers = pl.Series("line", numbers, dtype=pl.Int64)
            yield Rows(pl.DataFrame([line_numbers, *data]), faults, block.bytes_done)

    def _parse(self, line: str) -> dict[str, Any] | None:
        try:
            record = json.loads(line)
        except ValueError:
            if not self.python_literals:
                return None
            try:
                record = ast.literal_eval(line)
            except (ValueError, SyntaxError, MemoryError, RecursionError):
                return None
        except RecursionError:
            return None
        return record if isinstance(record, dict) else None

    def _value(self, name: str, value: Any) -> str | list[str] | None:
        if value is None:
            return None
        if name in self.lists:
            return list(_texts(value))
        return _text(value)


def _text(value: Any) -> str:
    if isinstance(value, str):
        # A lone surrogate (JSON allows \ud800) is no text that a store could hold.
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(type(value).__name__)
    if isinstance(value, float):
        if not math.isfinite(value) or abs(value) >= 2**53:
            return NO_EXACT_NUMBER  # what is missing or at fault is decided by loaders.checks
        if value.is_integer():
            return str(int(value))
    return str(value)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, list | tuple):
        for part in value:
            yield from _texts(part)
    elif value is not None:
        yield _text(value)


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
    try:
        return pl.DataFrame(arrow.Table.from_batches([batch]))
    except (pl.exceptions.PolarsError, arrow.ArrowException, NotImplementedError) as error:
        types = ", ".join(f"{field.name}: {field.type}" for field in batch.schema)
        raise BadSourceError(
            f"{path} has a column of a type that cannot be read ({types}: {error}); write it as "
            f"text, numbers or lists of texts"
        ) from error


def _parquet(path: Path) -> pq.ParquetFile:
    try:
        # Row groups are read through a small buffer, never whole.
        return pq.ParquetFile(path, buffer_size=1 << 20, pre_buffer=False)  # type: ignore[no-untyped-call]
    except (arrow.ArrowException, OSError) as error:
        raise BadSourceError(f"{path} cannot be read as Parquet ({error})") from error
