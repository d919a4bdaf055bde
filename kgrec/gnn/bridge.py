"""The bridge: from what a user is in other domains to their factors in one, in closed form.

In:   features ``[N, F]`` of overlapping users, and their factors ``[N, R]`` in the target domain.
Out:  a map ``[F, R]`` with gradient through the solve to the features.

The map is ridge regression. Inside an episode it is solved without the users of that
episode's fold, so what is learned through it is what helps users it has not seen. Nothing here
knows where features come from.

Shapes: N users of the solve   F features   R factors
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from kgrec.gnn.formula import bridge_features

__all__ = ["Bridge"]


class Bridge(nn.Module):
    """Ridge over blocks of features, each brought to unit rows.

    Strength and scales are not learned: by gradient they come to rely too much on the spectrum,
    which has seen the answers of training users
    (docs/decisions/bridge-is-not-learned-by-gradient.md).
    """

    scale: Tensor

    def __init__(self, num_blocks: int, strength: float) -> None:
        super().__init__()
        self.strength = strength
        self.register_buffer("scale", torch.ones(num_blocks))

    def scale_to(self, blocks: list[Tensor]) -> None:
        """Bring the first blocks to rows whose mean squared length is 1."""
        for number, block in enumerate(blocks):
            if block.numel():
                mean = block.square().sum(1).mean().sqrt()
                self.scale[number] = 1.0 / mean.clamp(min=1e-6)

    def features(self, blocks: list[Tensor]) -> Tensor:
        """Scaled blocks and a column of ones, ``[N, F]``."""
        return bridge_features(torch, self.scale, blocks)

    def solve(self, features: Tensor, targets: Tensor) -> Tensor:
        """The map ``[F, R]``.

        Minimises ``|X W - Y|^2 + n s |W|^2``, n being the number of rows and s the strength.
        With no rows the map is zero.

        Args:
            features: ``[N, F]`` from :meth:`features`.
            targets: ``[N, R]`` factors of the same users in the target domain.
        """
        gram = features.T @ features  # [F, F]
        ridge = self.strength * max(len(features), 1)
        gram = gram + ridge * torch.eye(len(gram), device=gram.device, dtype=gram.dtype)
        solved: Tensor = torch.linalg.solve(gram, features.T @ targets)
        return solved
