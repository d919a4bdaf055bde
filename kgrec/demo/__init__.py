"""The bundled set from files to a table of measures, in one call; see ``kgrec demo``."""

from __future__ import annotations

from kgrec.demo.comparison import MEASURES, Row
from kgrec.demo.hidden import SOURCE, TARGET
from kgrec.demo.run import Demo, run_demo
from kgrec.demo.stories import Story, Watched

__all__ = ["MEASURES", "SOURCE", "TARGET", "Demo", "Row", "Story", "Watched", "run_demo"]
