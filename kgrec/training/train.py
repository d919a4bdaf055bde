"""From a snapshot to a run folder: what ``kgrec train`` does.

In:   a snapshot, settings, a folder.
Out:  the folder, finished; while it is not, its ``checkpoint`` lets a later call go on.
"""

from __future__ import annotations

import json
import logging
import shutil
import sys
import time
from pathlib import Path

from graph_store.snapshot import Snapshot
from kgrec.config import Settings
from kgrec.data.gaps import gaps
from kgrec.data.interactions import Interactions
from kgrec.gnn import checkpoint
from kgrec.gnn.trainer import Trainer
from kgrec.progress import OnEvent, ignore
from kgrec.runs import TrainedRun, check_out, is_finished, open_run
from kgrec.runs.checksums import CHECKPOINT
from kgrec.training.fit import fit
from kgrec.training.run_folder import write_run

__all__ = ["train"]

log = logging.getLogger(__name__)


def train(
    snapshot: Snapshot,
    settings: Settings,
    out: Path,
    *,
    resume: bool = False,
    device: str = "auto",
    on_event: OnEvent = ignore,
) -> TrainedRun:
    """Train and write the run folder ``out``.

    Args:
        snapshot: The graph.
        settings: All settings.
        out: Must be empty or not there, unless ``resume``.
        resume: Go on from the last checkpoint; a finished run is left as it is.
        device: ``auto``, ``cpu`` or ``cuda``.
        on_event: Told how far it is.

    Raises:
        InputError: ``out`` holds something that is no training, or one and ``resume`` is not
            asked for.
        RunError: The checkpoint is of other settings or of another graph.
        TrainingError: There is nothing to learn from, or the loss is no longer a number.

    Domains without likes or without overlapping users are warned of in the log.
    """
    folder = out / CHECKPOINT
    check_out(out, resume=resume)
    if resume and is_finished(out):
        shutil.rmtree(folder, ignore_errors=True)  # of a call that was cut off at its very end
        return open_run(out)
    started = time.monotonic()
    _warn_of_gaps(snapshot, settings.positive_weight)
    before = _seconds_before(folder)

    def save(trainer: Trainer) -> None:
        checkpoint.save(trainer, folder)
        spent = {"seconds": before + time.monotonic() - started}
        partial = folder / "spent.json.partial"
        partial.write_text(json.dumps(spent) + "\n", encoding="utf-8")
        partial.replace(folder / "spent.json")  # a kill leaves the old seconds or the new ones

    fitted = fit(
        snapshot, settings, device=device, on_event=on_event, on_epoch=save,
        resume=lambda trainer: checkpoint.restore(trainer, folder), measures_serving=True,
    )  # fmt: skip
    facts = {
        "seconds": round(before + time.monotonic() - started, 1),
        "peak_rss_bytes": _peak_rss_bytes(),
    }
    write_run(out, snapshot, settings, fitted, facts)
    shutil.rmtree(folder)
    return open_run(out)


def _warn_of_gaps(snapshot: Snapshot, positive_weight: float) -> None:
    """Before minutes are spent on a graph that connects nothing."""
    data = Interactions.of(snapshot, positive_weight=positive_weight)
    if data.liked.nnz:  # otherwise training is refused, with a sentence of its own
        for sentence in gaps(data, snapshot.domain_keys):
            log.warning(sentence)


def _seconds_before(folder: Path) -> float:
    file = folder / "spent.json"
    return float(json.loads(file.read_text(encoding="utf-8"))["seconds"]) if file.is_file() else 0.0


def _peak_rss_bytes() -> int | None:
    """The most memory that this process has had; None where the system does not tell (Windows)."""
    try:
        import resource
    except ModuleNotFoundError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # Linux counts in KiB
