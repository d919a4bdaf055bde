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
