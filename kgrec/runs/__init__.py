"""Finished runs: their folder, its checksums, and the scorer that answers from it.

Nothing here learns, and nothing that answers imports a tensor library; only free texts need
the encoder, which is loaded when the first one is asked about.
"""

from __future__ import annotations

from kgrec.runs.folder import FORMAT_VERSION, TrainedRun, check_out, is_finished, open_run

__all__ = ["FORMAT_VERSION", "TrainedRun", "check_out", "is_finished", "open_run"]
