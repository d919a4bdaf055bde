"""What enrichment writes into a graph, that it writes it once, and that it can be taken back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from graph_store.duckdb.store import EmbeddedStore
from graph_store.errors import GraphStoreError
from graph_store.schema import NODE_COLUMNS, Label, RelType
from graph_store.store import GraphStore, NodeFilter
from kgrec.data.histories import Histories
from kgrec.enrichment import enrichments, similar_items, undo, vectors
from kgrec.errors import InputError, NotFoundError
from tests.lookup.small import SmallModel, like, write_to

NOW = 1_700_000_000


class Interrupted(Exception):
    """Stands for the kill of a job between two batches."""


@pytest.fixture(scope="module")
def model() -> SmallModel:
    return SmallModel()


@pytest.fixture(params=["embedded", pytest.param("neo4j", marks=pytest.mark.neo4j)])
def store(
    request: pytest.FixtureRequest, tmp_path: Path, model: SmallModel
) -> Iterator[GraphStore]:
    if request.param == "neo4j":
        opened: GraphStore = request.getfixturevalue("neo4j_store")()
    else:
        opened = EmbeddedStore(tmp_path / "g.duckdb")
    with opened:
        write_to(opened, model.snapshot)
        yield opened


def interrupt_after(calls: int) -> Any:
    """A progress callback that breaks off a job."""
    seen = 0

    def on_progress(what: str, done: int, total: int) -> None:
        nonlocal seen
        seen += 1
        if seen == calls:
            raise Interrupted

    return on_progress


def drawn(store: GraphStore) -> list[tuple[Any, ...]]:
    return store.read_relationships(RelType.SIMILAR_TO).rows()


def test_items_and_users_get_embeddings_that_can_be_compared(
    store: GraphStore, model: SmallModel
) -> None:
    done = vectors(model, store, batch_size=2, now=NOW)
    assert done.counts == {"Item": 9, "User": 7}
    keys, rows = store.read_vectors(Label.ITEM)
    assert keys == model.snapshot.item_keys.tolist()
    np.testing.assert_allclose(rows, model.item_embeddings, atol=1e-6)
    keys, rows = store.read_vectors(Label.USER)
    eve = model.user_embeddings(Histories.of_lists([[1, 5, 7]], 9))[0]  # emma, clueless, notebook
    np.testing.assert_allclose(rows[keys.index("eve")], eve, atol=1e-6)


def test_all_accounts_of_a_person_get_the_same_vector(store: GraphStore, model: SmallModel) -> None:
    vectors(model, store, now=NOW)
    keys, rows = store.read_vectors(Label.USER)
    np.testing.assert_array_equal(rows[keys.index("ann")], rows[keys.index("shop:ann")])


def test_the_store_can_be_searched_afterwards(store: GraphStore, model: SmallModel) -> None:
    vectors(model, store, now=NOW)
    taste = model.user_embeddings(Histories.of_lists([[0, 2]], 9))[0]  # dune, neuromancer
    near = store.nearest(Label.ITEM, taste, 3, NodeFilter(domain="films"))
    assert {one.key for one in near} == {"films:alien", "films:matrix", "films:tron"}


def test_who_likes_nothing_and_what_is_new_get_no_vector(
    store: GraphStore, model: SmallModel
) -> None:
    store.upsert_nodes(Label.USER, pl.DataFrame({"key": ["lurker", "late"]}))
    new = {"key": ["books:new"], "title": ["New"], "text": [None], "text_hash": [None]}
    store.upsert_nodes(Label.ITEM, pl.DataFrame(new, schema=NODE_COLUMNS[Label.ITEM]))
    store.upsert_relationships(
        RelType.IN_DOMAIN, pl.DataFrame({"source": ["books:new"], "target": ["books"]})
    )
    like(store, [("lurker", "books:new", 1.0), ("late", "books:dune", 1.0)])
    done = vectors(model, store, now=NOW)
    assert done.counts == {"Item": 9, "User": 8}
    assert done.left_out == {"users who like nothing": 1, "items newer than the run": 1}
    assert "late" in store.read_vectors(Label.USER)[0]


def test_similar_items_are_the_nearest_of_each_domain_above_the_floor(
    store: GraphStore, model: SmallModel
) -> None:
    done = similar_items(model, store, k=2, floor=0.5, now=NOW)
    rows = drawn(store)
    assert done.counts == {"SIMILAR_TO": len(rows)}
    space, keys = model.item_embeddings, model.snapshot.item_keys.tolist()
    expected = set()
    for at, key in enumerate(keys):
        for domain in (0, 1):
            others = [i for i in model.snapshot.items_of(domain) if i != at]
            best = sorted(others, key=lambda i: (-space[at] @ space[i], i))[:2]
            expected |= {(key, keys[i]) for i in best if space[at] @ space[i] >= 0.5}
    assert {(source, target) for source, target, *_ in rows} == expected
    assert all(0.5 <= row[2] <= 1.0 for row in rows)


@pytest.mark.parametrize("scope", ["within", "across"])
def test_the_scope_is_kept(store: GraphStore, model: SmallModel, scope: Any) -> None:
    similar_items(model, store, scope=scope, now=NOW)
    same = {source.split(":")[0] == target.split(":")[0] for source, target, *_ in drawn(store)}
    assert same == {scope == "within"}


def test_blocks_and_batches_do_not_show(
    store: GraphStore, model: SmallModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    similar_items(model, store, now=NOW)
    whole = drawn(store)
    undo(store, enrichments(store)[-1].enrichment_id)
    monkeypatch.setattr("kgrec.enrichment.nearest_items._BLOCK", 2)
    similar_items(model, store, batch_size=3, now=NOW)
    assert drawn(store) == whole


def test_a_dry_run_counts_and_writes_nothing(store: GraphStore, model: SmallModel) -> None:
    planned = [vectors(model, store, dry_run=True), similar_items(model, store, dry_run=True)]
    assert enrichments(store) == []
    assert drawn(store) == []
    done = [vectors(model, store, now=NOW), similar_items(model, store, now=NOW)]
    assert [(one.enrichment_id, one.counts) for one in planned] == [
        (one.enrichment_id, one.counts) for one in done
    ]


def test_the_same_job_on_the_same_graph_writes_nothing_the_second_time(
    store: GraphStore, model: SmallModel
) -> None:
    first, second = (similar_items(model, store, now=NOW) for _ in range(2))
    assert not first.in_force_already
    assert second.in_force_already
    assert (second.enrichment_id, second.counts) == (first.enrichment_id, first.counts)
    assert len(enrichments(store)) == 1


def test_a_job_that_was_broken_off_completes_under_its_own_id(
    store: GraphStore, model: SmallModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kgrec.enrichment.nearest_items._BLOCK", 2)
    with pytest.raises(Interrupted):
        similar_items(model, store, batch_size=2, now=NOW, on_progress=interrupt_after(2))
    (half,) = enrichments(store)
    assert not half.finished
    done = similar_items(model, store, batch_size=2, now=NOW + 9)
    assert [(run.enrichment_id, run.finished) for run in enrichments(store)] == [
        (half.enrichment_id, True)
    ]
    assert len(drawn(store)) == done.counts["SIMILAR_TO"]


def test_half_a_job_on_another_graph_is_taken_back_first(
    store: GraphStore, model: SmallModel
) -> None:
    with pytest.raises(Interrupted):
        vectors(model, store, batch_size=2, now=NOW, on_progress=interrupt_after(2))
    like(store, [("eve", "books:dune", 1.0)])
    done = vectors(model, store, now=NOW)
    assert [run.enrichment_id for run in enrichments(store)] == [done.enrichment_id]
    undo(store, done.enrichment_id)
    assert store.read_vectors(Label.ITEM)[0] == []


def test_undo_brings_back_what_was_there_before(store: GraphStore, model: SmallModel) -> None:
    first = similar_items(model, store, k=1, now=NOW)
    before = drawn(store)
    second = similar_items(model, store, k=3, now=NOW + 1)
    assert len(drawn(store)) > len(before)
    with pytest.raises(GraphStoreError):
        undo(store, first.enrichment_id)  # the second stands on it
    assert undo(store, second.enrichment_id) == second.counts["SIMILAR_TO"]
    assert drawn(store) == before
    undo(store, first.enrichment_id)
    assert drawn(store) == []


def test_going_back_to_earlier_options_is_a_new_run(store: GraphStore, model: SmallModel) -> None:
    first = similar_items(model, store, k=1, now=NOW)
    before = drawn(store)
    similar_items(model, store, k=3, now=NOW)
    again = similar_items(model, store, k=1, now=NOW)
    assert again.enrichment_id == f"{first.enrichment_id}.2"
    assert drawn(store) == before
    assert similar_items(model, store, k=1, now=NOW).in_force_already


def test_undoing_what_was_never_done_names_what_there_is(
    store: GraphStore, model: SmallModel
) -> None:
    with pytest.raises(NotFoundError, match="none was written"):
        undo(store, "vectors-1")
    done = vectors(model, store, now=NOW)
    with pytest.raises(NotFoundError, match=done.enrichment_id):
        undo(store, "vectors-1")


@pytest.mark.parametrize(("option", "sentence"), [({"k": 0}, "got 0"), ({"floor": 2.0}, "got 2")])
def test_options_out_of_range_are_one_sentence(
    store: GraphStore, model: SmallModel, option: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        similar_items(model, store, **option)
