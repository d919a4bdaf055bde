"""The whole way of the data on the bundled set: ingest, train, recommend, explain, measure.

In:   a work folder, and a store if not an embedded file in that folder.
Out:  a :class:`Demo`: three users with what they liked on TV and ten films each, and a table
      of kgrec, item-kNN and popularity on all users whose films were hidden.

Hidden rows never reach the store that is trained on (:mod:`kgrec.demo.hidden`). Nothing here
prints.
"""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from graph_store.open_store import open_store
from kgrec.config import load_settings
from kgrec.demo.comparison import Row, compare
from kgrec.demo.hidden import Report, hide_films, ingest_visible
from kgrec.demo.stories import Story, tell_stories
from kgrec.errors import InputError
from kgrec.lookup import Run
from kgrec.ranking.intervals import Difference

__all__ = ["Demo", "run_demo"]

_MARK = "kgrec-demo.json"


@dataclass(frozen=True)
class Demo:
    """What the demo found, as measured in this very run."""

    store: str
    """URL without password."""
    run: Path
    stories: list[Story]
    table: list[Row]
    against: dict[str, Difference]
    """kgrec's NDCG@10 minus that of each baseline, over the same users."""
    users: int
    """Number of users whose films were hidden and for whom lists are measured."""
    films: int
    """Number of films that are ranked for each user: the whole catalogue."""
    seconds: dict[str, float]
    """Seconds that each stage took, by its name."""


def run_demo(
    work: Path,
    *,
    store: str | None = None,
    label_prefix: str = "",
    wait: float | None = None,
    config: str = "demo",
    overrides: list[str] | None = None,
    seed: int = 0,
    report: Report = lambda what, done, total, note="": None,
) -> Demo:
    """Run the demo from files to table.

    Args:
        work: Folder for the visible log, the embedded store and the run; an earlier demo's is
            replaced, any other must be empty.
        store: Path or URL; None: ``graph.duckdb`` in ``work``.
        label_prefix: For a Neo4j database with nodes of its own.
        wait: Seconds for which a Neo4j server that does not answer is waited for.
        config: Settings of the training.
        overrides: ``a.b=c`` laid over them.
        seed: Chooses who is hidden and who is told about.
        report: Told how far each stage is, those of the training as well.

    Raises:
        InputError: ``work`` or the store holds something else.
        KgrecError: The store does not hold what it was given.
    """
    from kgrec.runs import open_run
    from kgrec.training import train

    settings = load_settings(config, overrides)
    clock = _Clock()
    _clear(work)
    full, split = hide_films(seed, report)
    clock.tick("hide films")
    url = store or str(work / "graph.duckdb")
    with open_store(url, label_prefix=label_prefix, wait=wait) as graph:
        snapshot = ingest_visible(graph, full, split, work / "visible", report)
        clock.tick("ingest")
        train(
            snapshot, settings, work / "run",
            on_event=lambda e: report(e.stage, e.done, e.total, e.note),
        )  # fmt: skip
        clock.tick("train")
        model = open_run(work / "run")
        run = Run(model, store=graph)
        stories = tell_stories(run, full, split, seed, report)
        clock.tick("recommend and explain")
        table, against = compare(model, split, seed, report)
        clock.tick("measure")
        return Demo(
            store=graph.url,
            run=work / "run",
            stories=stories,
            table=table,
            against=against,
            users=len(split.test),
            films=len(full.items_of(split.target)),
            seconds=clock.seconds,
        )


def _clear(work: Path) -> None:
    """Make ``work`` the empty folder of a demo."""
    mark = work / _MARK
    if work.exists() and any(work.iterdir()):
        if not mark.is_file():
            raise InputError(f"{work} holds something else than a demo; give another folder")
        for name in ("graph.duckdb", "graph.duckdb.wal"):
            (work / name).unlink(missing_ok=True)
        for name in ("visible", "run"):
            shutil.rmtree(work / name, ignore_errors=True)
    work.mkdir(parents=True, exist_ok=True)
    mark.write_text(json.dumps({"made_by": "kgrec demo"}) + "\n", encoding="utf-8")


class _Clock:
    def __init__(self) -> None:
        self._last = time.monotonic()
        self.seconds: dict[str, float] = {}

    def tick(self, stage: str) -> None:
        now = time.monotonic()
        self.seconds[stage], self._last = round(now - self._last, 2), now
