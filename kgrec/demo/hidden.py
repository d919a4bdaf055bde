"""Hides films, and puts the log without them into a store.

In:   the bundled set, a seed.
Out:  the whole graph, the strict cold split of it, and a store that holds what the split shows.

The whole log goes into a scratch store that is thrown away; there the protocol chooses whose
film rows are hidden. The log *without* those rows is written as files, and only these files
are ingested into the store that is trained on. Nothing here trains or measures.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Protocol

import polars as pl

from graph_store.open_store import open_store
from graph_store.schema import Label
from graph_store.snapshot import Snapshot, take_snapshot
from graph_store.store import GraphStore
from kgrec.errors import InputError, KgrecError
from kgrec.evaluation.protocols import strict_cold_user
from kgrec.evaluation.protocols.users import domain_number
from kgrec.evaluation.split import Split
from loaders import SourceOptions, ingest, open_source

__all__ = ["SOURCE", "TARGET", "Report", "hide_films", "ingest_visible"]

SOURCE, TARGET = "tv", "movie"
"""What is told of users, and what is recommended to them."""


class Report(Protocol):
    """Called with how far the demo is."""

    def __call__(self, what: str, done: int, total: int, note: str = "") -> None:
        """``done`` of ``total`` of the stage ``what``; ``note`` beside it."""
        ...


def hide_films(seed: int, report: Report) -> tuple[Snapshot, Split]:
    """The whole graph, read by way of a store that is thrown away, and who is hidden in it.

    Args:
        seed: Seed that chooses the test users.
        report: Called with progress.
    """
    with (
        tempfile.TemporaryDirectory(prefix="kgrec-demo-") as folder,
        open_store(str(Path(folder) / "whole.duckdb")) as scratch,
    ):
        ingest(
            open_source(format="sample"), scratch,
            on_progress=lambda what, done, total: report("reading the bundled set", done, total),
        )  # fmt: skip
        full = take_snapshot(scratch)
    split = strict_cold_user(full, target=domain_number(full, TARGET), fold=0, seed=seed)
    return full, split


def ingest_visible(
    graph: GraphStore, full: Snapshot, split: Split, folder: Path, report: Report
) -> Snapshot:
    """Write the log without the hidden rows as files, and read these into the store.

    Args:
        graph: Store that takes the rows; it may hold what an earlier demo wrote.
        full: Snapshot of the whole log, hidden rows included.
        split: Says which users' rows of the target domain are hidden.
        folder: Takes the files that are read into the store.
        report: Called with a stage, the steps done and the steps in all.

    Returns:
        What the store then holds: exactly what the split shows, by fingerprint.

    Raises:
        InputError: The store holds another graph.
        KgrecError: The store holds anything else than what the split shows.
    """
    _refuse_strangers(graph, full)
    folder.mkdir(parents=True, exist_ok=True)
    hidden = [str(key) for cases in (split.test, split.validation) for key in cases.users]
    whole = open_source(format="sample")
    for table in whole.tables:
        frame = pl.read_parquet(table.path)
        if table.role == "interactions":
            frame = frame.filter(~(pl.col("user_id").is_in(hidden) & (pl.col("domain") == TARGET)))
        frame.write_parquet(folder / table.path.name, compression="zstd")
    visible = open_source([folder], options=SourceOptions(rating_scale=whole.scales.of_all))
    # Forced: a store that lost rows since an earlier demo is made whole again.
    ingest(visible, graph, on_progress=report, force=True)
    snapshot = take_snapshot(graph)
    if snapshot.fingerprint != split.train.fingerprint:
        raise KgrecError(
            f"{graph.url} does not hold exactly the visible log of the demo, so hidden rows "
            f"might be seen; empty the database, or give another store or --label-prefix"
        )
    return snapshot


def _refuse_strangers(graph: GraphStore, full: Snapshot) -> None:
    """A database with another graph in it is not written to."""
    for label, ours in ((Label.USER, full.user_keys), (Label.ITEM, full.item_keys)):
        others = set(graph.read_nodes(label)["key"].to_list()) - set(ours.tolist())
        if others:
            raise InputError(
                f"{graph.url} holds {len(others):,} {label} nodes of another graph; give an empty "
                f"database, or --label-prefix to keep apart"
            )
