"""No output of a failing command holds the password of a store's URL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from graph_store.neo4j.settings import read_settings
from kgrec.cli import failures
from kgrec.cli.accounts import hide_accounts
from tests.cli.command import kgrec

MALFORMED = [
    "neo4j://neo4j:SECRET/with/slash@h:7687",
    "neo4j://neo4j:SECRET#x@h",
    "neo4j://neo4j:SECRET?x@h/db",
    "neo4j://neo4j:x@SECRET@h",
    " neo4j://neo4j:/SECRET@h",
    "neo4j://neo4j:SECRET%ff@h",
    "neo4j://neo4j:SECRET@h:port",
    "neo4j://neo4j:SECRET@h:99999",
    "neo4j://neo4j:[SECRET@h/a/b",
    "neo4j://neo4j:SECRET\u2100@h:x",
    "neo4j://neo4j:SECRET@",
    "neo4j://neo4j:SECRET",
    "neo4j://neo4j:SECRET/db",
    "neo4j://neo4j:x@h:7687/db?password=SECRET",
    "neo4j://neo4j:x@h:7687/db?SECRET=1",
    "bolt://h#SECRET",
    "neo4j//neo4j:SECRET@h",
    "neo4j//neo4j:SECRET/x@h",
    "neo4j//neo4j:SECRET",
    "neo4j:/neo4j:SECRET@h",
    "neo4j:neo4j:SECRET@h",
    "bolt+s//neo4j:SECRET@h:7687/db",
    "//neo4j:SECRET@h",
    "neo4j:SECRET@h",
    "ann:SECRET@h:7687/db",
    "ann:SECRET/x@h:7687/db",
    "./ann:SECRET@h",
    "neo4jj://neo4j:SECRET/x@h",
    "bolt+x://neo4j:SECRET@h",
    "http://neo4j:SECRET@h:7474",
    "\\\\neo4j:SECRET@h",
]

OPENING = {
    "status": ["status", "--store", "URL"],
    "snapshot": ["snapshot", "--store", "URL", "--out", "out"],
    "export": ["export", "--store", "URL", "--out", "out"],
    "forget": ["forget", "ann", "--store", "URL"],
    "ingest": ["ingest", "log.csv", "--domain", "f", "--store", "URL"],
    "train": ["train", "--store=URL", "--out", "out"],
    "enrich list": ["enrich", "list", "--store", "URL", "--json"],
    "enrich undo": ["enrich", "undo", "r", "--store=URL"],
}
"""Commands that open a store before anything that takes time."""

MISPLACED = {
    "argument": ["status", "URL"],
    "file": ["ingest", "URL", "--store", "g.duckdb"],
    "run": ["recommend", "--run", "URL", "--user", "u"],
    "unknown option": ["status", "--stor", "URL"],
    "unknown option with =": ["status", "--stores=URL"],
    "number": ["enrich", "similar-items", "--run", "r", "--store", "g", "-k", "URL"],
    "config": ["train", "--store", "g.duckdb", "--out", "out", "--config", "URL"],
    "within an argument": ["ingest", "log.csv", "--store", "g.duckdb", "--map", "user=URL"],
    "in quotes": ["enrich", "“URL”"],
}
"""Commands that are given the URL where none belongs."""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder: a log, and all that a command writes."""
    monkeypatch.chdir(tmp_path)
    for name in ("NEO4J_USERNAME", "NEO4J_PASSWORD", "NEO4J_DATABASE"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "log.csv").write_text("user_id,item_id\nann,1\n")
    return tmp_path


