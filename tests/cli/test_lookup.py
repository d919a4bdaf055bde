"""``kgrec recommend``, ``similar`` and ``explain`` on a run that was really trained."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from tests.cli.command import kgrec
from tests.trained_world import TrainedWorld

Output = pytest.CaptureFixture[str]


def test_recommend_writes_what_programs_rely_on(
    trained_world: TrainedWorld, tmp_path: Path, capsys: Output
) -> None:
    users, out = tmp_path / "users.csv", tmp_path / "recs.parquet"
    asked = [*trained_world.world.cold_users, "stranger"]
    users.write_text("user_id\n" + "\n".join(asked) + "\n", encoding="utf-8")
    args = ["--users", users, "--domain", trained_world.target, "-k", 5, "--out", out]
    assert kgrec("recommend", "--run", trained_world.run, *args) == 0
    frame = pl.read_parquet(out)
    assert frame.columns == ["user_id", "key", "item_id", "domain", "title", "rank", "score"]
    assert set(frame["user_id"]) == set(trained_world.world.cold_users)
    assert frame.group_by("user_id").len()["len"].unique().to_list() == [5]
    told = capsys.readouterr()
    assert told.out == ""
    assert f"1 of {len(asked)} users are not in the graph and were left out: stranger" in told.err


def test_the_live_store_answers_like_the_run(trained_world: TrainedWorld, capsys: Output) -> None:
    user = trained_world.world.cold_users[0]
    args = ["recommend", "--run", trained_world.run, "--user", user,
            "--domain", trained_world.target, "--json"]  # fmt: skip
    assert kgrec(*args) == 0
    alone = json.loads(capsys.readouterr().out)
    assert kgrec(*args, "--store", trained_world.store) == 0
    assert json.loads(capsys.readouterr().out) == alone
    assert [line["rank"] for line in alone] == list(range(1, 11))


def test_a_label_prefix_without_its_store_is_bad_input(
    trained_world: TrainedWorld, capsys: Output
) -> None:
    asked = ["--run", trained_world.run, "--user", trained_world.world.cold_users[0]]
    assert kgrec("recommend", *asked, "--label-prefix", "Kg") == 2
    assert "--label-prefix Kg: is for the Neo4j graph of --store" in capsys.readouterr().err


def test_histories_and_words_are_answered_too(
    trained_world: TrainedWorld, tmp_path: Path, capsys: Output
) -> None:
    run, target = trained_world.run, trained_world.target
    items = trained_world.world.items.filter(pl.col("domain") != target).head(2)
    keys = [f"{domain}:{item}" for domain, item in items.select("domain", "item_id").rows()]
    ask = ["recommend", "--run", run, "--domain", target, "-k", 3, "--json"]
    assert kgrec(*ask, "--history", keys[0], "--history", keys[1]) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found) == 3
    file = tmp_path / "history.csv"
    file.write_text(f"item,time\n{keys[1]},1600000000\n{keys[0]},1500000000\n", encoding="utf-8")
    assert kgrec(*ask, "--history-file", file) == 0
    again = json.loads(capsys.readouterr().out)
    scores, before = ([line.pop("score") for line in lines] for lines in (again, found))
    assert again == found
    assert scores == pytest.approx(before, rel=1e-5)
    assert kgrec("explain", "--run", run, found[0]["key"], "--history-file", file) == 0
    assert kgrec(*ask, "--history-file", file, "--history", keys[0]) == 2
    capsys.readouterr()
    assert kgrec(*ask, "--likes", items["title"][0]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 3


def test_a_new_item_is_recommended_as_soon_as_its_text_is_known(
    trained_world: TrainedWorld, tmp_path: Path, capsys: Output
) -> None:
    """It has the text of the film that is recommended first, and comes near it."""
    run, target, user = trained_world.run, trained_world.target, trained_world.world.cold_users[0]
    ask = ["recommend", "--run", run, "--domain", target, "--user", user, "--json", "-k", 10]
    assert kgrec(*ask) == 0
    before = json.loads(capsys.readouterr().out)
    texts = pl.read_parquet(run / "graph" / "items.parquet")
    text = texts.filter(pl.col("key") == before[0]["key"])["text"][0]
    file = tmp_path / "new.csv"
    pl.DataFrame({"key": [f"{target}:brand-new"], "text": [text]}).write_csv(file)
    assert kgrec(*ask, "--new-items", file, "--explain") == 0
    found = json.loads(capsys.readouterr().out)
    assert f"{target}:brand-new" in [line["key"] for line in found[:5]]
    others = [line["key"] for line in found if line["key"] != f"{target}:brand-new"]
    assert others == [line["key"] for line in before][: len(others)]


def test_reasons_are_told_where_asked(trained_world: TrainedWorld, capsys: Output) -> None:
    user, target = trained_world.world.cold_users[0], trained_world.target
    args = ["recommend", "--run", trained_world.run, "--user", user, "--domain", target, "-k", 2]
    assert kgrec(*args, "--explain", "--json") == 0
    lines = json.loads(capsys.readouterr().out)
    assert all(line["reason"].endswith(".") for line in lines)
    why = ["explain", "--run", trained_world.run, user, lines[0]["key"]]
    assert kgrec(*why) == 0
    assert lines[0]["reason"] in capsys.readouterr().out
    assert kgrec(*why, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["key"], told["reason"]) == (lines[0]["key"], lines[0]["reason"])
    assert told["reasons"]
    assert kgrec(*args, "--explain") == 0
    shown = capsys.readouterr()
    assert lines[0]["reason"] in shown.out
    assert "because" not in shown.err


def test_a_table_names_titles(trained_world: TrainedWorld, capsys: Output) -> None:
    title, item = trained_world.world.items.select("title", "item_id").row(0)
    args = ["similar", "--run", trained_world.run, title, "-k", 3]
    assert kgrec(*args) == 0
    table = capsys.readouterr().out
    assert table.split()[:6] == ["key", "item_id", "domain", "title", "rank", "score"]
    assert item not in table.split()


def test_filters_reach_the_answer(
    trained_world: TrainedWorld, tmp_path: Path, capsys: Output
) -> None:
    user, target = trained_world.world.cold_users[0], trained_world.target
    tag = trained_world.world.items["categories"][0][0]
    deny = tmp_path / "deny.txt"
    args = ["recommend", "--run", trained_world.run, "--user", user, "--domain", target,
            "-k", 50, "--json", "--tags-any", tag]  # fmt: skip
    assert kgrec(*args) == 0
    found = [f"{target}:{line['item_id']}" for line in json.loads(capsys.readouterr().out)]
    tagged = trained_world.world.items.filter(
        (pl.col("domain") == target) & pl.col("categories").list.contains(tag)
    )
    assert set(found) == {f"{target}:{item}" for item in tagged["item_id"]}
    deny.write_text(found[0] + "\n", encoding="utf-8")
    assert kgrec(*args, "--deny", deny) == 0
    assert len(json.loads(capsys.readouterr().out)) == len(found) - 1


@pytest.mark.parametrize(
    ("args", "code", "sentence"),
    [
        ([], 2, "--history-query and --likes, got none"),
        (["--users", "u.csv", "--likes", "x"], 2, "--users stands alone, got --users and --likes"),
        (["--user", "u0x"], 3, "no user 'u0x' in the run"),
        (["--user", "u1", "--domain", "book"], 3, "did you mean 'books'?"),
        (["--users", "absent.csv"], 3, "there is no file absent.csv"),
        (["--user", "u1", "--out", "x.xls"], 2, "must end in one of .parquet, .csv, .jsonl"),
    ],
)
def test_a_wrong_question_is_one_sentence_and_its_code(
    trained_world: TrainedWorld, capsys: Output, args: list[str], code: int, sentence: str
) -> None:
    domain = [] if "--domain" in args else ["--domain", trained_world.target]
    assert kgrec("recommend", "--run", trained_world.run, *domain, *args) == code
    told = capsys.readouterr()
    assert sentence in told.err
    assert told.out == ""


def test_a_missing_run_is_one_sentence(tmp_path: Path, capsys: Output) -> None:
    assert kgrec("similar", "--run", tmp_path / "none", "x") in (1, 3)
    assert capsys.readouterr().err.startswith("error: ")
