"""Whitening: every principal direction of a set of vectors scaled to one standard deviation.

In:   vectors ``[N, W]``.
Out:  the same turned to their principal axes, rows of length one.

Encoders' vectors lie in a narrow cone; whitening makes their directions differ. See Zhang et al.,
"Are ID embeddings necessary? Whitening pre-trained text embeddings for effective sequential
recommendation" (ICDE 2024). The joint model's own whitening, which meets new vectors later, is
:mod:`kgrec.text.whitening`.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["NOISE_FLOOR", "unit_rows", "whiten", "whitened"]

A = TypeVar("A", bound=Any)
"""A numpy array, or a tensor; all arguments of a call are of one kind."""

NOISE_FLOOR = 1e-3
"""Fraction of the largest variance below which a direction is noise and is not scaled up."""


def unit_rows(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """``[N, W]`` rows of length one; rows of zeros stay so."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(length > 0, length, 1.0), dtype=np.float32)


def whiten(vectors: A, mean: A, directions: A) -> A:
    """Whiten vectors by directions that were solved before, maybe on other vectors.

    Args:
        vectors: ``[N, W]``.
        mean: ``[W]``.
        directions: ``[W, width]`` principal axes, each divided by its standard deviation.

    Returns:
        ``[N, width]``, not normalised.
    """
    white: A = (vectors - mean) @ directions
    return white


def whitened(
    vectors: NDArray[np.float32], *, width: int | None = None, floor: float = 0.0
) -> NDArray[np.float32]:
    """``[N, width]`` unit rows; rows of zeros stay so.

    Args:
        vectors: ``[N, W]``.
        width: Principal directions that are kept, the widest first; None for all.
        floor: Fraction of the widest direction's variance that is added to every one, so that
            directions of noise are not blown up.
    """
    there = vectors.any(axis=1)
    width = min(width or vectors.shape[1], vectors.shape[1])
    result = np.zeros((len(vectors), width), dtype=np.float32)
    if not there.any():
        return result
    centred = vectors[there] - vectors[there].mean(axis=0)
    variance, axes = np.linalg.eigh((centred.T @ centred / len(centred)).astype(np.float64))
    chosen = np.argsort(-variance)[:width]
    std = np.sqrt(np.maximum(variance[chosen] + floor * variance[-1], 1e-8))
    result[there] = unit_rows(centred @ (axes[:, chosen] / std).astype(np.float32))
    return result
