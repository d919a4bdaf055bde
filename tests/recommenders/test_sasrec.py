"""SASRec: in a world where the next item follows from the last one, order is what it reads."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from graph_store.snapshot import NO_TIME, Snapshot
from kgrec.data.histories import Histories
from kgrec.data.interactions import Interactions
from kgrec.errors import InputError
from kgrec.evaluation.evaluate import evaluate
from kgrec.evaluation.protocols import leave_one_out, published
from kgrec.evaluation.source_split import SourceSplit
from kgrec.recommenders import registry
from kgrec.recommenders.popularity import Popularity
from kgrec.recommenders.sasrec import SASRec
from tests.evaluation.planted import planted

A, B = 0, 1
CIRCLE = np.ravel([np.arange(12), 60 + np.arange(12)], order="F")  # domains take turns
SMALL = {"dim": 16, "layers": 1, "epochs": 30, "batch": 32, "dropout": 0.0, "learning_rate": 0.01}


def of_lists(lists: list[list[int]]) -> Snapshot:
    """The planted catalogue of 60 items a domain, with these histories, ordered without times."""
    user = np.repeat(np.arange(len(lists)), [len(row) for row in lists]).astype(np.int32)
    item = np.concatenate(lists).astype(np.int32)
    rows = np.lexsort((item, user))  # as a snapshot has them
    without = np.full(len(item), NO_TIME)
    return replace(
        planted(len(lists)),
        user=user[rows],
        item=item[rows],
        kind=np.zeros(len(item), np.int16),
        weight=np.ones(len(item), np.float32),
        count=np.ones(len(item), np.int64),
        at=without,
        first_at=without,
        order=rows,
    )


def circle(*, shuffled: bool = False) -> list[list[int]]:
    """Each history walks on along the circle from an item of its own: all are equally popular."""
    rng = np.random.default_rng(0)
    walks = [np.roll(CIRCLE, -(start % 24))[:6] for start in range(96)]
    return [(rng.permutation(walk) if shuffled else walk).tolist() for walk in walks]


def fitted(lists: list[list[int]], *, seed: int = 0) -> SASRec:
    return SASRec(**SMALL).fit(Interactions.of(of_lists(lists)), seed=seed)


@pytest.fixture(scope="module")
def model() -> SASRec:
    return fitted(circle())


def users(lists: list[list[int]]) -> Histories:
    return Histories.of_lists(lists, 120)


def found_next(model: SASRec) -> float:
    """How often the item after a history of three stands first among those of its domain."""
    asked = [np.roll(CIRCLE, -start)[:4].tolist() for start in range(24)]
    hits = []
    for history in asked:
        domain = int(history[3] >= 60)
        best = model.score(users([history[:3]]), domain)[0].argmax()
        hits.append(model.data.items_of(domain)[best] == history[3])
    return float(np.mean(hits))


def test_the_item_that_follows_from_the_last_one_comes_first(model: SASRec) -> None:
    assert found_next(model) == 1.0


def test_what_has_no_order_is_not_found_from_it() -> None:
    assert found_next(fitted(circle(shuffled=True))) < 0.5


def test_popularity_tells_nothing_there(model: SASRec) -> None:
    scores = Popularity().fit(model.data).score(users([[0]]), B)
    assert len(np.unique(scores[0, :12])) == 1


def test_a_reversed_history_gets_other_scores(model: SASRec) -> None:
    forward, backward = model.score(users([[0, 60, 1], [1, 60, 0]]), B)
    assert forward.argmax() == 1
    assert backward.argmax() != 1


def test_only_the_latest_events_are_read() -> None:
    model = SASRec(**{**SMALL, "length": 2, "epochs": 1}).fit(Interactions.of(of_lists(circle())))
    long, short = model.score(users([[5, 0, 60], [0, 60]]), A)
    np.testing.assert_allclose(long, short, atol=1e-6)


def test_the_same_seed_gives_the_same_scores_and_another_one_does_not() -> None:
    state = torch.get_rng_state()
    asked = users([[0, 60], [3]])
    few = [circle()[:8]] * 3
    one, again, other = (
        fitted(lists, seed=seed).score(asked, A) for lists, seed in zip(few, (1, 1, 2), strict=True)
    )
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).max() > 1e-3
    assert torch.equal(torch.get_rng_state(), state)


def test_users_do_not_touch_each_other(model: SASRec) -> None:
    """Also where a longer history beside a short one makes the block wider."""
    lists = [[0], [5, 65, 6, 66, 7], []]
    together = model.score(users(lists), A)
    for row, history in enumerate(lists):
        alone = model.score(users([history]), A)[0]
        np.testing.assert_allclose(together[row], alone, rtol=1e-4, atol=1e-5)


def test_a_user_without_history_gets_the_popular_items() -> None:
    model = fitted([*circle()[:8], *[[60, item] for item in range(9)]])
    scores = model.score(users([[], [0]]), B)
    np.testing.assert_allclose(scores[0], model.data.popularity[60:], rtol=1e-5)
    assert scores[0].argmax() == 0
    assert model.score(users([]), B).shape == (0, 60)


@pytest.mark.parametrize("negatives", [3, 512])
def test_other_domains_are_no_candidates_of_the_loss(negatives: int) -> None:
    """At first all inner products are nearly 0: the loss is the logarithm of the candidates."""
    model = SASRec(**{**SMALL, "epochs": 0, "negatives": negatives})
    model.fit(Interactions.of(of_lists(circle())))
    loss = model._loss(model.data.histories(), np.random.default_rng(0)).item()
    most = min(negatives + 1, 60)
    assert np.log(most - 1) - 0.1 < loss < np.log(most) + 0.1


def test_histories_without_order_are_refused(model: SASRec) -> None:
    with pytest.raises(InputError, match="SASRec reads the order of a history"):
        model.score(Histories.of_matrix(users([[0, 60]]).items), A)
    with pytest.raises(InputError, match="SASRec reads the order of a history"):
        SASRec(epochs=0).fit(replace(model.data, snapshot=None))
    one = Histories.of_matrix(users([[0], []]).items)  # one event has but one order
    np.testing.assert_allclose(model.score(one, A), model.score(users([[0], []]), A))


@pytest.mark.parametrize("shuffle_ties", [False, True])
def test_leave_one_out_shows_the_order_by_which_it_hides(
    shuffle_ties: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the circle's own order it finds what was hidden; with ties shuffled it cannot."""
    monkeypatch.setattr(published, "NEGATIVES", 60)
    snapshot = of_lists(circle())
    snapshot = replace(snapshot, at=np.zeros(len(snapshot.user), np.int64))
    source = SourceSplit(np.full(len(snapshot.user), "train"), snapshot.order)
    split = leave_one_out(snapshot, source, target=A, shuffle_ties=shuffle_ties)
    assert split.test.shown.has_order
    model = SASRec(**SMALL).fit(Interactions.of(split.train))
    result = evaluate(model, split.test, train=split.train, target=A).people
    ndcg = result["ndcg@10"].mean()
    assert (ndcg > 0.95) != shuffle_ties


def test_the_registry_makes_it_with_every_trial() -> None:
    entry = registry.entry("sasrec")
    assert entry.load() is SASRec
    assert SASRec.trials[0].items() <= SASRec().settings.model_dump().items()  # the default first
    matrix = sp.csr_matrix((1, 120), dtype=np.float32)
    for trial in SASRec.trials:
        model = entry.make(**{**trial, "epochs": 0}).fit(Interactions.of(of_lists([[0, 60]])))
        assert np.isfinite(model.score(Histories.of_matrix(matrix), A)).all()
