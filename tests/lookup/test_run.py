"""What a run answers from its own snapshot."""

from __future__ import annotations

import re

import numpy as np
import pytest

from graph_store.store import NodeFilter
from kgrec.errors import InputError, NotFoundError
from kgrec.lookup import Run
from tests.lookup.small import ITEMS, LIKES, SmallModel

FIELDS = ["key", "item_id", "domain", "title", "rank", "score"]
SCIFI_FILMS = {"alien", "matrix", "tron"}


@pytest.fixture(scope="module")
def run() -> Run:
    return Run(SmallModel())


def ids(answer: object) -> list[str]:
    return [line.item_id for line in answer]  # type: ignore[attr-defined]


def test_a_user_without_films_gets_films_of_their_taste(run: Run) -> None:
    found = run.recommend(history=["books:dune", "books:neuro"], domain="films", k=3)
    assert set(ids(found)) == SCIFI_FILMS
    assert [line.rank for line in found] == [1, 2, 3]
    assert [line.score for line in found] == sorted((line.score for line in found), reverse=True)


def test_what_a_user_has_is_left_out_whether_liked_or_not(run: Run) -> None:
    assert set(ids(run.recommend("ben", domain="films"))) == {"clueless", "notebook"}
    assert "tron" in ids(run.recommend("ben", domain="films", include_seen=True))


def test_two_accounts_of_one_person_are_one_history(run: Run) -> None:
    ann, shop = run.recommend("ann", domain="films"), run.recommend("shop:ann", domain="films")
    assert ids(ann) == ids(shop)
    assert "tron" not in ids(ann)  # had it as shop:ann
    assert ann[0].score == shop[0].score


def test_a_dislike_is_no_taste(run: Run) -> None:
    """Ann has Emma and rated it low: romance must not come up for it."""
    assert set(ids(run.recommend("ann", domain="films", k=2))) == {"matrix", "alien"}


def test_words_alone_are_enough(run: Run) -> None:
    assert set(ids(run.recommend(likes="scifi please", domain="films", k=3))) == SCIFI_FILMS


def test_many_users_get_what_each_would_get_alone(run: Run) -> None:
    together = run.recommend(users=["eve", "ann", "eve"], domain="films", k=2)
    for user in ("eve", "ann"):
        alone = run.recommend(user, domain="films", k=2)
        lines = [line.item_id for line in together if line.user == user]
        assert lines == ids(alone) * (2 if user == "eve" else 1)


