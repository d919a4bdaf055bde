from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from graph_store.duckdb.store import EmbeddedStore
from graph_store.errors import UnknownNodeError
from graph_store.paths import Step, paths_between
from graph_store.schema import Label, RelType
from tests.graph_store.contract import fill


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EmbeddedStore]:
    with EmbeddedStore(tmp_path / "g.duckdb") as store:
        fill(store)
        yield store


def test_paths_come_shortest_first_with_the_way_each_step_points(store: EmbeddedStore) -> None:
    paths = paths_between(store, "ann", "f:2")
    ann, one, two, tag = (Label.USER, "ann"), (Label.ITEM, "f:1"), (Label.ITEM, "f:2"), (
        Label.TAG, "x")  # fmt: skip
    assert paths[0] in (
        [
            Step(ann, RelType.INTERACTED, one, True),
            Step(one, RelType.HAS_TAG, tag, True),
            Step(tag, RelType.HAS_TAG, two, False),
        ],
        [
            Step(ann, RelType.INTERACTED, one, True),
            Step(one, RelType.INTERACTED, (Label.USER, "bob"), False),
            Step((Label.USER, "bob"), RelType.INTERACTED, two, True),
        ],
    )
    assert {len(path) for path in paths[:2]} == {3}


def test_no_path_leads_through_a_domain(store: EmbeddedStore) -> None:
    assert paths_between(store, "f:3", "f:1") == []
    assert len(paths_between(store, "f:3", "f")[0]) == 1


def test_no_path_is_longer_than_asked(store: EmbeddedStore) -> None:
    assert paths_between(store, "ann", "f:2", max_hops=2) == []
    assert len(paths_between(store, "ann", "f:2", max_hops=3, limit=1)) == 1
    assert all(len(p) <= 5 for p in paths_between(store, "cid", "f:2", max_hops=5))


def test_an_unknown_end_is_an_error(store: EmbeddedStore) -> None:
    with pytest.raises(UnknownNodeError, match="zoe"):
        paths_between(store, "ann", "zoe")
