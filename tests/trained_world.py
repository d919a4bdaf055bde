"""A small made-up world, ingested and trained once for all tests that need a real run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import kgrec
from graph_store.open_store import open_store
from loaders import ingest, open_source
from loaders.synthetic import Planted, planted, write_planted

__all__ = ["TrainedWorld", "train_world"]

TINY = {
    "text": {"tuning": "frozen"},
    "model": {"dim": 16, "layers": 1, "text_width": 16, "spectrum_rank": 16, "factor_rank": 8},
    "align": {"batch_users": 32},
    "train": {"epochs": 2, "min_warm_users": 32},
}


@dataclass(frozen=True)
class TrainedWorld:
    """What was planted, the store it went into, and the run that came out."""

    world: Planted
    store: Path
    run: Path

    @property
    def target(self) -> str:
        """The domain in which cold users have no history."""
        return self.world.target


def train_world(folder: Path) -> TrainedWorld:
    """Ingest and train under ``folder``; seconds on one core."""
    world = planted(tags=True)
    source = write_planted(world, folder / "source")
    with open_store(str(folder / "g.duckdb")) as store:
        ingest(open_source([source]), store)
    kgrec.train(folder / "g.duckdb", folder / "run", overrides=TINY)
    return TrainedWorld(world, folder / "g.duckdb", folder / "run")
