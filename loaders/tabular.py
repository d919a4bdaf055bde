"""The form ``tabular``: CSV, TSV, JSON Lines or Parquet, told apart by their column names.

In:   files or folders, and a map ``field -> column`` for names that are not the usual ones.
Out:  tables: a file with users and items is a log, one with items only a catalogue, one with
      ``account_a`` and ``account_b`` says which accounts are one person.

The two files ``interactions.parquet`` and ``items.parquet`` with ``user_id``, ``item_id``,
``domain``, ``rating``, ``timestamp``, ``title``, ``description``, ``categories`` need no map.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from loaders.errors import BadSourceError
from loaders.layouts import Delimited, JsonLines, Layout, Parquet
from loaders.records import FIELDS, Role
from loaders.source import SourceOptions, Table

__all__ = ["files_of", "layout_of", "links", "tables"]

log = logging.getLogger(__name__)

USUAL_NAMES: dict[str, tuple[str, ...]] = {
    "user": ("user", "user_id", "userId"),
    "item": ("item", "item_id", "itemId"),
    "domain": ("domain",),
    "kind": ("kind", "event", "event_type"),
    "rating": ("rating",),
    "time": ("time", "timestamp", "at"),
    "event_id": ("event_id",),
    "platform": ("platform",),
    "title": ("title",),
    "description": ("description",),
    "tags": ("tags", "categories"),
    "account_a": ("account_a",),
    "account_b": ("account_b",),
    "platform_a": ("platform_a",),
    "platform_b": ("platform_b",),
}
"""Columns that are understood without a map."""

_LAYOUTS: dict[str, Layout] = {
    ".parquet": Parquet(),
    ".csv": Delimited(),
    ".tsv": Delimited(separator="\t"),
    ".jsonl": JsonLines(),
    ".ndjson": JsonLines(),
    ".json": JsonLines(),
}
_PACKED = (".gz", ".zst")


def tables(paths: Sequence[Path], options: SourceOptions) -> list[Table]:
    """What each file is, by its columns."""
    for name in options.columns:
        if name not in USUAL_NAMES:
            raise BadSourceError(
                f"--map knows no field {name!r}; there are {', '.join(USUAL_NAMES)}"
            )
    found = []
    for path in files_of(paths):
        layout = layout_of(path)
        if layout is not None:
            found.append(_table(path, layout, options))
    for name, column in options.columns.items():
        if not any(table.columns.get(name) == column for table in found):
            raise BadSourceError(
                f"--map {name}={column}: no file of the source has a column {column!r}"
            )
    return found


def links(paths: Sequence[Path]) -> list[Table]:
    """Files that say which accounts are one person."""
    found = []
    for path in files_of(paths):
        layout = layout_of(path)
        table = _table(path, layout, SourceOptions()) if layout is not None else None
        if table is None or table.role != "links":
            raise BadSourceError(f"{path} holds no links; it needs account_a and account_b")
        found.append(table)
    return found


def files_of(paths: Sequence[Path]) -> list[Path]:
    """The files given, and of folders the files in them, hidden ones left out."""
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.is_file())
            files += [p for p in inside if not _hidden(p.relative_to(path))]
        else:
            files.append(path)
    return files


def layout_of(path: Path) -> Layout | None:
    """By the file's suffix, ``.gz`` and ``.zst`` aside; None for a file of another kind."""
    suffixes = [s.lower() for s in path.suffixes]
    if suffixes and suffixes[-1] in _PACKED:
        suffixes.pop()
    layout = _LAYOUTS.get(suffixes[-1]) if suffixes else None
    if layout is None:
        log.info("%s is left out: not a .csv, .tsv, .jsonl or .parquet file", path)
    return layout


def _table(path: Path, layout: Layout, options: SourceOptions) -> Table:
    names = layout.columns(path)
    columns = {field: column for field in USUAL_NAMES if (column := _column(field, names, options))}
    role = _role(columns)
    if role is None:
        raise BadSourceError(
            f"{path} has no columns for user and item, for an item and its title, or for "
            f"account_a and account_b; it has {', '.join(names)}; name them with "
            f"--map user=COLUMN, --map item=COLUMN"
        )
    columns = {field: column for field, column in columns.items() if field in FIELDS[role]}
    if role != "links" and "domain" not in columns and options.domain is None:
        raise BadSourceError(
            f"{path} does not say which domain its items are of (it has {', '.join(names)}); "
            f"give --domain NAME or --map domain=COLUMN"
        )
    if isinstance(layout, JsonLines):
        listed = frozenset(columns[f] for f in ("description", "tags") if f in columns)
        layout = replace(layout, lists=listed)
    return Table(
        path,
        role,
        layout,
        columns,
        domain=options.domain,
        kind=options.kind,
        time_unit=options.time_unit or "auto",
        tag_separator=options.tag_separator,
    )


def _column(field: str, names: list[str], options: SourceOptions) -> str | None:
    mapped = options.columns.get(field)
    if mapped is not None:
        return mapped if mapped in names else None
    return next((name for name in USUAL_NAMES[field] if name in names), None)


def _role(columns: dict[str, str]) -> Role | None:
    if "account_a" in columns and "account_b" in columns:
        return "links"
    if "user" in columns and "item" in columns:
        return "interactions"
    if "item" in columns and "user" not in columns:
        return "items"
    return None


def _hidden(path: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.parts)
