"""Why an item: reasons that are true of the graph and of the model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from graph_store.schema import Label
from kgrec.errors import InputError
from kgrec.lookup import Run
from tests.lookup.small import LIKES, SmallModel


@pytest.fixture(scope="module")
def run() -> Run:
    return Run(SmallModel())


def test_rare_shared_tags_come_before_common_ones(run: Run) -> None:
    told = run.explain("films:matrix", history=["books:dune", "books:neuro"])
    tag = next(reason for reason in told.reasons if reason.kind == "tag")
    assert tag.via == "books:neuro"
    assert tag.tags == ("hackers", "scifi")
    assert tag.path == "liked books:neuro 'Neuromancer' -HAS_TAG-> hackers, scifi <-HAS_TAG- this"


def test_people_are_a_count_and_never_named(run: Run) -> None:
    told = run.explain("films:matrix", user="ann", min_users=3)
    people = next(reason for reason in told.reasons if reason.kind == "people")
    assert people.people == 3  # ben, cat, dan liked Neuromancer and The Matrix
    words = f"{told.to_dict()} {list(told.graph.nodes)}"
    assert not any(f"'{user}'" in words for user in LIKES if user not in {"ann"})


def test_too_few_people_are_not_mentioned(run: Run) -> None:
    """Two people liked Neuromancer and Alien: two might be told from a count of two."""
    told = run.explain("films:alien", user="ann", min_users=3)
    assert "people" not in {reason.kind for reason in told.reasons}


def test_fewer_than_five_people_are_not_mentioned_unless_it_is_asked_for(run: Run) -> None:
    """Three people liked Neuromancer and The Matrix."""
    assert "people" not in {
        reason.kind for reason in run.explain("films:matrix", user="ann").reasons
    }
    lines = run.recommend("ann", domain="films", k=2, explain=True, min_users=3)
    told = {line.key: line.explanation for line in lines}["films:matrix"]
    assert told is not None
    assert told.reasons[1].people == 3


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (1, "min_users must be at least 2, got 1; a path through one person would tell"),
        (2.5, "min_users must be a whole number, got 2.5"),
    ],
)
def test_a_path_through_one_person_cannot_be_asked_for(run: Run, given: int, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        run.explain("films:matrix", user="ann", min_users=given)
    with pytest.raises(InputError, match=sentence):
        run.recommend("ann", domain="films", explain=True, min_users=given)


def test_the_person_who_asks_is_not_counted_as_another(run: Run) -> None:
    """Of the three who liked Neuromancer and The Matrix, Ben is one: two others are left."""
    told = run.explain("films:matrix", user="ben", min_users=3)
    assert "people" not in {reason.kind for reason in told.reasons}


def test_who_asks_is_not_counted_where_a_window_hides_what_they_have() -> None:
    """Ben's like of The Matrix lies before the window, and he is still one of the three."""
    snapshot = SmallModel().snapshot
    ben = snapshot.user == snapshot.user_keys.tolist().index("ben")
    matrix = snapshot.item_keys[snapshot.item] == "films:matrix"
    at = np.where(ben & ~matrix, 2_000_000_000, 1_000_000_000)
    model = SmallModel(replace(snapshot, at=at))
    lines = Run(model).recommend(
        "ben", domain="films", history_since=1_500_000_000, include_seen=True, explain=True,
        min_users=3,
    )  # fmt: skip
    told = next(line.explanation for line in lines if line.key == "films:matrix")
    assert told is not None
    assert "books:neuro" in {reason.via for reason in told.reasons}
    assert "people" not in {reason.kind for reason in told.reasons}


def test_an_item_is_no_reason_for_itself(run: Run) -> None:
    told = run.explain("films:matrix", user="ben")
    assert "films:matrix" not in {reason.via for reason in told.reasons}


def test_the_graph_holds_the_paths_that_the_words_tell(run: Run) -> None:
    graph = run.explain("films:matrix", user="ann", min_users=3).graph
    user, liked = (Label.USER, "ann"), (Label.ITEM, "books:neuro")
    tag, this = (Label.TAG, "hackers"), (Label.ITEM, "films:matrix")
    assert graph.has_edge(user, liked, key="INTERACTED")
    assert graph.has_edge(liked, tag, key="HAS_TAG")
    assert graph.has_edge(this, tag, key="HAS_TAG")
    assert graph.edges[liked, this, "LIKED_TOGETHER"]["people"] == 3


def test_what_moves_the_score_comes_first_among_equal_ties() -> None:
    """Both romances share the one tag; the model looks only at Pride and Prejudice."""
    model = SmallModel()
    pride = model.snapshot.item_keys.tolist().index("books:pride")
    clueless = model.snapshot.item_keys.tolist().index("films:clueless")
    model.item_embeddings[:] = 0.0
    model.item_embeddings[[pride, clueless], 0] = 1.0
    told = Run(model).explain("films:clueless", history=["books:emma", "books:pride"])
    assert told.reasons[0].via == "books:pride"


def test_without_any_tie_popularity_is_the_last_resort() -> None:
    model = SmallModel()
    model.item_embeddings[:] = np.eye(*model.item_embeddings.shape, dtype=np.float32)
    told = Run(model).explain("films:matrix", history=["books:pride"], min_users=3)
    assert [reason.kind for reason in told.reasons] == ["popular"]
    assert told.reasons[0].people == 3
    assert "no path" in told.sentence


def test_words_that_were_given_are_the_reason(run: Run) -> None:
    told = run.explain("films:tron", likes="scifi with hackers")
    assert told.reasons[0].path == "words scifi, hackers -IN_TEXT-> this"


def test_the_sentence_is_plain(run: Run) -> None:
    told = run.explain("films:matrix", user="ann", min_users=3)
    assert told.sentence == (
        "The Matrix is here because it shares the tags hackers and scifi with Neuromancer, "
        "and 3 people who liked Neuromancer liked it too."
    )


def test_every_recommendation_has_its_reason_when_asked(run: Run) -> None:
    found = run.recommend(users=["ann", "eve"], domain="films", k=2, explain=True)
    assert all(line.explanation and line.explanation.key == line.key for line in found)
    assert all(line.explanation and line.explanation.user == line.user for line in found)
    assert found[0].explanation == run.explain(found[0].key, user="ann")


def test_an_explanation_is_for_somebody(run: Run) -> None:
    with pytest.raises(InputError, match="or several of user, history and likes, got none"):
        run.explain("films:matrix")


def test_an_item_may_be_named_by_its_title(run: Run) -> None:
    assert run.explain("The Matrix", user="ann") == run.explain("films:matrix", user="ann")