def test_the_blocks_of_users_do_not_show(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    users = sorted(LIKES)
    whole = run.recommend(users=users, domain="films").to_frame()
    monkeypatch.setattr("kgrec.lookup.rankings._BLOCK_USERS", 2)
    assert run.recommend(users=users, domain="films").to_frame().equals(whole)


def test_unknown_users_among_many_are_listed_and_are_no_error(run: Run) -> None:
    found = run.recommend(users=["nobody", "ann", "none"], domain="films")
    assert found.unknown == ["nobody", "none"]
    assert {line.user for line in found} == {"ann"}


def test_a_frame_has_the_promised_columns_and_ids_as_they_came_in(run: Run) -> None:
    frame = run.recommend(users=["shop:ann"], domain="films", k=1, explain=True).to_frame()
    assert frame.columns == ["user_id", *FIELDS, "reason"]
    ((user, key, item_id, domain, title, rank, score, reason),) = frame.rows()
    assert (user, domain, rank) == ("shop:ann", "films", 1)
    assert item_id in SCIFI_FILMS
    assert key == f"films:{item_id}"
    assert title == ITEMS[key][0]
    assert score > 0
    assert reason.startswith(f"{title} is here because ")


def test_plain_data_holds_the_fields_of_the_frame(run: Run) -> None:
    for many in ({"users": ["ann", "eve"]}, {"user": "ann"}, {"likes": "scifi"}):
        for explain in (False, True):
            found = run.recommend(**many, domain="films", k=2, explain=explain)  # type: ignore[arg-type]
            fields = ["user_id"] * ("users" in many) + FIELDS + ["reason"] * explain
            assert found.to_frame().columns == fields
            assert [list(row) for row in found.to_dicts()] == [fields] * len(found)
            assert [row["title"] for row in found.to_dicts()] == [line.title for line in found]
    near = run.similar("dune", k=2)
    assert near.to_frame().columns == FIELDS
    assert [list(row) for row in near.to_dicts()] == [FIELDS, FIELDS]
    assert [row["key"] for row in near.to_dicts()] == [one.key for one in near]


def test_nobody_to_answer_for_gives_an_empty_frame_of_the_same_columns(run: Run) -> None:
    none = run.recommend(users=[], domain="films").to_frame()
    some = run.recommend(users=["ann"], domain="films").to_frame()
    assert none.schema == some.schema
    assert none.height == 0


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (NodeFilter(tags_any=["space", "romance"]), {"alien", "clueless", "notebook"}),
        (NodeFilter(tags_all=["scifi", "hackers"]), {"matrix", "tron"}),
        (NodeFilter(tags_none=["scifi"]), {"clueless", "notebook"}),
        (NodeFilter(allow=["films:alien", "books:dune", "elsewhere:1"]), {"alien"}),
        (NodeFilter(deny=["films:alien", "films:tron"]), {"clueless", "matrix", "notebook"}),
        (NodeFilter(not_seen_by="dan"), {"alien", "clueless", "notebook"}),
        (NodeFilter(not_seen_by=["dan", "fay"]), {"alien", "clueless"}),
        (NodeFilter(since=1), set()),
        (NodeFilter(allow=[]), set()),
    ],
)
def test_every_condition_of_a_filter_holds(run: Run, where: NodeFilter, expected: set[str]) -> None:
    assert set(ids(run.recommend(history=["books:dune"], domain="films", where=where))) == expected


def test_similar_items_cross_domains_and_leave_the_item_itself_out(run: Run) -> None:
    near = run.similar("books:neuro", k=4)
    assert {item.domain for item in near} == {"books", "films"}
    assert "books:neuro" not in {item.key for item in near}
    assert {item.key for item in run.similar("books:neuro", domain="films", k=3)} == {
        f"films:{one}" for one in SCIFI_FILMS
    }


@pytest.mark.parametrize(
    "ask",
    [
        lambda r: r.recommend("anne", domain="films"),
        lambda r: r.recommend("zzz", domain="films"),
        lambda r: r.explain("films:tron", user="anne"),
        lambda r: r.recommend("ann", domain="films", where=NodeFilter(not_seen_by=["anne"])),
    ],
)
def test_an_unknown_user_is_told_without_the_name_of_another(run: Run, ask: object) -> None:
    with pytest.raises(NotFoundError, match="no user '(anne|zzz)' in the run") as told:
        ask(run)  # type: ignore[operator]
    assert not [user for user in LIKES if f"'{user}'" in str(told.value)]


@pytest.mark.parametrize(
    ("where", "sentence"),
    [
        (NodeFilter(deny=["alien", "tron"]), "none of the 2 keys of the deny list is an item of "
         "the run small-run, so it leaves nothing out; write 'films:alien' instead of 'alien'"),
        (NodeFilter(deny=["zz"]), "items are named domain:item_id, the first unknown one is 'zz'"),
        (NodeFilter(deny=["books:dune"]), "no item of the deny list is of domain 'films'"),
        (NodeFilter(allow=["zz"]), "none of the 1 keys of the allow list .* nothing is left"),
        (NodeFilter(allow=["films:tron", "zz"]), "1 of the 2 keys of the allow list are no items"),
        (NodeFilter(since=5), "no interaction with these items has a time"),
    ],
)  # fmt: skip
def test_a_condition_that_cannot_do_what_it_says_is_told(
    run: Run, caplog: pytest.LogCaptureFixture, where: NodeFilter, sentence: str
) -> None:
    caplog.set_level("INFO", "kgrec")
    run.recommend("ann", domain="films", where=where)
    (told,) = caplog.messages
    assert re.search(sentence, told)


