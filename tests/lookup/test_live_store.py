"""What a run answers when it reads histories and tags from a live store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from graph_store.duckdb.store import EmbeddedStore
from graph_store.schema import NODE_COLUMNS, Label, RelType
from graph_store.snapshot import NO_TIME
from graph_store.store import GraphStore, NodeFilter
from kgrec.errors import NotFoundError
from kgrec.lookup import Run
from kgrec.lookup.facts import SnapshotFacts
from kgrec.lookup.store_facts import StoreFacts
from tests.lookup.small import LIKES, SmallModel, like, write_to


@pytest.fixture(params=["embedded", pytest.param("neo4j", marks=pytest.mark.neo4j)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[GraphStore]:
    if request.param == "neo4j":
        opened: GraphStore = request.getfixturevalue("neo4j_store")()
    else:
        opened = EmbeddedStore(tmp_path / "g.duckdb")
    with opened:
        write_to(opened, SmallModel().snapshot)
        yield opened


@pytest.fixture
def run(store: GraphStore) -> Run:
    return Run(SmallModel(), store=store)


def add_user(store: GraphStore, key: str, liked: list[str]) -> None:
    store.upsert_nodes(Label.USER, pl.DataFrame({"key": [key]}))
    like(store, [(key, item, 1.0) for item in liked])


def test_an_unchanged_store_gives_the_answers_of_the_snapshot(run: Run) -> None:
    alone = Run(SmallModel())
    users = sorted(LIKES)
    live = run.recommend(users=users, domain="films", explain=True)
    assert live.to_dicts() == alone.recommend(users=users, domain="films", explain=True).to_dicts()


def test_a_store_says_of_many_users_what_the_snapshot_says(store: GraphStore) -> None:
    users = [*sorted(LIKES), "nobody", "ann"]
    live = StoreFacts(SmallModel(), store).of_users(users)
    snapshot = SnapshotFacts(SmallModel()).of_users(users)
    np.testing.assert_array_equal(live.known, snapshot.known)
    np.testing.assert_array_equal(live.liked.toarray(), snapshot.liked.toarray())
    np.testing.assert_array_equal(live.seen.toarray(), snapshot.seen.toarray())
    np.testing.assert_array_equal(live.histories.event_item, snapshot.histories.event_item)
    np.testing.assert_array_equal(live.histories.offsets, snapshot.histories.offsets)


def test_a_history_is_in_order_of_time_over_all_accounts_and_kinds(store: GraphStore) -> None:
    store.upsert_nodes(Label.USER, pl.DataFrame({"key": ["zoe", "web:zoe", "empty"]}))
    store.upsert_relationships(
        RelType.SAME_AS, pl.DataFrame({"source": ["web:zoe"], "target": ["zoe"]})
    )
    rows = [  # source, target, kind, weight, at, order
        ("zoe", "films:tron", "rating", 1.0, 30, 5),
        ("web:zoe", "films:alien", "rating", 1.0, 20, 9),
        ("zoe", "books:emma", "rating", 1.0, 20, 8),
        ("zoe", "films:matrix", "rating", 0.1, 10, 1),  # seen, not liked
        ("zoe", "films:tron", "view", 1.0, None, 3),
        ("web:zoe", "books:dune", "rating", 1.0, None, 2),
    ]
    names = ["source", "target", "kind", "weight", "at", "order"]
    frame = pl.DataFrame(rows, schema=names, orient="row").with_columns(count=1)
    store.upsert_relationships(RelType.INTERACTED, frame)
    facts, model = StoreFacts(SmallModel(), store), SmallModel()
    found = facts.of_users(["empty", "web:zoe", "zoe", "nobody"])
    assert found.known.tolist() == [True, True, True, False]
    histories = found.histories
    assert histories.offsets.tolist() == [0, 0, 5, 10, 10]
    keys = model.snapshot.item_keys[histories.event_item[:5]].tolist()
    assert keys == ["books:dune", "films:tron", "books:emma", "films:alien", "films:tron"]
    assert histories.event_time is not None
    assert histories.event_time[:5].tolist() == [NO_TIME, NO_TIME, 20, 20, 30]
    assert histories.event_kind is not None
    assert histories.event_kind[:5].tolist() == [0, -1, 0, 0, 0]  # the run knows no views
    assert found.seen[1].nnz == 5


def test_somebody_who_came_after_the_training_is_answered(store: GraphStore, run: Run) -> None:
    add_user(store, "zoe", ["books:emma", "books:pride"])
    found = [line.item_id for line in run.recommend("zoe", domain="films", k=2)]
    assert set(found) == {"clueless", "notebook"}
    assert run.recommend(users=["zoe"], domain="films").unknown == []
    with pytest.raises(NotFoundError, match="no user 'zoe' in the run"):
        Run(SmallModel()).recommend("zoe", domain="films")


def test_what_was_seen_since_the_training_is_left_out(store: GraphStore, run: Run) -> None:
    assert "matrix" in [line.item_id for line in run.recommend("ann", domain="films")]
    like(store, [("ann", "films:matrix", 0.1)])
    assert "matrix" not in [line.item_id for line in run.recommend("ann", domain="films")]


def test_an_account_linked_since_the_training_counts(store: GraphStore, run: Run) -> None:
    add_user(store, "web:eve", ["films:tron"])
    store.upsert_relationships(
        RelType.SAME_AS, pl.DataFrame({"source": ["web:eve"], "target": ["eve"]})
    )
    assert "tron" not in [line.item_id for line in run.recommend("eve", domain="films")]


def test_an_item_that_the_run_does_not_know_does_not_disturb(store: GraphStore, run: Run) -> None:
    before = run.recommend("ann", domain="films").to_dicts()
    new = {"key": ["books:new"], "title": ["New"], "text": [None], "text_hash": [None]}
    store.upsert_nodes(Label.ITEM, pl.DataFrame(new, schema=NODE_COLUMNS[Label.ITEM]))
    store.upsert_relationships(
        RelType.IN_DOMAIN, pl.DataFrame({"source": ["books:new"], "target": ["books"]})
    )
    like(store, [("ann", "books:new", 1.0)])
    assert run.recommend("ann", domain="films").to_dicts() == before


def test_filters_and_reasons_follow_the_tags_of_the_store(store: GraphStore, run: Run) -> None:
    store.upsert_nodes(Label.TAG, pl.DataFrame({"key": ["cult"], "name": ["cult"]}))
    store.upsert_relationships(
        RelType.HAS_TAG,
        pl.DataFrame({"source": ["films:alien", "books:dune"], "target": ["cult", "cult"]}),
    )
    where = NodeFilter(tags_any=["cult"])
    found = run.recommend("ann", domain="films", where=where, explain=True)
    assert [line.item_id for line in found] == ["alien"]
    assert found[0].explanation is not None
    assert "cult" in found[0].explanation.sentence


def test_an_unknown_user_is_told_without_the_name_of_another(store: GraphStore, run: Run) -> None:
    add_user(store, "zoe", ["books:emma"])
    with pytest.raises(NotFoundError, match="no user 'zoee' in the store ") as told:
        run.recommend("zoee", domain="films")
    assert "'zoe'" not in str(told.value)


def test_items_that_others_have_and_items_of_long_ago_are_left_out(
    store: GraphStore, run: Run
) -> None:
    row = {"source": "dan", "target": "films:matrix", "kind": "view", "weight": 1.0, "count": 1}
    store.upsert_relationships(RelType.INTERACTED, pl.DataFrame([{**row, "at": 1_700_000_000}]))
    since = run.recommend("eve", domain="films", where=NodeFilter(since=1_700_000_000))
    assert [line.key for line in since] == ["films:matrix"]
    where = NodeFilter(not_seen_by=["ben", "dan"])
    assert [line.key for line in run.recommend("eve", domain="films", where=where)] == []
    where = NodeFilter(not_seen_by=["dan"])
    assert [line.key for line in run.recommend("eve", domain="films", where=where)] == [
        "films:alien"
    ]
