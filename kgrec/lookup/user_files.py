"""Reads the users to answer for from a file, and gives answers their ids back as they came in.

In:   Parquet or CSV with a column ``user_id``, or a text file with one id a line.
Out:  user keys, by the rule of ``kgrec ingest``. Nothing here knows whether such users exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from kgrec.errors import InputError
from kgrec.lookup.list_files import read_column
from kgrec.lookup.results import USER_ID, Recommendations
from loaders.ids import id_texts

__all__ = ["UserFile", "read_users"]


@dataclass(frozen=True)
class UserFile:
    """Ids in the order of the file."""

    keys: list[str]
    """The ids, spelled as keys of the graph."""
    kind: pl.DataType
    """What the ids were in the file: numbers stay numbers in what is written."""
    without_id: int = 0
    """Rows that name nobody: a missing value, NaN or a fraction."""

    def frame(self, answers: Recommendations) -> pl.DataFrame:
        """The columns of the answers with ``user_id`` of the file's own type."""
        return answers.to_frame().with_columns(pl.col(USER_ID).cast(self.kind))


def read_users(path: Path) -> UserFile:
    """Ids of ``path``, each once, in order of first appearance.

    Raises:
        NotFoundError: No such file.
        InputError: No column ``user_id``, no id at all, or a file that cannot be read.
    """
    names = read_column(path, USER_ID)
    keys = id_texts(names)
    known = keys.drop_nulls().unique(maintain_order=True)
    if not len(known):
        raise InputError(f"{path} names nobody; write one id a line or a column {USER_ID!r}")
    return UserFile(known.to_list(), names.dtype, keys.null_count())