def test_lists_whose_every_key_is_known_are_told_nothing_about(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "kgrec")
    where = NodeFilter(allow=["films:alien", "books:dune"], deny=["films:tron"])
    run.recommend("ann", domain="films", where=where)
    assert caplog.messages == []


def test_an_item_may_be_named_by_its_title(run: Run) -> None:
    assert run.similar("dune", k=3) == run.similar("books:dune", k=3)


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (lambda r: r.recommend("ann", domain="filmes"), "no domain 'filmes'.*'films'"),
        (lambda r: r.similar("books:neruo"), r"no item 'books:neruo'.*'books:neuro' \(Neurom"),
        (lambda r: r.similar("Neuromance"), r"did you mean.*'books:neuro' \(Neuromancer\)"),
        (
            lambda r: r.recommend("ann", domain="films", where=NodeFilter(tags_any=["scify"])),
            "no tag 'scify'.*'scifi'",
        ),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(run: Run, ask: object, sentence: str) -> None:
    with pytest.raises(NotFoundError, match=sentence):
        ask(run)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({}, "got none"),
        ({"user": "ann", "users": ["ben"]}, "users stands alone, got user and users; ask for one"),
        ({"user": "ann", "k": 0}, "k must be at least 1, got 0"),
        ({"users": "ann"}, "list of keys"),
        ({"history": []}, "one item or more"),
        ({"user": "ann", "k": "3"}, "k must be a whole number, got '3'"),
        ({"user": "ann", "k": 2.5}, "k must be a whole number, got 2.5"),
        ({"likes": 3}, "likes must be a text, got int"),
        ({"user": "ann", "where": NodeFilter(tags_any="scifi")}, "tags_any must be a list of keys"),
        ({"user": "ann", "where": NodeFilter(deny="x")}, "deny must be a list of keys"),
        ({"user": "ann", "where": NodeFilter(deny=None)}, "deny must be a list of keys"),  # type: ignore[arg-type]
        ({"user": "ann", "where": {"deny": ["x"]}}, "where must be a NodeFilter, got dict"),
        ({"user": "ann", "domain": 3}, "domain must be a name, got 3 of type int"),
        ({"user": "ann", "domain": ["films", 3]}, "domain must be a name, got 3"),
        ({"user": "ann", "domain": []}, "domain must name one domain or more, got an empty list"),
        ({"user": "ann", "where": NodeFilter(since="2023")}, "since must be whole Unix seconds"),  # type: ignore[arg-type]
        ({"user": "ann", "where": NodeFilter(not_seen_by=1.5)}, "not_seen_by must be a text or"),  # type: ignore[arg-type]
        ({"likes": "  "}, "empty text"),
        ({"user": "ann", "domain": None}, "name one of books, films"),
        ({"user": "ann", "where": NodeFilter(domain="books")}, "leave the filter's domain out"),
    ],
)
def test_a_question_that_makes_no_sense_is_one_sentence(
    run: Run, arguments: dict[str, object], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        run.recommend(**{"domain": "films", **arguments})  # type: ignore[arg-type]


def test_lists_of_a_filter_may_be_read_only_once(run: Run) -> None:
    names = ["films:tron", "films:matrix"]
    once = NodeFilter(deny=iter(names), tags_any=iter(["scifi"]))  # type: ignore[arg-type]
    found = run.recommend("eve", domain="films", where=once)
    assert [line.key for line in found] == ["films:alien"]


def test_lines_behave_like_a_sequence(run: Run) -> None:
    found = run.recommend("ann", domain="films")
    assert found[-1] == found[len(found) - 1]
    assert found[:2] == list(found)[:2]
    with pytest.raises(IndexError):
        found[len(found)]
    assert np.isclose(found.to_dicts()[0]["score"], found[0].score, atol=1e-6)
