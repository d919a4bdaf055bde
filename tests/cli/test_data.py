"""Files to a graph and back out by the commands."""

from __future__ import annotations

import contextlib
import io
import json
import re
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from graph_store.open_store import open_store
from kgrec.cli import main

LOG = pl.DataFrame(
    {
        "user_id": ["ann", "ann", "bob", "bob", "cy"],
        "item_id": ["1", "2", "1", "9", "3"],
        "domain": ["books", "films", "books", "films", "books"],
        "rating": [8.0, 10.0, 2.0, 6.0, None],
        "timestamp": [1_600_000_000, 1_600_000_100, None, 1_600_000_200, 1_600_000_300],
    }
)
CATALOGUE = pl.DataFrame(
    {
        "item_id": ["1", "2", "3"],
        "domain": ["books", "films", "books"],
        "title": ["The Long Orbit", "Salt and Iron", "Night Signal"],
        "description": [None, "A forge by the sea.", None],
        "categories": [["space"], ["history", "sea"], ["space"]],
    }
)


@dataclass
class Ended:
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


def kgrec(*args: str | Path, cwd: Path) -> Ended:
    """Run a command as the shell would, but in this process: starting one takes a second."""
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.chdir(cwd),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        main([str(arg) for arg in args])
    return Ended(int(str(ended.value.code)), out.getvalue(), err.getvalue())


