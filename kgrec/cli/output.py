"""Results on stdout: a table for people, ``--json`` for programs, ``--out`` for bulk.

In:   rows, plain data or a polars frame.
Out:  text on stdout, or one file of a form told by its ending.

Whatever is shown passes :func:`kgrec.cli.printable.printable`; a file keeps the data as it is.
Messages go to stderr (:mod:`kgrec.cli.progress`).
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from kgrec.cli.printable import printable, printable_json
from kgrec.errors import InputError, NotFoundError

if TYPE_CHECKING:
    import polars as pl

__all__ = ["check_out", "deliver", "echo", "print_json", "print_table", "write_frame"]

ENDINGS = (".parquet", ".csv", ".jsonl")
_WIDE = 10_000  # a pipe has no width; a table there is as wide as its cells


def echo(text: str = "", *, err: bool = False) -> None:
    """Write one line to stdout, or to stderr, safe to be shown."""
    typer.echo(printable(text), err=err)


def print_json(data: object) -> None:
    """Write plain data, dataclasses and paths among it, as indented JSON."""
    typer.echo(printable_json(json.dumps(data, indent=2, ensure_ascii=False, default=_plain)))


def print_table(
    headers: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = ""
) -> None:
    """Write an aligned table; columns of numbers stand to the right.

    Args:
        headers: Names of the columns.
        rows: Values, as many in each row as there are headers.
        title: Line above the table; empty for none.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    cells = [list(row) for row in rows]
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for number, header in enumerate(headers):
        values = [row[number] for row in cells]
        numeric = bool(values) and all(isinstance(v, int | float) for v in values if v is not None)
        table.add_column(
            Text(printable(header)), justify="right" if numeric else "left", overflow="fold"
        )
    for row in cells:
        table.add_row(*(Text(printable(_cell(value))) for value in row))
    width = None if sys.stdout.isatty() else _WIDE
    console = Console(file=sys.stdout, width=width, highlight=False)
    if title:
        console.print(Text(printable(title), style="bold"))
    console.print(table)


def deliver(frame: pl.DataFrame, *, as_json: bool = False, out: Path | None = None) -> None:
    """Send a frame where the options say: into ``out``, as JSON rows, or as a table.

    Args:
        frame: The rows.
        as_json: Whether to print JSON where no file is given.
        out: File to write; its suffix says the form.
    """
    if out is not None:
        write_frame(frame, out)
        echo(f"{frame.height:,} rows written to {out}", err=True)
    elif as_json:
        print_json(frame.to_dicts())
    else:
        print_table(frame.columns, frame.rows())


def check_out(out: Path | None) -> None:
    """Refuse an ``--out`` that could not be written, before any long work.

    Raises:
        InputError: An ending that is not known.
        NotFoundError: The folder does not exist.
    """
    if out is None:
        return
    if out.suffix not in ENDINGS:
        raise InputError(f"--out: must end in one of {', '.join(ENDINGS)}, got {out.name!r}")
    if not out.parent.is_dir():
        raise NotFoundError(f"--out: there is no folder {out.parent}; make it first")


def write_frame(frame: pl.DataFrame, out: Path) -> None:
    """Write a frame in the form that the ending of ``out`` names; all of it or nothing."""
    check_out(out)
    from graph_store.export_files import writing_file

    with writing_file(out) as aside:
        if out.suffix == ".parquet":
            frame.write_parquet(aside, compression="zstd")
        elif out.suffix == ".csv":
            frame.write_csv(aside)
        else:
            frame.write_ndjson(aside)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4f}"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):  # numpy, without importing it
        return value.tolist()
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")
