"""Nothing that a title, a tag, an id or a file name holds is obeyed by a terminal."""

from __future__ import annotations

import ast
import json
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import kgrec.cli
from graph_store.duckdb.store import EmbeddedStore
from graph_store.schema import Label
from kgrec.cli import demo, failures, output, progress
from kgrec.cli.printable import printable, printable_json
from kgrec.demo import Story
from kgrec.demo.stories import Watched
from kgrec.lookup import Run
from tests.cli.command import kgrec as command
from tests.lookup.small import SmallModel

Output = pytest.CaptureFixture[str]

EVIL = "a\x1b[31m\x1b]0;title\x07\x9b2J\x7f\u202e\u2066\u2028\x00\r\nb"
SHOWN = r"a\x1b[31m\x1b]0;title\x07\x9b2J\x7f\u202e\u2066\u2028\x00\r\nb"
OBEYED = {chr(code) for code in [*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F),
                                 *range(0x2066, 0x206A), 0x2028, 0x2029]} - {"\n"}  # fmt: skip


def obeyed(text: str) -> set[str]:
    return OBEYED & set(text)


def test_what_a_terminal_would_obey_is_written_out() -> None:
    assert printable(EVIL) == SHOWN
    assert not obeyed(printable("".join(map(chr, range(0x2100)))))
    assert printable("two\nlines\x1b", keep="\n") == "two\nlines\\x1b"
    assert printable("half \udce9") == r"half \udce9"


@pytest.mark.parametrize(
    "text", ["Amélie", "映画　館", "שלום", "👨‍👩‍👧", "a\u00a0b", "[bold]", "\\x1b"]
)
def test_text_of_any_language_is_left_alone(text: str) -> None:
    assert printable(text) == text


def test_json_holds_the_same_value_without_a_control(capsys: Output) -> None:
    output.print_json({"title": EVIL, "half": "\udce9"})
    written = capsys.readouterr().out
    assert not obeyed(written)
    assert json.loads(written) == {"title": EVIL, "half": "\udce9"}
    assert printable_json('{\n  "a": "é"\n}') == '{\n  "a": "é"\n}'


def test_tables_lines_and_messages_are_safe(capsys: Output) -> None:
    output.print_table([EVIL], [[EVIL], [[EVIL]], [None]], title=EVIL)
    output.echo(EVIL)
    output.echo(EVIL, err=True)
    progress.message(EVIL)
    with progress.waiting(EVIL):
        pass
    failures.say(EVIL)
    progress.configure()
    logging.getLogger("kgrec").warning("%s", EVIL)
    with progress.reporting() as report:
        report(EVIL, 1, 1, note=EVIL)
    out, err = capsys.readouterr()
    assert not obeyed(out + err)
    assert out.count(SHOWN) == 5
    assert err.count(r"\x1b[31m") == 6


def test_bars_on_a_terminal_are_safe_and_take_no_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = progress.messages.__class__(force_terminal=True, width=300, color_system=None)
    monkeypatch.setattr(progress, "messages", shown)
    with shown.capture() as captured, progress.reporting() as report:
        report("a\x1b]0;x\x07", 1, 2, note="[/nothing]\x9b2J")
        progress.message("[/nothing]\x1b]0;x\x07")
    drawn = captured.get()
    assert "\x1b]0;x" not in drawn
    assert "\x9b" not in drawn
    assert "[/nothing]" in drawn


def test_lookups_show_titles_safely_and_keep_them_in_files(
    tmp_path: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = SmallModel().snapshot
    titles = [f"{title}{EVIL}" for title in snapshot.titles]
    tags = np.array([f"{tag}{EVIL}" for tag in snapshot.tag_keys])
    run = Run(SmallModel(replace(snapshot, titles=titles, tag_keys=tags)))
    monkeypatch.setattr("kgrec.cli.lookup._opened", lambda *_, **__: run)
    ask = ["recommend", "--run", "r", "--domain", "films", "--user", "ann", "--explain"]
    out = tmp_path / "out.jsonl"
    for args in (ask, [*ask, "--json"], ["explain", "--run", "r", "ann", "films:matrix"],
                 ["similar", "--run", "r", "books:dune"]):  # fmt: skip
        assert command(*args) == 0
        told = capsys.readouterr()
        assert "Matrix" in told.out
        assert not obeyed(told.out + told.err), args
    assert command(*ask, "--out", out) == 0
    assert f"The Matrix{EVIL}" in pl.read_ndjson(out)["title"].to_list()
    capsys.readouterr()
    for args in (["recommend", "--run", "r", "--domain", EVIL, "--user", "ann"],
                 ["recommend", "--run", "r", "--domain", "films", "--user", EVIL],
                 ["recommend", "--run", "r", "--domain", "films", "--history", f"Dune{EVIL[:-1]}"],
                 ["recommend", "--run", "r", f"--{EVIL}"],
                 [EVIL]):  # fmt: skip
        assert command(*args) in (2, 3)
        told = capsys.readouterr()
        assert told.err.startswith("error: ")
        assert told.err.count("\n") == 1
        assert not obeyed(told.out + told.err), args


def test_status_shows_names_of_domains_safely(tmp_path: Path, capsys: Output) -> None:
    path = tmp_path / "g.duckdb"
    with EmbeddedStore(path) as store:
        store.upsert_nodes(Label.DOMAIN, pl.DataFrame({"key": [EVIL], "name": [EVIL]}))
        store.begin_job(f"job{EVIL}", kind="ingest", source="s", now=0)
    for form in ([], ["--json"]):
        assert command("status", "--store", path, *form) == 0
        told = capsys.readouterr()
        assert r"\x1b" in told.out or r"\u001b" in told.out
        assert not obeyed(told.out + told.err)
    assert command("status", "--store", f"{tmp_path}/{EVIL[:-4]}") == 3
    assert not obeyed(capsys.readouterr().err)


def test_the_stories_of_the_demo_are_told_safely(capsys: Output) -> None:
    snapshot = SmallModel().snapshot
    run = Run(SmallModel(replace(snapshot, titles=[f"{t}{EVIL}" for t in snapshot.titles])))
    films = run.recommend("ann", domain="films", explain=True)
    watched = [Watched("books:dune", f"Dune{EVIL}", (f"tag{EVIL}",))]
    demo._print_story(Story(f"ann{EVIL}", watched, 1, films, frozenset()))
    told = capsys.readouterr().out
    assert told.count(r"\x1b[31m") > 3
    assert not obeyed(told)


def test_commands_write_to_a_terminal_only_by_what_makes_text_safe() -> None:
    """``typer.echo`` and the console write as they are told; only these modules may use them."""
    may_write = {"output.py", "failures.py", "progress.py"}
    found = []
    for module in Path(kgrec.cli.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and module.name not in may_write:
                written = ast.unparse(node)
                if written in ("typer.echo", "typer.secho", "messages.print", "messages.status"):
                    found.append(f"{module.name}:{node.lineno}: {written}")
    assert found == []
