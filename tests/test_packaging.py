"""The wheel, installed into an empty environment and used from another folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import uv

import kgrec

ROOT = Path(__file__).parent.parent
INSTALL_SECONDS = 900  # with an empty cache it fetches PyTorch


def run(*command: str | Path, cwd: Path, seconds: int = 120) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, env=clean, capture_output=True, text=True, timeout=seconds
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(uv.find_uv_bin(), "build", "--wheel", "--out-dir", folder, ROOT, cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def command(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``kgrec`` of an environment that holds the wheel, what it needs, and nothing else."""
    folder = tmp_path_factory.mktemp("empty")
    tool = uv.find_uv_bin()
    run(tool, "venv", "--python", sys.executable, folder / "env", cwd=folder)
    run(
        tool, "pip", "install", "--python", folder / "env/bin/python",
        "--constraint", ROOT / "constraints.txt", f"{wheel}[offline]",
        cwd=folder, seconds=INSTALL_SECONDS,
    )  # fmt: skip
    return folder / "env/bin/kgrec"


def test_the_wheel_holds_the_packages_the_configs_the_sample_and_the_licence(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    info = f"kgrec-{kgrec.__version__}.dist-info"
    assert {name.partition("/")[0] for name in names} == {"graph_store", "loaders", "kgrec", info}
    shipped = {p.name for p in (ROOT / "configs").glob("*.yaml")}
    assert {Path(n).name for n in names if n.startswith("kgrec/_configs/")} == shipped
    for name in (
        "loaders/data/anime/interactions.parquet",
        "loaders/data/anime/items.parquet",
        "kgrec/py.typed",
        f"{info}/licenses/LICENSE",
        f"{info}/licenses/NOTICE",
    ):
        assert name in names


@pytest.mark.timeout(INSTALL_SECONDS)
def test_an_installed_kgrec_finds_its_version_and_configs(command: Path, tmp_path: Path) -> None:
    assert run(command, "--version", cwd=tmp_path).stdout == f"kgrec {kgrec.__version__}\n"
    assert "ingest" in run(command, "--help", cwd=tmp_path).stdout
    shipped = sorted(p.stem for p in (ROOT / "configs").glob("*.yaml"))
    assert json.loads(run(command, "config", "list", "--json", cwd=tmp_path).stdout) == shipped


@pytest.mark.timeout(INSTALL_SECONDS)
def test_an_installed_kgrec_reads_the_bundled_sample(command: Path, tmp_path: Path) -> None:
    run(command, "ingest", "--format", "sample", "--store", "g.duckdb", cwd=tmp_path)
    status = json.loads(
        run(command, "status", "--store", "g.duckdb", "--json", cwd=tmp_path).stdout
    )
    assert status["domains"]["tv"] == {"users": 804, "items": 1283, "interactions": 62661}


@pytest.mark.slow
@pytest.mark.timeout(INSTALL_SECONDS)
def test_an_installed_kgrec_runs_the_demo_from_another_folder(
    command: Path, tmp_path: Path
) -> None:
    shown = run(command, "demo", cwd=tmp_path, seconds=600).stdout
    for name in ("popularity", "item-kNN", "kgrec", "NDCG@10", "Recall@10"):
        assert name in shown


def test_a_checkout_finds_its_configs_from_another_folder(tmp_path: Path) -> None:
    done = run(sys.executable, "-m", "kgrec", "config", "list", "--json", cwd=tmp_path)
    shipped = sorted(p.stem for p in (ROOT / "configs").glob("*.yaml"))
    assert shipped
    assert json.loads(done.stdout) == shipped
