"""Whitening of text vectors inside the joint model, which meets new vectors while it learns.

In:   the first text vectors of the catalogue.
Out:  a mean and directions, solved once, and a module that applies them.

Raw language-model vectors crowd in a cone; whitening opens it (Huang et al., "WhiteningBERT",
Findings of EMNLP 2021). :mod:`kgrec.solvers.whitening` whitens a set of vectors that stays as it
is.

Shapes: N texts   W width of the encoder
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from kgrec.solvers.whitening import NOISE_FLOOR, whiten

__all__ = ["Whitening", "fit_whitening"]


class Whitening(nn.Module):
    """Centres text vectors and scales their principal directions to equal variance."""

    mean: Tensor
    directions: Tensor

    def __init__(self, mean: Tensor, directions: Tensor) -> None:
        """Keep what :func:`fit_whitening` solved: ``mean [W]`` and ``directions [W, width]``."""
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("directions", directions)
        self._last: tuple[Tensor, int, Tensor] | None = None

    @property
    def width(self) -> int:
        """Columns of the result."""
        return self.directions.size(1)

    def forward(self, vectors: Tensor) -> Tensor:
        """``[N, W]`` to ``[N, width]``, rows of about unit length.

        The last result is kept while its vectors stay as they are: a step that does not move the
        text encoder whitens nothing.
        """
        if vectors.requires_grad:
            return self._whitened(vectors)
        last, version = self._last, vectors._version
        if last is None or last[0] is not vectors or last[1] != version:
            last = (vectors, version, self._whitened(vectors))
            self._last = last
        return last[2]

    def _whitened(self, vectors: Tensor) -> Tensor:
        result: Tensor = whiten(vectors, self.mean, self.directions)
        return result


@torch.no_grad()
def fit_whitening(vectors: Tensor, width: int) -> Whitening:
    """Solve for mean and directions of ``vectors [N, W]``, at most ``width`` of them.

    Of fewer than two vectors everything is whitened to zero.
    """
    width = min(vectors.size(1), width)
    mean = vectors.new_zeros(vectors.size(1))
    if len(vectors) < 2:
        return Whitening(mean, vectors.new_zeros(vectors.size(1), width))
    mean = vectors.mean(0)
    centred = (vectors - mean).double()
    # Which way a direction points is up to the solver: the CPU's, so all devices start alike.
    covariance = (centred.T @ centred / len(vectors)).cpu()
    values, directions = torch.linalg.eigh(covariance)
    values, directions = values[-width:].flip(0), directions[:, -width:].flip(1)
    scale = (values + NOISE_FLOOR * values[0]).clamp(min=1e-12).rsqrt()
    return Whitening(mean, ((directions * scale).float() / width**0.5).to(vectors.device))
