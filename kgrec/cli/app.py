"""The frame of the command line: global options, the commands, and how a run of it ends.

In:   the arguments of ``kgrec``.
Out:  results on stdout, everything else on stderr, an exit code of :mod:`kgrec.cli.failures`.

Each group of commands is a module with ``register(app)``; none imports anything heavy at its top.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated

import typer

import kgrec
from kgrec.cli import failures, progress
from kgrec.cli.output import echo

__all__ = ["app", "main"]

COMMANDS = ("demo", "ingest", "data", "train", "check", "lookup", "enrich", "benchmark", "configs")
"""Modules of this package that add commands, in the order of ``kgrec --help``."""

app = typer.Typer(
    name="kgrec",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Recommend across domains from a knowledge graph and the words in it.",
)


def _version(wanted: bool) -> None:
    if wanted:
        echo(f"kgrec {kgrec.__version__}")
        raise typer.Exit


@app.callback()
def _setup(
    verbose: Annotated[
        bool, typer.Option("-v", "--verbose", help="Show debug messages as well.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("-q", "--quiet", help="Show warnings and errors only.")
    ] = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    progress.configure(verbose=verbose, quiet=quiet)


for _name in COMMANDS:
    import_module(f"kgrec.cli.{_name}").register(app)


def main(args: Sequence[str] | None = None) -> None:
    """Run one command and exit: 0 done, 1 failure, 2 bad input, 3 missing thing, 130 Ctrl-C."""
    raise SystemExit(_run(args))


def _run(args: Sequence[str] | None) -> int:
    try:
        with failures.interrupts():
            code = app(
                None if args is None else list(args), prog_name="kgrec", standalone_mode=False
            )
    except KeyboardInterrupt:
        return failures.INTERRUPTED
    except Exception as error:
        code = failures.tell(error, sys.argv[1:] if args is None else args)
        if code is None:  # not one of ours: a fault of kgrec, whose traceback is wanted
            raise
        return code
    return code if isinstance(code, int) else 0
