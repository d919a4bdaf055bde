"""Reads the people to answer for from a file, and gives answers their ids back as they came in.

In:   Parquet or CSV with a column ``user_id``, or a text file with one id a line.
Out:  user keys. Nothing here knows whether such people exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from kgrec.errors import InputError, NotFoundError
from kgrec.lookup.results import Recommendations

__all__ = ["COLUMN", "UserFile", "read_users"]

COLUMN = "user_id"


@dataclass(frozen=True)
class UserFile:
    """Ids in the order of the file."""

    keys: list[str]
    """As the graph spells them."""
    kind: pl.DataType
    """What the ids were in the file: numbers stay numbers in what is written."""

    def frame(self, answers: Recommendations) -> pl.DataFrame:
        """The columns of the answers with ``user_id`` of the file's own type."""
        return answers.to_frame().with_columns(pl.col(COLUMN).cast(self.kind))


def read_users(path: Path) -> UserFile:
    """Ids of ``path``, each once, in order of first appearance.

    Raises:
        NotFoundError: No such file.
        InputError: No column ``user_id``, no id at all, or a file that cannot be read.
    """
    if not path.is_file():
        raise NotFoundError(f"there is no file {path}; give Parquet, CSV or one id a line")
    try:
        ids = _from_parquet(path) if path.suffix == ".parquet" else _from_text(path)
    except (pl.exceptions.PolarsError, UnicodeDecodeError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path} cannot be read ({reason}); give Parquet, CSV or text") from error
    keys = ids.drop_nulls().unique(maintain_order=True)
    if not len(keys):
        raise InputError(f"{path} names nobody; write one id a line or a column {COLUMN!r}")
    return UserFile(keys.cast(pl.String).to_list(), keys.dtype)


def _from_parquet(path: Path) -> pl.Series:
    columns = pl.read_parquet_schema(path)
    _check(path, list(columns))
    return pl.read_parquet(path, columns=[COLUMN])[COLUMN]


def _from_text(path: Path) -> pl.Series:
    text = path.read_text(encoding="utf-8-sig")
    header = [name.strip().strip('"') for name in text.partition("\n")[0].split(",")]
    if path.suffix == ".csv":
        _check(path, header)
    if COLUMN in header:
        frame = pl.read_csv(text.encode(), infer_schema=False)
        return frame.rename({name: name.strip() for name in frame.columns})[COLUMN]
    lines = (line.strip() for line in text.splitlines())
    return pl.Series([line for line in lines if line], dtype=pl.String)


def _check(path: Path, columns: list[str]) -> None:
    if COLUMN not in columns:
        raise InputError(
            f"{path} has no column {COLUMN!r}, it has {', '.join(columns) or 'none'}; rename one"
        )
