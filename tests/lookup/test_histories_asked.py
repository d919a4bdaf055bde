"""Whose history a question is about, and which events of it count."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from graph_store.snapshot import NO_TIME
from kgrec.data.histories import Histories
from kgrec.errors import InputError, NotFoundError
from kgrec.lookup import GivenHistory, Run
from kgrec.lookup.asked import Asked, Asker
from kgrec.lookup.history_options import HistoryOptions, windows
from kgrec.lookup.user_vectors import user_vectors
from tests.lookup.small import SmallModel, small_snapshot

DAY = 86_400


def timed() -> SmallModel:
    """Every event of a user is a day after the one before; the romances are views, not ratings."""
    snapshot = small_snapshot()
    first = np.searchsorted(snapshot.user, snapshot.user)
    at = 1_600_000_000 + DAY * (np.arange(len(snapshot.user)) - first)
    romance = np.array([(text or "").endswith("romance") for text in snapshot.texts])[snapshot.item]
    kind = romance.astype(np.int16)
    return SmallModel(replace(snapshot, at=at, kind=kind, kinds=("rating", "view")))


@pytest.fixture(scope="module")
def run() -> Run:
    return Run(timed())


def asked_of(run: Run, *, options: HistoryOptions | None = None, **given: object) -> Asked:
    return run._asked.read(Asker(**given, options=options or HistoryOptions()))  # type: ignore[arg-type]


def read(run: Run, asked: Asked) -> list[str]:
    return run.model.snapshot.item_keys[asked.facts.histories.event_item].tolist()


def keys(found: object) -> list[str]:
    return [line.key for line in found]  # type: ignore[attr-defined]


# --- which events count ----------------------------------------------------------------


def test_a_window_reads_what_came_since_and_still_leaves_out_the_rest(run: Run) -> None:
    """Ben's events in order of time: Dune, Neuromancer, Alien, The Matrix, (Tron, disliked)."""
    since = 1_600_000_000 + 2 * DAY
    asked = asked_of(run, user="ben", options=HistoryOptions(history_since=since))
    assert read(run, asked) == ["films:alien", "films:matrix"]
    found = run.recommend("ben", domain="films", history_since=since)
    assert set(keys(found)) == {"films:clueless", "films:notebook"}


def test_only_events_of_the_kinds_asked_for_are_read(run: Run) -> None:
    ratings = HistoryOptions(history_kinds=["rating"])
    found = read(run, asked_of(run, user="ann", options=ratings))
    assert found == [
        "books:dune",
        "films:tron",
        "books:neuro",
    ]  # Tron as shop:ann, on the first day
    views = HistoryOptions(history_kinds=["view"])
    assert read(run, asked_of(run, user="eve", options=views))
    assert not read(run, asked_of(run, user="dan", options=views))


def test_what_was_seen_and_not_bought_can_be_the_history() -> None:
    history = GivenHistory(
        ["books:dune", "books:emma", "books:dune"], kinds=["view", "view", "rating"]
    )
    options = HistoryOptions(history_kinds=["view"], history_without=["rating"])
    run = Run(timed())
    assert read(run, asked_of(run, history=history, options=options)) == ["books:emma"]


def test_what_was_seen_and_not_bought_can_be_recommended(run: Run) -> None:
    """Eve viewed Clueless and The Notebook, and rated nothing."""
    ask = {"user": "eve", "domain": "films", "k": 2}
    assert not {"films:clueless", "films:notebook"} & set(keys(run.recommend(**ask)))  # type: ignore[arg-type]
    found = run.recommend(**ask, seen_kinds=["rating"])  # type: ignore[arg-type]
    assert set(keys(found)) == {"films:clueless", "films:notebook"}


def test_an_event_a_half_life_old_weighs_half() -> None:
    day = 10 * DAY
    histories = Histories.of_lists(
        [[0, 1, 2], [3], []], 4, times=[[day, 2 * day - 1, 2 * day], [5], []]
    )
    weights = np.zeros((3, 4))
    for weight, window in windows(histories, half_life=10):
        weights += window.items.toarray() * weight[:, None]
    assert weights[0] == pytest.approx([0.5, 1, 1, 0])
    assert weights[1] == pytest.approx([0, 0, 0, 1])
    assert not weights[2].any()


def test_decay_scores_as_the_weighted_history_does(run: Run) -> None:
    """The hand-made model is linear, so the score is the sum over events, each times its weight."""
    options = HistoryOptions(half_life=1)
    vectors = user_vectors(run.model, asked_of(run, user="dan", options=options), np.array([0]), 1)
    numbers = [run.model.snapshot.item_keys.tolist().index(key)
               for key in ("books:neuro", "films:matrix", "films:tron")]  # fmt: skip
    by = np.array([0.25, 0.5, 1.0], np.float32)  # two days, one day and nothing old
    assert vectors.dense[0] == pytest.approx(by @ run.model.item_embeddings[numbers], abs=1e-6)


def test_events_without_a_time_are_the_oldest_and_told(caplog: pytest.LogCaptureFixture) -> None:
    histories = Histories.of_lists([[0, 1], [2]], 3, times=[[NO_TIME, 50], [NO_TIME]])
    total = sum(
        (window.items.toarray() * weight[:, None] for weight, window in windows(histories, 1)),
        start=np.zeros((2, 3)),
    )
    assert total[0] == pytest.approx([2.0**-6, 1, 0])
    assert total[1] == pytest.approx([0, 0, 1])
    assert "2 of 3 events have no time; for half_life they count as the oldest ones" in caplog.text


