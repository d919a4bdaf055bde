"""JSON Lines: one object a line, any key in any record.

In:   a path and the columns that are wanted.
Out:  :class:`loaders.layouts.Rows`; a record without a wanted key has a null there, and a line
      that is no object is a reject.

No key has to be in the first records. :meth:`JsonLines.columns` looks at a few of them only;
:meth:`JsonLines.later` searches the whole file for keys that were not among them.
"""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from loaders.errors import BadSourceError
from loaders.ids import NO_EXACT_NUMBER
from loaders.layouts import Rows
from loaders.lines import read_blocks, read_head
from loaders.rejects import Reject

__all__ = ["JsonLines"]

HEAD_RECORDS = 200

_NO_VALUE = "a list, an object or a truth value where one value belongs"

_Value = str | list[str] | None


@dataclass(frozen=True, slots=True)
class JsonLines:
    """One JSON object a line."""

    python_literals: bool = False
    """Take ``{'a': 1}`` as well: the Amazon metadata of 2014 is written so."""
    lists: frozenset[str] = frozenset()
    """Columns that hold a text or a list of texts, however nested."""
    ids: frozenset[str] = frozenset()
    """Columns that hold ids: a fraction in one of them is no value, as in Parquet."""
    names_of_one: tuple[tuple[str, ...], ...] = ()
    """Groups of columns that hold the same field: an object in one of them is no fault of a record
    that has a value in another."""
    encoding: str | None = None
    """None: found out from the bytes."""

    def columns(self, path: Path) -> list[str]:
        """The keys of the first records; later ones may have more.

        Raises:
            BadSourceError: The file is empty, an array, or does not begin with objects, one a line.
        """
        names: dict[str, None] = {}
        head = read_head(path, encoding=self.encoding, lines=HEAD_RECORDS)
        for line in head:
            record = self._parse(line)
            if record is not None:
                names.update(dict.fromkeys(record))
        if not head:
            raise BadSourceError(f"{path} is empty; JSON objects, one a line, were expected")
        if head[0].lstrip().startswith("["):
            raise BadSourceError(
                f"{path} holds a JSON array ({head[0][:40]!r}) instead of objects, one a line; "
                f"write its records so, e.g. with `jq -c '.[]'`"
            )
        if not names:
            raise BadSourceError(
                f"{path} does not begin with JSON objects, one a line, got {head[0][:40]!r}; if "
                f"its records span lines, write each on one line, e.g. with `jq -c .`"
            )
        return list(names)

    def later(self, path: Path, names: Iterable[str]) -> Iterator[str]:
        """Those of ``names`` that are keys of any record, each when it is found.

        Reads the file as far as the caller goes on asking. Lines are parsed only where a name
        stands in quotes, so the search is much quicker than reading.
        """
        sought = dict.fromkeys(names)
        for block in read_blocks(path, encoding=self.encoding):
            if not sought:
                return
            text = "\n".join(block.lines)
            present = [name for name in sought if any(n in text for n in self._written(name))]
            for name in present:
                written = self._written(name)
                if any(
                    name in (self._parse(line) or ())
                    for line in block.lines
                    if any(n in line for n in written)
                ):
                    del sought[name]
                    yield name

    def read(self, path: Path, wanted: Sequence[str]) -> Iterator[Rows]:
        for block in read_blocks(path, encoding=self.encoding):
            numbers: list[int] = []
            lines: list[str] = []
            records: list[dict[str, Any]] = []
            faults = block.faults
            for number, line in zip(block.numbers, block.lines, strict=True):
                if not line or line.isspace():
                    continue
                record = self._parse(line)
                if record is None:
                    faults.append(Reject(path.name, number, "no JSON object", line))
                    continue
                numbers.append(number)
                lines.append(line)
                records.append(record)
            nested: dict[str, set[int]] = {name: set() for name in wanted}
            columns = [self._column(name, records, nested[name]) for name in wanted]
            frame = pl.DataFrame([pl.Series("line", numbers, dtype=pl.Int64), *columns])
            if places := self._without_value(nested, frame):
                faults += [Reject(path.name, numbers[n], _NO_VALUE, lines[n]) for n in places]
                keep = pl.repeat(True, len(frame), eager=True).scatter(places, False)
                frame = frame.filter(keep)
            yield Rows(frame, faults, block.bytes_done)

    def _without_value(
        self, nested: Mapping[str, Collection[int]], frame: pl.DataFrame
    ) -> list[int]:
        """Places of records with a value that cannot be read and none instead of it."""
        found: set[int] = set()
        for name, places in nested.items():
            others = [n for names in self.names_of_one if name in names for n in names if n != name]
            found.update(
                place
                for place in places
                if all(frame[other][place] is None for other in others if other in frame.columns)
            )
        return sorted(found)

    def _column(self, name: str, records: Sequence[dict[str, Any]], nested: set[int]) -> pl.Series:
        """One key of all records; places of values that are not one value go to ``nested``."""
        values = [record.get(name) for record in records]
        if name in self.lists:
            texts: list[_Value] = _each(values, lambda value: list(_texts(value)), nested)
            return pl.Series(name, texts, dtype=pl.List(pl.String))
        kinds = set(map(type, values)) - {type(None)}
        if kinds <= {str}:
            try:
                return pl.Series(name, values, dtype=pl.String)
            except UnicodeEncodeError:  # a lone surrogate
                pass
        elif kinds == {int}:
            texts = [None if value is None else str(value) for value in values]
            return pl.Series(name, texts, dtype=pl.String)
        convert = _id_text if name in self.ids else _text
        return pl.Series(name, _each(values, convert, nested), dtype=pl.String)

    def _written(self, name: str) -> tuple[str, ...]:
        """A key as it stands in a line."""
        written = {json.dumps(name), json.dumps(name, ensure_ascii=False)}
        return (*sorted(written), *([repr(name)] * self.python_literals))

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


def _each(
    values: Iterable[Any], convert: Callable[[Any], _Value], nested: set[int]
) -> list[_Value]:
    """Convert value by value; the places of those that cannot be converted go to ``nested``."""
    converted: list[_Value] = []
    for place, value in enumerate(values):
        try:
            converted.append(None if value is None else convert(value))
        except TypeError:
            nested.add(place)
            converted.append(None)
    return converted


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


def _id_text(value: Any) -> str:
    is_fraction = isinstance(value, float) and not value.is_integer()
    return NO_EXACT_NUMBER if is_fraction else _text(value)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, list | tuple):
        for part in value:
            yield from _texts(part)
    elif value is not None:
        yield _text(value)
