"""What every export does with its files: complete or not there, and fit for their form.

In:   a path; a frame of texts.
Out:  a place beside the path to write to, renamed when all is written; texts that XML can hold.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from graph_store.errors import GraphStoreError

__all__ = ["for_xml", "writing_file", "writing_folder"]

_NOT_XML = r"[^\x09\x0A\x0D\x20-\x{D7FF}\x{E000}-\x{FFFD}\x{10000}-\x{10FFFF}]"
"""Characters outside of ``Char`` of XML 1.0 (https://www.w3.org/TR/xml/#charsets)."""

_NOT_XML_PYTHON = re.compile("[^\x09\x0a\x0d\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@contextmanager
def writing_file(path: Path) -> Iterator[Path]:
    """A file beside ``path`` that takes its name when the block ends well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        aside = Path(folder) / path.name
        yield aside
        aside.replace(path)


@contextmanager
def writing_folder(folder: Path) -> Iterator[Path]:
    """A folder within ``folder`` whose files move up when the block ends well.

    Raises:
        GraphStoreError: ``folder`` holds something.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise GraphStoreError(f"{folder} is not an empty folder; choose another or remove it")
    new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(dir=folder, prefix=".unfinished-"))
    try:
        yield aside
        for file in sorted(aside.iterdir()):
            file.rename(folder / file.name)
        aside.rmdir()
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        if new:
            shutil.rmtree(folder, ignore_errors=True)
        raise


def for_xml(rows: pl.DataFrame, *, keys: Sequence[str]) -> tuple[pl.DataFrame, int]:
    """``rows`` with no character that XML 1.0 cannot hold, and how many were replaced.

    Args:
        rows: Nodes or relationships.
        keys: Columns of keys, where two texts must not become one; those of a relationship's
            ends are not counted, since the nodes have them.
    """
    texts = [name for name, dtype in rows.schema.items() if dtype == pl.String]
    counted = rows.select(pl.col(texts).str.count_matches(_NOT_XML).sum())
    found = {name: count for name, count in counted.row(0, named=True).items() if count}
    changes = [
        pl.col(name).map_elements(_numbered, return_dtype=pl.String)
        if name in keys
        else pl.col(name).str.replace_all(_NOT_XML, "\ufffd")
        for name in found
    ]
    ends = ("source", "target")
    return rows.with_columns(changes), sum(n for name, n in found.items() if name not in ends)


def _numbered(key: str) -> str:
    return _NOT_XML_PYTHON.sub(lambda found: f"\\u{ord(found[0]):04x}", key)
