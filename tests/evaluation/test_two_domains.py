"""CMF, PTUPCDR, BiTGCF and CDRIB: their own mechanisms by hand, on a planted world.

That each of them finds the planted taste, keeps to its seed and serves people of whom nothing is
known stands with the other baselines.
"""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from torch.nn import functional

from kgrec.data.histories import Histories
from kgrec.data.interactions import Interactions
from kgrec.evaluation.protocols import few_overlap, strict_cold_user
from kgrec.evaluation.split import Split
from kgrec.recommenders.bitgcf import BiTGCF
from kgrec.recommenders.cdrib import CDRIB
from kgrec.recommenders.cmf import CMF
from kgrec.recommenders.ptupcdr import PTUPCDR
from kgrec.recommenders.two_domains import TwoDomains, logistic_loss, sides_of
from kgrec.solvers.sparse import Sparse
from tests.evaluation.planted import planted

A, B = 0, 1
QUICK = {"dim": 8, "epochs": 2, "batch": 512}


@pytest.fixture(scope="module")
def split() -> Split:
    return strict_cold_user(planted(120), target=B)


def test_the_loss_is_the_cross_entropy_of_likes_and_of_every_drawn_pair() -> None:
    person, right = torch.tensor([[1.0], [2.0]]), torch.tensor([[3.0], [-1.0]])
    drawn = torch.tensor([[0.5], [-2.0], [1.0]])
    likes = functional.binary_cross_entropy_with_logits(torch.tensor([3.0, -2.0]), torch.ones(2))
    pairs = torch.tensor([0.5, -2.0, 1.0, 1.0, -4.0, 2.0])
    others = functional.binary_cross_entropy_with_logits(pairs, torch.zeros(6))
    torch.testing.assert_close(logistic_loss(person, right, drawn), likes + others)


def test_two_sides_hold_every_like_once(split: Split) -> None:
    log = Interactions.of(split.train)
    source, target = sides_of(log, B)
    assert set(target.items) == set(split.train.items_of(B))
    assert set(source.items) <= set(split.train.items_of(A))
    assert source.likes.nnz + target.likes.nnz == log.liked.nnz
    again = source.read(log.liked)
    torch.testing.assert_close(again.counts, source.counts)
    ones = torch.eye(len(source.items))
    torch.testing.assert_close(again.graph @ ones, source.whole.graph @ ones)


@pytest.mark.parametrize("model", [BiTGCF(**QUICK), BiTGCF(layers=1, **QUICK), CDRIB(**QUICK)])
def test_a_person_who_trained_is_read_from_their_history_as_in_training(
    model: TwoDomains, split: Split
) -> None:
    model.fit(Interactions.of(split.train), domains=[B])
    fitted = model._fitted[B]
    network = fitted.model
    likes = Interactions.of(split.train).liked
    read = (fitted.source.read(likes), fitted.target.read(likes))
    with torch.no_grad():
        expected = network().people[1]
        got = network.people_of(read, network.learned())
    torch.testing.assert_close(got, expected)


def test_what_passes_over_in_bitgcf_by_hand(split: Split) -> None:
    model = BiTGCF(layers=1, keep=0.7, **QUICK)
    model.fit(Interactions.of(split.train), domains=[B])
    fitted = model._fitted[B]
    items = [p.detach().numpy() for p in (fitted.model.source, fitted.model.target)]
    likes = [side.likes.toarray() for side in (fitted.source, fitted.target)]
    grown, counts = [], [like.sum(1, keepdims=True) for like in likes]
    for like, item in zip(likes, items, strict=True):
        degree = np.sqrt(np.outer(np.maximum(like.sum(1), 1), np.maximum(like.sum(0), 1)))
        heard = (like / degree) @ item
        grown.append((heard, heard + heard + heard * heard))
    (first, source), (target_first, target) = grown
    n, m = counts
    mixed = ((n * source + m * target) / np.maximum(n + m, 1) + 0.7 * target + 0.3 * source) / 2
    expected = (target_first + np.where(n > 0, mixed, target)) / 2
    with torch.no_grad():
        np.testing.assert_allclose(fitted.model().people[1].numpy(), expected, atol=1e-5)
    cold = (m == 0).ravel()
    assert cold.any()
    assert np.abs(expected[cold]).max() > 0, "who is new to the target takes what passes over"


def test_in_cdrib_the_source_speaks_for_whoever_is_known_there(split: Split) -> None:
    model = CDRIB(**QUICK)
    model.fit(Interactions.of(split.train), domains=[B])
    history = split.test.histories[:1]
    one = sp.csr_matrix(
        (np.ones(1, np.float32), ([0], [split.train.items_of(B)[0]])), shape=history.shape
    )
    alone, with_target = (
        model.score(Histories.of_matrix(history), B),
        model.score(Histories.of_matrix(history + one), B),
    )
    np.testing.assert_allclose(with_target, alone, rtol=1e-5)
    nowhere = sp.csr_matrix(history.shape, dtype=np.float32)
    assert not np.allclose(
        model.score(Histories.of_matrix(one), B), model.score(Histories.of_matrix(nowhere), B)
    )


def test_noise_and_dropout_end_with_training(split: Split) -> None:
    model = CDRIB(**QUICK)
    model.fit(Interactions.of(split.train), domains=[B])
    network = model._fitted[B].model
    with torch.no_grad():
        assert torch.equal(network().people[1], network().people[1])
        network.train()
        assert not torch.equal(network().people[1], network().people[1])


def test_the_weight_of_cmf_says_which_side_is_learned_from(split: Split) -> None:
    tables = {}
    for weight, epochs in ((1.0, 0), (1.0, 2), (0.5, 2)):
        model = CMF(source_weight=weight, decay=0.0, dim=8, epochs=epochs, batch=512)
        model.fit(Interactions.of(split.train), seed=1, domains=[B])
        tables[weight, epochs] = model._fitted[B].items
    np.testing.assert_array_equal(tables[1.0, 0][1], tables[1.0, 2][1])
    assert not np.array_equal(tables[1.0, 0][0], tables[1.0, 2][0])
    assert not np.array_equal(tables[1.0, 0][1], tables[0.5, 2][1])


def test_attention_is_a_softmax_over_the_history(split: Split) -> None:
    model = PTUPCDR(rank=6, epochs=1)
    model.fit(Interactions.of(split.train), domains=[B])
    side = model._sides[B]
    items, history = torch.from_numpy(side.source), split.test.histories[:5]
    with torch.no_grad():
        got = side.bridge.taste(Sparse(history), items)
        strength = side.bridge.attention(items)[:, 0]
        for row in range(5):
            mine = torch.from_numpy(history[row].indices.astype(np.int64))
            expected = strength[mine].softmax(dim=0) @ items[mine]
            torch.testing.assert_close(got[row], expected, rtol=1e-4, atol=1e-6)


def test_maps_of_ptupcdr_are_personal_and_without_shared_people_there_is_none(
    split: Split,
) -> None:
    model = PTUPCDR(rank=6, epochs=3)
    model.fit(Interactions.of(split.train), domains=[B])
    side = model._sides[B]
    with torch.no_grad():
        taste = torch.from_numpy(side.source[:2])
        same = torch.ones(2, 6)
        left, right = side.bridge(taste, same)
    assert not torch.allclose(left, right), "the same factors, mapped for two people"
    alone = few_overlap(planted(120), target=B, whole=0)
    model.fit(Interactions.of(alone.train), domains=[B])
    assert not model.score(Histories.of_matrix(alone.test.histories), B).any()
