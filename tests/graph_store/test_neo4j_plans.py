"""No statement that starts from nodes reads a whole type or a whole run for each of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
import pytest

from graph_store.errors import GraphStoreError
from graph_store.neo4j.enrichment_statements import delete_some_of_run, move_some, upsert_derived
from graph_store.neo4j.statements import Names
from graph_store.neo4j.store import Neo4jStore
from graph_store.neo4j.vector_statements import other_run
from graph_store.schema import ENRICHED, Label, RelType
from tests.conftest import empty_neo4j
from tests.graph_store.contract import links, nodes

pytestmark = pytest.mark.neo4j

PREFIX = "KgTestPlan"
NAMES = Names(PREFIX)

PARAMS: dict[str, Any] = {
    "rows": [], "run": "r", "runs": ["r"], "keys": [], "after": "", "page": 9, "limit": 9, "at": 1,
    "no_time": 0,
}  # fmt: skip


def from_nodes() -> dict[str, str]:
    """Statements that go from given nodes to their relationships, by name."""
    statements = {
        f"upsert {t}": NAMES.upsert_relationships(t) for t in RelType if t not in ENRICHED
    }
    statements |= {f"upsert {t}": upsert_derived(NAMES, t) for t in ENRICHED}
    statements |= {f"read {t}": NAMES.read_relationships(t) for t in RelType}
    for outward in (True, False):
        statements |= {
            f"touching {t} {outward}": NAMES.touching(Label.ITEM, t, outward=outward)
            for t in ENRICHED
        }
    return statements


@pytest.fixture(scope="module", params=["neo4j_url", "calendar_url"])
def store(request: pytest.FixtureRequest) -> Iterator[Neo4jStore]:
    """Empty, under a prefix that no other test writes to: its types were never filled."""
    url = request.getfixturevalue(request.param)
    with Neo4jStore.from_url(url, label_prefix=PREFIX) as store:
        yield store
    empty_neo4j(url, PREFIX)


def operators(store: Neo4jStore, statement: str) -> list[str]:
    """What the planner would run now, whatever plan it keeps."""
    explain = f"CYPHER replan=force EXPLAIN {statement}"
    plan = store._db.write(lambda tx: tx.run(explain, PARAMS).consume().plan)
    assert plan is not None
    found, open_ = [], [plan]
    while open_:
        one = open_.pop()
        found.append(str(one["operatorType"]))
        open_ += one.get("children", [])
    return found


def assert_planned_from_nodes(store: Neo4jStore) -> None:
    for name, statement in from_nodes().items():
        plan = operators(store, statement)
        wrong = [o for o in plan if "Relationship" in o and ("Seek" in o or "Scan" in o)]
        assert not wrong, f"{name}: {wrong}"
        assert any("Expand" in o for o in plan), f"{name}: {plan}"


def test_an_empty_type_and_a_filled_one_are_reached_from_their_nodes(store: Neo4jStore) -> None:
    assert_planned_from_nodes(store)
    keys = [f"f:{i}" for i in range(60)]
    store.upsert_nodes(Label.ITEM, nodes(Label.ITEM, *((key,) for key in keys)))
    ends = pl.DataFrame({"source": keys}).join(pl.DataFrame({"target": keys}), how="cross")
    store.begin_enrichment("r", "similar-items", at=1)
    store.write_enrichment("r", RelType.SIMILAR_TO, ends.with_columns(score=0.5))
    assert_planned_from_nodes(store)


def test_what_sets_aside_and_deletes_uses_the_index_on_the_run(store: Neo4jStore) -> None:
    for statement in (
        move_some(NAMES, RelType.SIMILAR_TO, back=False),
        move_some(NAMES, RelType.SIMILAR_TO, back=True),
        delete_some_of_run(NAMES, RelType.SIMILAR_TO),
    ):
        plan = operators(store, statement)
        assert any("RelationshipIndexSeek" in operator for operator in plan), plan


def test_a_pair_that_a_batch_names_twice_is_one_relationship(store: Neo4jStore) -> None:
    store.upsert_nodes(Label.ITEM, nodes(Label.ITEM, ("b:1",), ("b:2",)))
    store.begin_enrichment("twice", "another-job", at=1)
    twice = links(RelType.SIMILAR_TO, ("b:1", "b:2", 0.1), ("b:1", "b:2", 0.2))
    assert store.write_enrichment("twice", RelType.SIMILAR_TO, twice).written == 1
    rows = store.read_relationships(RelType.SIMILAR_TO).filter(pl.col("source") == "b:1")
    assert rows.rows() == [("b:1", "b:2", 0.2)]


def test_vectors_of_other_runs_are_looked_for_once_for_all_batches(
    store: Neo4jStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The search reads every node of the label."""
    keys = [f"v{number}" for number in range(4)]
    store.upsert_nodes(Label.USER, nodes(Label.USER, *((key,) for key in keys)))
    rows, search, asked = store._db.rows, other_run(NAMES, Label.USER), 0

    def count(statement: str, **params: Any) -> list[Any]:
        nonlocal asked
        asked += statement == search
        return rows(statement, **params)

    monkeypatch.setattr(store._db, "rows", count)
    store.begin_enrichment("v", "vectors", at=1)
    for key in keys[:3]:
        store.write_vectors(Label.USER, [key], np.ones((1, 2), np.float32), enrichment_id="v")
        store._vectors.drop_index(Label.USER)  # the index is looked for in every batch
    assert asked == 1
    store.write_vectors(Label.USER, keys[:1], np.ones((1, 2), np.float32), enrichment_id="v")
    assert [near.key for near in store.nearest(Label.USER, np.ones(2, np.float32), 1)] == ["v0"]
    store.begin_enrichment("w", "vectors-of-another-job", at=2)
    with pytest.raises(GraphStoreError, match="are of enrichment v of another job"):
        store.write_vectors(Label.USER, [keys[3]], np.ones((1, 2), np.float32), enrichment_id="w")
