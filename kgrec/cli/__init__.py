"""The ``kgrec`` command: reads arguments, calls the library, prints. No logic of its own.

Heavy libraries are imported inside the commands, so that ``kgrec --help`` is quick.
"""

from __future__ import annotations

from kgrec.cli.app import main

__all__ = ["main"]
