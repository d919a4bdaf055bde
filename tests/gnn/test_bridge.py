"""The bridge against scikit-learn."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.linear_model import Ridge

from kgrec.gnn.bridge import Bridge


def test_the_solve_is_ridge_regression_with_strength_times_users() -> None:
    torch.manual_seed(0)
    features, targets = torch.randn(40, 6), torch.randn(40, 3)
    solved = Bridge(3, strength=0.05).solve(features, targets)
    wanted = Ridge(alpha=0.05 * 40, fit_intercept=False).fit(features.numpy(), targets.numpy())
    np.testing.assert_allclose(solved.numpy(), wanted.coef_.T, atol=1e-4)


def test_gradient_flows_through_the_solve_to_the_features() -> None:
    torch.manual_seed(0)
    bridge = Bridge(3, strength=0.05).double()
    features = torch.randn(8, 4, dtype=torch.double, requires_grad=True)
    targets = torch.randn(8, 2, dtype=torch.double)
    assert torch.autograd.gradcheck(lambda x: bridge.solve(x, targets), (features,))


def test_with_nobody_to_learn_from_the_map_is_zero() -> None:
    solved = Bridge(3, strength=0.05).solve(torch.randn(0, 3), torch.randn(0, 2))
    assert solved.shape == (3, 2)
    assert not solved.any()


def test_blocks_are_brought_to_unit_rows_and_the_last_is_a_one() -> None:
    bridge = Bridge(3, strength=0.05)
    factors, spectrum, pooled = torch.randn(50, 4) * 9, torch.randn(50, 3) / 7, torch.ones(50, 2)
    bridge.scale_to([factors, spectrum])
    features = bridge.features([factors, spectrum, pooled])
    assert features.shape == (50, 4 + 3 + 2 + 1)
    torch.testing.assert_close(features[:, :4].square().sum(1).mean(), torch.tensor(1.0))
    torch.testing.assert_close(features[:, 4:7].square().sum(1).mean(), torch.tensor(1.0))
    assert (features[:, 7:] == 1).all()  # unit rows already: left as they are


def test_an_empty_block_does_not_spoil_the_others() -> None:
    bridge = Bridge(3, strength=0.05)
    bridge.scale_to([torch.zeros(5, 0), torch.zeros(5, 2)])
    features = bridge.features([torch.zeros(5, 0), torch.zeros(5, 2), torch.randn(5, 2)])
    assert features.isfinite().all()


def test_strength_and_scales_are_not_learned() -> None:
    assert not list(Bridge(3, strength=0.05).parameters())
