"""Amazon reviews and metadata (McAuley lab) in their formats of 2014, 2018 and 2023.

In:   ``reviews_Books_5.json.gz``, ``Books.jsonl.gz``, ``meta_Books.jsonl.gz``, ``Books_5.json.gz``,
      ``ratings_Books.csv`` and their like, packed or not; or folders of them.
Out:  tables; the year is told by a file's columns, the domain by its name (``books``). The layout
      of each file is fixed: ``--separator``, ``--quote`` and ``--map`` are refused.

Reviews:   2014 and 2018 ``reviewerID, asin, overall, unixReviewTime`` (seconds), 2023 ``user_id,
           parent_asin, rating, timestamp`` (milliseconds); bare ratings as CSV, with a header
           (2023) or without (2014: user first; 2018: item first).
Metadata:  title, description and categories; that of 2014 is Python literals, not JSON. Any of
           them may be missing from any number of records. A file whose first records name no
           user is metadata if its name begins with ``meta_``; else all of it is searched for one.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from loaders.delimited import Delimited
from loaders.errors import BadSourceError
from loaders.files import files_of, refuse_options
from loaders.json_lines import JsonLines
from loaders.lines import read_head
from loaders.source import SourceOptions, Table
from loaders.times import TimeUnit

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
_TELLING = ("reviewerID", "user_id", "parent_asin", "asin")
"""Keys that tell reviews of either kind from metadata."""
_ASIN = re.compile(r"(B[0-9A-Z]{9}|[0-9]{9}[0-9X])$")
_KNOWN = re.compile(r"\.(jsonl?|csv)(\.(gz|zst))?$", re.IGNORECASE)
_AFFIXES = re.compile(
    r"^(reviews|ratings|meta)_|(_\d+(core)?|\.(train|valid|test))$", re.IGNORECASE
)


def tables(paths: Sequence[Path], options: SourceOptions) -> list[Table]:
    """What each file is, by its columns."""
    refuse_options("the format amazon-reviews", options, "separator", "quote", "map")
    found = []
    for path in files_of(paths):
        if not _KNOWN.search(path.name):
            log.info("%s is left out: not a .json, .jsonl or .csv file", path)
            continue
        is_csv = ".csv" in (suffix.lower() for suffix in path.suffixes)
        table = _ratings(path, options.encoding) if is_csv else _json(path, options.encoding)
        unit = options.time_unit or table.time_unit
        domain = options.domain or _domain(path)
        found.append(replace(table, domain=domain, kind=options.kind, time_unit=unit))
    return found


def _json(path: Path, encoding: str | None) -> Table:
    layout = JsonLines(python_literals=True, ids=frozenset(_TELLING), encoding=encoding)
    names = layout.columns(path)
    if _reviews(names) is None and not _is_named_metadata(path, names):
        for found in layout.later(path, [name for name in _TELLING if name not in names]):
            names.append(found)
            if _reviews(names) is not None:
                break
    reviews = _reviews(names)
    if reviews is not None:
        unit: TimeUnit = "s" if reviews is _REVIEWS_2014_2018 else "ms"
        return Table(path, "interactions", layout, reviews, expected=tuple(reviews), time_unit=unit)
    if not any(name in names for name in _FIRST_OF["item"]):
        raise BadSourceError(
            f"{path} is neither Amazon reviews nor metadata: it has {', '.join(sorted(names))}; "
            f"for a format of your own use --format tabular with --map"
        )
    listed = frozenset(_FIRST_OF["description"] + _FIRST_OF["tags"])
    layout = replace(layout, lists=listed, names_of_one=tuple(_FIRST_OF.values()))
    return Table(path, "items", layout, {}, _FIRST_OF, expected=tuple(_FIRST_OF))


def _reviews(names: Collection[str]) -> dict[str, str] | None:
    """The columns of reviews of one year; None where no user is named."""
    for columns in (_REVIEWS_2014_2018, _REVIEWS_2023):
        if columns["user"] in names and columns["item"] in names:
            return columns
    return None


def _is_named_metadata(path: Path, names: Collection[str]) -> bool:
    is_named = path.name.lower().startswith("meta_")
    return is_named and any(name in names for name in _FIRST_OF["item"])


def _ratings(path: Path, encoding: str | None) -> Table:
    head = read_head(path, encoding=encoding)
    rows = [line.split(",") for line in head]
    if rows and set(_REVIEWS_2023.values()) <= set(rows[0]):
        layout = Delimited(encoding=encoding)
        return Table(path, "interactions", layout, _REVIEWS_2023, time_unit="ms")
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
    layout = Delimited(names=names, encoding=encoding)
    return Table(path, "interactions", layout, columns, time_unit="s")


def _domain(path: Path) -> str:
    """``reviews_Home_and_Kitchen_5.json.gz`` is of ``home_and_kitchen``."""
    name = _KNOWN.sub("", path.name)
    while (shorter := _AFFIXES.sub("", name)) != name:
        name = shorter
    return name.lower()
