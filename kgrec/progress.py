"""What long work tells whoever listens: how far it is, and what an epoch of training brought."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Event", "OnEvent", "ignore"]


@dataclass(frozen=True, slots=True)
class Event:
    """``done`` of ``total`` of a stage; after an epoch, its row of the history as well."""

    stage: str
    done: int
    total: int
    note: str = ""
    epoch: dict[str, Any] = field(default_factory=dict)


OnEvent = Callable[[Event], None]


def ignore(_event: Event) -> None:
    """Do nothing: for callers who do not show progress."""
