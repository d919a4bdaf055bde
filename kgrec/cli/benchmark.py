"""``kgrec benchmark``: models by protocols, their tables, and what one has over another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kgrec.cli.options import JsonOption, OutOption, ThreadsOption, path_to_write
from kgrec.cli.output import check_out, deliver, echo, print_json, print_table
from kgrec.cli.progress import message, reporting
from kgrec.cli.threads import set_threads

if TYPE_CHECKING:
    from kgrec.evaluation.results import Results

__all__ = ["register"]

app = typer.Typer(
    no_args_is_help=True, help="Compare recommenders on users who are cold in a domain."
)


def register(parent: typer.Typer) -> None:
    """Add the commands of this module."""
    parent.add_typer(app, name="benchmark")


@app.command("cold-start")
def cold_start(
    data: Annotated[
        str,
        typer.Option(metavar="DIR", help="Data: a snapshot folder, a folder of logs, or `sample`."),
    ],
    out: Annotated[
        Path,
        typer.Option(
            parser=path_to_write,
            metavar="DIR",
            help="Folder of the results and the report; a benchmark in it is continued.",
        ),
    ],
    config: Annotated[
        str,
        typer.Option(metavar="FILE", help="Protocols and models: a YAML file or a shipped config."),
    ] = "cold-start",
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure models under protocols and write a report.

    A model on one split is one cell. Finished cells are kept, so that the same command continues
    after an interruption.
    """
    set_threads(threads)
    from kgrec.evaluation.data import read_data
    from kgrec.evaluation.report import write_report
    from kgrec.evaluation.runner import run_benchmark
    from kgrec.evaluation.settings import load_benchmark_settings

    settings = load_benchmark_settings(config)
    snapshot = read_data(data, out)
    with reporting() as report:
        try:
            run_benchmark(
                snapshot, settings, out, logs=Path(data),
                on_cell=lambda what, done, total: report("cells", done, total, what),
            )  # fmt: skip
        except KeyboardInterrupt:
            message("stopped; the same command goes on where it stood")
            raise
    results = write_report(out)
    if as_json:
        print_json({**results.run, "rows": results.rows})
    else:
        _show(results)
    message(f"report: {out / 'report.html'}")


@app.command()
def compare(
    first: Annotated[Path, typer.Argument(metavar="A", help="Folder of a benchmark.")],
    second: Annotated[
        Path, typer.Argument(metavar="B", help="Folder of another benchmark of the same data.")
    ],
    as_json: JsonOption = False,
    out: OutOption = None,
) -> None:
    """Compare two benchmarks cell by cell: what A gains over B on the same users."""
    check_out(out)
    from kgrec.evaluation import compare as runs

    deliver(runs.compare(first, second), as_json=as_json, out=out)


@app.command()
def lead(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Folders of benchmarks.")],
    protocol: Annotated[
        str, typer.Option(metavar="P", help="Protocol whose tables are read.")
    ] = "strict-cold",
    model: Annotated[
        str, typer.Option(metavar="M", help="Model that is compared with the best baseline.")
    ] = "kgrec",
    as_json: JsonOption = False,
    out: OutOption = None,
) -> None:
    """Show how far a model is ahead of the best baseline, by direction and over all of them."""
    check_out(out)
    from kgrec.evaluation import lead as leads

    deliver(leads.lead(folders, protocol=protocol, model=model), as_json=as_json, out=out)


def _show(results: Results) -> None:
    from kgrec.evaluation.columns import cells_of, headers_of

    for (protocol, direction), rows in results.tables().items():
        lines = [cells_of(row) for row in rows]
        print_table(headers_of(rows), lines, title=f"{protocol}: {direction}")
        echo()
