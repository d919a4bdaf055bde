"""Cross-domain recommendation from a knowledge graph and the words in it.

``kgrec.load("RUN")`` opens what ``kgrec train`` wrote and answers questions; everything else
is reached through its own package. Importing this package loads nothing heavy.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kgrec.lookup.run import Run, load

__all__ = ["Run", "__version__", "load"]

__version__ = "0.1.0.dev0"

# Read by torch at its first tensor: large ones lie on huge pages, where Linux gives any. A graph's
# propagation reads all over hundreds of megabytes and is faster so (docs/decisions.md).
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")


def __getattr__(name: str) -> Any:
    if name in {"Run", "load"}:
        from kgrec.lookup import run

        return getattr(run, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
