"""Reads the history of one user from a file or table: items, and when and how each was met.

In:   a text file with one item a line, oldest first; CSV, TSV, Parquet or JSON Lines with a column
      ``item`` and, where known, ``time`` and ``kind``; or a table that is in memory.
Out:  a :class:`kgrec.lookup.GivenHistory`. Nothing here knows whether such items exist.
"""

from __future__ import annotations

import time
from pathlib import Path

import polars as pl

from kgrec.errors import InputError, NotFoundError
from kgrec.lookup.keys import GivenHistory
from kgrec.lookup.list_files import read_columns
from loaders.ids import id_texts, is_id_type
from loaders.times import DAY, is_time_type, read_times

__all__ = ["history_of", "read_history"]

_ITEM, _TIME, _KIND = "item", "time", "kind"
_JSON_LINES = (".jsonl", ".ndjson")


def read_history(path: Path) -> GivenHistory:
    """The events of ``path``.

    Raises:
        NotFoundError: No such file.
        InputError: No column ``item``, a row without an item, a time that is none, or a file that
            cannot be read.
    """
    frame = _read(path)
    if not frame.height:
        raise InputError(f"{path} names no item; write one item a line or a column {_ITEM!r}")
    return history_of(frame, str(path))


def history_of(frame: pl.DataFrame, where: str) -> GivenHistory:
    """The events of a table.

    Args:
        frame: A column ``item``, and where they are known ``time`` and ``kind``.
        where: What the table is, for messages.

    Raises:
        InputError: A row without an item, or a time that is none.
    """
    items = id_texts(frame[_ITEM])
    if items.null_count():
        row = items.is_null().arg_max()
        raise InputError(f"{where}: row {(row or 0) + 1} names no item; remove the row or name one")
    return GivenHistory(
        items.to_list(),
        _times(where, frame[_TIME]) if _TIME in frame.columns else None,
        id_texts(frame[_KIND]).to_list() if _KIND in frame.columns else None,
    )


def _read(path: Path) -> pl.DataFrame:
    if path.suffix.lower() not in _JSON_LINES:
        return read_columns(path, _ITEM, (_TIME, _KIND))
    if not path.exists():
        raise NotFoundError(f"there is no file {path}")
    try:
        frame = pl.read_ndjson(path, infer_schema_length=None)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(
            f"{path} cannot be read as JSON Lines ({str(error).splitlines()[0]}); write one object "
            f"a line"
        ) from error
    if _ITEM not in frame.columns or not is_id_type(frame.schema[_ITEM]):
        raise InputError(
            f"{path} has no texts or whole numbers under {_ITEM!r}, it has "
            f'{", ".join(frame.columns) or "none"}; write {{"item": ...}} in each line'
        )
    return frame


def _times(where: str, values: pl.Series) -> list[int | None]:
    if not is_time_type(values.dtype):
        raise InputError(f"{where}: the column {_TIME!r} holds {values.dtype}; it must hold times")
    found = read_times(values, "auto", latest=int(time.time()) + DAY)
    faults = found.faults
    if faults is not None:
        row = faults.is_not_null().arg_max() or 0
        raise InputError(
            f"{where}: row {row + 1} has the time {values[row]!r}; write Unix seconds or a date "
            f"such as 2023-01-05T12:00:00Z, not in the future"
        )
    return found.seconds.to_list()
