"""The format ``neo4j``: pages of rows that were read from somebody's graph.

In:   the folder that :mod:`loaders.neo4j_pages` filled.
Out:  tables, told apart like those of :mod:`loaders.formats.tabular`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from loaders.errors import BadSourceError
from loaders.files import refuse_options
from loaders.formats import tabular
from loaders.source import SourceOptions, Table

__all__ = ["tables"]


def tables(paths: Sequence[Path], options: SourceOptions) -> list[Table]:
    """What each page is, by its columns.

    Raises:
        BadSourceError: A path is none of a folder of pages, or the columns are not known.
    """
    refuse_options("the format neo4j", options, "separator", "quote", "encoding")
    pages: list[Path] = []
    for path in paths:
        found = sorted(path.glob("*.parquet")) if path.is_dir() else []
        if not found:
            raise BadSourceError(
                f"{path} holds no pages of a graph; `kgrec ingest --format neo4j --from URL` reads "
                f"them"
            )
        pages += found
    return tabular.tables(pages, options)
