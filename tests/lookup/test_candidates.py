"""Lists are the same whether every item is scored or some are found among candidates."""

from __future__ import annotations

from typing import Any

import pytest

from graph_store.store import NodeFilter
from kgrec.lookup import NewItem, Run
from kgrec.lookup.new_items import WithNewItems
from kgrec.ranking import candidates
from kgrec.ranking.candidates import Tails, tails_of
from tests.lookup.small import SmallModel


class WithTails(SmallModel):
    """The hand-made run, of which one column leads."""

    def tails(self, domain: int) -> Tails | None:
        return tails_of(self.item_vectors(domain), 1)


@pytest.fixture(autouse=True)
def searched(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Has every list searched among candidates; counts the searches."""
    found: list[int] = []
    of_one = candidates._of_one

    def counted(*given: Any) -> Any:
        found.append(1)
        return of_one(*given)

    monkeypatch.setattr(candidates, "CHEAP", 0)
    monkeypatch.setattr(candidates, "_of_one", counted)
    return found


@pytest.mark.parametrize(
    "asked",
    [
        {"user": "eve", "domain": "films", "k": 2},
        {"user": "eve", "domain": "films", "k": 2, "page": 2},
        {"users": ["ann", "eve"], "domain": "films", "include_seen": True},
        {"user": "ann", "domain": "films", "diversity": 0.7, "k": 3},
        {"user": "ann", "domain": ["films", "books"], "k": 4},
        {"history": ["books:dune"], "dislikes": ["films:tron"], "domain": "films"},
        {"user": "ann", "domain": "films", "where": NodeFilter(deny=["films:tron"]), "k": 3},
        {"history": ["books:emma"], "domain": "films", "k": 2, "min_new": 0.5},
    ],
    ids=lambda asked: "-".join(asked),
)
@pytest.mark.parametrize("new", [[], [NewItem("films:dark", "scifi"), NewItem("films:b", "love")]])
def test_a_search_among_candidates_gives_the_list_of_all_items(
    asked: dict[str, Any], new: list[NewItem], searched: list[int]
) -> None:
    by_search = Run(WithNewItems(WithTails(), new)).recommend(**asked).to_frame()
    assert searched
    searched.clear()
    of_all = Run(WithNewItems(SmallModel(), new)).recommend(**asked).to_frame()
    assert not searched
    assert by_search.drop("score").equals(of_all.drop("score"))
    assert by_search["score"].to_list() == pytest.approx(of_all["score"].to_list())
