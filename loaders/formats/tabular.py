"""The format ``tabular``: CSV, TSV, JSON Lines or Parquet, told apart by their column names.

In:   files or folders, and a map ``field -> column`` for names that are not the usual ones.
Out:  tables: a file with users and items is a log, one with items only a catalogue, one with
      ``account_a`` and ``account_b`` says which accounts are one person.

What a JSON Lines file is does not depend on its first records: where they hold no user, the whole
file is searched for one before it is taken for a catalogue. Of the columns that can hold a field
each record's first one with a value is taken, wherever it first appears.

The two files ``interactions.parquet`` and ``items.parquet`` with ``user_id``, ``item_id``,
``domain``, ``rating``, ``timestamp``, ``title``, ``description``, ``categories`` need no map.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from loaders.delimited import Delimited
from loaders.errors import BadSourceError
from loaders.files import check_text_options, files_of, layout_of
from loaders.item_properties import field_of
from loaders.json_lines import JsonLines
from loaders.layouts import Layout
from loaders.records import FIELDS, Role
from loaders.rejects import is_rejects_file
from loaders.row_ids import ID_FIELDS
from loaders.source import SourceOptions, Table

__all__ = ["links", "tables"]

log = logging.getLogger(__name__)

USUAL_NAMES: dict[str, tuple[str, ...]] = {
    "user": ("user", "user_id", "userId"),
    "item": ("item", "item_id", "itemId"),
    "domain": ("domain",),
    "kind": ("kind", "event", "event_type"),
    "rating": ("rating",),
    "time": ("time", "timestamp", "at"),
    "order": (),  # by --map only: a column of this name may hold the number of a purchase
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


def tables(paths: Sequence[Path], options: SourceOptions) -> list[Table]:
    """What each file is, by its columns.

    Raises:
        BadSourceError: ``--map`` names a field that does not exist, or a column that is in no file.
    """
    for name in options.columns:
        if name not in USUAL_NAMES:
            raise BadSourceError(
                f"--map knows no field {name!r}; there are {', '.join(USUAL_NAMES)}"
            )
    found = []
    for path in files_of(paths):
        layout = layout_of(path, options)
        if layout is not None and is_rejects_file(layout.columns(path)):
            log.warning("%s is left out: it holds rows that an earlier ingest rejected", path)
        elif layout is not None:
            found.append(_table(path, layout, options))
    if found:
        check_text_options([table.layout for table in found], options)
    for name, column in options.columns.items():
        if not any(_has(table, name, column) for table in found):
            roles = " or ".join(role for role, fields in FIELDS.items() if name in fields)
            raise BadSourceError(
                f"--map {name}={column}: no file of {roles} in the source has a column {column!r}"
            )
    for name, one in options.item_properties.items():
        if not any(_has(table, field_of(name, one.type), one.column) for table in found):
            raise BadSourceError(
                f"--item-property {name}={one.column}:{one.type}: no file of items in the source "
                f"has a column {one.column!r}; the properties of items stand in a catalogue, a "
                f"file with items and no users"
            )
    return found


def links(paths: Sequence[Path], options: SourceOptions) -> list[Table]:
    """Files that say which accounts are one person; of the options, those for text hold.

    Raises:
        BadSourceError: A file has not the columns ``account_a`` and ``account_b``.
    """
    text = SourceOptions(
        separator=options.separator, quote=options.quote, encoding=options.encoding
    )
    found = []
    for path in files_of(paths):
        layout = layout_of(path, text)
        names = _names(path, layout, text) if layout is not None else []
        if layout is None or _role(_columns(names, text)) != "links":
            raise BadSourceError(
                f"--links: {path} needs the columns account_a and account_b, "
                f"it has {', '.join(names) or 'none that can be read'}; rename them"
            )
        found.append(_table(path, layout, text))
    return found


def _table(path: Path, layout: Layout, options: SourceOptions) -> Table:
    names = _names(path, layout, options)
    columns = _columns(names, options)
    role = _role(columns)
    if role is None:
        is_text = isinstance(layout, Delimited)
        raise BadSourceError(
            f"{path} has no columns for user and item, for an item and its title, or for "
            f"account_a and account_b; it has {', '.join(names)}; name them with "
            f"--map user=COLUMN, --map item=COLUMN"
            + ("; if these are no names of columns, give --separator" if is_text else "")
        )
    columns = {field: column for field, column in columns.items() if field in FIELDS[role]}
    properties = _properties(role, options)
    columns |= {field: column for field, column in properties.items() if column in names}
    if role != "links" and "domain" not in columns and options.domain is None:
        raise BadSourceError(
            f"{path} does not say which domain its items are of (it has {', '.join(names)}); "
            f"give --domain NAME or --map domain=COLUMN"
        )
    candidates = {}
    if isinstance(layout, JsonLines):
        # Which of its names a field bears may differ from record to record.
        named = {field: _names_of(field, options) for field in FIELDS[role]}
        candidates = {field: usual for field, usual in named.items() if usual}
        candidates |= {field: (column,) for field, column in properties.items()}
        columns = {}
        listed = [name for f in ("description", "tags") for name in candidates.get(f, ())]
        layout = replace(
            layout,
            lists=frozenset(listed),
            ids=frozenset(name for field in ID_FIELDS[role] for name in candidates[field]),
            names_of_one=tuple(candidates.values()),
        )
    return Table(
        path,
        role,
        layout,
        columns,
        candidates,
        expected=(*options.columns, *properties),
        domain=options.domain,
        kind=options.kind,
        time_unit=options.time_unit or "auto",
        tag_separator=options.tag_separator,
    )


def _properties(role: Role, options: SourceOptions) -> dict[str, str]:
    """The column of each item property, by its field; a catalogue alone has any."""
    if role != "items":
        return {}
    given = options.item_properties.items()
    return {field_of(name, one.type): one.column for name, one in given}


def _names(path: Path, layout: Layout, options: SourceOptions) -> list[str]:
    """The columns of a file; of JSON Lines those that decide what it is, and maybe more."""
    names = layout.columns(path)
    return _with_later(path, layout, names, options) if isinstance(layout, JsonLines) else names


def _columns(names: Sequence[str], options: SourceOptions) -> dict[str, str]:
    """Which of the columns holds which field."""
    return {
        field: column
        for field in USUAL_NAMES
        if (column := next((n for n in _names_of(field, options) if n in names), None))
    }


def _names_of(field: str, options: SourceOptions) -> tuple[str, ...]:
    """The columns that can hold a field, the most telling first."""
    mapped = options.columns.get(field)
    return (mapped,) if mapped is not None else USUAL_NAMES[field]


def _with_later(
    path: Path, layout: JsonLines, names: list[str], options: SourceOptions
) -> list[str]:
    """Keys of the first records, and of later ones as many as decide what the file is."""
    known = list(names)

    def is_decided() -> bool:
        columns = _columns(known, options)
        has_domain = options.domain is not None or "domain" in columns
        return (role := _role(columns)) == "links" or (role == "interactions" and has_domain)

    if is_decided():
        return known
    deciding = ("user", "item", "account_a", "account_b", "domain")
    sought = [name for field in deciding for name in _names_of(field, options)]
    for name in layout.later(path, [name for name in sought if name not in known]):
        known.append(name)
        if is_decided():
            break
    return known


def _has(table: Table, field: str, column: str) -> bool:
    """Whether a file has a column for a field, be it in a late record only."""
    if table.columns.get(field) == column:
        return True
    if column not in table.candidates.get(field, ()) or not isinstance(table.layout, JsonLines):
        return False
    return any(table.layout.later(table.path, [column]))


def _role(columns: dict[str, str]) -> Role | None:
    if "account_a" in columns and "account_b" in columns:
        return "links"
    if "user" in columns and "item" in columns:
        return "interactions"
    if "item" in columns and "user" not in columns:
        return "items"
    return None
