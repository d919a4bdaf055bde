"""RecBole atomic files: tab-separated, with ``name:type`` in the header.

In:   ``.inter`` and ``.item`` files, or folders of them.
Out:  a log and a catalogue; the domain is the file's name (``ml-100k``) unless another is given.

Types: ``token`` is a text, ``float`` a number, ``token_seq`` texts with a space between. Columns
are found by the names that RecBole's own conversions use, others by ``--map FIELD=NAME`` (without
the type). ``.user``, ``.kg``, ``.link`` and ``.net`` are left out. A quote is a character like any
other unless ``--quote`` names one.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from loaders.delimited import Delimited
from loaders.errors import BadSourceError
from loaders.files import files_of
from loaders.records import FIELDS, Role
from loaders.source import SourceOptions, Table

__all__ = ["tables"]

log = logging.getLogger(__name__)

_USUAL_NAMES: dict[str, tuple[str, ...]] = {
    "user": ("user_id",),
    "item": ("item_id", "asin", "movie_id", "business_id", "venue_id", "product_id", "game_id"),
    "domain": ("domain",),
    "kind": ("kind", "action", "behavior", "event"),
    "rating": ("rating", "stars", "overall", "score"),
    "time": ("timestamp", "time"),
    "event_id": ("event_id",),
    "platform": ("platform",),
    "title": ("title", "movie_title", "item_name", "name"),
    "description": ("description",),
    "tags": ("tags", "class", "genre", "genres", "categories", "category", "item_tag_list"),
}
_ROLES: dict[str, Role] = {".inter": "interactions", ".item": "items"}


def tables(paths: Sequence[Path], options: SourceOptions) -> list[Table]:
    """What each file is, by its suffix.

    Raises:
        BadSourceError: A column that ``--map`` names is in no file.
    """
    found = []
    for path in files_of(paths):
        suffixes = [s.lower() for s in path.suffixes if s.lower() not in (".gz", ".zst")]
        role = _ROLES.get(suffixes[-1]) if suffixes else None
        if role is None:
            log.info("%s is left out: not an .inter or .item file", path)
            continue
        found.append(_table(path, role, options))
    for field, name in options.columns.items():
        if not any(t.columns.get(field, "").partition(":")[0] == name for t in found):
            raise BadSourceError(f"--map {field}={name}: no file of the source has it as a column")
    return found


def _table(path: Path, role: Role, options: SourceOptions) -> Table:
    layout = Delimited("\t", None).with_options(
        separator=options.separator, quote=options.quote, encoding=options.encoding
    )
    typed = {header.partition(":")[0]: header for header in layout.columns(path)}
    columns = {
        field: header
        for field in FIELDS[role]
        if (header := _header(field, typed, options.columns))
    }
    for field in ("item",) if role == "items" else ("user", "item"):
        if field not in columns:
            raise BadSourceError(
                f"{path} has no column for {field}; it has {', '.join(typed)}; name it with "
                f"--map {field}=COLUMN"
            )
    is_sequence = columns.get("tags", "").endswith(":token_seq")
    return Table(
        path,
        role,
        layout,
        columns,
        expected=tuple(options.columns),
        domain=options.domain or path.name.split(".")[0],
        kind=options.kind,
        time_unit=options.time_unit or "s",
        tag_separator=options.tag_separator,
        transform=_split_tags if is_sequence else None,
    )


def _header(field: str, typed: Mapping[str, str], mapped: Mapping[str, str]) -> str | None:
    names = (mapped[field],) if field in mapped else _USUAL_NAMES.get(field, ())
    return next((typed[name] for name in names if name in typed), None)


def _split_tags(fields: pl.DataFrame) -> pl.DataFrame:
    """Some conversions put commas between tags of several words, most a space between words."""
    tags = pl.col("tags")
    commas = tags.str.split(",").list.eval(pl.element().str.strip_chars(" '\""))
    split = (
        pl.when(tags.str.contains(",", literal=True)).then(commas).otherwise(tags.str.split(" "))
    )
    return fields.with_columns(split.alias("tags"))
