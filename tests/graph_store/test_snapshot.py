"""A snapshot is the graph: the same from every store, and refused when it is damaged."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from graph_store.duckdb.store import EmbeddedStore
from graph_store.errors import SnapshotError
from graph_store.neo4j.store import Neo4jStore
from graph_store.schema import NODE_COLUMNS, Label, RelType
from graph_store.snapshot import NO_TIME, Snapshot, load_snapshot, save_snapshot, take_snapshot
from graph_store.store import GraphStore
from kgrec.data.histories import Histories
from tests.graph_store.contract import fill, links, nodes


def backwards(store: GraphStore) -> None:
    """The graph of ``fill`` with every table written row by row from its end, some twice."""
    with EmbeddedStore(":memory:") as other:
        fill(other)
        tables = {label: other.read_nodes(label) for label in Label}
        relationships = {t: other.read_relationships(t) for t in RelType}
    for label in reversed(Label):
        for row in tables[label].reverse().rows():
            store.upsert_nodes(label, nodes(label, row[:1] + (None,) * (len(row) - 1)))
            store.upsert_nodes(label, nodes(label, row))
    for rel_type in (RelType.INTERACTED, RelType.SAME_AS, RelType.HAS_TAG, RelType.IN_DOMAIN):
        for row in relationships[rel_type].reverse().rows():
            store.upsert_relationships(rel_type, links(rel_type, row))


def assert_same(one: Snapshot, two: Snapshot) -> None:
    for name in one.__dataclass_fields__:
        a, b = getattr(one, name), getattr(two, name)
        if isinstance(a, pl.DataFrame):
            assert a.equals(b), name
        elif isinstance(a, np.ndarray):
            assert a.dtype == b.dtype, name
            np.testing.assert_array_equal(a, b, err_msg=name)
        else:
            assert a == b, name
    assert one.fingerprint == two.fingerprint


@pytest.fixture
def embedded(tmp_path: Path) -> EmbeddedStore:
    return EmbeddedStore(tmp_path / "g.duckdb")


def test_rows_are_numbered_by_sorted_key(embedded: EmbeddedStore) -> None:
    fill(embedded)
    snapshot = take_snapshot(embedded)
    assert snapshot.item_keys.tolist() == ["b:1", "f:1", "f:2", "f:3"]
    assert snapshot.titles == ["Böok “1”, with\nlines", "One", "Two", None]
    assert snapshot.item_domain.tolist() == [0, 1, 1, 1]
    assert snapshot.kinds == ("rating", "view")
    assert snapshot.user.tolist() == [0, 0, 0, 1, 1]
    assert snapshot.item.tolist() == [0, 1, 1, 1, 2]
    assert snapshot.at.tolist() == [NO_TIME, 10, 20, 30, 40]
    assert snapshot.first_at.tolist() == [NO_TIME, NO_TIME, 12, 30, NO_TIME]
    assert snapshot.order.tolist() == [0, NO_TIME, 4, -7, NO_TIME]
    assert snapshot.item_tag.tolist() == [[0, 1, 1, 2], [1, 0, 1, 0]]
    assert snapshot.same_as.tolist() == [[0], [2]]


def test_the_order_of_writing_plays_no_part(embedded: EmbeddedStore, tmp_path: Path) -> None:
    fill(embedded)
    with EmbeddedStore(tmp_path / "other.duckdb") as other:
        backwards(other)
        assert_same(take_snapshot(embedded), take_snapshot(other))


@pytest.mark.neo4j
def test_both_stores_give_the_same_arrays(
    embedded: EmbeddedStore, neo4j_store: Callable[..., Neo4jStore]
) -> None:
    fill(embedded)
    server_side = neo4j_store()
    backwards(server_side)
    assert_same(take_snapshot(embedded), take_snapshot(server_side))


def test_any_change_changes_the_fingerprint(embedded: EmbeddedStore) -> None:
    fill(embedded)
    seen = {take_snapshot(embedded).fingerprint}
    embedded.upsert_nodes(Label.ITEM, nodes(Label.ITEM, ("f:1", "Uno")))
    seen.add(take_snapshot(embedded).fingerprint)
    embedded.upsert_nodes(Label.USER, nodes(Label.USER, ("dan",)))
    seen.add(take_snapshot(embedded).fingerprint)
    row = ("bob", "f:2", "rating", 0.26, 1, 40)
    for more in ((), (39,), (39, 5), (39, 5, "an event")):
        embedded.upsert_relationships(RelType.INTERACTED, links(RelType.INTERACTED, row + more))
        seen.add(take_snapshot(embedded).fingerprint)
    assert len(seen) == 7


def test_of_the_order_only_ranks_count_for_the_fingerprint(embedded: EmbeddedStore) -> None:
    fill(embedded)
    snapshot = take_snapshot(embedded)  # the order is 0, unknown, 4, -7, unknown
    far = replace(snapshot, order=np.array([1, NO_TIME, 70, -9, NO_TIME]))
    assert far.fingerprint == snapshot.fingerprint
    other = replace(snapshot, order=np.array([5, NO_TIME, 4, -7, NO_TIME]))
    assert other.fingerprint != snapshot.fingerprint


def test_events_kept_apart_are_rows_in_their_order(embedded: EmbeddedStore, tmp_path: Path) -> None:
    fill(embedded)
    pair = ("cid", "f:1", "view", 1.0, 1)
    events = [(*pair, 7, 7, 2, "a"), (*pair, 7, 7, 1, "b"), (*pair, None, None, 9, "c")]
    embedded.upsert_relationships(RelType.INTERACTED, links(RelType.INTERACTED, *events))
    snapshot = take_snapshot(embedded)
    mine = snapshot.user == 2
    assert snapshot.order[mine].tolist() == [9, 1, 2]
    assert snapshot.keep(mine).first_at.tolist() == [NO_TIME, 7, 7]
    assert Histories.of_snapshot(snapshot)[[2]].event_item.tolist() == [1, 1, 1]
    save_snapshot(snapshot, tmp_path / "s")
    assert_same(load_snapshot(tmp_path / "s"), snapshot)


def test_a_folder_gives_back_what_was_saved(embedded: EmbeddedStore, tmp_path: Path) -> None:
    fill(embedded)
    snapshot = take_snapshot(embedded)
    save_snapshot(snapshot, tmp_path / "s")
    assert_same(load_snapshot(tmp_path / "s"), snapshot)
    with pytest.raises(SnapshotError, match="not empty"):
        save_snapshot(snapshot, tmp_path / "s")


def test_an_empty_graph_is_a_snapshot_too(embedded: EmbeddedStore, tmp_path: Path) -> None:
    snapshot = take_snapshot(embedded)
    save_snapshot(snapshot, tmp_path / "s")
    assert_same(load_snapshot(tmp_path / "s"), snapshot)
    for name in ("user", "item", "kind", "item_domain", "item_tag", "same_as"):
        assert np.issubdtype(getattr(snapshot, name).dtype, np.integer), name


def test_an_item_outside_any_domain_is_an_error(embedded: EmbeddedStore) -> None:
    fill(embedded)
    embedded.upsert_nodes(Label.ITEM, nodes(Label.ITEM, ("f:lost",)))
    with pytest.raises(SnapshotError, match="f:lost"):
        take_snapshot(embedded)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "manifest.json").unlink(), "no snapshot"),
        (lambda folder: (folder / "items.parquet").unlink(), "damaged"),
        (lambda folder: (folder / "items.parquet").write_bytes(b"PAR1"), "damaged"),
        (lambda folder: (folder / "manifest.json").write_text("{"), "cannot be read"),
        (lambda folder: _edit(folder, format_version=1), "format version 1, this kgrec reads 2"),
        (lambda folder: _edit(folder, fingerprint="0" * 64), "fingerprint"),
    ],
)
def test_a_damaged_folder_is_refused(
    embedded: EmbeddedStore, tmp_path: Path, damage: Callable[[Path], object], message: str
) -> None:
    fill(embedded)
    save_snapshot(take_snapshot(embedded), tmp_path / "s")
    damage(tmp_path / "s")
    with pytest.raises(SnapshotError, match=message):
        load_snapshot(tmp_path / "s")


def _edit(folder: Path, **changes: object) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_schema_columns_reach_the_snapshot(embedded: EmbeddedStore) -> None:
    assert list(NODE_COLUMNS[Label.ITEM]) == ["key", "title", "text", "text_hash"]
    fill(embedded)
    assert take_snapshot(embedded).text_hashes == ["h3", "h1", "h2", None]
