"""CSV, TSV and their like: separators, quotes and a header.

In:   a path and the columns that are wanted.
Out:  :class:`loaders.layouts.Rows`; every column is text, and every line that is no row is a
      reject.

Quoting is the rule of :mod:`loaders.quotes`, or none at all. White space around the names of the
columns is no part of them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from loaders.errors import BadSourceError
from loaders.layouts import Rows
from loaders.lines import Block, first_line, read_blocks
from loaders.quotes import Quoting
from loaders.rejects import Reject

__all__ = ["Delimited"]

log = logging.getLogger(__name__)

_USUAL_SEPARATORS = {",": ",", ";": ";", "\t": "tab", "|": "|"}
"""Separators that are tried, each with its name in ``--separator``."""
_NAMED_SEPARATORS = {"tab": "\t", "\\t": "\t"}
"""Names of separators that a shell does not easily pass on."""


@dataclass(frozen=True, slots=True)
class Delimited:
    """Delimited text; every column is text."""

    separator: str = ","
    quote: str | None = '"'
    """None: a quote is a character like any other."""
    names: tuple[str, ...] | None = None
    """Names of the columns, where the file has no header."""
    encoding: str | None = None
    """None: found out from the bytes."""
    quote_given: bool = False
    """Whether the user chose the quote; then a quote in the header is no sign of a mistake."""

    def with_options(
        self, *, separator: str | None, quote: str | None, encoding: str | None
    ) -> Delimited:
        """The same layout under the options of the user; None leaves what the format says.

        A separator of several characters turns quoting off unless a quote is given as well.

        Args:
            separator: What stands between two fields, or its name, e.g. ``tab``.
            quote: The quote, or ``none``.
            encoding: Name of the encoding.

        Raises:
            BadSourceError: The quote is part of the separator.
        """
        layout = replace(self, encoding=encoding or self.encoding)
        if separator is not None:
            separator = _NAMED_SEPARATORS.get(separator, separator)
            kept = self.quote if len(separator) == 1 else None
            layout = replace(layout, separator=separator, quote=kept)
        if quote is not None:
            layout = replace(layout, quote=None if quote == "none" else quote, quote_given=True)
        if layout.quote is not None and layout.quote in layout.separator:
            raise BadSourceError(
                f"quote and separator must differ, got {layout.quote!r} and {layout.separator!r}"
            )
        return layout

    def columns(self, path: Path) -> list[str]:
        if self.names is not None:
            return list(self.names)
        return self._header(path)[1]

    def read(self, path: Path, wanted: Sequence[str]) -> Iterator[Rows]:
        header, names = (0, list(self.names)) if self.names else self._header(path)
        reader, bytes_done = _Reader(self, path.name, names, wanted), 0
        for block in read_blocks(path, encoding=self.encoding):
            if block.numbers and block.numbers[0] <= header:
                first = sum(number <= header for number in block.numbers)
                block.numbers, block.lines = block.numbers[first:], block.lines[first:]
            bytes_done = block.bytes_done
            yield reader.read(block)
        if reader.waits:
            yield reader.read(Block([], [], bytes_done=bytes_done), at_end=True)

    def _header(self, path: Path) -> tuple[int, list[str]]:
        """The number of the header's line, and the names in it."""
        found = first_line(path, encoding=self.encoding)
        if found is None:
            raise BadSourceError(f"{path} is empty; a header line with column names was expected")
        number, line = found
        quoting = self.quoting(0)
        names = quoting.fields_of(line) if quoting else line.split(self.separator)
        self._check_header(path, line, names)
        if quoting is not None:
            names = quoting.values(pl.Series(names) + self.separator).to_list()
        return number, [name.strip() for name in names]

    def _check_header(self, path: Path, line: str, names: list[str]) -> None:
        others = [s for s in _USUAL_SEPARATORS if s in line and s != self.separator]
        if len(names) == 1 and others:
            found = max(others, key=line.count)
            shown = _USUAL_SEPARATORS.get(self.separator, self.separator)
            raise BadSourceError(
                f"{path} has one column when its fields are separated by {shown!r}, but its header "
                f"has {_USUAL_SEPARATORS[found]!r} in it: {line[:80]!r}; give "
                f"--separator '{_USUAL_SEPARATORS[found]}' (files of different separators are "
                f"ingested one after the other)"
            )
        quoting = self.quoting(0)
        if quoting is not None and quoting.fault(line) is not None:
            raise BadSourceError(
                f"the header of {path} has an opening quote without a closing one before a "
                f"separator: {line[:80]!r}; give --quote none if quotes mean nothing in it, or "
                f"the right --separator"
            )
        if self.quote is None and not self.quote_given:
            quoted = next((n for n in names if len(n) > 1 and n[0] == n[-1] == '"'), None)
            if quoted is not None:
                raise BadSourceError(
                    f"the header of {path} has a name in quotes, {quoted}, but the file is read "
                    f"without quoting; give --quote '\"' (or --quote none if quotes belong to it)"
                )

    def quoting(self, fields: int) -> Quoting | None:
        """The rule for a file of ``fields`` fields; None where there is no quoting."""
        return None if self.quote is None else Quoting(self.separator, self.quote, fields)


