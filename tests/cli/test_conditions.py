"""Options of lookups on a hand-made run: lists, tags, times, other users, unknown names."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from kgrec.cli.conditions import unix_seconds
from kgrec.errors import InputError
from kgrec.lookup import Run
from tests.cli.command import kgrec
from tests.lookup.small import LIKES, SmallModel

Output = pytest.CaptureFixture[str]
FIELDS = ["key", "item_id", "domain", "title", "rank", "score"]
COMMA = "Usual Suspects, The (1995)"
NEW_YEAR = 1_672_531_200  # 2023-01-01


@pytest.fixture(autouse=True)
def hand_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tron is called by a title with a comma and bears the tag ``hackers, crackers``.

    Whoever liked a film did so at the first second of 2023, Tron a day later.
    """
    snapshot = SmallModel().snapshot
    titles = [COMMA if title == "Tron" else str(title) for title in snapshot.titles]
    tags = np.array(["hackers, crackers" if t == "hackers" else t for t in snapshot.tag_keys])
    tron = snapshot.item_keys[snapshot.item] == "films:tron"
    at = NEW_YEAR + 86_400 * tron.astype(np.int64)
    model = SmallModel(replace(snapshot, titles=titles, tag_keys=tags, at=at))
    monkeypatch.setattr("kgrec.cli.lookup._opened", lambda *_, **__: Run(model))


def ask(*args: object) -> int:
    return kgrec("recommend", "--run", "small-run", "--domain", "films", *args)


def keys(capsys: Output, *args: object) -> set[str]:
    assert ask("--json", *args) == 0
    return {line["key"].removeprefix("films:") for line in json.loads(capsys.readouterr().out)}


def said(err: str) -> str:
    """What was written to stderr beside progress."""
    return err.replace("recommending: 1 of 1\n", "")


def test_a_title_with_a_comma_is_one_value(capsys: Output) -> None:
    assert ask("--history", COMMA, "--json") == 0
    by_title = capsys.readouterr().out
    assert ask("--history", "films:tron", "--json") == 0
    assert capsys.readouterr().out == by_title
    assert kgrec("explain", "--run", "small-run", "films:matrix", "--history", COMMA) == 0
    assert "The Matrix is here because" in capsys.readouterr().out


def test_several_items_are_several_options(capsys: Output) -> None:
    found = keys(capsys, "--history", "films:alien", "--history", COMMA)
    assert found == {"clueless", "matrix", "notebook"}


def test_tags_with_commas_are_one_value(capsys: Output) -> None:
    one = ["--history", "books:emma", "--tags-any", "hackers, crackers"]
    assert keys(capsys, *one) == {"matrix", "tron"}
    assert keys(capsys, *one, "--tags-any", "space") == {"alien", "matrix", "tron"}
    both = ["--tags-all", "hackers, crackers", "--tags-all", "scifi", "--tags-none", "space"]
    assert keys(capsys, "--history", "books:emma", *both) == {"matrix", "tron"}


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["--history", "books:dune,books:emma"], "--history takes one value: repeat it for severa"),
        (["--user", "ann", "--tags-any", "scifi,space"], "--tags-any takes one value: repeat it"),
        (["--user", "ann", "--tags-none", "scifi,space"], "--tags-none takes one value: repeat it"),
        (["--user", "ann", "--not-seen-by", "ben,dan"], "--not-seen-by takes one value: repeat it"),
    ],
)
def test_several_values_in_one_option_are_told(
    capsys: Output, args: list[str], sentence: str
) -> None:
    assert ask(*args) == 3
    told = capsys.readouterr()
    assert sentence in told.err
    assert told.out == ""


def test_an_unknown_name_without_a_comma_gets_no_such_hint(capsys: Output) -> None:
    assert ask("--history", "books:dnue") == 3
    assert "takes one value" not in capsys.readouterr().err


def test_a_deny_list_with_a_byte_order_mark_denies_all_it_names(
    tmp_path: Path, capsys: Output
) -> None:
    (tmp_path / "deny.txt").write_text("films:tron\nfilms:alien\n", encoding="utf-8-sig")
    left = keys(capsys, "--history", "books:dune", "--deny", tmp_path / "deny.txt")
    assert left == {"clueless", "matrix", "notebook"}
    allowed = keys(capsys, "--history", "books:dune", "--allow", tmp_path / "deny.txt")
    assert allowed == {"alien", "tron"}


def test_an_answer_in_a_file_can_be_denied_in_the_next_question(
    tmp_path: Path, capsys: Output
) -> None:
    out = tmp_path / "first.csv"
    assert ask("--history", "books:dune", "-k", 2, "--out", out) == 0
    first = set(pl.read_csv(out)["item_id"])
    assert keys(capsys, "--history", "books:dune", "-k", 5, "--deny", out).isdisjoint(first)


