"""The data of a benchmark: a snapshot folder, or files that become one.

In:   a folder (``--data``).
Out:  a snapshot; one that was made from files is kept in the benchmark's own folder.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from graph_store.snapshot import Snapshot, load_snapshot, save_snapshot, take_snapshot
from kgrec.errors import NotFoundError

__all__ = ["read_data"]


def read_data(data: str, out: Path) -> Snapshot:
    """The snapshot of ``data``: a folder of ``kgrec snapshot``, one of logs, or ``sample``.

    Args:
        data: A snapshot folder, a folder of logs, or ``sample``.
        out: Folder of the benchmark, where the rejects of logs are kept.

    Raises:
        NotFoundError: There is no such folder.
    """
    kept = out / "snapshot"
    folder = Path(data)
    if (folder / "manifest.json").is_file():
        return load_snapshot(folder)
    if (kept / "manifest.json").is_file():
        return load_snapshot(kept)
    format = "sample" if data == "sample" else "tabular"
    if format == "tabular" and not folder.exists():
        raise NotFoundError(f"--data: there is no folder {data}")

    from graph_store.open_store import open_store
    from loaders import ingest, open_source

    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out, prefix=".ingest-") as work:
        paths = [] if format == "sample" else [folder]
        with open_store(str(Path(work) / "graph.duckdb")) as store:
            ingest(
                open_source(paths, format=format), store,
                rejects_path=out / "rejects.jsonl", work_dir=Path(work),
            )  # fmt: skip
            snapshot = take_snapshot(store)
    save_snapshot(snapshot, kept)
    return snapshot
