"""Ridge in its two forms against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from kgrec.solvers.ridge import ridge


@pytest.mark.parametrize(("samples", "width"), [(30, 5), (5, 30), (8, 8)])
def test_both_forms_give_what_scikit_learn_gives(samples: int, width: int) -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(samples, width)).astype(np.float32)
    targets = rng.normal(size=(samples, 3)).astype(np.float32)
    wanted = Ridge(alpha=0.5, fit_intercept=False).fit(features.astype(float), targets).coef_.T
    np.testing.assert_allclose(ridge(features, targets, strength=0.5), wanted, atol=1e-3)


def test_what_was_given_is_not_changed() -> None:
    features = np.eye(3, dtype=np.float32)
    ridge(features, features, strength=1.0)
    np.testing.assert_array_equal(features, np.eye(3))
