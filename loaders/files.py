"""The files of a source, the layout of each, and the options that concern layouts.

In:   files or folders, and the options of the user.
Out:  one path after another; a layout by the file's suffix, ``.gz`` and ``.zst`` aside.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from loaders.delimited import Delimited
from loaders.errors import BadSourceError
from loaders.json_lines import JsonLines
from loaders.layouts import Layout, Parquet
from loaders.source import SourceOptions

__all__ = ["check_text_options", "files_of", "layout_of", "refuse_options"]

log = logging.getLogger(__name__)

_LAYOUTS: dict[str, Layout] = {
    ".parquet": Parquet(),
    ".csv": Delimited(),
    ".tsv": Delimited(separator="\t", quote=None),
    ".jsonl": JsonLines(),
    ".ndjson": JsonLines(),
    ".json": JsonLines(),
}
_PACKED = (".gz", ".zst")


def files_of(paths: Sequence[Path]) -> list[Path]:
    """The files given, and of folders the files in them, hidden ones left out; each once."""
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.is_file())
            files += [p for p in inside if not _hidden(p.relative_to(path))]
        else:
            files.append(path)
    once: dict[Path, Path] = {}
    for path in files:
        if once.setdefault(path.resolve(), path) is not path:
            log.warning("%s is given more than once; it is read once", path)
    return list(once.values())


def layout_of(path: Path, options: SourceOptions) -> Layout | None:
    """The layout of a file by its suffix, ``.gz`` and ``.zst`` aside; None for any other suffix."""
    suffixes = [s.lower() for s in path.suffixes]
    if suffixes and suffixes[-1] in _PACKED:
        suffixes.pop()
    layout = _LAYOUTS.get(suffixes[-1]) if suffixes else None
    if layout is None:
        log.info("%s is left out: not a .csv, .tsv, .jsonl or .parquet file", path)
    if isinstance(layout, Delimited):
        return layout.with_options(
            separator=options.separator, quote=options.quote, encoding=options.encoding
        )
    if isinstance(layout, JsonLines):
        return replace(layout, encoding=options.encoding)
    return layout


def refuse_options(what: str, options: SourceOptions, *names: str) -> None:
    """Refuse options that a format or a source has no use for.

    Args:
        what: ``the format movielens``, for the message.
        options: What the user gave.
        names: Names of options: ``map``, ``separator``, ``quote``, ``encoding``.

    Raises:
        BadSourceError: One of them is given.
    """
    given = {"map": options.columns or None} | asdict(options)
    for name in names:
        if given[name] is not None:
            raise BadSourceError(
                f"{what} has no use for --{name} (got {given[name]!r}); leave it out, or use "
                f"--format tabular with CSV or TSV files"
            )


def check_text_options(layouts: Sequence[Layout], options: SourceOptions) -> None:
    """Refuse options for text that no file of a source has a use for.

    Raises:
        BadSourceError: One of them is given.
    """
    if not any(isinstance(layout, Delimited) for layout in layouts):
        refuse_options("a source without CSV and TSV files", options, "separator", "quote")
    if all(isinstance(layout, Parquet) for layout in layouts):
        refuse_options("a source without text files", options, "encoding")


def _hidden(path: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.parts)
