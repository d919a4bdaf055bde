"""``kgrec train``: a graph to a run folder, with losses and validation along the way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kgrec.cli.options import (
    STORE_HELP,
    Device,
    DeviceOption,
    JsonOption,
    PrefixOption,
    SetOption,
    ThreadsOption,
    WaitOption,
    path_to_write,
)
from kgrec.cli.output import echo, print_json, print_table
from kgrec.cli.progress import Report, message, reporting, waiting
from kgrec.cli.threads import set_threads
from kgrec.errors import InputError, NotFoundError
from kgrec.progress import Event, OnEvent

if TYPE_CHECKING:
    from graph_store import Snapshot
    from kgrec.config import Settings

__all__ = ["register"]

MANIFEST_SHOWN = ("device", "seconds", "peak_rss_bytes")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(train)


def train(
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            parser=path_to_write,
            metavar="RUN",
            help="Run folder to write; it must be empty or not exist.",
        ),
    ],
    store: Annotated[
        str | None,
        typer.Option("--store", metavar="URL", help=STORE_HELP),
    ] = None,
    snapshot: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Snapshot folder to train on instead of a store."),
    ] = None,
    config: Annotated[
        str, typer.Option(metavar="FILE", help="Settings: a YAML file or a shipped config.")
    ] = "default",
    overrides: SetOption = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue from the last checkpoint in RUN.")
    ] = False,
    device: DeviceOption = Device.AUTO,
    threads: ThreadsOption = None,
    label_prefix: PrefixOption = "",
    wait: WaitOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train on a graph and write a run folder.

    The text encoder and the graph network are trained jointly; the other components of the
    ensemble are then fitted, and weighed on held-out users.
    """
    set_threads(threads)
    from kgrec.config import load_settings

    settings = load_settings(config, overrides or [])
    _check_out(out, resume=resume)
    graph = _read(store, snapshot, label_prefix, wait)

    from kgrec import training  # takes seconds to import: after all that can be refused at once

    with reporting() as report:
        try:
            run = training.train(
                graph,
                settings,
                out,
                resume=resume,
                device=device.value,
                on_event=_listener(report, settings),
            )
        except KeyboardInterrupt:
            message("stopped; the same command with --resume goes on")
            raise
    manifest = {name: value for name, value in run.manifest.items() if name != "files"}
    lines = (out / "history.jsonl").read_text(encoding="utf-8").splitlines()
    history: list[dict[str, Any]] = [json.loads(line) for line in lines]
    if as_json:
        print_json({"run": str(out), "manifest": manifest, "history": history})
        return
    columns = list(dict.fromkeys(name for row in history for name in row))
    if history:
        print_table(columns, [[row.get(name) for name in columns] for row in history])
        echo()
    _show_components(manifest["components"])
    _show_serving(manifest["serving"])
    shown = [(name, manifest[name]) for name in MANIFEST_SHOWN if name in manifest]
    print_table(["run", str(out)], [(name, _in_words(name, value)) for name, value in shown])


def _components_in_force(settings: Settings) -> list[str]:
    """Lines that name the components of the ensemble, and those of the default that are missing."""
    from kgrec.config import default_components
    from kgrec.ensemble.settings import GNN

    lines = [f"components: {', '.join([GNN, *settings.components])}"]
    missing = [name for name in default_components() if name not in settings.components]
    if missing:
        lines.append(
            f"not among them, though the config default has them: {', '.join(missing)} "
            f"(components of a config file replace those of the default; "
            f"--set components.NAME.model=... adds one to them)"
        )
    return lines


def _show_components(weighed: list[dict[str, Any]]) -> None:
    """What each component contributes, and in brackets its NDCG@100 alone for held-out users."""
    names = list(dict.fromkeys(name for row in weighed for name in row["contribution"]))
    rows = []
    for row in weighed:
        cells = [
            f"{row['contribution'][name]:.2f} ({row['ndcg'][name]:.3f})" if name in row["ndcg"]
            else f"{row['contribution'][name]:.2f}"
            for name in names
        ]  # fmt: skip
        rows.append([row["domain"], "cold" if row["cold"] else "warm", row["users"], *cells])
    print_table(["domain", "users", "held out", *names], rows)
    echo()


def _show_serving(measured: list[dict[str, Any]]) -> None:
    """How the serving vectors rank for held-out users, beside the whole score."""
    if not measured:
        return
    rows = [
        [
            row["domain"], "cold" if row["cold"] else "warm", row["users"], row["width"],
            f"{row['overlap']:.2f}", f"{row['among_candidates']:.3f}", f"{row['ndcg']:.4f}",
            f"{row['exact_ndcg']:.4f}",
        ]
        for row in measured
    ]  # fmt: skip
    columns = ["domain", "users", "held out", "width of serving vectors", "overlap@10",
               "exact 10 in first 100", "NDCG@10 by them", "exact NDCG@10"]  # fmt: skip
    print_table(columns, rows)
    echo()


def _check_out(out: Path, *, resume: bool) -> None:
    """Refuse a folder that holds something else than a training, before the graph is read."""
    if resume and not out.is_dir():
        raise NotFoundError(f"--resume: there is no run folder {out}; leave --resume out")
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    from kgrec.runs.checksums import CHECKPOINT, MANIFEST

    if not ((out / CHECKPOINT).is_dir() or (out / MANIFEST).is_file()):
        raise InputError(f"--out: {out} is not an empty folder and holds no run; choose another")
    if not resume:
        raise InputError(
            f"--out: {out} is not an empty folder; choose another, or go on with --resume"
        )


def _read(
    store: str | None, snapshot: Path | None, label_prefix: str, wait: float | None
) -> Snapshot:
    from graph_store import load_snapshot, take_snapshot
    from graph_store.open_store import open_store

    if store is not None and snapshot is None:
        with (
            open_store(store, read_only=True, label_prefix=label_prefix, wait=wait) as graph,
            waiting("reading the graph"),
        ):
            return take_snapshot(graph)
    if snapshot is not None and store is None:
        if not snapshot.is_dir():
            raise NotFoundError(
                f"--snapshot: there is no folder {snapshot}; make it with `kgrec snapshot`"
            )
        return load_snapshot(snapshot)
    raise InputError("give a graph, either by --store or by --snapshot")


def _listener(report: Report, settings: Settings) -> OnEvent:
    """Draws a bar a stage, one for the episodes of all epochs, and writes a line an epoch.

    Before the first of them it says which components are in force.
    """
    begun: list[str] = []
    at_first = _components_in_force(settings)

    def on_event(event: Event) -> None:
        while at_first:
            message(at_first.pop(0))
        stage = "episodes" if event.stage.startswith("epoch ") else event.stage
        for other in [name for name in begun if name != stage]:
            begun.remove(other)
            report(other, 1, 1)  # a stage of one step is over when the next one speaks
        if (event.done, event.total) == (0, 1):
            begun.append(stage)
        report(stage, event.done, event.total, event.note)
        if event.epoch:
            message(f"epoch {event.epoch['epoch']}  {event.note}")

    return on_event


def _in_words(name: str, value: Any) -> str:
    if value is None:
        return "unknown"
    if name == "seconds":
        return f"{value:.1f}"
    if name.endswith("_bytes"):
        return f"{value / 2**30:.2f} GiB"
    return str(value)
