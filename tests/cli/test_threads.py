"""Threads by the CPUs that a process really has, and threads that sleep while they wait."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kgrec.cli.threads import available_cpus, set_threads

CPUS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_WAIT_POLICY")


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*VARIABLES, "MKL_NUM_THREADS", "POLARS_MAX_THREADS"):
        monkeypatch.setenv(name, "")  # restored afterwards, whatever a test sets
        monkeypatch.delenv(name)


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def test_without_a_quota_every_cpu_of_the_process_counts(tmp_path: Path) -> None:
    write(tmp_path / "own", "0::/\n")
    write(tmp_path / "cg/cpu.max", "max 100000\n")
    assert available_cpus(tmp_path / "cg", tmp_path / "own") == CPUS
    assert available_cpus(tmp_path / "none", tmp_path / "none") == CPUS


@pytest.mark.parametrize(
    ("own", "files"),
    [
        ("0::/\n", {"cpu.max": "100000 100000\n"}),
        ("0::/app/job\n", {"app/job/cpu.max": "max 100000\n", "app/cpu.max": "50000 100000\n"}),
        ("0::/host/path/not/seen\n", {"cpu.max": "100000 100000\n"}),
        (
            "5:cpu,cpuacct:/docker/x\n3:memory:/docker/x\n",
            {"cpu/cpu.cfs_quota_us": "90000\n", "cpu/cpu.cfs_period_us": "100000\n"},
        ),
    ],
)
def test_a_quota_of_one_cpu_or_less_is_one_thread(
    own: str, files: dict[str, str], tmp_path: Path
) -> None:
    write(tmp_path / "own", own)
    for name, text in files.items():
        write(tmp_path / "cg" / name, text)
    assert available_cpus(tmp_path / "cg", tmp_path / "own") == 1


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs Linux")
def test_a_process_bound_to_one_cpu_computes_with_one_thread() -> None:
    program = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); "
        "from kgrec.cli.threads import set_threads; set_threads(); "
        "print(os.environ['OMP_NUM_THREADS'], os.environ['OMP_WAIT_POLICY'])"
    )
    said = subprocess.check_output([sys.executable, "-c", program], text=True)
    assert said == "1 PASSIVE\n"


def test_the_option_overrides_the_environment_and_the_environment_the_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    set_threads()
    assert [os.environ[name] for name in VARIABLES] == ["7", str(available_cpus()), "ACTIVE"]
    set_threads(3)
    assert [os.environ[name] for name in VARIABLES] == ["3", "3", "ACTIVE"]
