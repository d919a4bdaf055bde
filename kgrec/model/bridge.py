"""From what a person is in known domains to what they would be in another, in closed form.

In:   features ``[N, F]`` of people with both sides known, their factors ``[N, R]`` over there.
Out:  a map ``[F, R]`` with gradient through the solve to the features.

The map is ridge regression. Inside an episode it is solved without the people of that
episode, so what is learned through it is what helps people it has not seen. Nothing here
knows where features come from.

Shapes: N people of the solve   B people of an episode   F features   R factors
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from kgrec.model.formula import bridge_features

__all__ = ["Bridge"]


class Bridge(nn.Module):
    """Ridge over blocks of features, each brought to unit rows.

    Strength and scales stand still. Learned by gradient they grow too trusting, since the
    spectrum has seen the answers of training people
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

    def solve(self, features: Tensor, targets: Tensor, people: Tensor | None = None) -> Tensor:
        """The map ``[F, R]`` of all rows, or of those where ``people [N]`` is 1.

        Minimises ``|X W - Y|^2 + n s |W|^2``, n being the number of rows and s the strength.
        With no rows the map is zero.
        """
        x = features if people is None else features * people.unsqueeze(1)
        count = features.new_tensor(float(len(features))) if people is None else people.sum()
        gram = x.T @ x  # [F, F]
        ridge = self.strength * count.clamp(min=1.0)
        gram = gram + ridge * torch.eye(len(gram), device=gram.device, dtype=gram.dtype)
        solved: Tensor = torch.linalg.solve(gram, x.T @ targets)
        return solved