@pytest.fixture
def raised(monkeypatch: pytest.MonkeyPatch) -> list[BaseException]:
    """The errors that commands ended in."""
    errors: list[BaseException] = []
    told = failures.tell

    def tell(error: Exception, *rest: object) -> int | None:
        errors.append(error)
        return told(error, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(failures, "tell", tell)
    return errors


def chain(error: BaseException) -> Iterator[str]:
    """What an error and all that caused it say."""
    seen: list[BaseException] = []
    open_: list[BaseException | None] = [error]
    while open_:
        one = open_.pop()
        if one is None or one in seen:
            continue
        seen.append(one)
        yield f"{one!r} {one} {vars(one)}"
        open_ += [one.__cause__, one.__context__, *getattr(one, "exceptions", ())]


def written(folder: Path) -> Iterator[str]:
    """Names and contents of all files."""
    for path in folder.rglob("*"):
        yield str(path.relative_to(folder))
        if path.is_file():
            yield path.read_text(errors="replace")


@pytest.mark.parametrize("command", list(OPENING))
def test_a_malformed_url_is_bad_input_without_its_password(
    command: str, here: Path, raised: list[BaseException], capfd: pytest.CaptureFixture[str]
) -> None:
    for url in MALFORMED:
        assert kgrec("-v", *(part.replace("URL", url) for part in OPENING[command])) == 2, url
        out, err = capfd.readouterr()
        assert err.startswith("error: "), url
        assert err.count("\n") == 1, url
        told = [out, err, *chain(raised[-1]), *written(here)]
        assert not [text for text in told if "SECRET" in text], url


@pytest.mark.parametrize("place", list(MISPLACED))
def test_a_url_in_the_wrong_place_is_told_without_its_password(
    place: str, here: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for url in [*MALFORMED, "neo4j://neo4j:SECRET@h:7687/db"]:
        before, _, after = url.strip().rpartition("@")
        if not before.startswith(("neo4j", "bolt", "http:")) or "SECRET" in after:
            continue  # does not look like the account of a server
        assert kgrec(*(part.replace("URL", url) for part in MISPLACED[place])) in (2, 3), url
        out, err = capfd.readouterr()
        assert err.startswith("error: "), url
        assert "SECRET" not in out + err, url


@pytest.mark.parametrize(
    "command",
    [
        ["ingest", "log.csv", "--store", "g.duckdb", "--domain", "f", "--rejects", "URL"],
        ["ingest", "log.csv", "--store", "g.duckdb", "--domain", "f", "--work-dir", "URL"],
        ["export", "--store", "g.duckdb", "--out", "URL"],
        ["snapshot", "--store", "g.duckdb", "--out=URL"],
        ["train", "--store", "g.duckdb", "--out", "URL", "--resume"],
        ["recommend", "--run", "r", "--user", "u", "--out", "URL/a.csv"],
        ["demo", "--work", "URL"],
        ["benchmark", "cold-start", "--data", "d", "--out", "URL"],
    ],
    ids=lambda command: " ".join(command[:1] + command[-2:-1]),
)
def test_a_url_is_no_path_to_write_to(
    command: list[str], here: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """As a path it would become folders, with the password for a name."""
    for url in ("neo4j://neo4j:SECRET@h:7687", "s3://SECRET/run"):
        assert kgrec(*(part.replace("URL", url) for part in command)) == 2
        err = capfd.readouterr().err
        assert "must be a path on this machine, got a URL that begins with" in err
        assert "SECRET" not in err
    assert [path.name for path in here.iterdir()] == ["log.csv"]


@pytest.mark.parametrize("scheme", ["bolt", "neo4j"])
def test_no_server_is_told_without_the_password(
    scheme: str, here: Path, raised: list[BaseException], capfd: pytest.CaptureFixture[str]
) -> None:
    url = f"{scheme}://SECRET_USER:SE%2FCRET@127.0.0.1:9/db"
    assert kgrec("-v", "status", "--store", url) == 3
    told = [*capfd.readouterr(), *chain(raised[-1]), *written(here)]
    assert not [text for text in told if "SE/CRET" in text or "SE%2FCRET" in text]
    assert "SECRET_USER" not in told[1]
    assert "Connection refused)" in told[1]


@pytest.mark.neo4j
def test_a_wrong_password_is_told_without_it(
    neo4j_url: str, here: Path, raised: list[BaseException], capfd: pytest.CaptureFixture[str]
) -> None:
    place = read_settings(neo4j_url).uri.partition("://")[2]
    assert kgrec("-v", "status", "--store", f"bolt://SECRET_USER:SECRET@{place}") == 3
    told = [*capfd.readouterr(), *chain(raised[-1]), *written(here)]
    assert "refuses the user and password" in told[1]
    assert not [text for text in told if "SECRET" in text]


def test_an_item_with_an_at_sign_is_no_account() -> None:
    assert hide_accounts("no item 'books:a@b'", ["--item", "books:a@b"]) == "no item 'books:a@b'"
    assert (
        hide_accounts("no user me@mail.example", ["me@mail.example"]) == "no user me@mail.example"
    )


def test_a_label_prefix_that_cannot_be_one_is_bad_input(capfd: pytest.CaptureFixture[str]) -> None:
    place = ["--store", "bolt://127.0.0.1:9"]
    assert kgrec("status", *place, "--label-prefix", "Kg Rec") == 2
    assert "use letters, digits and underscores" in capfd.readouterr().err
    assert kgrec("status", "--store", "g.duckdb", "--label-prefix", "Kg") == 2
    assert "leave it out" in capfd.readouterr().err
