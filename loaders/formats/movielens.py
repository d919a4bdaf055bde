"""MovieLens folders: 100K (``u.data``), 1M and 10M (``ratings.dat``), 20M, 25M, 32M and latest
(``ratings.csv``).

In:   a folder as unpacked, or its files.
Out:  a log with ratings of up to 5 and times in seconds, and the catalogue with genres as tags.

Left out: demographic data, and the tags that people gave (``tags.csv``), which are opinions of
single persons rather than facts about a film. All items are of the domain ``movies`` unless
another is named. The layout of each file is fixed: ``--separator``, ``--quote`` and ``--map`` are
refused. Catalogues that are not UTF-8 are read as Latin-1 (those of 100K and 1M), packed or not.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from loaders.delimited import Delimited
from loaders.files import files_of, refuse_options
from loaders.lines import encoding_of_lines
from loaders.source import SourceOptions, Table

__all__ = ["tables"]

log = logging.getLogger(__name__)

_GENRES = (
    "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama",
    "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller",
    "War", "Western",
)  # fmt: skip
_ITEM_100K = ("item", "title", "date", "video_date", "url", "unknown", *_GENRES)
_LOG = ("user", "item", "rating", "time")
_CSV_LOG = {"user": "userId", "item": "movieId", "rating": "rating", "time": "timestamp"}
_CSV_ITEMS = {"item": "movieId", "title": "title", "tags": "genres"}
_NO_GENRE = "(no genres listed)"


def tables(paths: Sequence[Path], options: SourceOptions) -> list[Table]:
    """What each file is, by its name."""
    refuse_options("the format movielens", options, "separator", "quote", "map")
    found = []
    for path in files_of(paths):
        table = _table(path, options.encoding)
        if table is None:
            log.info("%s is left out: it holds no ratings and no catalogue", path)
            continue
        found.append(
            replace(
                table,
                domain=options.domain or "movies",
                kind=options.kind,
                time_unit=options.time_unit or "s",
            )
        )
    return found


def _table(path: Path, encoding: str | None) -> Table | None:
    name = path.name.lower()
    for suffix in (".gz", ".zst"):
        name = name.removesuffix(suffix)
    same = {field: field for field in _LOG}
    if name == "u.data":  # u1.base and the like say the same again
        return Table(path, "interactions", Delimited("\t", None, _LOG, encoding), same)
    if name == "ratings.dat":
        return Table(path, "interactions", Delimited("::", None, _LOG, encoding), same)
    if name == "ratings.csv":
        return Table(path, "interactions", Delimited(encoding=encoding), _CSV_LOG)
    if name == "u.item":
        layout = Delimited("|", None, _ITEM_100K, encoding or encoding_of_lines(path))
        columns = {"item": "item", "title": "title"}
        return Table(path, "items", layout, columns, transform=_genre_flags, extra=_GENRES)
    if name == "movies.dat":
        names = ("item", "title", "tags")
        layout = Delimited("::", None, names, encoding or encoding_of_lines(path))
        columns = {name: name for name in names}
        return Table(path, "items", layout, columns, transform=_without_no_genre)
    if name == "movies.csv":
        layout = Delimited(encoding=encoding)
        return Table(path, "items", layout, _CSV_ITEMS, transform=_without_no_genre)
    return None


def _genre_flags(fields: pl.DataFrame) -> pl.DataFrame:
    flags = [pl.when(pl.col(genre) == "1").then(pl.lit(genre)) for genre in _GENRES]
    tags = pl.concat_list(flags).list.drop_nulls()
    return fields.select("line", "item", "title", tags.alias("tags"))


def _without_no_genre(fields: pl.DataFrame) -> pl.DataFrame:
    return fields.with_columns(pl.col("tags").replace(_NO_GENRE, None))
