"""The commands and the Python of the README and the tutorial, run as they stand there."""

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
FIRST_RUN = (ROOT / "docs/tutorial/first-run.md").read_text(encoding="utf-8")
SECTION = README.split("## With your own data\n")[1].split("\n## ")[0]
SECONDS = 600


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def commands(text: str) -> list[str]:
    lines = "".join(blocks(text, "sh")).splitlines()
    return [line for line in lines if line.startswith("kgrec ")]


def call(command: str, folder: Path) -> str:
    """What a ``kgrec`` command prints in ``folder``."""
    done = subprocess.run(
        [sys.executable, "-m", *shlex.split(command)], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{command}\n{done.stderr}"
    return done.stdout


def python(code: str, folder: Path) -> str:
    """What Python code prints in ``folder``."""
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, f"{code}\n{done.stderr}"
    return done.stdout


def write_log(folder: Path) -> None:
    """Users who like space or sea, in books and in films, with the ids that the README uses."""
    rng = np.random.default_rng(0)
    users = [f"u{n}" for n in range(120)]
    items = pl.DataFrame(
        [
            {"item_id": str(n), "domain": domain, "title": f"{topic} story number {n}",
             "categories": [topic]}
            for domain in ("books", "films")
            for n, topic in enumerate(["space", "sea"] * 20, start=200)
        ]
    )  # fmt: skip
    rows = []
    for n, user in enumerate(users):
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
    assert [command.split()[1] for command in commands(SECTION)] == [
        "ingest", "status", "train", "recommend", "similar", "enrich",
    ]  # fmt: skip
    first = blocks(README, "python")[0]
    assert README.index(first) < README.index("\n## ")
    assert len(first.splitlines()) <= 10


@pytest.mark.slow
@pytest.mark.timeout(SECONDS)
def test_the_commands_of_the_readme_work_in_their_order(tmp_path: Path) -> None:
    write_log(tmp_path)
    shown = {command.split()[1]: call(command, tmp_path) for command in commands(SECTION)}
    assert len(re.findall(r"(space|sea) story number", shown["recommend"])) >= 3
    *code, last = "".join(blocks(SECTION, "python")).splitlines()
    answer = python("\n".join([*code, f"print(len({last}.to_frame()))"]), tmp_path)
    assert answer == "3\n"


@pytest.mark.slow
@pytest.mark.timeout(SECONDS)
def test_the_first_python_of_the_readme_prints_three_books_with_reasons(tmp_path: Path) -> None:
    write_log(tmp_path)
    lines = python(blocks(README, "python")[0], tmp_path).splitlines()
    assert [line.split()[0] for line in lines] == ["1", "2", "3"]


@pytest.mark.slow
@pytest.mark.timeout(SECONDS)
def test_the_first_run_of_the_tutorial_works_in_its_order(tmp_path: Path) -> None:
    for block in blocks(FIRST_RUN, "yaml"):
        name = block.splitlines()[0].removeprefix("# ")
        (tmp_path / name).write_text(block, encoding="utf-8")
    for command in commands(FIRST_RUN):
        if command != "kgrec demo":
            call(command, tmp_path)
    for block in blocks(FIRST_RUN, "python"):
        assert len(python(block, tmp_path).splitlines()) == 3
    assert (tmp_path / "bench/report.html").is_file()