def test_a_deny_list_that_denies_nothing_says_so(tmp_path: Path, capsys: Output) -> None:
    deny = tmp_path / "deny.txt"
    deny.write_text("tron\nalien\n", encoding="utf-8")
    assert ask("--history", "books:dune", "--deny", deny, "--json") == 0
    told = capsys.readouterr()
    assert len(json.loads(told.out)) == 5
    assert said(told.err) == (
        "warning: none of the 2 keys of the deny list is an item of the run small-run, so it "
        "leaves nothing out; write 'films:tron' instead of 'tron'\n"
    )
    deny.write_text("\n", encoding="utf-8")
    assert ask("--history", "books:dune", "--deny", deny) == 0
    assert said(capsys.readouterr().err) == f"--deny: {deny} names no item\n"


def test_a_list_in_latin_1_is_one_sentence(tmp_path: Path, capsys: Output) -> None:
    (tmp_path / "list.txt").write_bytes(b"films:tron\nfilms:am\xe9lie\n")
    for option in ("--allow", "--deny"):
        assert ask("--history", "books:dune", option, tmp_path / "list.txt") == 2
        told = capsys.readouterr().err
        assert told.startswith(f"error: {tmp_path / 'list.txt'} cannot be read: line 2 is not UTF-")
        assert told.count("\n") == 1
    assert ask("--users", tmp_path / "list.txt") == 2
    assert "line 2 is not UTF-8" in capsys.readouterr().err


@pytest.mark.parametrize("since", ["2023-01-02", "2023-01-02T01:00+01:00", str(NEW_YEAR + 86_400)])
def test_since_keeps_items_with_an_interaction_from_then_on(capsys: Output, since: str) -> None:
    assert keys(capsys, "--history", "books:dune", "--since", since) == {"tron"}
    assert len(keys(capsys, "--history", "books:dune", "--since", "2023-01-01")) == 5


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("2023-01-01", NEW_YEAR), ("2023-01-01 00:00:05", NEW_YEAR + 5),
     ("2023-01-01T00:00Z", NEW_YEAR), (f" {NEW_YEAR} ", NEW_YEAR)],
)  # fmt: skip
def test_a_time_is_a_date_or_unix_seconds(text: str, seconds: int) -> None:
    assert unix_seconds(text) == seconds


@pytest.mark.parametrize("text", ["2023", "20230105", "1672531200000", "yesterday", "", "05.01.23"])
def test_what_is_no_time_is_told(text: str) -> None:
    with pytest.raises(InputError, match="--since: .*give .*a date such as 2023-01-05"):
        unix_seconds(text)


def test_an_empty_time_is_no_missing_one(capsys: Output) -> None:
    """As from a shell variable that is not set."""
    assert ask("--user", "ann", "--since", "") == 2
    assert "--since: got ''" in capsys.readouterr().err


def test_not_seen_by_leaves_out_what_these_users_have(capsys: Output) -> None:
    one = keys(capsys, "--history", "books:emma", "--not-seen-by", "dan")
    assert one == {"alien", "clueless", "notebook"}
    two = keys(capsys, "--history", "books:emma", "--not-seen-by", "dan", "--not-seen-by", "eve")
    assert two == {"alien"}


def test_an_unknown_user_is_told_without_the_name_of_another(capsys: Output) -> None:
    for args in (["--user", "anne"], ["--history", "books:dune", "--not-seen-by", "anne"]):
        assert ask(*args) == 3
        told = capsys.readouterr().err
        assert "no user 'anne' in the run small-run" in told
        assert not [user for user in LIKES if f"'{user}'" in told]


def test_where_nobody_asked_for_is_known_only_that_is_said(tmp_path: Path, capsys: Output) -> None:
    users, out = tmp_path / "users.txt", tmp_path / "out.csv"
    users.write_text("anne\nzoe\n", encoding="utf-8")
    assert ask("--users", users, "--out", out) == 3
    assert capsys.readouterr().err == (
        f"error: --users: none of the 2 users of {users} is in the graph: anne, zoe\n"
    )
    assert not out.exists()


def test_rows_without_an_id_are_counted(tmp_path: Path, capsys: Output) -> None:
    users = tmp_path / "users.parquet"
    pl.DataFrame({"user_id": ["ann", None, " "]}).write_parquet(users)
    assert ask("--users", users, "--json") == 0
    assert said(capsys.readouterr().err) == f"{users}: 2 rows hold no id and were left out\n"


def test_an_empty_answer_speaks_of_filters_only_where_there_are_some(capsys: Output) -> None:
    assert ask("--user", "ann", "--tags-any", "desert") == 0
    assert said(capsys.readouterr().err) == "nothing is left to recommend; loosen the filters\n"
    everything = [f"films:{name}" for name in ("alien", "clueless", "matrix", "notebook", "tron")]
    history = [word for key in everything for word in ("--history", key)]
    assert ask(*history) == 0
    assert said(capsys.readouterr().err) == (
        "nothing is left to recommend; --include-seen shows what is seen\n"
    )


