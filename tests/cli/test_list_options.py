"""Options of ``kgrec recommend`` that shape lists and histories reach the answer, on a made run."""

from __future__ import annotations

import inspect
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import typer

from kgrec.cli.app import app
from kgrec.lookup import Run
from tests.cli.command import kgrec
from tests.lookup.small import SmallModel

Output = pytest.CaptureFixture[str]
NEW_YEAR = 1_672_531_200  # 2023-01-01

IN_PYTHON_ONLY = {"self", "where", "on_progress"}
"""``where`` holds the conditions, which are options of their own on the command line."""


@pytest.fixture(autouse=True)
def hand_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever liked a film did so at the first second of 2023, a book a year before; films are
    viewed, books are rated."""
    snapshot = SmallModel().snapshot
    film = np.char.startswith(snapshot.item_keys[snapshot.item], "films:")
    at = np.where(film, NEW_YEAR, NEW_YEAR - 365 * 86_400)
    model = SmallModel(
        replace(snapshot, at=at, first_at=at, kind=film.astype(np.int16), kinds=("rating", "view"))
    )
    monkeypatch.setattr("kgrec.cli.lookup._opened", lambda *_, **__: Run(model))


def lines(capsys: Output, *args: object, domain: str = "films") -> list[dict[str, object]]:
    where = ["--domain", domain] if domain else []
    assert kgrec("recommend", "--run", "small-run", "--json", *where, *args) == 0
    found: list[dict[str, object]] = json.loads(capsys.readouterr().out)
    return found


def keys(capsys: Output, *args: object, domain: str = "films") -> list[object]:
    return [line["key"] for line in lines(capsys, *args, domain=domain)]


def test_python_and_the_command_line_have_the_same_options_with_the_same_defaults() -> None:
    command = typer.main.get_command(app).commands["recommend"]  # type: ignore[attr-defined]
    shell = {
        max(option.opts, key=len).removeprefix("--").replace("-", "_"): option.default
        for option in command.params
    }
    shell["k"] = shell.pop("_k") if "_k" in shell else shell["k"]
    python = inspect.signature(Run.recommend).parameters
    named = set(python) - IN_PYTHON_ONLY
    assert named <= set(shell)
    assert {name: shell[name] for name in named} == {name: python[name].default for name in named}


def test_a_page_goes_on_where_the_one_before_ended(capsys: Output) -> None:
    whole = lines(capsys, "--history", "books:dune", "-k", 4)
    second = lines(capsys, "--history", "books:dune", "-k", 2, "--page", 2)
    assert second == whole[2:]
    assert kgrec("recommend", "--run", "r", "--domain", "films", "--user", "ann", "--page", 9) == 0
    assert "the pages before --page 9 hold everything" in capsys.readouterr().err


def test_several_domains_are_one_list(capsys: Output) -> None:
    found = lines(
        capsys, "--user", "ann", "--domain", "books", "--domain", "films", "-k", 4, domain=""
    )
    assert {line["domain"] for line in found} == {"books", "films"}
    assert [line["rank"] for line in found] == [1, 2, 3, 4]


def test_limits_and_minima_shape_the_list(capsys: Output) -> None:
    ask = ["--history", "books:dune", "-k", 5]
    assert len(keys(capsys, *ask, "--max-per-tag", 1)) == 2
    assert len(keys(capsys, *ask, "--max-per-series", 1)) == 5
    plain = keys(capsys, "--history", "books:dune", "-k", 2)
    diverse = keys(capsys, "--history", "books:dune", "-k", 2, "--diversity", 0.9)
    assert diverse[0] == plain[0]
    assert diverse[1] in {"films:clueless", "films:notebook"}
    rare = keys(capsys, "--history", "books:dune", "-k", 2, "--min-long-tail", 1)
    assert set(rare) <= {"films:tron", "films:clueless", "films:notebook"}
    new = keys(capsys, *ask, "--min-new", 0.5, "--new-since", "2023-01-01")
    assert len(new) == 5


def test_dislikes_and_weights_reach_the_score(capsys: Output) -> None:
    ask = ["--history", "books:dune", "--history", "books:emma", "--history", "books:neuro"]
    assert "films:alien" in keys(capsys, *ask, "-k", 3)
    found = keys(
        capsys, *ask, "--dislikes", "Tron", "--dislikes", "films:alien", "--dislikes-weight", 1
    )
    assert found[:2] == ["films:clueless", "films:notebook"]
    words = ["--history", "books:dune", "--likes", "romance", "--likes-weight"]
    assert keys(capsys, *words, 1)[0] in {"films:clueless", "films:notebook"}
    assert keys(capsys, *words, 0)[0] in {"films:alien", "films:matrix", "films:tron"}


def test_windows_and_kinds_reach_the_history(capsys: Output) -> None:
    """Eve's films are views of 2023, her book is a rating of the year before."""
    ask = ["--user", "eve", "--include-seen", "-k", 2]
    whole = lines(capsys, *ask)
    assert lines(capsys, *ask, "--history-kinds", "view") == lines(
        capsys, *ask, "--history-since", "2023-01-01"
    )
    rated = lines(capsys, *ask, "--history-without", "view")
    assert rated == lines(capsys, *ask, "--history-kinds", "rating")
    assert rated != whole
    decayed = lines(capsys, *ask, "--half-life", 365)
    assert decayed[0]["score"] not in (whole[0]["score"], rated[0]["score"])
    assert keys(capsys, "--user", "eve", "--seen-kinds", "rating", "-k", 2) == [
        line["key"] for line in whole
    ]