# --- whom it is about -------------------------------------------------------------------


def test_new_events_come_after_those_of_the_graph(run: Run) -> None:
    asked = asked_of(run, user="ann", history=["films:notebook"])
    assert read(run, asked)[-1] == "films:notebook"
    assert len(read(run, asked)) == 4
    found = run.recommend("ann", history=["films:notebook"], domain="films")
    assert "films:notebook" not in keys(found)
    early = GivenHistory(["films:notebook"], times=[5])
    assert read(run, asked_of(run, user="ann", history=early))[0] == "films:notebook"


def test_a_text_and_a_history_score_as_their_weighted_sum(run: Run) -> None:
    rows = np.array([0])
    words = asked_of(run, likes="romance")
    user = asked_of(run, user="dan")
    both = asked_of(run, user="dan", likes="romance", likes_weight=0.25)
    expected = (
        0.75 * user_vectors(run.model, user, rows, 1).dense
        + 0.25 * user_vectors(run.model, words, rows, 1).dense
    )
    assert user_vectors(run.model, both, rows, 1).dense == pytest.approx(expected, abs=1e-6)


def test_a_text_alone_counts_whole_where_a_user_has_no_history(run: Run) -> None:
    options = HistoryOptions(history_since=2_000_000_000)
    alone = run.recommend(likes="romance", domain="films", k=2)
    found = run.recommend("dan", likes="romance", domain="films", k=2,
                          history_since=options.history_since)  # fmt: skip
    assert [line.score for line in found] == [line.score for line in alone]


def test_a_disliked_item_is_left_out_and_ranks_down_what_is_like_it(run: Run) -> None:
    history = ["books:dune", "books:emma", "books:neuro"]
    plain = run.recommend(history=history, domain="films", k=5)
    assert plain[0].key in {"films:alien", "films:matrix", "films:tron"}
    found = run.recommend(history=history, dislikes=["Tron", "films:alien"], domain="films",
                          dislikes_weight=1.0, include_seen=True)  # fmt: skip
    assert keys(found)[:2] == ["films:clueless", "films:notebook"]
    assert not {"films:tron", "films:alien"} & set(keys(found))
    out = run.recommend(history=history, dislikes=["films:tron"], dislikes_weight=0, domain="films")
    assert [line for line in plain if line.key != "films:tron"] == [
        replace(line, rank=line.rank + (line.rank >= plain_rank(plain, "films:tron")))
        for line in out
    ]


def plain_rank(found: object, key: str) -> int:
    return next(line.rank for line in found if line.key == key)  # type: ignore[attr-defined]


def test_dislikes_do_not_rank_down_what_everybody_likes() -> None:
    """A constant that every user has, as popularity, is no part of a dislike."""

    class WithConstant(SmallModel):
        def user_vectors(self, users: Histories, domain: int):  # type: ignore[no-untyped-def]
            found = super().user_vectors(users, domain)
            return replace(found, dense=np.hstack([found.dense, np.full((len(users), 1), 7)]))

    run = Run(WithConstant())
    asked = asked_of(run, history=["books:dune"], dislikes=["books:emma"])
    assert user_vectors(run.model, asked, np.array([0]), 1).dense[0, -1] == pytest.approx(7)


# --- refusals ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"half_life": 0}, "half_life must be a number of days above 0, got 0"),
        ({"half_life": "9"}, "half_life must be a number of days above 0, got '9'"),
        ({"history_since": "2023"}, "history_since must be whole Unix seconds, got '2023'"),
        ({"history_kinds": "view"}, "history_kinds must be a list of keys, got the text 'view'"),
        ({"likes": "x", "likes_weight": 2}, "likes_weight must be a number from 0 to 1, got 2"),
        ({"dislikes_weight": -1}, "dislikes_weight must be a number from 0 to 1, got -1"),
        ({"dislikes": "films:tron"}, "dislikes must be a list of keys"),
    ],
)
def test_an_option_that_makes_no_sense_is_one_sentence(
    run: Run, arguments: dict[str, object], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        run.recommend("ann", domain="films", **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("option", [{"half_life": 3}, {"history_since": 5}])
def test_a_time_is_refused_where_no_event_has_one(option: dict[str, float]) -> None:
    (name,) = option
    with pytest.raises(InputError, match=f"{name} needs the times of events, and none of the 2"):
        Run(SmallModel()).recommend(
            history=["books:dune", "books:emma"], domain="films", **option  # type: ignore[arg-type]
        )  # fmt: skip


def test_an_unknown_kind_is_answered_with_the_nearest(run: Run) -> None:
    for name in ("history_kinds", "history_without", "seen_kinds"):
        with pytest.raises(NotFoundError, match="no kind of event 'veiw' in .*'view'"):
            run.recommend("ann", domain="films", **{name: ["veiw"]})  # type: ignore[arg-type]
    with pytest.raises(NotFoundError, match="no item 'books:emmma'.*'books:emma'"):
        run.recommend("ann", domain="films", dislikes=["books:emmma"])
