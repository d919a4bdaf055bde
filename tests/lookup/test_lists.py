"""How lists are put together: pages, diversity, limits, minima, several domains."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp

from graph_store.store import NodeFilter
from kgrec.errors import InputError, NotFoundError
from kgrec.lookup import Run
from kgrec.lookup.arranging import Limit, Minimum, Rules, arrange
from kgrec.lookup.diversity import Likeness
from kgrec.lookup.facts import ItemTags
from kgrec.lookup.list_options import ListOptions
from kgrec.lookup.popularity_groups import long_tail, new_items
from kgrec.lookup.series import series_name, series_of
from tests.lookup.small import SmallModel, small_snapshot


@pytest.fixture(scope="module")
def run() -> Run:
    return Run(SmallModel())


def keys(found: object) -> list[str]:
    return [line.key for line in found]  # type: ignore[attr-defined]


def in_groups(groups: list[int]) -> sp.csr_matrix:
    return sp.csr_matrix(np.eye(max(groups) + 1, dtype=np.float32)[groups])


def pages(rules: Rules, count: int, items: int) -> list[int]:
    """All items of the first pages, by place in a ranking of so many items."""
    numbers = np.arange(items)
    relevance = np.linspace(1, 0, items, dtype=np.float32)
    found = []
    for page in range(1, count + 1):
        asked = replace(rules, options=replace(rules.options, page=page))
        found += arrange(numbers, relevance, asked, complete=True) or []
    return found


# --- pages ----------------------------------------------------------------------------


def test_pages_together_are_the_whole_list(run: Run) -> None:
    whole = run.recommend("eve", domain="films", k=10)
    parts = [run.recommend("eve", domain="films", k=2, page=page) for page in (1, 2, 3)]
    assert [line for part in parts for line in part] == list(whole)
    assert [line.rank for line in parts[1]] == [3]  # Eve has two of the five films
    assert not len(parts[2])


def test_pages_of_an_arranged_list_do_not_overlap_and_miss_nothing() -> None:
    rules = Rules(ListOptions(k=3), limits=[Limit(in_groups([0, 0, 0, 0, 1, 1, 2, 2, 2]), 1)])
    found = pages(rules, 4, 9)
    assert found == [0, 4, 6, 1, 5, 7, 2, 8, 3]


def test_a_page_is_the_same_however_deep_the_ranking_was_read() -> None:
    rng = np.random.default_rng(0)
    embeddings = rng.standard_normal((2000, 8)).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    likeness = Likeness(
        embeddings, ItemTags(sp.csr_matrix((2000, 1), dtype=np.float32), ["t"], np.zeros(1))
    )
    rules = Rules(ListOptions(k=10, page=3, diversity=0.5), likeness)
    items, relevance = np.arange(2000), np.linspace(1, -9, 2000, dtype=np.float32)
    whole = arrange(items, relevance, rules, complete=True)
    assert arrange(items[:130], relevance[:130], rules, complete=False) == whole
    assert arrange(items[:90], relevance[:90], rules, complete=False) is None


# --- diversity ------------------------------------------------------------------------


def test_diversity_takes_another_taste_before_more_of_the_same(run: Run) -> None:
    history = ["books:dune", "books:neuro", "books:emma"]
    plain = keys(run.recommend(history=history, domain="films", k=3))
    assert set(plain) == {"films:alien", "films:matrix", "films:tron"}
    diverse = keys(run.recommend(history=history, domain="films", k=2, diversity=0.8))
    assert diverse[0] == plain[0]
    assert diverse[1] in {"films:clueless", "films:notebook"}


def test_two_items_are_alike_by_embedding_and_by_rare_tags() -> None:
    embeddings = np.array([[1, 0], [1, 0], [0, 1], [0, 1]], np.float32)
    ones = sp.csr_matrix(np.array([[1, 0], [1, 0], [1, 1], [0, 0]], np.float32))
    tags = ItemTags(ones, ["a", "b"], np.array([3, 1], np.float32))
    common, rare = np.log1p(4 / 3), np.log1p(4)
    found = Likeness(embeddings, tags).to_one(np.arange(4), 0)
    assert found == pytest.approx([1.0, 1.0, common / (common + rare) / 2, 0.0])
    assert Likeness(embeddings, tags).to_one(np.arange(4), 3) == pytest.approx([0, 0, 1, 1])


def test_full_diversity_still_begins_with_the_best(run: Run) -> None:
    plain = run.recommend("ann", domain="films")
    assert run.recommend("ann", domain="films", diversity=1.0)[0] == plain[0]


# --- limits and minima ----------------------------------------------------------------


def test_at_most_so_many_items_of_a_page_have_a_tag(run: Run) -> None:
    found = keys(run.recommend(history=["books:dune"], domain="films", k=5, max_per_tag=1))
    assert len(found) == 2  # one of science fiction, one romance
    assert found[0] in {"films:alien", "films:matrix", "films:tron"}
    two = keys(run.recommend(history=["books:dune"], domain="films", k=5, max_per_tag=2))
    assert len(two) == 4


@pytest.mark.parametrize(
    ("title", "series"),
    [
        ("Dragon Ball Z Movie 11: Super Senshi", "dragon ball z"),
        ("Dragon Ball Z: Bio-Broly", "dragon ball z"),
        ("Rocky II", "rocky"),
        ("Alien 3", "alien"),
        ("Gintama°", "gintama°"),
        ("Ghost in the Shell 2.0", "ghost in the shell"),
        ("Naruto (2002)", "naruto"),
        ("2001: A Space Odyssey", "2001"),
        ("The Movie", "the"),
        ("", ""),
    ],
)
def test_a_series_is_what_titles_begin_with(title: str, series: str) -> None:
    assert series_name(title) == series


def test_items_without_a_title_are_each_their_own_series() -> None:
    found = series_of(["Rocky", "Rocky II", None, "", None])
    assert found[0] == found[1]
    assert len(set(found.tolist())) == 4


def test_at_most_so_many_items_of_a_page_are_of_one_series() -> None:
    snapshot = small_snapshot()
    titles = {"Alien": "Matrix: Origins", "Tron": "Matrix 2", "The Matrix": "Matrix"}
    model = SmallModel(replace(snapshot, titles=[titles.get(t or "", t) for t in snapshot.titles]))
    found = Run(model).recommend(history=["books:dune"], domain="films", k=5, max_per_series=1)
    assert len(found) == 3
    assert len(set(keys(found)) & {"films:alien", "films:matrix", "films:tron"}) == 1


def test_a_minimum_is_spread_over_the_page_and_the_best_stays_first() -> None:
    rare = np.arange(20) >= 15
    rules = Rules(ListOptions(k=6), minima=[Minimum(rare, 0.5)])
    assert pages(rules, 1, 20) == [0, 15, 1, 16, 2, 17]
    assert pages(replace(rules, minima=[Minimum(rare, 0.1)]), 1, 20) == [0, 1, 2, 3, 4, 15]


def test_two_minima_are_met_by_the_same_item_where_one_is_both() -> None:
    items = np.arange(20)
    rules = Rules(ListOptions(k=2), minima=[Minimum(items >= 10, 0.5), Minimum(items >= 18, 0.5)])
    assert pages(rules, 1, 20) == [0, 18]


def test_the_long_tail_is_counted_in_each_domain() -> None:
    popularity, domain = np.array([4, 2, 0, 9, 1]), np.array([0, 0, 0, 1, 1], np.int32)
    assert long_tail(popularity, domain).tolist() == [False, True, True, False, True]


def test_new_is_what_nobody_touched_before() -> None:
    snapshot = small_snapshot()
    first_at = np.where(snapshot.item_keys[snapshot.item] == "films:tron", 50, 10)
    timed = replace(snapshot, first_at=first_at)
    alone = snapshot.keep(snapshot.item_keys[snapshot.item] != "films:tron")
    assert snapshot.item_keys[new_items(timed, 20)].tolist() == ["films:tron"]
    assert snapshot.item_keys[new_items(alone, None)].tolist() == ["films:tron"]
    assert not new_items(timed, None).any()


def test_a_new_item_comes_in_where_a_fraction_is_asked_for() -> None:
    snapshot = small_snapshot()
    run = Run(SmallModel(snapshot.keep(snapshot.item_keys[snapshot.item] != "films:clueless")))
    ask = {"history": ["books:dune"], "domain": "films", "k": 2}
    assert "films:clueless" not in keys(run.recommend(**ask))  # type: ignore[arg-type]
    found = keys(run.recommend(**ask, min_new=0.5))  # type: ignore[arg-type]
    assert found[1] == "films:clueless"


def test_a_minimum_that_nothing_can_fill_is_told(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    plain = keys(run.recommend("ann", domain="films"))
    assert keys(run.recommend("ann", domain="films", min_new=0.5)) == plain
    assert "min_new: none of the 5 items that may be recommended is one" in caplog.text


def test_denied_and_seen_items_stay_out_whatever_a_list_asks_for() -> None:
    """The only new film is denied, the only film of another taste is seen."""
    snapshot = small_snapshot()
    run = Run(SmallModel(snapshot.keep(snapshot.item_keys[snapshot.item] != "films:clueless")))
    found = run.recommend(
        "eve", domain="films", k=5, diversity=1.0, min_new=1.0, min_long_tail=1.0,
        where=NodeFilter(deny=["films:clueless"]),
    )  # fmt: skip
    assert set(keys(found)) == {"films:alien", "films:matrix", "films:tron"}
    allowed = run.recommend(
        "eve", domain="films", k=5, min_new=1.0, where=NodeFilter(allow=["films:tron"])
    )
    assert keys(allowed) == ["films:tron"]


# --- several domains ------------------------------------------------------------------


def test_one_list_holds_the_best_of_several_domains(run: Run) -> None:
    found = run.recommend(history=["books:dune", "films:alien"], domain=["films", "books"], k=3)
    assert set(keys(found)) == {"books:neuro", "films:matrix", "films:tron"}
    assert [line.rank for line in found] == [1, 2, 3]
    alone = {
        line.key: line.score
        for domain in ("films", "books")
        for line in run.recommend(history=["books:dune", "films:alien"], domain=domain)
    }
    assert {line.key: line.score for line in found} == {key: alone[key] for key in keys(found)}


def test_pages_over_several_domains_are_one_order(run: Run) -> None:
    ask = {"history": ["books:dune"], "domain": ["books", "films"]}
    whole = keys(run.recommend(**ask, k=8))  # type: ignore[arg-type]
    assert len(whole) == 8
    both = [keys(run.recommend(**ask, k=4, page=page)) for page in (1, 2)]  # type: ignore[arg-type]
    assert both[0] + both[1] == whole


def test_scores_of_domains_are_compared_on_one_scale() -> None:
    """A domain whose scores are a hundred times as high does not fill the list."""
    model = SmallModel()
    plain = keys(Run(model).recommend(history=["books:dune"], domain=["books", "films"], k=4))

    class Louder(SmallModel):
        def item_vectors(self, domain: int):  # type: ignore[no-untyped-def]
            found = super().item_vectors(domain)
            return replace(found, dense=found.dense * (100 if domain == 1 else 1))

    louder = Run(Louder()).recommend(history=["books:dune"], domain=["books", "films"], k=4)
    assert keys(louder) == plain


def test_reasons_are_told_in_every_domain(run: Run) -> None:
    found = run.recommend("ann", domain=["books", "films"], k=4, explain=True)
    assert {line.domain for line in found} == {"books", "films"}
    for line in found:
        assert line.explanation is not None
        assert (line.explanation.key, line.explanation.domain) == (line.key, line.domain)


def test_a_domain_of_several_that_is_unknown_is_named(run: Run) -> None:
    with pytest.raises(NotFoundError, match="no domain 'filmes'.*'films'"):
        run.recommend("ann", domain=["books", "filmes"])


# --- refusals -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"page": 0}, "page must be at least 1, got 0"),
        ({"page": 1.5}, "page must be a whole number, got 1.5"),
        ({"diversity": 1.5}, "diversity must be a number from 0 to 1, got 1.5"),
        ({"diversity": True}, "diversity must be a number from 0 to 1, got True"),
        ({"max_per_tag": 0}, "max_per_tag must be at least 1, got 0"),
        ({"max_per_series": "2"}, "max_per_series must be a whole number, got '2'"),
        ({"min_new": -0.1}, "min_new must be a number from 0 to 1, got -0.1"),
        ({"min_long_tail": float("nan")}, "min_long_tail must be a number from 0 to 1, got nan"),
        ({"new_since": 5}, "new_since says which items are new for min_new; give min_new as well"),
        ({"min_new": 0.1, "new_since": "2023"}, "new_since must be whole Unix seconds"),
    ],
)
def test_a_rule_that_makes_no_sense_is_one_sentence(
    run: Run, arguments: dict[str, object], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        run.recommend("ann", domain="films", **arguments)  # type: ignore[arg-type]