class _Reader:
    """Turns blocks of lines into rows; keeps the lines of a quoted field that is still open."""

    def __init__(
        self, layout: Delimited, file: str, names: Sequence[str], wanted: Sequence[str]
    ) -> None:
        self._separator, self._file, self._fields = layout.separator, file, len(names)
        self._quoting = layout.quoting(len(names))
        # Whether quotes were left to the format, which has none: then signs of quoting are told.
        self._unasked = layout.quote is None and not layout.quote_given and layout.names is None
        self._told = False
        self._places = {name: list(names).index(name) for name in wanted}
        self._open_numbers: list[int] = []
        self._open_lines: list[str] = []

    @property
    def waits(self) -> bool:
        """Whether lines of a field that is still open are kept."""
        return bool(self._open_lines)

    def read(self, block: Block, *, at_end: bool = False) -> Rows:
        """The rows of a block, after the lines that waited for it."""
        numbers, lines, faults = block.numbers, block.lines, block.faults
        if self._open_lines:
            numbers, lines = [*self._open_numbers, *numbers], self._open_lines + lines
            self._open_numbers, self._open_lines = [], []
        rows = pl.DataFrame(
            {"line": pl.Series(numbers, dtype=pl.Int64), "text": pl.Series(lines, dtype=pl.String)}
        )
        quoting = self._quoting
        if quoting is None or not rows["text"].str.contains(quoting.quote, literal=True).any():
            frame, bad = self._split(rows, None)
            self._tell_quotes(frame)
            return Rows(frame, faults + bad, block.bytes_done)
        rows, stray = self._join(rows, numbers, lines, quoting, at_end=at_end)
        with_quote = rows["text"].str.contains(quoting.quote, literal=True)
        plain, bad_plain = self._split(rows.filter(~with_quote), None)
        quoted, bad_quoted = self._split(rows.filter(with_quote), quoting)
        return Rows(
            pl.concat([plain, quoted]).sort("line"),
            faults + stray + bad_plain + bad_quoted,
            block.bytes_done,
        )

    def _join(
        self,
        rows: pl.DataFrame,
        numbers: Sequence[int],
        lines: list[str],
        quoting: Quoting,
        *,
        at_end: bool,
    ) -> tuple[pl.DataFrame, list[Reject]]:
        joined = quoting.join(numbers, lines, rows["text"], at_end=at_end)
        stray = [
            Reject(self._file, numbers[place], why, lines[place]) for place, why in joined.stray
        ]
        if joined.open_from is not None:
            self._open_numbers = list(numbers[joined.open_from :])
            self._open_lines = lines[joined.open_from :]
            rows = rows.head(joined.open_from)
        if joined.records:
            texts = rows["text"].scatter(list(joined.records), list(joined.records.values()))
            rows = rows.with_columns(texts.alias("text"))
        left_out = joined.inner + [place for place, _ in joined.stray]
        if left_out:
            keep = pl.repeat(True, len(rows), eager=True).scatter(left_out, False)
            rows = rows.filter(keep)
        return rows, stray

    def _split(
        self, rows: pl.DataFrame, quoting: Quoting | None
    ) -> tuple[pl.DataFrame, list[Reject]]:
        """Cut records into the wanted columns; those with another number of fields are faults."""
        rows = rows.filter(rows["text"].str.strip_chars(" ") != "")
        texts = rows["text"]
        pieces = texts.str.split(self._separator) if quoting is None else quoting.split(texts)
        count = pieces.list.len()
        fits = count == self._fields
        faults: list[Reject] = []
        if not fits.all():
            wrong = pl.DataFrame({"line": rows["line"], "text": texts, "count": count})
            faults = [
                Reject(self._file, line, self._other_count(fields, text), text)
                for line, text, fields in wrong.filter(~fits).iter_rows()
            ]
            rows, pieces = rows.filter(fits), pieces.filter(fits)
        columns = {name: pieces.list.get(place) for name, place in self._places.items()}
        if quoting is not None:
            columns = {name: quoting.values(written) for name, written in columns.items()}
        return pl.DataFrame({"line": rows["line"], **columns}), faults

    def _other_count(self, fields: int, text: str) -> str:
        cure = " (--quote '\"'?)" if self._unasked and '"' in text else ""
        return f"{fields} fields instead of {self._fields}{cure}"

    def _tell_quotes(self, frame: pl.DataFrame) -> None:
        """Say once that fields of a file without quoting stand in quotes."""
        if self._told or not self._unasked:
            return
        for name in self._places:
            quoted = frame[name].str.contains('(?s)^".*"$')
            if quoted.any():
                self._told = True
                log.warning(
                    "%s:%d: %s stands in quotes, which are kept as characters, since the file is "
                    "read without quoting; --quote '\"' takes them off",
                    self._file,
                    frame["line"].filter(quoted)[0],
                    name,
                )
                return