@pytest.mark.parametrize("why", [False, True], ids=["plain", "explained"])
@pytest.mark.parametrize("many", [False, True], ids=["one", "many"])
def test_table_json_and_file_hold_the_same_fields(
    tmp_path: Path, capsys: Output, many: bool, why: bool
) -> None:
    users, out = tmp_path / "users.txt", tmp_path / "out.parquet"
    users.write_text("ann\neve\n", encoding="utf-8")
    args = [*(["--users", users] if many else ["--user", "ann"]), "-k", 2, *["--explain"] * why]
    fields = ["user_id"] * many + FIELDS + ["reason"] * why
    assert ask(*args, "--json") == 0
    lines = json.loads(capsys.readouterr().out)
    assert [list(line) for line in lines] == [fields] * (4 if many else 2)
    assert ask(*args, "--out", out) == 0
    rounded = pl.read_parquet(out).with_columns(pl.col("score").cast(pl.Float64).round(6))
    assert rounded.to_dicts() == lines
    capsys.readouterr()
    assert ask(*args) == 0
    head, _, first, *_ = capsys.readouterr().out.splitlines()
    assert head.split() == fields
    shown = [f"{value:.4f}" if name == "score" else str(value) for name, value in lines[0].items()]
    assert " ".join(first.split()) == " ".join(" ".join(shown).split())


def test_ids_that_are_numbers_stay_numbers_and_are_no_quantities(
    tmp_path: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = SmallModel().snapshot
    numbers = np.array([str(number) for number in range(1001, 1001 + snapshot.num_users)])
    run = Run(SmallModel(replace(snapshot, user_keys=numbers)))
    monkeypatch.setattr("kgrec.cli.lookup._opened", lambda *_: run)
    users = tmp_path / "users.parquet"
    pl.DataFrame({"user_id": [1001.0]}).write_parquet(users)
    assert ask("--users", users, "-k", 1) == 0
    assert "1001" in capsys.readouterr().out
    assert ask("--users", users, "-k", 1, "--json") == 0
    assert json.loads(capsys.readouterr().out)[0]["user_id"] == 1001


def test_similar_items_hold_the_same_fields_in_every_form(tmp_path: Path, capsys: Output) -> None:
    args = ["similar", "--run", "small-run", "books:dune", "-k", 2]
    assert kgrec(*args, "--json") == 0
    lines = json.loads(capsys.readouterr().out)
    assert [list(line) for line in lines] == [FIELDS, FIELDS]
    assert kgrec(*args, "--out", tmp_path / "out.csv") == 0
    assert pl.read_csv(tmp_path / "out.csv").columns == FIELDS
    capsys.readouterr()
    assert kgrec(*args) == 0
    assert capsys.readouterr().out.splitlines()[0].split() == FIELDS


def test_popularity_properties_and_patterns_are_options(
    capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = SmallModel().snapshot
    prices = {"films:alien": 3.0, "films:tron": 12.5}
    frame = pl.DataFrame(
        {"price": [prices.get(key) for key in snapshot.item_keys.tolist()]},
        schema={"price": pl.Float64},
    )
    run = Run(SmallModel(replace(snapshot, item_properties=frame)))
    monkeypatch.setattr("kgrec.cli.lookup._opened", lambda *_: run)
    one = ["--history", "books:emma"]
    assert keys(capsys, *one, "--where", "price<=3") == {"alien"}
    assert keys(capsys, *one, "--where", "price > 3", "--where", "price<20") == {"tron"}
    assert keys(capsys, *one, "--min-popularity", 3) == {"matrix", "tron"}
    assert keys(capsys, *one, "--max-popularity", 1) == {"clueless"}


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["--where", "price"], "must look like 'price<=20'"),
        (["--where", "price<=3"], "no item property 'price' in the run small-run, there are: none"),
        (["--where-cypher", "(item)"], "needs a live graph in Neo4j, and the run small-run is ask"),
        (["--param", "city=Lyon"], "--param: is for a pattern of --where-cypher, and none is give"),
        (["--where-cypher", "(item)", "--param", "city"], "must look like NAME=VALUE, got 'city'"),
        (["--where-cypher", "(item)", "--param", "a=1", "--param", "a=2"], "a is given twice"),
    ],
)
def test_a_condition_that_cannot_be_evaluated_is_bad_input(
    capsys: Output, args: list[str], sentence: str
) -> None:
    assert ask("--user", "ann", *args) == 2
    told = capsys.readouterr()
    assert sentence in told.err
    assert told.out == ""
