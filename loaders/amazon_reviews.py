"""Amazon reviews and metadata (McAuley lab) in their forms of 2014, 2018 and 2023.

In:   ``reviews_Books_5.json.gz``, ``Books.jsonl.gz``, ``meta_Books.jsonl.gz``, ``Books_5.json.gz``,
      ``ratings_Books.csv`` and their like, packed or not; or folders of them.
Out:  tables; the year is told by a file's columns, the domain by its name (``books``).

Reviews:   2014 and 2018 ``reviewerID, asin, overall, unixReviewTime`` (seconds), 2023 ``user_id,
           parent_asin, rating, timestamp`` (milliseconds); bare ratings as CSV, with a header
           (2023) or without (2014: user first; 2018: item first).
Metadata:  title, description and categories; that of 2014 is Python literals, not JSON.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from loaders.errors import BadSourceError
from loaders.layouts import Delimited, JsonLines
from loaders.lines import read_head
from loaders.source import SourceOptions, Table
from loaders.tabular import files_of

__all__ = ["tables"]

log = logging.getLogger(__name__)

_REVIEWS_2014_2018 = {
    "user": "reviewerID", "item": "asin", "rating": "overall", "time": "unixReviewTime",
}  # fmt: skip
_REVIEWS_2023 = {
    "user": "user_id", "item": "parent_asin", "rating": "rating", "time": "timestamp",
}  # fmt: skip
_FIRST_OF = {
    # The names of a field over the years, the newest first.
    "item": ("parent_asin", "asin"),
    "title": ("title",),
    "description": ("description",),
    "tags": ("categories", "category"),
}
_ASIN = re.compile(r"(B[0-9A-Z]{9}|[0-9]{9}[0-9X])$")
_KNOWN = re.compile(r"\.(jsonl?|csv)(\.(gz|zst))?$", re.IGNORECASE)
_AFFIXES = re.compile(
    r"^(reviews|ratings|meta)_|(_\d+(core)?|\.(train|valid|test))$", re.IGNORECASE
)


def tables(paths: Sequence[Path], options: SourceOptions) -> list[Table]:
    """What each file is, by its columns."""
    found = []
    for path in files_of(paths):
        if not _KNOWN.search(path.name):
            log.info("%s is left out: not a .json, .jsonl or .csv file", path)
            continue
        is_csv = ".csv" in (suffix.lower() for suffix in path.suffixes)
        table = _ratings(path) if is_csv else _json(path)
        unit = options.time_unit or table.time_unit
        domain = options.domain or _domain(path)
        found.append(replace(table, domain=domain, kind=options.kind, time_unit=unit))
    return found


def _json(path: Path) -> Table:
    layout = JsonLines(python_literals=True)
    names = set(layout.columns(path))
    if set(_REVIEWS_2014_2018.values()) <= names:
        return Table(path, "interactions", layout, _REVIEWS_2014_2018, time_unit="s")
    if set(_REVIEWS_2023.values()) <= names:
        return Table(path, "interactions", layout, _REVIEWS_2023, time_unit="ms")
    columns = {
        field: name
        for field, usual in _FIRST_OF.items()
        if (name := next((n for n in usual if n in names), None))
    }
    if "item" not in columns:
        raise BadSourceError(
            f"{path} is neither Amazon reviews nor metadata: it has {', '.join(sorted(names))}; "
            f"for a form of your own use --format tabular with --map"
        )
    listed = frozenset(columns[f] for f in ("description", "tags") if f in columns)
    return Table(path, "items", replace(layout, lists=listed), columns)


def _ratings(path: Path) -> Table:
    head = read_head(path)
    rows = [line.split(",") for line in head]
    if rows and set(_REVIEWS_2023.values()) <= set(rows[0]):
        return Table(path, "interactions", Delimited(), _REVIEWS_2023, time_unit="ms")
    if not rows or len(rows[0]) != 4:
        raise BadSourceError(
            f"{path} is no file of Amazon ratings: user, item, rating and time were expected, "
            f"got {head[0] if head else 'nothing'!r}"
        )
    # 2014 has the user first, 2018 the item; the one that looks like a product number is it.
    items_first, items_second = (
        sum(bool(_ASIN.match(row[place])) for row in rows if len(row) == 4) for place in (0, 1)
    )
    names = (
        ("item", "user", "rating", "time")
        if items_first > items_second
        else ("user", "item", "rating", "time")
    )
    columns = {name: name for name in names}
    return Table(path, "interactions", Delimited(names=names), columns, time_unit="s")


def _domain(path: Path) -> str:
    """``reviews_Home_and_Kitchen_5.json.gz`` is of ``home_and_kitchen``."""
    name = _KNOWN.sub("", path.name)
    while (shorter := _AFFIXES.sub("", name)) != name:
        name = shorter
    return name.lower()
