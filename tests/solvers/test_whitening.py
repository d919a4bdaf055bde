"""Whitening makes all directions equally wide."""

from __future__ import annotations

import numpy as np

from kgrec.solvers.whitening import whitened


def test_whitened_directions_have_one_spread() -> None:
    rng = np.random.default_rng(0)
    crowded = rng.standard_normal((2000, 4)) * np.array([4.0, 2.0, 1.0, 0.5]) + 10.0
    white = whitened(np.vstack([crowded, np.zeros((1, 4))]).astype(np.float32), floor=1e-3)
    assert not white[-1].any()
    np.testing.assert_allclose(np.linalg.norm(white[:-1], axis=1), 1.0, rtol=1e-5)
    np.testing.assert_allclose(np.cov(white[:-1].T) * 4, np.eye(4), atol=0.1)
