"""CPU seconds of every test, and the ten that take most of them.

In:   the phases of a test, as pytest runs them, in one process or in several.
Out:  lines for the end of a test run.

Wall seconds say little on a machine that others use too, or on one that is twice as quick. A
process that a test starts counts for the test during which it ends.
"""

from __future__ import annotations

import resource
from collections import Counter
from typing import Any

__all__ = ["cpu_seconds", "note", "slowest"]

_NAME = "cpu_seconds"


def cpu_seconds() -> float:
    """CPU seconds of this process and of those that it has waited for."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def note(item: Any, seconds: float) -> None:
    """Keep the seconds of one phase with the test; they travel with its report."""
    item.user_properties.append((_NAME, seconds))


def slowest(reports: list[Any], count: int = 10) -> list[str]:
    """A line for each of the ``count`` tests that took most, and one for all together.

    Args:
        reports: Of the last phase of each test; they know the seconds of all its phases.
        count: How many lines.
    """
    last = {report.nodeid: report.user_properties for report in reports}
    total: Counter[str] = Counter()
    for name, properties in last.items():
        total[name] = sum(seconds for key, seconds in properties if key == _NAME)
    lines = [f"{seconds:7.1f} {name}" for name, seconds in total.most_common(count)]
    return [*lines, f"{total.total():7.1f} all tests"]