def test_the_number_of_people_behind_a_reason_is_asked_for(capsys: Output) -> None:
    args = ["explain", "--run", "r", "ann", "films:matrix"]
    assert kgrec(*args) == 0
    assert "people" not in capsys.readouterr().out
    assert kgrec(*args, "--min-users", 3) == 0
    assert "3 people who liked Neuromancer" in capsys.readouterr().out
    assert kgrec(*args, "--min-users", 1) == 2
    assert "min_users must be at least 2, got 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["--user", "ann", "--page", 0], "page must be at least 1, got 0"),
        (["--user", "ann", "--diversity", 2], "diversity must be a number from 0 to 1, got 2.0"),
        (["--user", "ann", "--max-per-tag", 0], "max_per_tag must be at least 1, got 0"),
        (["--user", "ann", "--half-life", -1], "half_life must be a number of days above 0"),
        (["--user", "ann", "--new-since", "2023-01-01"], "give min_new as well"),
        (["--user", "ann", "--history-since", "x"], "--history-since: got 'x'; give a date"),
        (["--user", "ann", "--new-since", "2023"], "--new-since: 2023 is no number of seconds"),
        (["--history", "books:dune", "--history-file", "h"], "got --history and --history-file"),
        (
            ["--history-query", "x"],
            "a query for a history needs a live graph; name it with --store",
        ),
        (["--user", "ann", "--history-param", "a=1"], "--history-param: is for a query of"),
        (["--history-query", "x", "--history-param", "a"], "must look like NAME=VALUE, got 'a'"),
    ],
)
def test_what_makes_no_sense_is_refused_as_in_python(
    capsys: Output, args: list[object], sentence: str
) -> None:
    assert kgrec("recommend", "--run", "small-run", "--domain", "films", *args) == 2
    told = capsys.readouterr()
    assert sentence in told.err
    assert told.out == ""


def test_a_history_file_beside_a_user_is_what_happened_since(
    tmp_path: Path, capsys: Output
) -> None:
    (tmp_path / "session.txt").write_text("films:notebook\n", encoding="utf-8")
    found = keys(capsys, "--user", "ann", "--history-file", tmp_path / "session.txt", "-k", 5)
    assert "films:notebook" not in found
