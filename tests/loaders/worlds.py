"""What the tests of loaders share: files with known rows, and graphs to compare."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from graph_store.open_store import open_store
from graph_store.schema import Label, RelType, split_item_key
from graph_store.snapshot import take_snapshot
from graph_store.store import GraphStore
from kgrec.data.histories import Histories
from loaders import IngestSummary, SourceOptions, ingest, open_source

NOW = 1_700_000_000.0
"""The clock of the tests; rows of the day after tomorrow are in the future."""


def write_text(path: Path, lines: Iterable[str], *, encoding: str = "utf-8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("".join(line + "\n" for line in lines).encode(encoding))
    return path


def write_jsonl(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    return write_text(path, (json.dumps(row) for row in rows))


class Loaded:
    """An ingested graph, read back."""

    def __init__(self, store: GraphStore, summary: IngestSummary) -> None:
        self.summary = summary
        self.users = store.read_nodes(Label.USER)["key"].to_list()
        self.items = {row["key"]: row for row in store.read_nodes(Label.ITEM).to_dicts()}
        self.domains = store.read_nodes(Label.DOMAIN)["key"].to_list()
        self.tags = store.read_relationships(RelType.HAS_TAG).rows()
        self.same_as = store.read_relationships(RelType.SAME_AS).rows()
        self.with_order = store.read_relationships(RelType.INTERACTED)
        self.interacted = self.with_order.drop("first_at", "order", "event")
        self.snapshot = take_snapshot(store)

    @property
    def fingerprint(self) -> str:
        """Of the whole graph."""
        return self.snapshot.fingerprint

    def history(self, user: str) -> list[str]:
        """Item ids of what a user did, oldest first."""
        number = self.snapshot.user_keys.tolist().index(user)
        mine = Histories.of_snapshot(self.snapshot)[[number]]
        keys = self.snapshot.item_keys[mine.event_item].tolist()
        return [split_item_key(key)[1] for key in keys]

    def one(self, **where: str) -> dict[str, Any]:
        """The only INTERACTED relationship with these values."""
        rows = self.interacted.filter(**where).to_dicts()
        assert len(rows) == 1, rows
        return rows[0]


def load(
    *paths: Path,
    format: str = "tabular",
    store: Path | str = ":new:",
    work: Path | None = None,
    batch_size: int = 50_000,
    max_rejects: float = 1.0,
    rejects_path: Path | None = None,
    job: str | None = None,
    force: bool = False,
    now: Callable[[], float] = lambda: NOW,
    **options: Any,
) -> Loaded:
    """Ingest into a new embedded store beside the first path, or into ``store``."""
    beside = paths[0].parent if paths else work
    assert beside is not None
    url = str(beside / "graph.duckdb") if store == ":new:" else str(store)
    with open_store(url) as graph:
        summary = ingest(
            open_source(paths, format=format, options=SourceOptions(**options)),
            graph,
            batch_size=batch_size,
            max_rejects=max_rejects,
            rejects_path=rejects_path,
            work_dir=beside,
            job=job,
            force=force,
            now=now,
        )
        return Loaded(graph, summary)


def rejected(path: Path) -> list[tuple[str, int, str]]:
    """File, line and reason of each reject."""
    if not path.exists():
        return []
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [(row["file"], row["line"], row["reason"]) for row in rows]
