"""Ridge regression in the form that is cheaper: by features or by samples.

In:   features ``[N, F]`` and targets ``[N, K]``.
Out:  a map ``[F, K]``.

Nothing here centres or scales; the caller appends a column of ones where it wants an offset.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["ridge"]


def ridge(
    features: NDArray[np.float32], targets: NDArray[np.float32], *, strength: float
) -> NDArray[np.float32]:
    """The map ``W`` that minimises ``|features W - targets|^2 + strength |W|^2``.

    Args:
        features: ``[N, F]``.
        targets: ``[N, K]``.
        strength: Regularization strength, above 0.

    Returns:
        ``W [F, K]``.

    Raises:
        numpy.linalg.LinAlgError: ``strength`` is 0 and the solution is not unique.

    Example:
        >>> ridge(np.eye(2, dtype=np.float32), np.eye(2, dtype=np.float32), strength=1.0).tolist()
        [[0.5, 0.0], [0.0, 0.5]]
    """
    samples, width = features.shape
    if width <= samples:
        gram = features.T @ features
        gram[np.diag_indices(width)] += strength
        return np.asarray(np.linalg.solve(gram, features.T @ targets), dtype=np.float32)
    gram = features @ features.T
    gram[np.diag_indices(samples)] += strength
    return np.asarray(features.T @ np.linalg.solve(gram, targets), dtype=np.float32)
