"""Opens a source: finds which tables the files of a format hold.

In:   paths, the name of a format, options.
Out:  a :class:`~loaders.source.Source`. Opening it reads heads, not whole files, save where a head
      does not say what a file is (:mod:`loaders.formats.tabular`).

Formats: ``tabular``, ``amazon-reviews``, ``movielens``, ``recbole`` and the bundled ``sample``;
:data:`loaders.formats.FORMATS` lists them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from loaders.encodings import fault_of_encoding
from loaders.errors import BadSourceError
from loaders.formats import FORMATS
from loaders.formats.tabular import links
from loaders.item_properties import check_names
from loaders.ratings import ALL_DOMAINS, RatingScales
from loaders.source import Source, SourceOptions, Table
from loaders.times import TIME_UNITS

__all__ = ["open_source"]

_FindTables = Callable[[Sequence[Path], SourceOptions], list[Table]]


def open_source(
    paths: Sequence[str | Path] = (),
    *,
    format: str = "tabular",
    options: SourceOptions | None = None,
) -> Source:
    """Find the files of a source and what their columns mean.

    Args:
        paths: Files, or folders of them.
        format: Name of the format, one of :data:`loaders.formats.FORMATS`.
        options: How the files are to be read.

    Raises:
        BadSourceError: A path does not exist, a format or option is unknown, a needed column is
            missing or there twice.
    """
    options = options or SourceOptions()
    if format not in FORMATS:
        raise BadSourceError(f"no format is named {format!r}; there are {', '.join(FORMATS)}")
    _check_options(options)
    if options.item_properties and not FORMATS[format].has_item_properties:
        able = ", ".join(name for name, one in FORMATS.items() if one.has_item_properties)
        raise BadSourceError(
            f"the format {format} has no use for --item-property; give the catalogue in a file of "
            f"its own with --format {able}"
        )
    options = _tidy(options)
    entry = FORMATS[format]
    scales = RatingScales(_scales_given(options), entry.rating_scale)
    given = [Path(path) for path in paths]
    for path in [*given, *map(Path, options.links)]:
        if not path.exists():
            raise BadSourceError(f"{path} does not exist")
    if not given and format != "sample":
        raise BadSourceError(f"the format {format} needs a file or a folder; none was given")
    tables_of: _FindTables = import_module(f"loaders.formats.{entry.module}").tables
    tables = tables_of(given, options)
    if options.links:
        tables += links([Path(path) for path in options.links], options)
    if not tables:
        shown = ", ".join(map(str, given))
        raise BadSourceError(
            f"{shown} holds no file that the format {format} knows ({entry.description})"
        )
    for table in tables:
        _refuse_doubled(table)
    names = [(table.role, table.path.name) for table in tables]
    ordered = [table for _, table in sorted(zip(names, tables, strict=True), key=lambda p: p[0])]
    return Source(format, tuple(ordered), options, scales)


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
    check_names(options.item_properties)
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
