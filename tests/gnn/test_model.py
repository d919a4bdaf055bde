"""Item features, and the three pieces of a score."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from kgrec.config import Settings
from kgrec.data.interactions import Interactions, item_matrix
from kgrec.gnn.graph import build_graph
from kgrec.gnn.item_features import ItemFeatures, solve_item_features
from kgrec.gnn.model import JointModel
from kgrec.gnn.user_tensors import read_user_tensors
from kgrec.text.whitening import fit_whitening
from tests.training.worlds import planted_snapshot, small_world, tiny

SNAPSHOT = planted_snapshot(small_world())
LOG = Interactions.of(SNAPSHOT)


def made(settings: Settings) -> tuple[ItemFeatures, JointModel]:
    torch.manual_seed(0)
    item_features = solve_item_features(LOG, settings.model, seed=0)
    whitening = fit_whitening(torch.randn(SNAPSHOT.num_items, 6), settings.model.text_width)
    model = JointModel(
        settings, item_features, torch.ones(SNAPSHOT.num_items), whitening,
        num_tags=0, num_domains=2,
    )  # fmt: skip
    return item_features, model.eval()


def test_item_features_hold_zeros_where_an_item_has_no_likes() -> None:
    likes = LOG.liked.tolil()
    likes[:, 3] = 0
    log = Interactions(likes.tocsr(), LOG.seen, LOG.row_of_account, LOG.item_domain, 2)
    item_features = solve_item_features(log, tiny("x").model, seed=0)
    assert not item_features.factors[3].any()
    assert np.abs(item_features.spectrum[3]).max() < 1e-5


def test_popularity_is_centred_within_each_domain() -> None:
    item_features = solve_item_features(LOG, tiny("x").model, seed=0)
    for domain in (0, 1):
        assert abs(item_features.popularity[LOG.items_of(domain)].mean()) < 1e-6


def test_a_fold_in_reads_the_rows_of_its_own_domain_only() -> None:
    item_features = solve_item_features(LOG, tiny("x").model, seed=0)
    book, film = int(LOG.items_of(0)[0]), int(LOG.items_of(1)[0])
    both, alone = item_matrix([[book, film], [book]], SNAPSHOT.num_items), item_matrix([[book]], 32)
    np.testing.assert_allclose(
        item_features.user_factors(both, 0)[0], item_features.user_factors(alone, 0)[0], rtol=1e-5
    )
    assert not item_features.user_factors(alone, 1).any()


def test_all_item_vectors_are_of_unit_length() -> None:
    _, model = made(tiny("x"))
    graph = build_graph(LOG.liked, LOG, SNAPSHOT.item_tag, 0)
    embeddings = model.item_embeddings(torch.randn(32, 6), graph)
    torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(32))


def test_a_feature_that_is_left_out_changes_nothing() -> None:
    _, model = made(tiny("x", "model.item_features=[spectrum,factors]"))
    torch.testing.assert_close(
        model.features(torch.randn(32, 6)), model.features(torch.zeros(32, 6))
    )
    _, with_text = made(tiny("x", "model.item_features=[text]"))
    assert not torch.allclose(with_text.features(torch.randn(32, 6)), torch.zeros(32, 16))


def test_the_factors_of_an_item_go_through_the_map_of_its_domain() -> None:
    settings = tiny("x", "model.item_features=[factors]")
    mixed = np.arange(32, dtype=np.int32) % 2  # the items of two domains in turn
    item_features = replace(solve_item_features(LOG, settings.model, seed=0), item_domain=mixed)
    model = JointModel(
        settings,
        item_features,
        torch.ones(32),
        fit_whitening(torch.zeros(0, 6), 16),
        num_tags=0,
        num_domains=2,
    ).eval()
    found = model.features(torch.zeros(32, 6))
    for item, domain in enumerate(mixed):
        scaled = model.factors[item] / model.factor_scale[domain]
        torch.testing.assert_close(found[item], scaled @ model.factor_map[domain])


def test_text_says_nothing_of_an_item_that_has_none() -> None:
    _, model = made(tiny("x", "model.item_features=[text]"))
    model.has_text[5] = 0.0
    features = model.features(torch.randn(32, 6))
    assert not features[5].any()
    assert features[4].any()


def test_in_a_step_the_id_embedding_is_dropped_as_often_as_is_set() -> None:
    _, model = made(tiny("x", "model.item_features=[id]", "model.id_dropout=0.5"))
    torch.testing.assert_close(model.features(torch.zeros(32, 6)), model.id_embedding.weight)
    model.train()
    torch.manual_seed(0)
    kept = torch.stack([model.features(torch.zeros(32, 6)).any(dim=1) for _ in range(50)])
    assert 0.4 < kept.float().mean() < 0.6


def test_the_own_fold_in_takes_over_as_a_user_has_more_in_the_domain() -> None:
    item_features, model = made(tiny("x"))
    embeddings = torch.nn.functional.normalize(torch.randn(32, 16), dim=1)
    films = [int(i) for i in LOG.items_of(1)[:8]]
    bridge_map = torch.ones(4 + 8 + 16 + 1, 4)  # factors, spectrum, pooled and a one
    parts = []
    for count in (0, 1, 8):
        rows = item_matrix([films[:count]], 32)
        users = read_user_tensors(rows, item_features, 1, 2)
        scale = model.log_bridge_weight[1].exp() * model.factor_scale[1]
        factors = model.user_vectors(embeddings, users, 1, bridge_map)[:, 16:20] / scale
        predicted = model.bridge_features(embeddings, users, 1) @ bridge_map
        part = (factors - predicted) / (users.inside_factors - predicted)
        parts.append(part[0].tolist())
    # their own count n / (n + 1) at first
    for part, own in zip(parts, (0.0, 1 / 2, 8 / 9), strict=True):
        assert part == pytest.approx([own] * 4, abs=1e-4)


def test_the_bridge_reads_nothing_of_the_target_domain() -> None:
    item_features, model = made(tiny("x"))
    embeddings = torch.randn(32, 16)
    book, film = int(LOG.items_of(0)[0]), int(LOG.items_of(1)[0])
    with_film, without = (
        model.bridge_features(
            embeddings, read_user_tensors(item_matrix([row], 32), item_features, 1, 2), 1
        )
        for row in ([book, film], [book])
    )
    torch.testing.assert_close(with_film, without)


def test_without_bridge_the_factors_of_a_user_are_zero() -> None:
    item_features, model = made(tiny("x", "model.bridge=false"))
    embeddings = torch.randn(32, 16)
    users = read_user_tensors(item_matrix([[0, 20]], 32), item_features, 1, 2)
    assert not model.user_vectors(embeddings, users, 1, torch.ones(29, 4))[:, 16:20].any()


def test_the_score_is_the_sum_of_history_bridge_and_popularity() -> None:
    item_features, model = made(tiny("x", "train.temperature=0.5"))
    embeddings = torch.nn.functional.normalize(torch.randn(32, 16), dim=1)
    users = read_user_tensors(item_matrix([[0, 1], [2]], 32), item_features, 1, 2)
    bridge_map = torch.randn(29, 4)
    items = torch.from_numpy(LOG.items_of(1))
    score = (
        model.user_vectors(embeddings, users, 1, bridge_map)
        @ model.item_vectors(embeddings, items, 1).T
    )
    cosine = model.query_embeddings(embeddings, users.pooling, 1) @ embeddings[items].T / 0.5
    bridge = model.bridge_features(embeddings, users, 1) @ bridge_map @ model.factors[items].T
    prior = 0.5 * model.popularity[items]
    by_hand = cosine + np.e**1.2 * bridge + prior
    torch.testing.assert_close(score, by_hand, rtol=1e-4, atol=1e-4)


def test_an_empty_history_gives_finite_vectors() -> None:
    item_features, model = made(tiny("x"))
    users = read_user_tensors(sp.csr_matrix((2, 32), dtype=np.float32), item_features, 0, 2)
    assert model.user_vectors(torch.randn(32, 16), users, 0, torch.randn(29, 4)).isfinite().all()
