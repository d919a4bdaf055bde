"""A program for the kill tests: ingests a folder in small batches, telling each step.

python -m tests.loaders.ingesting FOLDER STORE LABEL_PREFIX REJECTS
"""

from __future__ import annotations

import sys
from pathlib import Path

from graph_store.open_store import open_store
from loaders import ingest, open_source

BATCH = 40


def main(folder: str, url: str, prefix: str, rejects: str) -> None:
    def say(stage: str, done: int, total: int) -> None:
        sys.stdout.write(f"{stage} {done}\n")
        sys.stdout.flush()

    with open_store(url, label_prefix=prefix) as store:
        summary = ingest(
            open_source([folder]),
            store,
            on_progress=say,
            batch_size=BATCH,
            max_rejects=0.5,
            rejects_path=Path(rejects),
            work_dir=Path(rejects).parent,
        )
    sys.stdout.write(f"resumed {summary.resumed}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
