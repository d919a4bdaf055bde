"""Fixtures of tests that encode texts: a small encoder, and a cache folder that is not the user's.

The ``conftest.py`` of a folder imports those that its tests use.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.worlds import write_tiny_bert

__all__ = ["bert", "cache_folder"]


@pytest.fixture(autouse=True)
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this test's text vectors are kept."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "kgrec" / "text"


@pytest.fixture(scope="session")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random BERT of 16 dimensions."""
    return write_tiny_bert(tmp_path_factory.mktemp("encoder") / "tiny-bert")
