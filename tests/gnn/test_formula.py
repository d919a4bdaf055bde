"""The joint model scores alike with tensors, which learn, and with arrays, which answer."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import torch

from kgrec.data.interactions import Interactions, liked_matrix
from kgrec.gnn import formula
from kgrec.gnn.formula import DomainWeights
from kgrec.gnn.item_features import solve_item_features
from kgrec.gnn.model import JointModel
from kgrec.gnn.user_tensors import read_user_tensors
from kgrec.gnn.users import read_users
from kgrec.text.whitening import fit_whitening
from tests.training.worlds import planted_snapshot, small_world, tiny

SNAPSHOT = planted_snapshot(small_world())
LOG = Interactions.of(SNAPSHOT)


def test_arrays_give_the_vectors_that_tensors_give() -> None:
    torch.manual_seed(0)
    settings, domain = tiny("x"), 1
    features = solve_item_features(LOG, settings.model, seed=0)
    model = JointModel(
        settings,
        features,
        torch.ones(32),
        fit_whitening(torch.zeros(0, 6), 16),
        num_tags=0,
        num_domains=2,
    ).eval()
    for parameter in model.parameters():  # nothing stands at a value that hides a term
        parameter.data += 0.3 * torch.rand_like(parameter)
    embeddings, bridge_map = torch.randn(32, 16), torch.randn(4 + 8 + 16 + 1, 4)
    films = [int(item) for item in LOG.items_of(domain)]
    state = torch.randn(3, 5)
    asked = liked_matrix([[0, 1, films[2]], [], [films[0]]], 32)

    learned = model.domain_weights(domain)
    weights = DomainWeights(
        **{f.name: getattr(learned, f.name).detach().numpy() for f in fields(learned)}
    )
    users = formula.user_vectors(
        np, weights, embeddings.numpy(), read_users(asked, features, domain, 2),
        bridge_map.numpy(), state.numpy(),
    )  # fmt: skip
    known = read_user_tensors(asked, features, domain, 2)
    wanted = model.user_vectors(embeddings, known, domain, bridge_map, state)
    assert users.dtype == np.float32
    np.testing.assert_allclose(users, wanted.detach().numpy(), rtol=1e-5, atol=1e-5)
    assert np.abs(users).max(axis=0).all(), "every column says something"

    items = formula.item_vectors(
        np, weights, embeddings.numpy()[films], features.factors[films],
        np.zeros((len(films), 0), np.float32), features.times[films], features.popularity[films],
    )  # fmt: skip
    of_tensors = model.item_vectors(embeddings, torch.tensor(films), domain)
    np.testing.assert_allclose(items, of_tensors.detach().numpy(), rtol=1e-6)


def test_rows_of_zeros_stay_so_and_others_get_length_one() -> None:
    rows = np.array([[3.0, 4.0], [0.0, 0.0]], np.float32)
    for found in (formula.unit(np, rows), formula.unit(torch, torch.from_numpy(rows)).numpy()):
        np.testing.assert_allclose(found, [[0.6, 0.8], [0.0, 0.0]], rtol=1e-6)
