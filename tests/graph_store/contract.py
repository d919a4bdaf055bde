"""What must hold for every GraphStore; each store subclasses this once.

A subclass gives ``store`` (empty) and ``reopen`` (the same data through a new object).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from graph_store.errors import BadRowsError, CheckpointError, GraphStoreError, UnknownNodeError
from graph_store.schema import NODE_COLUMNS, RELATIONSHIP_COLUMNS, Label, RelType
from graph_store.snapshot import take_snapshot
from graph_store.store import Checkpoint, DomainCounts, GraphStore, NodeFilter, Written

Reopen = Callable[[], GraphStore]


def nodes(label: Label, *rows: tuple[Any, ...]) -> pl.DataFrame:
    """A frame of nodes; columns that are left out are null."""
    columns = NODE_COLUMNS[label]
    filled = [row + (None,) * (len(columns) - len(row)) for row in rows]
    return pl.DataFrame(filled, schema=columns, orient="row")


def links(rel_type: RelType, *rows: tuple[Any, ...]) -> pl.DataFrame:
    """A frame of relationships; columns that are left out are null, the name of an event empty."""
    columns = {"source": pl.String(), "target": pl.String(), **RELATIONSHIP_COLUMNS[rel_type]}
    filled = [row + (None,) * (len(columns) - len(row)) for row in rows]
    frame = pl.DataFrame(filled, schema=columns, orient="row")
    return frame.with_columns(pl.col("event").fill_null("")) if "event" in columns else frame


def fill(store: GraphStore) -> None:
    """Two domains, three users, four items, two tags.

    ann: f:1 (rating at 10, view), b:1;  bob: f:1, f:2;  cid: nothing.
    f:1 tags x, y;  f:2 tag x;  b:1 tag y;  f:3 none.
    """
    store.upsert_nodes(Label.USER, nodes(Label.USER, ("ann",), ("bob",), ("cid",)))
    store.upsert_nodes(Label.DOMAIN, nodes(Label.DOMAIN, ("f", "Films"), ("b", "Books")))
    store.upsert_nodes(Label.TAG, nodes(Label.TAG, ("x", "X"), ("y", "Y")))
    store.upsert_nodes(
        Label.ITEM,
        nodes(
            Label.ITEM,
            ("f:1", "One", "One film", "h1"),
            ("f:2", "Two", "Two films", "h2"),
            ("f:3",),
            ("b:1", "Böok “1”, with\nlines", 'a "quoted", text', "h3"),
        ),
    )
    in_domain = [("f:1", "f"), ("f:2", "f"), ("f:3", "f"), ("b:1", "b")]
    store.upsert_relationships(RelType.IN_DOMAIN, links(RelType.IN_DOMAIN, *in_domain))
    tags = [("f:1", "x"), ("f:1", "y"), ("f:2", "x"), ("b:1", "y")]
    store.upsert_relationships(RelType.HAS_TAG, links(RelType.HAS_TAG, *tags))
    store.upsert_relationships(RelType.SAME_AS, links(RelType.SAME_AS, ("ann", "cid")))
    store.upsert_relationships(RelType.INTERACTED, INTERACTIONS)


INTERACTIONS = links(
    RelType.INTERACTED,
    ("ann", "f:1", "rating", 0.75, 1, 10),
    ("ann", "f:1", "view", 0.5, 3, 20, 12, 4),
    ("ann", "b:1", "rating", 1.0, 1, None, None, 0),
    ("bob", "f:1", "view", 0.5, 1, 30, 30, -7),
    ("bob", "f:2", "rating", 0.25, 1, 40),
)


def unit(*numbers: float) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.array(numbers, dtype=np.float32)


VECTORS = np.array([[1, 0], [0.8, 0.6], [0, 1], [-1, 0]], dtype=np.float32)
VECTOR_KEYS = ["f:1", "f:2", "b:1", "f:3"]


class StoreContract:
    @pytest.fixture
    def store(self) -> GraphStore:
        raise NotImplementedError

    @pytest.fixture
    def reopen(self) -> Reopen:
        raise NotImplementedError

    # --- nodes --------------------------------------------------------------------

    def test_nodes_come_back_sorted_with_all_their_columns(self, store: GraphStore) -> None:
        fill(store)
        items = store.read_nodes(Label.ITEM)
        assert items.schema == pl.Schema(NODE_COLUMNS[Label.ITEM])
        assert items["key"].to_list() == ["b:1", "f:1", "f:2", "f:3"]
        assert items.row(0) == ("b:1", "Böok “1”, with\nlines", 'a "quoted", text', "h3")
        assert items.row(3) == ("f:3", None, None, None)

    def test_writing_nodes_again_changes_nothing_and_says_so(self, store: GraphStore) -> None:
        rows = nodes(Label.TAG, ("x", "X"), ("y",))
        assert store.upsert_nodes(Label.TAG, rows) == Written(2, 0)
        assert store.upsert_nodes(Label.TAG, rows) == Written(0, 2)
        assert store.read_nodes(Label.TAG).rows() == [("x", "X"), ("y", None)]

    def test_a_null_never_erases_what_is_known(self, store: GraphStore) -> None:
        store.upsert_nodes(Label.ITEM, nodes(Label.ITEM, ("f:1", "One", "text", "h")))
        written = store.upsert_nodes(Label.ITEM, nodes(Label.ITEM, ("f:1", None, "new", "h2")))
        assert written == Written(1, 0)
        assert store.read_nodes(Label.ITEM).rows() == [("f:1", "One", "new", "h2")]

    def test_known_and_new_nodes_may_share_a_batch(self, store: GraphStore) -> None:
        store.upsert_nodes(Label.USER, nodes(Label.USER, ("b",), ("d",)))
        more = nodes(Label.USER, ("a",), ("b",), ("c",), ("d",))
        assert store.upsert_nodes(Label.USER, more) == Written(2, 2)
        assert store.read_nodes(Label.USER)["key"].to_list() == ["a", "b", "c", "d"]

    def test_an_empty_batch_is_well(self, store: GraphStore) -> None:
        assert store.upsert_nodes(Label.USER, nodes(Label.USER)) == Written(0, 0)
        empty = links(RelType.SAME_AS)
        assert store.upsert_relationships(RelType.SAME_AS, empty) == Written(0, 0)

    def test_nodes_that_cannot_be_right_are_refused(self, store: GraphStore) -> None:
        with pytest.raises(BadRowsError, match="twice"):
            store.upsert_nodes(Label.USER, nodes(Label.USER, ("a",), ("a",)))
        with pytest.raises(BadRowsError, match="null"):
            store.upsert_nodes(Label.USER, nodes(Label.USER, (None,)))
        with pytest.raises(BadRowsError, match="empty key"):
            store.upsert_nodes(Label.USER, nodes(Label.USER, ("",)))
        with pytest.raises(BadRowsError, match=r"\['name'\] are missing"):
            store.upsert_nodes(Label.TAG, pl.DataFrame({"key": ["x"]}))
        assert store.read_nodes(Label.USER).height == 0

    # --- relationships ------------------------------------------------------------

    def test_relationships_come_back_sorted_with_their_columns(self, store: GraphStore) -> None:
        fill(store)
        rows = store.read_relationships(RelType.INTERACTED)
        assert rows.schema == INTERACTIONS.schema
        assert rows.rows() == INTERACTIONS.sort("source", "target", "kind").rows()
        assert store.read_relationships(RelType.SAME_AS).rows() == [("ann", "cid")]
        assert store.read_relationships(RelType.HAS_TAG).height == 4

    def test_writing_relationships_again_changes_nothing_and_says_so(
        self, store: GraphStore
    ) -> None:
        fill(store)
        before = take_snapshot(store).fingerprint
        assert store.upsert_relationships(RelType.INTERACTED, INTERACTIONS) == Written(0, 5)
        tags = links(RelType.HAS_TAG, ("f:1", "x"), ("f:2", "y"))
        assert store.upsert_relationships(RelType.HAS_TAG, tags) == Written(1, 1)
        assert take_snapshot(store).fingerprint != before

    @pytest.mark.parametrize(
        ("statement", "stands"),
        [
            ((0.1, 2, 11), (0.1, 2, 11)),  # later
            ((0.1, 2, 9), (0.75, 1, 10)),  # earlier
            ((0.1, 2, 10), (0.1, 2, 10)),  # same time: written last
            ((0.1, 2, None), (0.1, 2, None)),  # unknown time: written last
        ],
    )
    def test_the_later_of_two_statements_stands(
        self, store: GraphStore, statement: tuple[Any, ...], stands: tuple[Any, ...]
    ) -> None:
        fill(store)
        new = links(RelType.INTERACTED, ("ann", "f:1", "rating", *statement))
        expected = Written(1, 0) if statement == stands else Written(0, 1)
        assert store.upsert_relationships(RelType.INTERACTED, new) == expected
        rows = store.read_relationships(RelType.INTERACTED)
        mine = rows.filter(source="ann", target="f:1", kind="rating")
        assert mine.select("weight", "count", "at").rows() == [stands]

    def test_a_known_time_replaces_an_unknown_one(self, store: GraphStore) -> None:
        fill(store)
        new = links(RelType.INTERACTED, ("ann", "b:1", "rating", 1.0, 1, 5))
        assert store.upsert_relationships(RelType.INTERACTED, new) == Written(1, 0)

    def test_statements_of_one_batch_count_in_their_order(self, store: GraphStore) -> None:
        fill(store)
        pair = ("cid", "f:1", "view")
        batch = [(*pair, 0.9, 1, 99), (*pair, 0.1, 1, None), (*pair, 0.2, 1, 7), (*pair, 0.3, 1, 5)]
        store.upsert_relationships(RelType.INTERACTED, links(RelType.INTERACTED, *batch))
        one_by_one = ("cid", "f:2", "view")
        for row in batch:
            new = links(RelType.INTERACTED, (*one_by_one, *row[3:]))
            store.upsert_relationships(RelType.INTERACTED, new)
        rows = store.read_relationships(RelType.INTERACTED).filter(source="cid")
        assert (
            rows.drop("target", "first_at", "order", "event").rows()
            == [("cid", "view", 0.2, 1, 7)] * 2
        )

    def test_the_first_time_is_the_earliest_of_all_statements(self, store: GraphStore) -> None:
        fill(store)
        pair = ("cid", "f:1", "view", 1.0, 2)
        told = [(20, 15, 7), (30, 25, 9), (9, 4, 2), (30, None, 9)]
        stand = [(20, 15, 7), (30, 15, 9), (30, 4, 9), (30, 4, 9)]
        written = []
        for row, (at, first_at, order) in zip(told, stand, strict=True):
            new = links(RelType.INTERACTED, (*pair, *row))
            written.append(store.upsert_relationships(RelType.INTERACTED, new).written)
            rows = store.read_relationships(RelType.INTERACTED).filter(source="cid")
            assert rows.select("at", "first_at", "order").rows() == [(at, first_at, order)]
        assert written == [1, 1, 1, 0]
        together = links(RelType.INTERACTED, *(("cid", "f:2", *pair[2:], *row) for row in told))
        store.upsert_relationships(RelType.INTERACTED, together)
        rows = store.read_relationships(RelType.INTERACTED).filter(source="cid", target="f:2")
        assert rows.select("at", "first_at", "order").rows() == [(30, 4, 9)]

    def test_a_new_order_alone_is_a_change(self, store: GraphStore) -> None:
        fill(store)
        row = ("bob", "f:2", "rating", 0.25, 1, 40, None)
        for order, written in ((3, 1), (3, 0), (2, 1), (None, 1)):
            new = links(RelType.INTERACTED, (*row, order))
            assert store.upsert_relationships(RelType.INTERACTED, new).written == written

    def test_named_events_stay_apart_from_each_other_and_from_merged_ones(
        self, store: GraphStore
    ) -> None:
        fill(store)
        events = links(
            RelType.INTERACTED,
            ("bob", "f:1", "view", 1.0, 1, 31, 31, 4, "a"),
            ("bob", "f:1", "view", 1.0, 1, 32, 32, 5, "b"),
        )
        assert store.upsert_relationships(RelType.INTERACTED, events) == Written(2, 0)
        assert store.upsert_relationships(RelType.INTERACTED, events) == Written(0, 2)
        rows = store.read_relationships(RelType.INTERACTED).filter(source="bob", target="f:1")
        assert rows["event"].to_list() == ["", "a", "b"]
        assert take_snapshot(store).count.tolist() == [1, 1, 3, 1, 1, 1, 1]
        assert store.neighbourhood("bob").number_of_edges((Label.USER, "bob"),
                                                          (Label.ITEM, "f:1")) == 1  # fmt: skip

    def test_columns_of_order_may_be_left_out(self, store: GraphStore) -> None:
        fill(store)
        row = links(RelType.INTERACTED, ("cid", "f:2", "view", 1.0, 1, 5))
        row = row.drop("first_at", "order", "event")
        assert store.upsert_relationships(RelType.INTERACTED, row) == Written(1, 0)
        assert store.upsert_relationships(RelType.INTERACTED, row) == Written(0, 1)
        rows = store.read_relationships(RelType.INTERACTED).filter(source="cid")
        assert rows.select("first_at", "order", "event").rows() == [(None, None, "")]

    @pytest.mark.parametrize("lost", [("nobody", "f:2"), ("bob", "f:9")])
    def test_an_unknown_end_leaves_nothing_of_the_batch(
        self, store: GraphStore, lost: tuple[str, str]
    ) -> None:
        fill(store)
        store.begin_job("j", kind="ingest", source="s", now=1)
        before = take_snapshot(store).fingerprint
        batch = links(
            RelType.INTERACTED, ("cid", "f:1", "view", 1.0, 1, 1), (*lost, "view", 1.0, 1, 1)
        )
        with pytest.raises(UnknownNodeError, match="nobody" if lost[0] == "nobody" else "f:9"):
            store.upsert_relationships(
                RelType.INTERACTED, batch, checkpoint=Checkpoint("j", "s", "x", 2)
            )
        assert take_snapshot(store).fingerprint == before
        assert next(store.jobs()).offset == 0

    def test_derived_relationships_are_written_by_enrichment_only(self, store: GraphStore) -> None:
        fill(store)
        rows = links(RelType.SIMILAR_TO, ("f:1", "f:2", 0.5))
        with pytest.raises(GraphStoreError, match="enrichment"):
            store.upsert_relationships(RelType.SIMILAR_TO, rows)

    def test_a_batch_larger_than_one_statement_is_one_batch(self, store: GraphStore) -> None:
        count = 12_000
        keys = [f"u{i}" for i in range(count)]
        users = pl.DataFrame({"key": keys})
        assert store.upsert_nodes(Label.USER, users) == Written(count, 0)
        store.upsert_nodes(Label.ITEM, nodes(Label.ITEM, ("f:1",)))
        rows = pl.DataFrame(
            {"source": keys, "target": "f:1", "kind": "view", "weight": 1.0, "count": 1, "at": 1}
        )
        assert store.upsert_relationships(RelType.INTERACTED, rows) == Written(count, 0)
        back = store.read_relationships(RelType.INTERACTED)
        assert back["source"].to_list() == sorted(keys)

    # --- counts, forgetting, the native door --------------------------------------

    def test_counts_are_per_label_type_and_domain(self, store: GraphStore) -> None:
        fill(store)
        counts = store.counts()
        assert counts.nodes == {"User": 3, "Item": 4, "Domain": 2, "Tag": 2}
        assert counts.relationships == {
            "IN_DOMAIN": 4,
            "HAS_TAG": 4,
            "SAME_AS": 1,
            "INTERACTED": 5,
        }
        assert counts.domains == {"f": DomainCounts(2, 3, 4), "b": DomainCounts(1, 1, 1)}

    def test_an_empty_store_counts_zero_of_each(self, store: GraphStore) -> None:
        counts = store.counts()
        assert set(counts.nodes.values()) == {0}
        assert set(counts.relationships) == {"IN_DOMAIN", "HAS_TAG", "SAME_AS", "INTERACTED"}
        assert counts.domains == {}

    def test_a_forgotten_user_leaves_no_trace_and_no_one_else_is_touched(
        self, store: GraphStore
    ) -> None:
        fill(store)
        store.begin_enrichment("r", "interests", at=1)
        interests = links(RelType.INTERESTED_IN, ("ann", "x", 0.5), ("bob", "x", 0.5))
        store.write_enrichment("r", RelType.INTERESTED_IN, interests)
        store.write_vectors(Label.USER, ["ann", "bob"], VECTORS[:2], enrichment_id="r")
        store.begin_enrichment("r2", "interests", at=2)
        assert store.forget_user("ann") == 4
        assert store.read_nodes(Label.USER)["key"].to_list() == ["bob", "cid"]
        assert store.read_relationships(RelType.INTERACTED)["source"].to_list() == ["bob", "bob"]
        assert store.read_relationships(RelType.SAME_AS).height == 0
        store.undo_enrichment("r2")
        assert store.read_relationships(RelType.INTERESTED_IN)["source"].to_list() == ["bob"]
        assert store.read_vectors(Label.USER)[0] == ["bob"]
        with pytest.raises(UnknownNodeError, match="ann"):
            store.forget_user("ann")

    def test_a_forgotten_key_can_be_written_anew_without_its_past(self, store: GraphStore) -> None:
        fill(store)
        store.forget_user("ann")
        store.upsert_nodes(Label.USER, nodes(Label.USER, ("ann",)))
        assert "ann" not in store.read_relationships(RelType.INTERACTED)["source"].to_list()

    # --- neighbourhood ------------------------------------------------------------

    def test_a_neighbourhood_names_nodes_and_types(self, store: GraphStore) -> None:
        fill(store)
        graph = store.neighbourhood("ann")
        user, film = (Label.USER, "ann"), (Label.ITEM, "f:1")
        assert set(graph) == {user, film, (Label.ITEM, "b:1"), (Label.USER, "cid")}
        assert graph.nodes[film]["title"] == "One"
        assert graph.edges[user, film, RelType.INTERACTED]["kind"] == "rating"  # the weightier
        assert graph.has_edge(user, (Label.USER, "cid"), RelType.SAME_AS)

    def test_a_neighbourhood_grows_by_hops_and_stops_at_its_limit(self, store: GraphStore) -> None:
        fill(store)
        assert (Label.USER, "bob") in store.neighbourhood("ann", hops=2)
        assert (Label.ITEM, "f:2") not in store.neighbourhood("ann", hops=2)
        assert (Label.ITEM, "f:2") in store.neighbourhood("ann", hops=3)
        assert len(store.neighbourhood("ann", hops=3, limit=2)) == 3

    def test_a_neighbourhood_of_nothing_known_is_an_error(self, store: GraphStore) -> None:
        fill(store)
        with pytest.raises(UnknownNodeError, match="zoe"):
            store.neighbourhood("zoe")
        assert (Label.TAG, "x") in store.neighbourhood("x")
        assert (Label.DOMAIN, "b") in store.neighbourhood("b")

    # --- vectors ------------------------------------------------------------------

    def test_vectors_come_back_as_they_were(self, store: GraphStore) -> None:
        fill(store)
        assert store.read_vectors(Label.ITEM)[1].shape == (0, 0)
        store.begin_enrichment("r", "vectors", at=1)
        with_unknown = [*VECTOR_KEYS, "f:99"]
        taken = store.write_vectors(
            Label.ITEM,
            with_unknown,
            np.vstack([VECTORS, [[1, 1]]]).astype(np.float32),
            enrichment_id="r",
        )
        assert taken == 4
        keys, vectors = store.read_vectors(Label.ITEM)
        assert keys == sorted(VECTOR_KEYS)
        assert vectors.dtype == np.float32
        np.testing.assert_array_equal(vectors, VECTORS[[2, 0, 1, 3]])

    def test_nearest_are_the_highest_cosines_best_first(self, store: GraphStore) -> None:
        self._with_vectors(store)
        near = store.nearest(Label.ITEM, unit(2, 0), 3)
        assert [n.key for n in near] == ["f:1", "f:2", "b:1"]
        assert [n.score for n in near] == pytest.approx([1.0, 0.8, 0.0], abs=1e-6)
        assert len(store.nearest(Label.ITEM, unit(1, 0), 10)) == 4

    @pytest.mark.parametrize(
        ("where", "expected"),
        [
            (NodeFilter(domain="f"), ["f:1", "f:2", "f:3"]),
            (NodeFilter(tags_any=["y", "x"]), ["f:1", "f:2", "b:1"]),
            (NodeFilter(tags_all=["x", "y", "x"]), ["f:1"]),
            (NodeFilter(tags_none=["y"]), ["f:2", "f:3"]),
            (NodeFilter(not_seen_by="ann"), ["f:2", "f:3"]),
            (NodeFilter(not_seen_by=["ann", "bob"]), ["f:3"]),
            (NodeFilter(not_seen_by="nobody"), ["f:1", "f:2", "b:1", "f:3"]),
            (NodeFilter(since=30), ["f:1", "f:2"]),
            (NodeFilter(allow=["f:3", "b:1", "gone"]), ["b:1", "f:3"]),
            (NodeFilter(allow=[]), []),
            (NodeFilter(deny=["f:1"]), ["f:2", "b:1", "f:3"]),
            (NodeFilter(domain="f", tags_any=["x"], not_seen_by="ann", since=1), ["f:2"]),
        ],
    )
    def test_a_search_returns_only_what_passes_the_filter(
        self, store: GraphStore, where: NodeFilter, expected: list[str]
    ) -> None:
        self._with_vectors(store)
        near = store.nearest(Label.ITEM, unit(1, 0), 4, where)
        assert [n.key for n in near] == expected

    def test_k_come_when_k_exist_however_far_they_are(self, store: GraphStore) -> None:
        rng = np.random.default_rng(0)
        count, width = 3_000, 8
        keys = [f"f:{i:04}" for i in range(count)]
        vectors = rng.normal(size=(count, width)).astype(np.float32)
        store.upsert_nodes(Label.ITEM, nodes(Label.ITEM, *((key,) for key in keys)))
        store.upsert_nodes(Label.TAG, nodes(Label.TAG, ("rare",)))
        query = vectors[0]
        score = vectors @ query / np.linalg.norm(vectors, axis=1) / np.linalg.norm(query)
        far = [keys[i] for i in np.argsort(score)[:5]]
        store.upsert_relationships(
            RelType.HAS_TAG, links(RelType.HAS_TAG, *((key, "rare") for key in far))
        )
        store.begin_enrichment("r", "vectors", at=1)
        store.write_vectors(Label.ITEM, keys, vectors, enrichment_id="r")
        store.await_vectors(Label.ITEM)
        near = store.nearest(Label.ITEM, query, 5, NodeFilter(tags_any=["rare"]))
        assert [n.key for n in near] == far[::-1]
        best = [keys[i] for i in np.argsort(-score)[:10]]
        assert [n.key for n in store.nearest(Label.ITEM, query, 10)] == best

    def test_a_zero_vector_is_like_nothing(self, store: GraphStore) -> None:
        fill(store)
        store.begin_enrichment("r", "vectors", at=1)
        store.write_vectors(
            Label.ITEM, ["f:1", "f:2"], np.array([[0, 0], [1, 0]], "f4"), enrichment_id="r"
        )
        store.await_vectors(Label.ITEM)
        near = store.nearest(Label.ITEM, unit(1, 0), 2)
        assert [(n.key, n.score) for n in near] == [("f:2", 1.0), ("f:1", 0.0)]

    def test_vectors_that_cannot_be_right_are_refused(self, store: GraphStore) -> None:
        self._with_vectors(store)
        with pytest.raises(BadRowsError, match="not finite"):
            store.write_vectors(
                Label.ITEM, ["f:1"], np.array([[np.nan, 0]], "f4"), enrichment_id="r"
            )
        with pytest.raises(GraphStoreError, match="width"):
            store.write_vectors(Label.ITEM, ["f:1"], np.zeros((1, 3), "f4"), enrichment_id="r")
        with pytest.raises(GraphStoreError, match="width"):
            store.nearest(Label.ITEM, unit(1, 0, 0), 1)
        with pytest.raises(GraphStoreError, match="never begun"):
            store.write_vectors(Label.ITEM, ["f:1"], np.zeros((1, 2), "f4"), enrichment_id="other")
        with pytest.raises(GraphStoreError, match="domain"):
            store.nearest(Label.USER, unit(1, 0), 1, NodeFilter(domain="f"))

    # --- enrichment ---------------------------------------------------------------

    def test_writing_a_run_again_changes_nothing(self, store: GraphStore) -> None:
        fill(store)
        store.begin_enrichment("r", "similar-items", at=1)
        rows = links(RelType.SIMILAR_TO, ("f:1", "f:2", 0.5), ("f:2", "b:1", 0.25))
        assert store.write_enrichment("r", RelType.SIMILAR_TO, rows) == Written(2, 0)
        assert store.write_enrichment("r", RelType.SIMILAR_TO, rows) == Written(0, 2)
        assert store.read_relationships(RelType.SIMILAR_TO).rows() == rows.rows()

    def test_what_a_run_needs_is_checked(self, store: GraphStore) -> None:
        fill(store)
        rows = links(RelType.SIMILAR_TO, ("f:1", "f:9", 0.5))
        with pytest.raises(GraphStoreError, match="never begun"):
            store.write_enrichment("r", RelType.SIMILAR_TO, rows)
        store.begin_enrichment("r", "similar-items", at=1)
        with pytest.raises(UnknownNodeError, match="f:9"):
            store.write_enrichment("r", RelType.SIMILAR_TO, rows)
        with pytest.raises(GraphStoreError, match="HAS_TAG"):
            store.write_enrichment("r", RelType.HAS_TAG, links(RelType.HAS_TAG, ("f:3", "x")))

    def test_a_new_run_replaces_the_old_and_undo_restores_it(self, store: GraphStore) -> None:
        self._with_vectors(store)
        first = links(RelType.SIMILAR_TO, ("f:1", "f:2", 0.5), ("f:2", "b:1", 0.1))
        store.write_enrichment("r", RelType.SIMILAR_TO, first)
        store.finish_enrichment("r", {"SIMILAR_TO": 2})
        keys, vectors = store.read_vectors(Label.ITEM)
        near = store.nearest(Label.ITEM, unit(1, 0), 2)
        runs = store.enrichments()

        store.begin_enrichment("r2", "vectors", at=2)
        assert store.read_relationships(RelType.SIMILAR_TO).height == 0
        assert store.read_vectors(Label.ITEM)[0] == []
        second = links(RelType.SIMILAR_TO, ("f:1", "f:2", 0.9))
        store.write_enrichment("r2", RelType.SIMILAR_TO, second)
        wider = np.eye(3, dtype=np.float32)
        store.write_vectors(Label.ITEM, VECTOR_KEYS[:3], wider, enrichment_id="r2")
        store.await_vectors(Label.ITEM)
        assert store.read_relationships(RelType.SIMILAR_TO).rows() == second.rows()
        assert store.counts().relationships["SIMILAR_TO"] == 1
        assert store.nearest(Label.ITEM, unit(0, 0, 1), 1)[0].key == "b:1"
        with pytest.raises(GraphStoreError, match="r stands|stands on r;"):
            store.undo_enrichment("r")

        assert store.undo_enrichment("r2") == 4
        store.await_vectors(Label.ITEM)
        assert store.read_relationships(RelType.SIMILAR_TO).rows() == first.rows()
        assert store.read_vectors(Label.ITEM)[0] == keys
        np.testing.assert_array_equal(store.read_vectors(Label.ITEM)[1], vectors)
        assert store.nearest(Label.ITEM, unit(1, 0), 2) == near
        assert store.enrichments() == runs

    def test_runs_stack_and_come_off_one_by_one(self, store: GraphStore) -> None:
        fill(store)
        for number in range(3):
            run = f"r{number}"
            store.begin_enrichment(run, "similar-items", at=number)
            rows = links(RelType.SIMILAR_TO, ("f:1", "f:2", number / 4))
            store.write_enrichment(run, RelType.SIMILAR_TO, rows)
        for number in (2, 1, 0):
            rows = store.read_relationships(RelType.SIMILAR_TO)
            assert rows["score"].to_list() == [number / 4]
            assert store.undo_enrichment(f"r{number}") == 1
        assert store.read_relationships(RelType.SIMILAR_TO).height == 0
        assert store.enrichments() == []

    def test_jobs_of_two_names_leave_each_other_alone(self, store: GraphStore) -> None:
        fill(store)
        store.begin_enrichment("a", "similar-items", at=1)
        similar = links(RelType.SIMILAR_TO, ("f:1", "f:2", 0.5))
        store.write_enrichment("a", RelType.SIMILAR_TO, similar)
        store.begin_enrichment("b", "suggest-tags", at=2)
        tags = links(RelType.SUGGESTED_TAG, ("f:3", "x", 0.5))
        store.write_enrichment("b", RelType.SUGGESTED_TAG, tags)
        store.undo_enrichment("a")
        assert store.read_relationships(RelType.SUGGESTED_TAG).rows() == tags.rows()

    def test_an_unfinished_run_can_be_begun_again_or_undone(
        self, store: GraphStore, reopen: Reopen
    ) -> None:
        fill(store)
        store.begin_enrichment("r", "similar-items", at=1)
        rows = links(RelType.SIMILAR_TO, ("f:1", "f:2", 0.5))
        store.write_enrichment("r", RelType.SIMILAR_TO, rows)
        store.close()
        store = reopen()
        store.begin_enrichment("r", "similar-items", at=9)
        assert store.write_enrichment("r", RelType.SIMILAR_TO, rows) == Written(0, 1)
        (run,) = store.enrichments()
        assert (run.at, run.finished) == (1, False)
        assert store.undo_enrichment("r") == 1
        assert store.enrichments() == []
        with pytest.raises(GraphStoreError, match="no enrichment"):
            store.undo_enrichment("r")

    def test_a_run_id_belongs_to_one_job(self, store: GraphStore) -> None:
        store.begin_enrichment("r", "similar-items", at=1)
        with pytest.raises(GraphStoreError, match="similar-items"):
            store.begin_enrichment("r", "vectors", at=1)

    # --- job ledger ---------------------------------------------------------------

    def test_a_batch_and_its_checkpoint_are_there_after_reopening(
        self, store: GraphStore, reopen: Reopen
    ) -> None:
        job = store.begin_job("j", kind="ingest", source="sha", now=100)
        assert (job.offset, job.started_at, job.finished_at) == (0, 100, None)
        users = nodes(Label.USER, ("ann",))
        store.upsert_nodes(Label.USER, users, checkpoint=Checkpoint("j", "sha", "nodes:User", 1))
        store.close()
        store = reopen()
        again = store.begin_job("j", kind="ingest", source="sha", now=200)
        assert (again.stage, again.offset, again.started_at) == ("nodes:User", 1, 100)
        store.finish_job("j", now=300, summary={"rows": 1})
        assert [(j.job, j.finished_at, j.summary) for j in store.jobs()] == [
            ("j", 300, {"rows": 1})
        ]
        finished = store.begin_job("j", kind="ingest", source="sha", now=400)
        assert (finished.finished_at, finished.summary) == (300, {"rows": 1})
        store.close()

    def test_a_job_is_not_resumed_from_another_source(self, store: GraphStore) -> None:
        store.begin_job("j", kind="ingest", source="sha", now=1)
        with pytest.raises(CheckpointError, match="'sha'.*'other'"):
            store.begin_job("j", kind="ingest", source="other", now=2)
        users = nodes(Label.USER, ("ann",))
        for checkpoint in (Checkpoint("j", "other", "s", 1), Checkpoint("k", "sha", "s", 1)):
            with pytest.raises(CheckpointError, match="begin_job"):
                store.upsert_nodes(Label.USER, users, checkpoint=checkpoint)
        assert store.read_nodes(Label.USER).height == 0
        with pytest.raises(CheckpointError, match="never begun"):
            store.finish_job("k", now=3, summary={})

    def test_the_ledger_lists_jobs_oldest_first(self, store: GraphStore) -> None:
        for name in ("zebra", "ant", "moth"):
            store.begin_job(name, kind="ingest", source="s", now=5)
        assert [job.job for job in store.jobs()] == ["zebra", "ant", "moth"]

    def test_a_finished_job_that_writes_again_is_open_again(self, store: GraphStore) -> None:
        store.begin_job("j", kind="ingest", source="s", now=1)
        store.finish_job("j", now=2, summary={})
        users = nodes(Label.USER, ("ann",))
        store.upsert_nodes(Label.USER, users, checkpoint=Checkpoint("j", "s", "nodes:User", 1))
        assert next(store.jobs()).finished_at is None

    # --- helpers ------------------------------------------------------------------

    def _with_vectors(self, store: GraphStore) -> None:
        fill(store)
        store.begin_enrichment("r", "vectors", at=1)
        store.write_vectors(Label.ITEM, VECTOR_KEYS, VECTORS, enrichment_id="r")
        store.await_vectors(Label.ITEM)
