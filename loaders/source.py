"""A source: the files of one ingest, what their columns mean, and a fingerprint of their bytes.

In:   paths, the name of a format, options.
Out:  a :class:`Source` of :class:`Table` after table; :mod:`loaders.opening` makes it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import polars as pl

from loaders.column_types import check_types
from loaders.item_properties import ItemProperty
from loaders.layouts import Layout, Rows
from loaders.ratings import RatingScales
from loaders.records import Role
from loaders.times import TimeUnit

__all__ = ["Source", "SourceOptions", "Table"]

READING_VERSION = 3
"""Raised whenever the same bytes and options come to give another graph: a source that was
ingested by the rules of an earlier version is then not taken for done."""

_HASH_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """How to read a source; a format knows most of it by itself."""

    columns: Mapping[str, str] = field(default_factory=dict)
    """Which column holds which field of :data:`loaders.records.FIELDS`: ``{"user": "uid"}``."""
    domain: str | None = None
    """Domain of rows that name none."""
    platform: str | None = None
    """Prefix of user ids (``platform:user_id``); without it ids are shared by all sources."""
    kind: str | None = None
    """Kind of interactions that name none; None: ``rating`` or ``interaction``."""
    rating_scale: float | Mapping[str, float] | None = None
    """The rating that weighs 1: one for all domains, or one a domain (``"*"``: all others).

    None: what the format says, else inferred from the highest rating of each domain."""
    time_unit: TimeUnit | None = None
    """``s``, ``ms``, ``us``, ``ns``, ``iso`` or ``auto``; None: what the format says."""
    tag_separator: str = "|"
    """Separator of tags in a column of text."""
    separator: str | None = None
    """Between the fields of delimited text; None: what the format says (CSV: a comma)."""
    quote: str | None = None
    """The character around fields of delimited text that hold separators or line breaks; ``none``:
    quotes mean nothing; None: what the format says (CSV: ``"``, others: ``none``)."""
    encoding: str | None = None
    """Encoding of text files without a byte-order mark; None: UTF-8."""
    keep_events: bool = False
    """Keep each event of a user with an item as a relationship of its own; False: events of one
    kind are merged into one, with their number, the first and the last time."""
    item_properties: Mapping[str, ItemProperty] = field(default_factory=dict)
    """Columns of catalogues that become properties of items, by the property's name."""
    links: Sequence[str | Path] = ()
    """Files of accounts that are one person: two columns, ``account_a`` and ``account_b``."""


@dataclass(frozen=True, slots=True)
class Table:
    """One file of a source."""

    path: Path
    role: Role
    layout: Layout
    columns: Mapping[str, str]
    """Which column of the file holds which field."""
    candidates: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """For fields of no certain column: the columns that may appear, of which in each record the
    first one with a value gives the field (JSON Lines, where records may have different keys)."""
    expected: tuple[str, ...] = ()
    """Fields whose columns the map or the format names; told if no row has a value there."""
    domain: str | None = None
    kind: str | None = None
    time_unit: TimeUnit = "auto"
    tag_separator: str = "|"
    transform: Callable[[pl.DataFrame], pl.DataFrame] | None = None
    """Makes fields of columns where a map cannot; gets a frame of fields."""
    extra: tuple[str, ...] = ()
    """Columns that ``transform`` needs beside the mapped ones."""

    def fields(self) -> Iterator[Rows]:
        """Read the file; frames have ``line`` and fields."""
        possible = [name for names in self.candidates.values() for name in names]
        wanted = list(dict.fromkeys([*self.columns.values(), *possible, *self.extra]))
        missing = [name for name in self.expected if name in {*self.columns, *self.candidates}]
        for rows in self.layout.read(self.path, wanted):
            frame = rows.frame
            fields = frame.select(
                "line",
                *(pl.col(column).alias(name) for name, column in self.columns.items()),
                *(pl.coalesce(names).alias(name) for name, names in self.candidates.items()),
                *(column for column in self.extra),
            )
            missing = [name for name in missing if fields[name].null_count() == len(fields)]
            rows.without_value = tuple(map(self._columns_of, missing))
            rows.frame = fields if self.transform is None else self.transform(fields)
            check_types(self.path, self.columns, rows.frame.schema)
            yield rows

    def _columns_of(self, name: str) -> str:
        """Names of the columns of a field, for messages: ``categories or category``."""
        return " or ".join(self.candidates.get(name) or [self.columns[name]])


@dataclass(frozen=True)
class Source:
    """All files of one ingest."""

    format: str
    tables: tuple[Table, ...]
    options: SourceOptions
    scales: RatingScales
    """What is known of the scales of ratings before reading."""

    @property
    def total_bytes(self) -> int:
        """Size of all files on disk, packed ones as they are."""
        return sum(table.path.stat().st_size for table in self.tables)

    def stamps(self) -> list[tuple[int, int]]:
        """Size and time of change of each file: quick to compare while a job runs."""
        states = [table.path.stat() for table in self.tables]
        return [(state.st_size, state.st_mtime_ns) for state in states]

    def fingerprint(self) -> str:
        """SHA-256 over names, roles and bytes of all files (64 hex digits)."""
        digest = hashlib.sha256()
        for table in self.tables:
            digest.update(f"{table.role}\0{table.path.name}\0".encode())
            with table.path.open("rb") as file:
                while chunk := file.read(_HASH_BYTES):
                    digest.update(chunk)
        return digest.hexdigest()

    def meaning(self) -> str:
        """The options as text: what, beside the bytes, decides which graph is written."""
        options = asdict(self.options)
        del options["links"]  # part of the files
        if not options["item_properties"]:  # a source has the name it had before there were any
            del options["item_properties"]
        tables = [
            [
                t.role, t.path.name, dict(t.columns), dict(t.candidates), t.domain, t.kind,
                t.time_unit, t.tag_separator,
            ]
            for t in self.tables
        ]  # fmt: skip
        return json.dumps(
            [READING_VERSION, self.format, tables, self.scales.format, options],
            sort_keys=True, default=str,
        )  # fmt: skip
