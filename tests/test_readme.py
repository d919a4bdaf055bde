"""The commands of the README, run as they stand there, on a small log made here."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
SECTION = README.split("## With your own data\n")[1].split("\n## ")[0]
COMMANDS = re.findall(r"^    (kgrec .*)$", SECTION, flags=re.MULTILINE)
PYTHON = re.findall(r"^    ((?:import|run).*)$", SECTION, flags=re.MULTILINE)
SECONDS = 600


def write_log(folder: Path) -> None:
    """People who like space or sea, in books and in films, with the ids that the README uses."""
    rng = np.random.default_rng(0)
    people = [f"u{n}" for n in range(120)]
    items = pl.DataFrame(
        [
            {"item_id": str(n), "domain": domain, "title": f"{topic} story number {n}",
             "categories": [topic]}
            for domain in ("books", "films")
            for n, topic in enumerate(["space", "sea"] * 20, start=200)
        ]
    )  # fmt: skip
    rows = []
    for n, user in enumerate(people):
        topic = ("space", "sea")[n % 2]
        mine = items.filter(pl.col("categories").list.contains(topic))
        domains = ("films",) if user == "u17" else ("books", "films")
        for domain in domains:
            choice = mine.filter(pl.col("domain") == domain)["item_id"].to_list()
            rows += [
                {"user_id": user, "item_id": item, "domain": domain}
                for item in rng.choice(choice, 6, replace=False)
            ]
    pl.DataFrame(rows).write_parquet(folder / "interactions.parquet")
    items.write_parquet(folder / "items.parquet")


def test_the_readme_shows_commands_and_python() -> None:
    assert [command.split()[1] for command in COMMANDS] == [
        "ingest", "status", "train", "recommend", "similar", "enrich",
    ]  # fmt: skip
    assert PYTHON[0] == "import kgrec"


@pytest.mark.slow
@pytest.mark.timeout(SECONDS)
def test_the_commands_of_the_readme_work_in_their_order(tmp_path: Path) -> None:
    write_log(tmp_path)
    shown = {}
    for command in COMMANDS:
        words = shlex.split(command)
        done = subprocess.run(
            [sys.executable, "-m", *words], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        shown[words[1]] = done.stdout
    assert len(re.findall(r"(space|sea) story number", shown["recommend"])) >= 3
    code = "\n".join([*PYTHON[:-1], f"print(len({PYTHON[-1]}.to_frame()))"])
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "3\n"
