"""Runs a ``kgrec`` command in the test's own process: starting one takes a second."""

from __future__ import annotations

from kgrec.cli.app import main

__all__ = ["kgrec"]


def kgrec(*args: object) -> int:
    """The exit code; what was written is what ``capfd`` or ``capsys`` holds."""
    try:
        main([str(arg) for arg in args])
    except SystemExit as ended:
        return int(str(ended.code or 0))
    raise AssertionError("a command must end in SystemExit")
