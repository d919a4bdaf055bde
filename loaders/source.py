"""A source: the files of one ingest, what their columns mean, and a fingerprint of their bytes.

In:   paths, the name of a form, options.
Out:  a :class:`Source` of :class:`Table` after table. Opening it reads heads, not whole files,
      save where a head does not say what a file is (:mod:`loaders.tabular`).

Forms: ``tabular`` (:mod:`loaders.tabular`), ``amazon-reviews``, ``movielens``, ``recbole`` and
the bundled ``sample``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib import import_module
from pathlib import Path

import polars as pl

from loaders.column_types import check_types
from loaders.encodings import fault_of_encoding
from loaders.errors import BadSourceError
from loaders.layouts import Layout, Rows
from loaders.ratings import ALL_DOMAINS, RatingScales
from loaders.records import Role
from loaders.times import TIME_UNITS, TimeUnit

__all__ = ["FORMS", "Form", "Source", "SourceOptions", "Table", "open_source"]

READING_VERSION = 3
"""Raised whenever the same bytes and options come to give another graph: a source that was
ingested by the rules of an earlier version is then not taken for done."""

_HASH_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """How to read a source; a form knows most of it by itself."""

    columns: Mapping[str, str] = field(default_factory=dict)
    """Which column holds which field of :data:`loaders.records.FIELDS`: ``{"user": "uid"}``."""
    domain: str | None = None
    """Of rows that name none."""
    platform: str | None = None
    """Put before user ids (``platform:user_id``); without it ids are shared by all sources."""
    kind: str | None = None
    """Of interactions that name none; otherwise ``rating`` or ``interaction``."""
    rating_scale: float | Mapping[str, float] | None = None
    """The rating that weighs 1: one for all domains, or one a domain (``"*"``: all others).

    None: what the form says, else inferred from the highest rating of each domain."""
    time_unit: TimeUnit | None = None
    """``s``, ``ms``, ``us``, ``ns``, ``iso`` or ``auto``; None: what the form says."""
    tag_separator: str = "|"
    """Between tags in a column of text."""
    separator: str | None = None
    """Between the fields of delimited text; None: what the form says (CSV: a comma)."""
    quote: str | None = None
    """The character around fields of delimited text that hold separators or line breaks; ``none``:
    quotes mean nothing; None: what the form says (CSV: ``"``, others: ``none``)."""
    encoding: str | None = None
    """Of text files without a byte-order mark; None: UTF-8."""
    keep_events: bool = False
    """Keep each event of a user with an item as a relationship of its own; False: events of one
    kind are merged into one, with their number, the first and the last time."""
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
    """Fields whose columns the map or the form names; told if no row has a value there."""
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
        """Of a field, for people: ``categories or category``."""
        return " or ".join(self.candidates.get(name) or [self.columns[name]])


@dataclass(frozen=True)
class Source:
    """All files of one ingest."""

    form: str
    tables: tuple[Table, ...]
    options: SourceOptions
    scales: RatingScales
    """What is known of the scales of ratings before reading."""

    @property
    def total_bytes(self) -> int:
        """Of all files as they lie on disk."""
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
        tables = [
            [
                t.role, t.path.name, dict(t.columns), dict(t.candidates), t.domain, t.kind,
                t.time_unit, t.tag_separator,
            ]
            for t in self.tables
        ]  # fmt: skip
        return json.dumps(
            [READING_VERSION, self.form, tables, self.scales.form, options],
            sort_keys=True, default=str,
        )  # fmt: skip


Form = Callable[[Sequence[Path], SourceOptions], list[Table]]


@dataclass(frozen=True, slots=True)
class _FormEntry:
    module: str
    rating_scale: float | None
    description: str


FORMS: dict[str, _FormEntry] = {
    "tabular": _FormEntry(
        "tabular", None, "files ending in .csv, .tsv, .jsonl, .ndjson, .json or .parquet"
    ),
    "amazon-reviews": _FormEntry("amazon_reviews", 5, "Amazon reviews of 2014, 2018 and 2023"),
    "movielens": _FormEntry("movielens", 5, "MovieLens 100K to 25M and latest"),
    "recbole": _FormEntry("recbole", None, "RecBole atomic files (.inter, .item)"),
    "sample": _FormEntry("sample", 10, "the bundled anime set; takes no files"),
}
"""The names that ``--format`` knows."""


def open_source(
    paths: Sequence[str | Path] = (), *, form: str = "tabular", options: SourceOptions | None = None
) -> Source:
    """Find the files of a source and what their columns mean.

    Args:
        paths: Files, or folders of them.
        form: Name of the format.
        options: How the files are to be read.

    Raises:
        BadSourceError: A path does not exist, a form or option is unknown, a needed column is
            missing or there twice.
    """
    options = options or SourceOptions()
    if form not in FORMS:
        raise BadSourceError(f"no form is named {form!r}; there are {', '.join(FORMS)}")
    _check_options(options)
    options = _tidy(options)
    entry = FORMS[form]
    scales = RatingScales(_scales_given(options), entry.rating_scale)
    given = [Path(path) for path in paths]
    for path in [*given, *map(Path, options.links)]:
        if not path.exists():
            raise BadSourceError(f"{path} does not exist")
    if not given and form != "sample":
        raise BadSourceError(f"the form {form} needs a file or a folder; none was given")
    tables_of: Form = import_module(f"loaders.{entry.module}").tables
    tables = tables_of(given, options)
    if options.links:
        from loaders.tabular import links

        tables += links([Path(path) for path in options.links], options)
    if not tables:
        shown = ", ".join(map(str, given))
        raise BadSourceError(
            f"{shown} holds no file that the form {form} knows ({entry.description})"
        )
    for table in tables:
        _refuse_doubled(table)
    names = [(table.role, table.path.name) for table in tables]
    ordered = [table for _, table in sorted(zip(names, tables, strict=True), key=lambda p: p[0])]
    return Source(form, tuple(ordered), options, scales)


def _refuse_doubled(table: Table) -> None:
    """Refuse a file in which two columns bear the name of one that is read."""
    names = table.layout.columns(table.path)
    for name in [*table.columns.values(), *table.extra]:
        if names.count(name) > 1:
            raise BadSourceError(
                f"{table.path} has {names.count(name)} columns named {name!r}, so which one is "
                f"meant is not known; rename all but one"
            )


def _tidy(options: SourceOptions) -> SourceOptions:
    """Names without white space at their ends, as ids are read."""
    return replace(
        options,
        domain=options.domain and options.domain.strip(),
        platform=options.platform and options.platform.strip(),
        kind=options.kind and options.kind.strip(),
    )


def _scales_given(options: SourceOptions) -> dict[str, float]:
    scale = options.rating_scale
    if scale is None:
        return {}
    if isinstance(scale, Mapping):
        return {domain.strip(): float(size) for domain, size in scale.items()}
    return {ALL_DOMAINS: float(scale)}


def _check_options(options: SourceOptions) -> None:
    for name in ("domain", "platform"):
        value = getattr(options, name)
        if value is not None and (":" in value or not value.strip()):
            raise BadSourceError(
                f"{name} must be a name without a colon, got {value!r}; "
                f"keys are {name}:id, so a colon could not be told apart"
            )
    if options.time_unit is not None and options.time_unit not in TIME_UNITS:
        raise BadSourceError(
            f"time_unit must be one of {', '.join(TIME_UNITS)}, got {options.time_unit!r}"
        )
    if options.kind is not None and not options.kind.strip():
        raise BadSourceError(f"kind must not be blank, got {options.kind!r}")
    if not options.tag_separator:
        raise BadSourceError("tag_separator must not be empty")
    _check_text_options(options)


def _check_text_options(options: SourceOptions) -> None:
    separator, quote, encoding = options.separator, options.quote, options.encoding
    if separator is not None and (not separator or not {*separator}.isdisjoint("\r\n")):
        raise BadSourceError(
            f"separator must be one or more characters without a line break, got {separator!r}"
        )
    if quote is not None and quote != "none" and (len(quote) != 1 or quote in "\r\n"):
        raise BadSourceError(f"quote must be one character or the word none, got {quote!r}")
    if encoding is not None and (fault := fault_of_encoding(encoding)) is not None:
        raise BadSourceError(fault)
