"""``kgrec check``: whether a run folder is what was written."""

from __future__ import annotations

import typer

from kgrec.cli.options import JsonOption, RunOption
from kgrec.cli.output import echo, print_json

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(check)


def check(run: RunOption, as_json: JsonOption = False) -> None:
    """Read every file of a run and compare it with its checksum."""
    from kgrec.runs import open_run

    opened = open_run(run)
    files, size = len(opened.manifest["files"]), opened.files.check_all()
    if as_json:
        print_json({"run": str(run), "files": files, "bytes": size})
    else:
        echo(f"{run}: {files} files, {size:,} bytes, all as they were written")
