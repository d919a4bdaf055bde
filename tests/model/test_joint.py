"""Channels, whitening and the three parts of a score."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from kgrec.config import Settings
from kgrec.data.interactions import Interactions, histories
from kgrec.model.channels import Channels, build_channels
from kgrec.model.graph import build_graph
from kgrec.model.joint import JointModel, Whitening
from kgrec.training.episodes import make_people
from tests.training.worlds import planted_snapshot, small_world, tiny

SNAPSHOT = planted_snapshot(small_world())
LOG = Interactions.of(SNAPSHOT)


def parts(settings: Settings) -> tuple[Channels, JointModel]:
    torch.manual_seed(0)
    channels = build_channels(LOG, settings.model, seed=0)
    model = JointModel(
        settings, channels, torch.ones(SNAPSHOT.num_items),
        text_width=6, num_tags=0, num_domains=2,
    )  # fmt: skip
    model.whitening.fit(torch.randn(SNAPSHOT.num_items, 6))
    return channels, model.eval()


def test_whitened_vectors_have_no_mean_and_equal_variance_in_all_directions() -> None:
    torch.manual_seed(0)
    vectors = torch.randn(500, 5) @ torch.randn(5, 5) + 3.0
    whitening = Whitening(5, 5)
    whitening.fit(vectors)
    white = whitening(vectors)
    torch.testing.assert_close(white.mean(0), torch.zeros(5), atol=1e-4, rtol=0)
    covariance = white.T @ white / 500
    torch.testing.assert_close(covariance, torch.eye(5) / 5, atol=0.02, rtol=0)
    assert white.square().sum(1).mean().item() == pytest.approx(1.0, abs=0.05)


def test_whitening_keeps_the_directions_of_most_variance() -> None:
    vectors = torch.randn(300, 3) * torch.tensor([10.0, 0.01, 5.0])
    whitening = Whitening(3, 2)
    whitening.fit(vectors)
    assert whitening.map.shape == (3, 2)
    assert whitening.map[1].abs().max() < whitening.map[[0, 2]].abs().max(dim=1).values.min()


def test_one_text_cannot_be_whitened_and_says_nothing() -> None:
    whitening = Whitening(3, 2)
    whitening.fit(torch.ones(1, 3))
    assert not whitening(torch.ones(1, 3)).any()


def test_channels_hold_zeros_where_an_item_has_no_likes() -> None:
    likes = LOG.liked.tolil()
    likes[:, 3] = 0
    log = Interactions(likes.tocsr(), LOG.seen, LOG.row_of_account, LOG.item_domain, 2)
    channels = build_channels(log, tiny("x").model, seed=0)
    assert not channels.factors[3].any()
    assert np.abs(channels.spectrum[3]).max() < 1e-5


def test_popularity_is_centred_within_each_domain() -> None:
    channels = build_channels(LOG, tiny("x").model, seed=0)
    for domain in (0, 1):
        assert abs(channels.popularity[LOG.items_of(domain)].mean()) < 1e-6


def test_a_fold_in_reads_the_rows_of_its_own_domain_only() -> None:
    channels = build_channels(LOG, tiny("x").model, seed=0)
    book, film = int(LOG.items_of(0)[0]), int(LOG.items_of(1)[0])
    both, alone = histories([[book, film], [book]], SNAPSHOT.num_items), histories([[book]], 32)
    np.testing.assert_allclose(
        channels.person_factors(both, 0)[0], channels.person_factors(alone, 0)[0], rtol=1e-5
    )
    assert not channels.person_factors(alone, 1).any()


def test_all_item_vectors_are_of_unit_length() -> None:
    _, model = parts(tiny("x"))
    graph = build_graph(LOG.liked, LOG, SNAPSHOT.item_tag, 0)
    z = model.items(torch.randn(32, 6), graph)
    torch.testing.assert_close(z.norm(dim=1), torch.ones(32))


def test_a_channel_that_is_left_out_changes_nothing() -> None:
    _, model = parts(tiny("x", "model.item_features=[spectrum,factors]"))
    torch.testing.assert_close(
        model.features(torch.randn(32, 6)), model.features(torch.zeros(32, 6))
    )
    _, with_text = parts(tiny("x", "model.item_features=[text]"))
    assert not torch.allclose(with_text.features(torch.randn(32, 6)), torch.zeros(32, 16))


def test_the_factors_of_an_item_go_through_the_map_of_its_domain() -> None:
    settings = tiny("x", "model.item_features=[factors]")
    mixed = np.arange(32, dtype=np.int32) % 2  # the items of two domains in turn
    channels = replace(build_channels(LOG, settings.model, seed=0), item_domain=mixed)
    model = JointModel(
        settings, channels, torch.ones(32), text_width=6, num_tags=0, num_domains=2
    ).eval()
    found = model.features(torch.zeros(32, 6))
    for item, domain in enumerate(mixed):
        scaled = model.factors[item] / model.factor_scale[domain]
        torch.testing.assert_close(found[item], scaled @ model.factor_map[domain])


def test_text_says_nothing_of_an_item_that_has_none() -> None:
    _, model = parts(tiny("x", "model.item_features=[text]"))
    model.has_text[5] = 0.0
    features = model.features(torch.randn(32, 6))
    assert not features[5].any()
    assert features[4].any()


def test_in_a_step_the_id_residual_is_dropped_for_the_share_that_is_set() -> None:
    _, model = parts(tiny("x", "model.item_features=[id]", "model.id_dropout=0.5"))
    torch.testing.assert_close(model.features(torch.zeros(32, 6)), model.id_residual.weight)
    model.train()
    torch.manual_seed(0)
    kept = torch.stack([model.features(torch.zeros(32, 6)).any(dim=1) for _ in range(50)])
    assert 0.4 < kept.float().mean() < 0.6


def test_the_own_fold_in_takes_over_as_a_person_has_more_in_the_domain() -> None:
    channels, model = parts(tiny("x"))
    z = torch.nn.functional.normalize(torch.randn(32, 16), dim=1)
    films = [int(i) for i in LOG.items_of(1)[:8]]
    bridge_map = torch.ones(4 + 8 + 16 + 1, 4)  # factors, spectrum, pooled and a one
    shares = []
    for count in (0, 1, 8):
        rows = histories([films[:count]], 32)
        people = make_people(rows, channels, 1, 2)
        scale = model.log_bridge_share[1].exp() * model.factor_scale[1]
        factors = model.user_vectors(z, people, 1, bridge_map)[:, 16:20] / scale
        predicted = model.bridge_features(z, people, 1) @ bridge_map
        share = (factors - predicted) / (people.inside_factors - predicted)
        shares.append(share[0].tolist())
    # trust = n / (n + 1) at first
    for share, trust in zip(shares, (0.0, 1 / 2, 8 / 9), strict=True):
        assert share == pytest.approx([trust] * 4, abs=1e-4)


def test_the_bridge_reads_nothing_of_the_target_domain() -> None:
    channels, model = parts(tiny("x"))
    z = torch.randn(32, 16)
    book, film = int(LOG.items_of(0)[0]), int(LOG.items_of(1)[0])
    with_film, without = (
        model.bridge_features(z, make_people(histories([row], 32), channels, 1, 2), 1)
        for row in ([book, film], [book])
    )
    torch.testing.assert_close(with_film, without)


def test_without_bridge_the_factor_part_of_a_person_is_zero() -> None:
    channels, model = parts(tiny("x", "model.bridge=false"))
    z = torch.randn(32, 16)
    people = make_people(histories([[0, 20]], 32), channels, 1, 2)
    assert not model.user_vectors(z, people, 1, torch.ones(29, 4))[:, 16:20].any()


def test_the_score_is_the_sum_of_history_bridge_and_popularity() -> None:
    channels, model = parts(tiny("x", "train.temperature=0.5"))
    z = torch.nn.functional.normalize(torch.randn(32, 16), dim=1)
    people = make_people(histories([[0, 1], [2]], 32), channels, 1, 2)
    bridge_map = torch.randn(29, 4)
    items = torch.from_numpy(LOG.items_of(1))
    score = model.user_vectors(z, people, 1, bridge_map) @ model.item_vectors(z, items, 1).T
    cosine = model.view(z, people.pooling, 1) @ z[items].T / 0.5
    bridge = model.bridge_features(z, people, 1) @ bridge_map @ model.factors[items].T
    prior = 0.5 * model.popularity[items]
    by_hand = cosine + np.e**1.2 * bridge + prior
    torch.testing.assert_close(score, by_hand, rtol=1e-4, atol=1e-4)


def test_an_empty_history_gives_finite_vectors() -> None:
    channels, model = parts(tiny("x"))
    people = make_people(sp.csr_matrix((2, 32), dtype=np.float32), channels, 0, 2)
    assert model.user_vectors(torch.randn(32, 16), people, 0, torch.randn(29, 4)).isfinite().all()
