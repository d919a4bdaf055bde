"""``kgrec status``, ``snapshot``, ``export`` and ``forget``: what is done with a graph as it is."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kgrec.cli.options import (
    JsonOption,
    PrefixOption,
    StoreOption,
    WaitOption,
    path_to_write,
)
from kgrec.cli.output import echo, print_json, print_table
from kgrec.cli.progress import message, waiting
from kgrec.errors import InputError, NotFoundError

if TYPE_CHECKING:
    from graph_store.store import GraphStore, Job

__all__ = ["register"]


class ExportFormat(StrEnum):
    """What ``kgrec export`` writes."""

    NEO4J_IMPORT = "neo4j-import"
    GRAPHML = "graphml"
    PARQUET = "parquet"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(status)
    app.command()(snapshot)
    app.command()(export)
    app.command()(forget)


def status(
    store: StoreOption,
    label_prefix: PrefixOption = "",
    wait: WaitOption = None,
    as_json: JsonOption = False,
) -> None:
    """Count what the graph holds, per label, type and domain, and list its jobs."""
    from graph_store.open_store import open_store

    with open_store(store, read_only=True, label_prefix=label_prefix, wait=wait) as graph:
        found = _status(graph)
    if as_json:
        print_json(found)
        return
    print_table(["nodes", "count"], list(found["nodes"].items()))
    echo()
    print_table(["relationships", "count"], list(found["relationships"].items()))
    if found["domains"]:
        echo()
        print_table(
            ["domain", "users", "items", "interactions"],
            [[name, *counts.values()] for name, counts in found["domains"].items()],
        )
    if found["jobs"]:
        echo()
        print_table(
            ["job", "kind", "started", "finished", "stands at"],
            [_job_row(job) for job in found["jobs"]],
        )


def snapshot(
    store: StoreOption,
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            parser=path_to_write,
            metavar="DIR",
            help="A folder that is empty or not there yet.",
        ),
    ],
    label_prefix: PrefixOption = "",
    wait: WaitOption = None,
) -> None:
    """Write the graph as columns, for training on a machine without the database."""
    from graph_store import save_snapshot, take_snapshot
    from graph_store.open_store import open_store

    _refuse_full(out)
    with (
        open_store(store, read_only=True, label_prefix=label_prefix, wait=wait) as graph,
        waiting("reading the graph"),
    ):
        taken = take_snapshot(graph)
    with waiting(f"writing {out}"):
        save_snapshot(taken, out)
    message(
        f"{taken.num_users:,} users, {taken.num_items:,} items, {len(taken.user):,} interactions "
        f"written to {out}"
    )
    echo(taken.fingerprint)


def export(
    store: StoreOption,
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            parser=path_to_write,
            metavar="PATH",
            help="A new folder; for graphml a file.",
        ),
    ],
    form: Annotated[
        ExportFormat, typer.Option("--format", help="What to write.")
    ] = ExportFormat.PARQUET,
    label_prefix: PrefixOption = "",
    wait: WaitOption = None,
) -> None:
    """Write the graph for other tools: `neo4j-admin database import`, GraphML or Parquet."""
    from graph_store.export import export_graphml, export_neo4j_import, export_parquet
    from graph_store.open_store import is_neo4j_url, open_store

    if label_prefix and form is not ExportFormat.NEO4J_IMPORT and not is_neo4j_url(store):
        raise InputError("--label-prefix: only neo4j-import and a Neo4j store have labels")
    prefix_of_store = label_prefix if is_neo4j_url(store) else ""
    if form is not ExportFormat.GRAPHML:
        _refuse_full(out)
    with (
        open_store(store, read_only=True, label_prefix=prefix_of_store, wait=wait) as graph,
        waiting(f"writing {out}"),
    ):
        if form is ExportFormat.NEO4J_IMPORT:
            echo(str(export_neo4j_import(graph, out, label_prefix=label_prefix)))
        elif form is ExportFormat.GRAPHML:
            echo(str(export_graphml(graph, out)))
        else:
            for written in export_parquet(graph, out):
                echo(str(written))


def forget(
    user: Annotated[str, typer.Argument(help="The user's key.")],
    store: StoreOption,
    run: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            help="Forget them in this run folder as well; without it, runs that were trained "
            "before go on answering about them.",
        ),
    ] = None,
    label_prefix: PrefixOption = "",
    wait: WaitOption = None,
) -> None:
    """Delete a user and all that hangs on them from the graph, and from a run."""
    from graph_store.errors import UnknownNodeError
    from graph_store.open_store import open_store

    # Each place is tried, so that what an interrupted call began can be finished.
    unknown: list[Exception] = []
    if run is not None:
        from kgrec.runs.forget import forget_user

        try:
            echo(f"{run}: {forget_user(run, user):,} interactions of {user} deleted")
        except NotFoundError as error:
            unknown.append(error)
    with open_store(store, create=False, label_prefix=label_prefix, wait=wait) as graph:
        try:
            echo(f"{graph.url}: {graph.forget_user(user):,} relationships of {user} deleted")
        except UnknownNodeError as error:
            unknown.append(error)
    if len(unknown) == (1 if run is None else 2):
        raise unknown[-1]
    others = "run folders" if run is None else "other run folders"
    message(
        f"{others}, snapshots and exports that were made before still hold {user}; `kgrec forget "
        f"{user} --store URL --run RUN` takes them out of one run, the others are files to delete"
    )


def _refuse_full(out: Path) -> None:
    """Refuse an ``--out`` that is not an empty folder, before the graph is read."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"--out: {out} is not an empty folder; choose another or remove it")


def _status(graph: GraphStore) -> dict[str, Any]:
    counts = graph.counts()
    return {
        "nodes": counts.nodes,
        "relationships": counts.relationships,
        "domains": {
            name: {"users": c.users, "items": c.items, "interactions": c.interactions}
            for name, c in sorted(counts.domains.items())
        },
        "jobs": [_job(job) for job in graph.jobs()],
    }


def _job(job: Job) -> dict[str, Any]:
    return {
        "job": job.job,
        "kind": job.kind,
        "source": job.source,
        "stage": job.stage,
        "offset": job.offset,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "summary": job.summary,
    }


def _job_row(job: dict[str, Any]) -> list[str]:
    complete = job["finished_at"] is not None
    return [
        job["job"],
        job["kind"],
        _local(job["started_at"]),
        _local(job["finished_at"]) if complete else "not finished",
        "complete" if complete else f"{job['stage']} {job['offset']:,}",
    ]


def _local(unix_seconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(unix_seconds))