def done(*args: str | Path, cwd: Path) -> str:
    """Stdout of a command that must succeed."""
    ended = kgrec(*args, cwd=cwd)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source in ``set/`` and its graph in ``g.duckdb``; only read from."""
    folder = tmp_path_factory.mktemp("filled")
    (folder / "set").mkdir()
    LOG.write_parquet(folder / "set/interactions.parquet")
    CATALOGUE.write_parquet(folder / "set/items.parquet")
    done("ingest", "set", "--format", "tabular", "--store", "g.duckdb", cwd=folder)
    return folder


def status(folder: Path, store: str = "g.duckdb") -> dict[str, object]:
    return json.loads(done("status", "--store", store, "--json", cwd=folder))  # type: ignore[no-any-return]


def test_status_counts_labels_types_and_domains(filled: Path) -> None:
    found = status(filled)
    assert found["nodes"] == {"User": 3, "Item": 4, "Domain": 2, "Tag": 3}
    relationships = {k: v for k, v in found["relationships"].items() if v}  # type: ignore[attr-defined]
    assert relationships == {"INTERACTED": 5, "IN_DOMAIN": 4, "HAS_TAG": 4}
    assert found["domains"] == {
        "books": {"users": 3, "items": 2, "interactions": 3},
        "films": {"users": 2, "items": 2, "interactions": 2},
    }
    (job,) = found["jobs"]  # type: ignore[misc]
    assert job["kind"] == "ingest"
    assert job["finished_at"] >= job["started_at"]


def test_status_without_json_is_a_table_on_stdout(filled: Path) -> None:
    shown = done("status", "--store", "g.duckdb", cwd=filled)
    assert "INTERACTED" in shown
    assert "films" in shown
    assert "complete" in shown


def test_a_column_of_order_and_every_event_are_options_of_ingest(tmp_path: Path) -> None:
    rows = ["user,item,n", "ann,a,3", "ann,b,2", "ann,a,1"]
    (tmp_path / "log.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    ask = ["ingest", "log.csv", "--domain", "d", "--map", "order=n", "--json"]
    for store, more, expected in (
        ("merged.duckdb", [], [("d:b", 2, 1), ("d:a", 3, 2)]),
        ("events.duckdb", ["--keep-events"], [("d:a", 1, 1), ("d:b", 2, 1), ("d:a", 3, 1)]),
    ):
        done(*ask, "--store", store, *more, cwd=tmp_path)
        with open_store(str(tmp_path / store), read_only=True) as graph:
            found = graph.query('SELECT target, "order", count FROM "INTERACTED" ORDER BY "order"')
        assert found.rows() == expected


def test_ingest_reports_rows_on_stdout_as_json(filled: Path, tmp_path: Path) -> None:
    told = json.loads(
        done("ingest", filled / "set", "--store", tmp_path / "g.duckdb", "--json", cwd=tmp_path)
    )
    assert told["rows_read"] == 8
    assert told["rejected"] == {}
    assert told["written"] > 0
    assert told["unchanged"] == 0


def test_reading_a_source_twice_changes_nothing(filled: Path, tmp_path: Path) -> None:
    store = tmp_path / "g.duckdb"
    first = json.loads(done("ingest", filled / "set", "--store", store, "--json", cwd=tmp_path))
    before = done("snapshot", "--store", store, "--out", tmp_path / "a", cwd=tmp_path)
    again = kgrec("ingest", filled / "set", "--store", store, "--json", cwd=tmp_path)
    told = json.loads(again.stdout)
    assert told.keys() == first.keys()
    assert first["already_ingested_at"] is None
    assert told["already_ingested_at"] > 0
    assert (again.returncode, told["written"], told["unchanged"]) == (0, 0, 0)
    shown = kgrec("ingest", filled / "set", "--store", store, cwd=tmp_path)
    assert "this source was ingested on 2" in shown.stderr
    assert "--force reads and writes it again" in shown.stderr
    forced = done("ingest", filled / "set", "--store", store, "--force", "--json", cwd=tmp_path)
    after = done("snapshot", "--store", store, "--out", tmp_path / "b", cwd=tmp_path)
    assert before == after
    assert json.loads(forced)["written"] == 0
    assert json.loads(forced)["unchanged"] == first["written"]


def test_the_summary_shows_the_scale_of_each_domain_and_what_was_changed(tmp_path: Path) -> None:
    rows = ["ann ,1,books,8,20230105", "ann,2,films,4,2023-01-06 12:00", "bob,3,songs,2,1672920000"]
    (tmp_path / "log.csv").write_text(
        "\n".join(["user_id,item_id,domain,rating,timestamp", *rows]), encoding="utf-8"
    )
    scales = ("--rating-scale", "20", "--rating-scale", "films=5")
    given = kgrec("ingest", "log.csv", "--store", "a.duckdb", *scales, cwd=tmp_path)
    lines = [" ".join(line.split()) for line in given.stdout.splitlines()]
    assert "books 1 0 to 20 --rating-scale" in lines
    assert "films 1 0 to 5 --rating-scale" in lines
    assert "ids and names with white space at their ends, which was trimmed 1" in lines
    assert "times: 2023-01-05 to 2023-01-06" in given.stderr
    told = json.loads(done("ingest", "log.csv", "--store", "b.duckdb", "--json", cwd=tmp_path))
    assert told["rating_scales"] == {
        "books": {"scale": 10.0, "origin": "inferred", "ratings": 1},
        "films": {"scale": 5.0, "origin": "inferred", "ratings": 1},
        "songs": {"scale": 5.0, "origin": "inferred", "ratings": 1},
    }


def test_snapshot_writes_columns_and_says_the_fingerprint(filled: Path, tmp_path: Path) -> None:
    said = done("snapshot", "--store", "g.duckdb", "--out", tmp_path / "s", cwd=filled)
    manifest = json.loads((tmp_path / "s/manifest.json").read_text())
    assert said.strip() == manifest["fingerprint"]
    assert manifest["interactions"] == 5


def test_snapshot_does_not_write_into_a_folder_that_holds_something(filled: Path) -> None:
    for command in ("snapshot", "export"):
        ended = kgrec(command, "--store", "g.duckdb", "--out", "set", cwd=filled)
        assert ended.returncode == 2
        assert "is not an empty folder" in ended.stderr


@pytest.mark.parametrize("form", ["parquet", "neo4j-import", "graphml"])
def test_export_writes_each_form(filled: Path, tmp_path: Path, form: str) -> None:
    out = tmp_path / "out"
    done("export", "--store", "g.duckdb", "--format", form, "--out", out, cwd=filled)
    files = [out] if out.is_file() else [p for p in out.rglob("*") if p.is_file()]
    assert any(b"The Long Orbit" in p.read_bytes() for p in files)


def test_forget_takes_a_user_out_of_the_graph(filled: Path, tmp_path: Path) -> None:
    store = tmp_path / "g.duckdb"
    done("ingest", filled / "set", "--store", store, cwd=tmp_path)
    forgotten = kgrec("forget", "ann", "--store", store, cwd=tmp_path)
    assert "2 relationships of ann deleted" in forgotten.stdout
    assert "run folders, snapshots and exports that were made before still hold ann" in (
        forgotten.stderr
    )
    assert "`kgrec forget ann --store URL --run RUN`" in forgotten.stderr
    assert status(tmp_path)["nodes"]["User"] == 2  # type: ignore[index]
    again = kgrec("forget", "ann", "--store", store, cwd=tmp_path)
    assert again.returncode == 3
    assert "ann" in again.stderr


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["status", "--store", "none.duckdb"], 3, "none.duckdb"),
        (["status", "--store", "mysql://x"], 2, "neo4j://"),
        (["ingest", "none.csv", "--store", "x.duckdb"], 3, "none.csv"),
        (["ingest", "--store", "x.duckdb"], 2, "needs a file or a folder"),
        (["ingest", "set", "--format", "nonsense", "--store", "x.duckdb"], 2, "nonsense"),
        (["ingest", "set", "--map", "user", "--store", "x.duckdb"], 2, "user"),
        (
            ["ingest", "set", "--map", "user=a", "--map", "user=b", "--store", "x.duckdb"],
            2,
            "twice",
        ),
        (["ingest", "set", "--encoding", "klingon", "--store", "x.duckdb"], 2, "klingon"),
        (["ingest", "set", "--rating-scale", "a=b", "--store", "x.duckdb"], 2, "DOMAIN=N"),
        (["ingest", "set", "--rating-scale", "0", "--store", "x.duckdb"], 2, "--rating-scale N"),
        (
            ["ingest", "set", "--rating-scale", "a=1", "--rating-scale", "a=2"]
            + ["--store", "x.duckdb"],
            2,
            "--rating-scale: is given twice for 'a'",
        ),
        (["export", "--store", "g.duckdb", "--format", "xml", "--out", "x"], 2, "xml"),
        (["status", "--store", "set/items.parquet"], 1, "a file of another kind"),
        (["ingest", "set", "--store", "set/items.parquet"], 1, "a file of another kind"),
        (["snapshot", "--store", "none.duckdb", "--out", "x"], 3, "none.duckdb"),
    ],
)
def test_what_cannot_be_used_is_one_sentence_and_a_code(
    filled: Path, args: list[str], code: int, said: str
) -> None:
    ended = kgrec(*args, cwd=filled)
    assert ended.stderr.startswith("error: ")
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.returncode == code
    assert ended.stdout == ""


def test_the_layout_of_text_files_is_given_by_options(tmp_path: Path) -> None:
    rows = "user;item;stars\n'Zo\u00eb;1';7;\nann;8;4\n"
    (tmp_path / "log.csv").write_bytes(rows.encode("latin-1"))
    (tmp_path / "late.jsonl").write_text('{"user": "bob", "item": 9, "stars": null}\n')
    command = ["ingest", "log.csv", "late.jsonl", "--store", "g.duckdb", "--domain", "d"]
    command += ["--map", "rating=stars"]
    wrong = kgrec(*command, cwd=tmp_path)
    assert wrong.returncode == 2
    assert "--separator ';'" in wrong.stderr
    right = kgrec(
        *command, "--separator", ";", "--quote", "'", "--encoding", "latin-1", cwd=tmp_path
    )
    assert right.returncode == 0, right.stderr
    assert re.search(r"^User +3$", right.stdout, re.MULTILINE)
    assert "late.jsonl: no row has a value in stars" in right.stderr


def test_rejects_are_counted_by_reason_and_kept_aside(tmp_path: Path) -> None:
    rows = [f"u{n},i{n % 7},books,{n % 5}" for n in range(500)]
    rows[10] = "u10,,books,3"
    (tmp_path / "log.csv").write_text("user_id,item_id,domain,rating\n" + "\n".join(rows) + "\n")
    told = json.loads(
        done("ingest", "log.csv", "--store", "g.duckdb", "--json",
             "--rejects", "rejects.jsonl", cwd=tmp_path)
    )  # fmt: skip
    assert sum(told["rejected"].values()) == 1
    (line,) = (tmp_path / "rejects.jsonl").read_text().splitlines()
    assert json.loads(line)["line"] == 12
    stopped = kgrec("ingest", "log.csv", "--store", "h.duckdb", "--max-rejects", "0", cwd=tmp_path)
    assert stopped.returncode == 1
    assert "log.csv:12" in stopped.stderr
