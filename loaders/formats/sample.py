"""The bundled set: what 804 people thought of 2,039 anime series, films and OVAs.

In:   nothing; the two Parquet files travel inside the package.
Out:  the tables of a source in the two-file format, ratings from 1 to 10, no times.

From the "Anime Recommendations Database" (CooperUnion on Kaggle, from MyAnimeList), listed
there as CC0; see NOTICE. Adult titles and genres are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from loaders.errors import BadSourceError
from loaders.files import refuse_options
from loaders.formats import tabular
from loaders.source import SourceOptions, Table

__all__ = ["folder", "tables"]


def folder() -> Path:
    """Where the two files are."""
    return Path(str(files("loaders").joinpath("data", "anime")))


def tables(paths: Sequence[Path], options: SourceOptions) -> list[Table]:
    """The bundled files; any other file is refused.

    Raises:
        BadSourceError: A file or an option is given.
    """
    if paths:
        raise BadSourceError(
            f"the format sample takes no files, got {paths[0]}; use tabular for it"
        )
    refuse_options("the format sample", options, "separator", "quote", "encoding", "map")
    return tabular.tables([folder()], options)
