"""Reads files that list users or items: one a line, or a column of a table.

In:   a text file with one name a line, CSV or TSV, or Parquet.
Out:  a column of names, and columns beside it where they are asked for; of a text file the names
      without white space around them and without blank lines.

Text is UTF-8, or UTF-16 where a byte-order mark says so; a byte-order mark is no part of a
name. Anything else is refused with the line that is wrong, since a name that is read in the wrong
encoding is silently another name. Nothing here knows whether what is named exists.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from kgrec.errors import InputError, NotFoundError
from loaders.ids import id_texts, is_id_type

__all__ = ["read_column", "read_columns", "read_items"]

ITEM_COLUMN = "key"
"""Column of a table that lists items; ``kgrec recommend --out`` writes one of that name."""

_SEPARATORS = {".csv": ",", ".tsv": "\t"}
_NO_LIST = (".json", ".jsonl", ".ndjson")
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"),
          (codecs.BOM_UTF16_BE, "utf-16-be"))  # fmt: skip
_MARK = "\ufeff"
_PACKED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd")
"""First bytes of gzip and zstd."""


def read_items(path: Path) -> list[str]:
    """Item keys of a list, each once, in order of first appearance; maybe none.

    Raises:
        NotFoundError: No such file.
        InputError: A table without the column ``key``, or a file that cannot be read.
    """
    keys = id_texts(read_column(path, ITEM_COLUMN)).drop_nulls()
    return keys.unique(maintain_order=True).to_list()


def read_column(path: Path, column: str) -> pl.Series:
    """The names of a list, as the file has them; ``column`` is theirs where it is a table.

    Raises:
        NotFoundError: No such file.
        InputError: A table without ``column``, a column of a type that holds no names, or a file
            that cannot be read.
    """
    return read_columns(path, column)[column]


def read_columns(path: Path, column: str, more: Sequence[str] = ()) -> pl.DataFrame:
    """The frame of a list file: ``column``, and those of the columns ``more`` that the table has.

    Args:
        path: Text with one name a line, or CSV or Parquet.
        column: The column that must be there.
        more: Columns that are read as well where the table has them.

    Raises:
        NotFoundError: There is no such file.
        InputError: The file is no list, is damaged, or its column holds neither text nor whole
            numbers.
    """
    if not path.exists():
        raise NotFoundError(
            f"there is no file {path}; give one name a line, or CSV or Parquet with {column!r}"
        )
    suffix = path.suffix.lower()
    if suffix in _NO_LIST:
        raise InputError(
            f"{path} is JSON; give one name a line, or CSV or Parquet with a column {column!r}"
        )
    try:
        read = _from_parquet if suffix == ".parquet" else _from_text
        frame = read(path, column, more)
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise InputError(
            f"{path} cannot be read ({reason}); give one name a line, or CSV or Parquet"
        ) from error
    dtype = frame.schema[column]
    if not is_id_type(dtype):
        raise InputError(
            f"{path}: the column {column!r} holds {dtype}; it must hold text or whole numbers"
        )
    return frame


def _from_parquet(path: Path, column: str, more: Sequence[str]) -> pl.DataFrame:
    names = list(pl.read_parquet_schema(path))
    _check(path, column, names)
    return pl.read_parquet(path, columns=[column, *(name for name in more if name in names)])


def _from_text(path: Path, column: str, more: Sequence[str]) -> pl.DataFrame:
    text = _decoded(path, path.read_bytes())
    suffix = path.suffix.lower()
    separator = _SEPARATORS.get(suffix, ",")
    header = [_bare(name).strip('"') for name in text.partition("\n")[0].split(separator)]
    if suffix in _SEPARATORS:
        _check(path, column, header)
    if column not in header:
        names = (_bare(line) for line in text.split("\n"))
        return pl.DataFrame({column: [name for name in names if name]}, {column: pl.String})
    frame = pl.read_csv(io.BytesIO(text.encode()), separator=separator, infer_schema=False)
    wanted = [column, *(name for name in more if name in header)]
    frame = pl.DataFrame([frame.to_series(header.index(name)).alias(name) for name in wanted])
    found = frame[column]
    if found.str.contains("\n", literal=True).any():
        raise InputError(
            f"{path} holds a quote that runs over several lines; remove stray quotes, or give one "
            f"name a line in a file that ends in .txt"
        )
    return frame


def _decoded(path: Path, data: bytes) -> str:
    """The text with ``\\n`` at every end of a line, without a byte-order mark."""
    if data.startswith(_PACKED):
        raise InputError(f"{path} is packed; unpack it, e.g. with `gzip -d` or `zstd -d`")
    mark, encoding = next(((m, e) for m, e in _MARKS if data.startswith(m)), (b"", "utf-8"))
    try:
        text = data[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        before = data[len(mark) : len(mark) + error.start].decode(encoding, errors="ignore")
        line = len(re.split("\r\n|\r|\n", before))
        wrong = " ".join(f"0x{byte:02x}" for byte in error.object[error.start : error.end][:2])
        hint = ", for Latin-1 with `iconv -f LATIN1 -t UTF-8`" if not mark else ""
        raise InputError(
            f"{path} cannot be read: line {line} is not {encoding.upper()} text (byte {wrong}); "
            f"save the file as UTF-8{hint}"
        ) from error
    if "\0" in text:
        raise InputError(
            f"{path} cannot be read: it holds zero bytes, as UTF-16 without a byte-order mark and "
            f"files that are no text do; save it as UTF-8"
        )
    return re.sub("\r\n?", "\n", text)


def _bare(name: str) -> str:
    """Without white space at the ends, nor marks that were left where files were joined."""
    return name.strip().strip(_MARK).strip()


def _check(path: Path, column: str, columns: list[str]) -> None:
    if column not in columns:
        raise InputError(
            f"{path} has no column {column!r}, it has {', '.join(columns) or 'none'}; rename one"
        )
    if columns.count(column) > 1:
        raise InputError(
            f"{path} has {columns.count(column)} columns named {column!r}; rename all but one"
        )
