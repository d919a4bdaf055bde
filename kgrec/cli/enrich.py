"""``kgrec enrich``: write what a trained run knows into the graph, list it and undo it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from kgrec.cli.options import (
    JsonOption,
    PrefixOption,
    RunOption,
    StoreOption,
    ThreadsOption,
    WaitOption,
)
from kgrec.cli.output import echo, print_json, print_table
from kgrec.cli.threads import set_threads

if TYPE_CHECKING:
    from graph_store import GraphStore
    from kgrec.cli.progress import Report
    from kgrec.enrichment import Enrichment
    from kgrec.trained import TrainedModel

__all__ = ["register"]

commands = typer.Typer(
    no_args_is_help=True, help="Write what a trained run knows into the graph, list it, undo it."
)

DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be written, and write nothing.")
]
BatchOption = Annotated[int, typer.Option(min=1, metavar="N", help="Rows a transaction.")]


def register(app: typer.Typer) -> None:
    """Add ``kgrec enrich``."""
    app.add_typer(commands, name="enrich")


@commands.command()
def vectors(
    run: RunOption,
    store: StoreOption,
    dry_run: DryRunOption = False,
    batch_size: BatchOption = 2_000,
    label_prefix: PrefixOption = "",
    wait: WaitOption = None,
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put the vectors of items and users onto their nodes, searchable by the store."""
    set_threads(threads)
    from kgrec import enrichment

    with _at_work(run, store, label_prefix, wait, read_only=dry_run) as (model, graph, report):
        done = enrichment.vectors(
            model, graph, batch_size=batch_size, dry_run=dry_run, on_progress=report
        )
    _tell(done, as_json=as_json)


@commands.command("similar-items")
def similar_items(
    run: RunOption,
    store: StoreOption,
    k: Annotated[
        int, typer.Option("-k", min=1, metavar="N", help="Most items in one domain.")
    ] = 10,
    floor: Annotated[
        float, typer.Option(min=-1.0, max=1.0, metavar="S", help="No score below this cosine.")
    ] = 0.5,
    scope: Annotated[
        Literal["all", "within", "across"], typer.Option(help="Into which domains.")
    ] = "all",
    dry_run: DryRunOption = False,
    batch_size: BatchOption = 10_000,
    label_prefix: PrefixOption = "",
    wait: WaitOption = None,
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Draw SIMILAR_TO between items that lie close, within and across domains."""
    set_threads(threads)
    from kgrec import enrichment

    with _at_work(run, store, label_prefix, wait, read_only=dry_run) as (model, graph, report):
        done = enrichment.similar_items(
            model, graph, k=k, floor=floor, scope=scope,
            batch_size=batch_size, dry_run=dry_run, on_progress=report,
        )  # fmt: skip
    _tell(done, as_json=as_json)


@commands.command("list")
def list_(
    store: StoreOption,
    label_prefix: PrefixOption = "",
    wait: WaitOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what was written and not undone, oldest first."""
    from graph_store.open_store import open_store
    from kgrec import enrichment

    with open_store(store, read_only=True, label_prefix=label_prefix, wait=wait) as graph:
        entries = enrichment.enrichments(graph)
    if as_json:
        print_json(entries)
        return
    rows = [
        (
            entry.enrichment_id,
            entry.job,
            f"{datetime.fromtimestamp(entry.at, UTC):%Y-%m-%d %H:%M:%S} UTC",
            entry.finished,
            _counted(entry.counts),
        )
        for entry in entries
    ]
    print_table(("enrichment id", "job", "at", "finished", "wrote"), rows)


@commands.command()
def undo(
    enrichment_id: Annotated[
        str, typer.Argument(metavar="ID", help="As `kgrec enrich list` names it.")
    ],
    store: StoreOption,
    label_prefix: PrefixOption = "",
    wait: WaitOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take back what an enrichment wrote and bring back what was there before."""
    from graph_store.open_store import open_store
    from kgrec import enrichment

    with open_store(store, create=False, label_prefix=label_prefix, wait=wait) as graph:
        taken = enrichment.undo(graph, enrichment_id)
    if as_json:
        print_json({"enrichment_id": enrichment_id, "taken_back": taken})
    else:
        echo(f"{enrichment_id}: {taken:,} taken back")


@contextmanager
def _at_work(
    run: Path, store: str, label_prefix: str, wait: float | None, *, read_only: bool
) -> Iterator[tuple[TrainedModel, GraphStore, Report]]:
    """A trained run, the graph it is written into, and who hears how far it is."""
    from graph_store.open_store import open_store
    from kgrec.cli.progress import reporting
    from kgrec.runs import open_run

    model = open_run(run)
    with (
        open_store(
            store, read_only=read_only, create=False, label_prefix=label_prefix, wait=wait
        ) as graph,
        reporting() as report,
    ):
        yield model, graph, report


def _tell(done: Enrichment, *, as_json: bool) -> None:
    if as_json:
        print_json(done)
        return
    if done.in_force_already:
        echo(f"{done.enrichment_id}: in force already, nothing written ({_counted(done.counts)})")
    elif done.dry_run:
        echo(f"{done.enrichment_id}: would write {_counted(done.counts)}")
    else:
        echo(f"{done.enrichment_id}: wrote {_counted(done.counts)} in {done.seconds:.1f} s")
    for reason, count in done.left_out.items():
        if count:
            echo(f"left out: {count:,} {reason}", err=True)


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {what}" for what, count in counts.items()) or "nothing"
