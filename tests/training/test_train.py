"""What a training notes of its machine."""

from __future__ import annotations

import sys

import pytest

from kgrec.training.train import _peak_rss_bytes


def test_peak_memory_is_in_bytes() -> None:
    peak = _peak_rss_bytes()
    assert peak is not None
    assert 50e6 < peak < 1e12


def test_where_the_system_does_not_tell_peak_memory_training_does_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Windows has no module ``resource``."""
    monkeypatch.setitem(sys.modules, "resource", None)
    assert _peak_rss_bytes() is None
