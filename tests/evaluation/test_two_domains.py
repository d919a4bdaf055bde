"""CMF, PTUPCDR, BiTGCF and CDRIB: their own mechanisms by hand, on a planted world.

That each of them finds the planted taste, keeps to its seed and serves users of whom nothing is
known is tested with the other baselines.
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
from kgrec.recommenders.factors import user_factors
from kgrec.recommenders.networks.ptupcdr import Bridge
from kgrec.recommenders.networks.seeded import seeded_training
from kgrec.recommenders.networks.two_domains import Network, logistic_loss
from kgrec.recommenders.ptupcdr import PTUPCDR
from kgrec.recommenders.sides import sides_of
from kgrec.recommenders.two_domains import TwoDomains
from kgrec.solvers.sparse import Sparse
from tests.evaluation.planted import planted

A, B = 0, 1
QUICK = {"dim": 8, "epochs": 2, "batch": 512}
UNTRAINED = QUICK | {"epochs": 0}


@pytest.fixture(scope="module")
def split() -> Split:
    return strict_cold_user(planted(120), target=B)


def test_the_loss_is_the_cross_entropy_of_likes_and_of_every_drawn_pair() -> None:
    user, right = torch.tensor([[1.0], [2.0]]), torch.tensor([[3.0], [-1.0]])
    drawn = torch.tensor([[0.5], [-2.0], [1.0]])
    likes = functional.binary_cross_entropy_with_logits(torch.tensor([3.0, -2.0]), torch.ones(2))
    pairs = torch.tensor([0.5, -2.0, 1.0, 1.0, -4.0, 2.0])
    others = functional.binary_cross_entropy_with_logits(pairs, torch.zeros(6))
    torch.testing.assert_close(logistic_loss(user, right, drawn), likes + others)


def test_two_sides_hold_every_like_once(split: Split) -> None:
    log = Interactions.of(split.train)
    source, target = sides_of(log, B)
    assert set(target.items) == set(split.train.items_of(B))
    assert set(source.items) <= set(split.train.items_of(A))
    assert source.likes.nnz + target.likes.nnz == log.liked.nnz
    again = source.read(log.liked)
    np.testing.assert_array_equal(again.counts, source.whole.counts)
    assert (again.graph != source.whole.graph).nnz == 0


def network_of(model: TwoDomains, data: Interactions) -> Network:
    """The network that ``model`` was made of when it was fitted with seed 0 and no epochs."""
    with seeded_training(0):
        return model._network(sides_of(data, B)).eval()


@pytest.mark.parametrize(
    "model",
    [BiTGCF(**UNTRAINED), BiTGCF(layers=1, **UNTRAINED), BiTGCF(layers=0, **UNTRAINED),
     CDRIB(**UNTRAINED)],
)  # fmt: skip
def test_arrays_read_a_user_as_the_network_does_in_training(
    model: TwoDomains, split: Split
) -> None:
    data = Interactions.of(split.train)
    model.fit(data, domains=[B])
    with torch.no_grad():
        found = network_of(model, data)()
    users = Histories.of_matrix(data.liked)
    np.testing.assert_allclose(model.user_vectors(users, B).dense, found.users[1], atol=1e-5)
    np.testing.assert_array_equal(model.item_vectors(B).dense, found.items[1])


def test_what_passes_over_in_bitgcf_by_hand(split: Split) -> None:
    model = BiTGCF(layers=1, keep=0.7, **QUICK)
    data = Interactions.of(split.train)
    model.fit(data, domains=[B])
    items = [model.learned[B][side][0] for side in ("source", "target")]
    likes = [side.likes.toarray() for side in sides_of(data, B)]
    grown, counts = [], [like.sum(1, keepdims=True) for like in likes]
    for like, item in zip(likes, items, strict=True):
        degree = np.sqrt(np.outer(np.maximum(like.sum(1), 1), np.maximum(like.sum(0), 1)))
        received = (like / degree) @ item
        grown.append((received, received + received + received * received))
    (first, source), (target_first, target) = grown
    n, m = counts
    mixed = ((n * source + m * target) / np.maximum(n + m, 1) + 0.7 * target + 0.3 * source) / 2
    expected = (target_first + np.where(n > 0, mixed, target)) / 2
    found = model.user_vectors(Histories.of_matrix(data.liked), B).dense
    np.testing.assert_allclose(found, expected, atol=1e-5)
    cold = (m == 0).ravel()
    assert cold.any()
    assert np.abs(expected[cold]).max() > 0, "who is new to the target takes what passes over"


def test_in_cdrib_the_source_speaks_for_whoever_is_known_there(split: Split) -> None:
    model = CDRIB(**QUICK)
    model.fit(Interactions.of(split.train), domains=[B])
    history = split.test.shown_items[:1]
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
    network = network_of(CDRIB(**QUICK), Interactions.of(split.train))
    with torch.no_grad():
        assert torch.equal(network().users[1], network().users[1])
        network.train()
        assert not torch.equal(network().users[1], network().users[1])


def test_the_weight_of_cmf_says_which_side_is_learned_from(split: Split) -> None:
    tables = {}
    for weight, epochs in ((1.0, 0), (1.0, 2), (0.5, 2)):
        model = CMF(source_weight=weight, decay=0.0, dim=8, epochs=epochs, batch=512)
        model.fit(Interactions.of(split.train), seed=1, domains=[B])
        tables[weight, epochs] = model.learned[B]
    np.testing.assert_array_equal(tables[1.0, 0]["items"], tables[1.0, 2]["items"])
    assert not np.array_equal(tables[1.0, 0]["source"], tables[1.0, 2]["source"])
    assert not np.array_equal(tables[1.0, 0]["items"], tables[0.5, 2]["items"])


def test_attention_is_a_softmax_over_the_history_and_the_map_is_applied_to_factors(
    split: Split,
) -> None:
    """The user vectors of arrays are those of the network, whose attention is a softmax."""
    model = PTUPCDR(rank=6, epochs=1)
    data = Interactions.of(split.train)
    model.fit(data, domains=[B])
    learned, history = model.learned[B], split.test.shown_items[:5]
    bridge, items = Bridge(6, 6), torch.from_numpy(learned["source"])
    first, second = bridge.meta[0], bridge.meta[2]
    with torch.no_grad():
        first.weight.copy_(torch.from_numpy(learned["hidden"].T))
        first.bias.copy_(torch.from_numpy(learned["hidden_offset"]))
        second.weight.copy_(torch.from_numpy(learned["map"].T))
        second.bias.copy_(torch.from_numpy(learned["map_offset"]))
        logits = torch.from_numpy(np.log(learned["attention"]))[:, 0]
        pooled = torch.stack(
            [logits[row.indices].softmax(dim=0) @ items[row.indices] for row in history]
        )
        factors = user_factors(history, learned["source"], model.settings)
        expected = bridge(pooled, torch.from_numpy(factors))
        np.testing.assert_allclose(bridge.learned(items)["map"], learned["map"])
    found = model.user_vectors(Histories.of_matrix(history), B).dense
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-3, atol=1e-5)


def test_in_training_attention_is_a_softmax_over_the_history(split: Split) -> None:
    history = split.test.shown_items[:5]
    with seeded_training(0), torch.no_grad():
        bridge, items = Bridge(6, 6), torch.randn(history.shape[1], 6)
        found, logits = bridge.pooled(Sparse(history), items), bridge.attention(items)[:, 0]
    for row in range(5):
        mine = torch.from_numpy(history[row].indices.astype(np.int64))
        expected = logits[mine].softmax(dim=0) @ items[mine]
        torch.testing.assert_close(found[row], expected, rtol=1e-4, atol=1e-6)


def test_maps_of_ptupcdr_are_personal_and_without_overlapping_users_there_is_none(
    split: Split,
) -> None:
    bridge = Bridge(6, 6)
    with torch.no_grad():
        left, right = bridge(torch.randn(2, 6), torch.ones(2, 6))
    assert not torch.allclose(left, right), "the same factors, mapped for two users"
    alone = few_overlap(planted(120), target=B, whole=0)
    model = PTUPCDR(rank=6, epochs=3).fit(Interactions.of(alone.train), domains=[B])
    assert not model.score(Histories.of_matrix(alone.test.shown_items), B).any()
