"""How much the piece of next items counts beside all other pieces, fitted on held-out users.

In:   both parts of the score of held-out warm users, and what was hidden of them.
Out:  a weight.

Both parts learn by losses of their own, so training says nothing about their sum. It is fitted as
in stacking (Wolpert, "Stacked generalization", 1992): the likelihood of the hidden items is
highest at ``softmax(a rest + b next)``, and ``b / a`` is the weight.

Shapes: B users   I_d items of a domain   C drawn candidates   H hidden items of all users
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import logsumexp

__all__ = ["fit_next_weight"]

CANDIDATES = 1_000
"""Items, drawn once, that hidden ones are told from."""

LARGEST = 4.0

Floats = NDArray[np.float32]


def fit_next_weight(
    rest: Floats, following: Floats, hidden: sp.csr_matrix, known: sp.csr_matrix, *, seed: int
) -> float:
    """The weight of ``following`` beside ``rest``, between 0 and ``LARGEST``; 1 without users.

    Args:
        rest: ``[B, I_d]`` scores by all other pieces.
        following: ``[B, I_d]`` scores by the piece of next items.
        hidden: ``[B, I_d]`` the items to be foreseen.
        known: ``[B, I_d]`` what is never recommended.
        seed: Seed of the candidates.
    """
    users, items = hidden.nonzero()
    if not len(users):
        return 1.0
    size = rest.shape[1]
    drawn = np.random.default_rng(seed).permutation(size)[:CANDIDATES]
    out = (hidden + known)[:, drawn].toarray()[users] > 0  # [H, C]

    def parts(scores: Floats) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        right = scores[users, items].astype(np.float64)[:, None]
        both = np.hstack([right, np.where(out, 0.0, scores[:, drawn][users])])
        scale = max(float(both.std()), 1e-12)
        return both / scale, np.array(scale)

    (first, first_scale), (second, second_scale) = parts(rest), parts(following)
    allowed = np.hstack([np.zeros((len(users), 1), np.bool_), out])

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        logits = weights[0] * first + weights[1] * second
        logits[allowed] = -np.inf
        total = logsumexp(logits, axis=1, keepdims=True)
        chance = np.exp(logits - total)
        slope = [((chance * part).sum(1) - part[:, 0]).mean() for part in (first, second)]
        return float((total[:, 0] - logits[:, 0]).mean()), np.array(slope)

    bounds = [(1e-6, None), (0.0, None)]
    found = minimize(loss, np.ones(2), jac=True, bounds=bounds, method="L-BFGS-B").x
    weight = found[1] / second_scale / (found[0] / first_scale)
    return float(np.clip(weight, 0.0, LARGEST))
