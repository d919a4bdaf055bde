"""``kgrec.train``: from a graph to a run that answers questions, in one call.

In:   a graph (a store or a snapshot), settings, an empty folder.
Out:  a :class:`~kgrec.lookup.run.Run`; the folder can be opened again with ``kgrec.load``.

``kgrec train`` on the command line does the same. Nothing here prints: progress goes to a
callback.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from graph_store.snapshot import Snapshot, load_snapshot, take_snapshot
from graph_store.store import GraphStore
from kgrec.config import Settings, read, resolve
from kgrec.errors import InputError
from kgrec.lookup.run import Run
from kgrec.progress import OnEvent, ignore
from kgrec.runs import check_out

__all__ = ["read_graph", "train"]


def train(
    graph: str | Path | GraphStore | Snapshot,
    out: str | Path,
    *,
    settings: str | Path | Settings = "default",
    overrides: Mapping[str, Any] | None = None,
    resume: bool = False,
    device: str = "auto",
    label_prefix: str = "",
    wait: float | None = None,
    on_event: OnEvent | None = None,
) -> Run:
    """Train on a graph, write the run folder ``out`` and open it for lookups.

    The run answers from the graph as it was when it was trained. To answer from a live store,
    open the folder with ``kgrec.load(out, store=...)``.

    Args:
        graph: A DuckDB file or a Neo4j URL, which are opened for reading and closed again; an
            open store, which stays open; a snapshot, or the folder of one.
        out: The run folder. It must be empty or not there yet, unless ``resume``.
        settings: The name of a shipped config, a YAML file, or settings. `kgrec config list`
            names the configs, `kgrec config explain` the settings.
        overrides: Values laid over the settings, by full name (``{"train.epochs": 2}``) or by
            section (``{"train": {"epochs": 2}}``).
        resume: Go on from the last checkpoint in ``out``; where there is none, training begins
            anew. A finished run is opened as it is.
        device: ``auto``, ``cpu`` or ``cuda``; ``auto`` takes a GPU that is there.
        label_prefix: Stands before every label and type of a Neo4j store that is opened here.
        wait: Seconds for which a Neo4j server that does not answer is waited for.
        on_event: Called with the progress of each stage and the measures of each epoch.

    Raises:
        ConfigError: There is no such config, or a setting is unknown or out of range.
        InputError: ``out`` holds something, or an argument is of a wrong kind.
        StoreUnavailableError: There is no such store, or its server does not answer.
        SnapshotError: The folder holds no snapshot, or a damaged one.
        RunError: The checkpoint in ``out`` is of other settings or of another graph.
        TrainingError: There is nothing to learn from, or the loss is no longer a number.

    Example::

        import kgrec

        run = kgrec.train("graph.duckdb", "runs/first")
        run.recommend("u17", domain="books", k=3)
    """
    checked = _settings(settings, overrides)
    check_out(Path(out), resume=resume)
    snapshot = read_graph(graph, label_prefix=label_prefix, wait=wait)

    from kgrec import training  # imports PyTorch: after all that can be refused at once

    model = training.train(
        snapshot,
        checked,
        Path(out),
        resume=resume,
        device=device,
        on_event=on_event or ignore,
    )
    return Run(model)


def read_graph(
    graph: str | Path | GraphStore | Snapshot,
    *,
    label_prefix: str = "",
    wait: float | None = None,
) -> Snapshot:
    """Read a whole graph as columns.

    Args:
        graph: A DuckDB file or a Neo4j URL, an open store, a snapshot, or the folder of one.
        label_prefix: Prefix of every label and type of a Neo4j store that is opened here.
        wait: Seconds to wait for a Neo4j server that does not answer.

    Raises:
        InputError: ``graph`` is none of these, or an option has no meaning for it.
        StoreUnavailableError: There is no such store, or its server does not answer.
        SnapshotError: The folder holds no snapshot, or a damaged one.
    """
    if isinstance(graph, str | Path):
        folder = Path(graph)
        if not folder.is_dir():
            from graph_store.open_store import open_store

            with open_store(
                str(graph), read_only=True, label_prefix=label_prefix, wait=wait
            ) as store:
                return take_snapshot(store)
    if label_prefix or wait is not None:
        raise InputError(
            "label_prefix and wait are for a store that is opened here, and graph is "
            f"{'a folder' if isinstance(graph, str | Path) else f'a {type(graph).__name__}'}; "
            "leave them out"
        )
    if isinstance(graph, str | Path):
        return load_snapshot(folder)
    if isinstance(graph, Snapshot):
        return graph
    if not hasattr(graph, "read_nodes"):
        raise InputError(
            f"graph must be a path, a URL, an open store or a snapshot, got {type(graph).__name__}"
        )
    return take_snapshot(graph)


def _settings(settings: str | Path | Settings, overrides: Mapping[str, Any] | None) -> Settings:
    """Settings of a config with overrides laid over them, checked."""
    if overrides is not None and not isinstance(overrides, Mapping):
        raise InputError(
            "overrides must be a mapping such as {'train.epochs': 2}, "
            f"got {type(overrides).__name__}"
        )
    if isinstance(settings, Settings):
        return resolve(settings.model_dump(), overrides) if overrides else settings
    if isinstance(settings, str | Path):
        return resolve(read(str(settings), key="settings"), overrides)
    raise InputError(
        "settings must be the name of a config, a YAML file or kgrec.Settings, "
        f"got {type(settings).__name__}"
    )
