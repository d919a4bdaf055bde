"""How many threads a command computes with, and how these wait for one another.

In:   ``--threads``, and what the operating system lets this process use.
Out:  environment variables that the numeric libraries read when they are imported; what the
      caller's environment says already stays, except where ``--threads`` is given.

The wait policy matters on a shared machine: GNU's OpenMP spins by default, so that training beside
busy processes takes up to twice as long as with passive waiting (``benchmarks/shared_machine.py``).
"""

from __future__ import annotations

import math
import os
from pathlib import Path

__all__ = ["available_cpus", "set_threads"]

_THREAD_VARIABLES = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS",
)  # fmt: skip
_CGROUPS = Path("/sys/fs/cgroup")
_OWN_CGROUPS = Path("/proc/self/cgroup")


def set_threads(threads: int | None = None) -> None:
    """Set the number of threads; to be called before a numeric library is imported.

    Args:
        threads: What ``--threads`` says; None: as many as there are CPUs for this process.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    for name in _THREAD_VARIABLES:
        if threads is not None:
            os.environ[name] = str(threads)
        else:
            os.environ.setdefault(name, str(available_cpus()))


def available_cpus(cgroups: Path = _CGROUPS, own: Path = _OWN_CGROUPS) -> int:
    """CPUs that this process may use: by its affinity, and by the CPU quota of its container.

    Args:
        cgroups: Where Linux shows control groups.
        own: The file that lists the control groups of this process.
    """
    try:
        cpus = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows know no affinity
        cpus = os.cpu_count() or 1
    quota = _cpu_quota(cgroups, own)
    return cpus if quota is None else max(1, min(cpus, math.ceil(quota)))


def _cpu_quota(cgroups: Path, own: Path) -> float | None:
    """The number of CPUs whose time the control groups (version 2 or 1) grant; None: no limit."""
    quotas = []
    for line in _words(own, separator="\n"):
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            base, file = cgroups, "cpu.max"
        elif "cpu" in controllers.split(","):
            base, file = cgroups / "cpu", "cpu.cfs_quota_us"
        else:
            continue
        # A group is bound by the limits of all groups around it. In a container the path is
        # often that of the host, of which only the root can be seen.
        inner = base / path.lstrip("/")
        for folder in (inner, *inner.parents):
            if folder.is_relative_to(base):
                quotas.append(_quota_of(folder, file))
    granted = [quota for quota in quotas if quota is not None]
    return min(granted) if granted else None


def _quota_of(folder: Path, file: str) -> float | None:
    said = _words(folder / file)  # version 2 says quota and period (or max) in one file
    if file != "cpu.max":
        said += _words(folder / "cpu.cfs_period_us")
    try:
        quota, period = (float(word) for word in said)
    except ValueError:  # no such file, or "max"
        return None
    return quota / period if quota > 0 and period > 0 else None


def _words(path: Path, separator: str | None = None) -> list[str]:
    try:
        return [word for word in path.read_text().split(separator) if word]
    except OSError:
        return []
