"""AlphaRec style: items are their texts, mapped by a small network, then flow over the graph.

In:   likes and texts.  Out: item vectors.

Sheng et al., "Language representations can be what recommenders need: findings and
potentials" (ICLR 2025): no ids, a map of frozen text vectors, light graph convolution and a
contrastive loss. The encoder here is kgrec's default one rather than the paper's; an item
without text stays at zero and takes what flows to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import PositiveFloat

from kgrec.errors import InputError
from kgrec.recommenders.propagation import Propagation, PropagationSettings

if TYPE_CHECKING:
    from torch import nn

__all__ = ["AlphaRec", "AlphaRecSettings"]


class AlphaRecSettings(PropagationSettings):
    """Settings of :class:`AlphaRec`."""

    learning_rate: PositiveFloat = 2e-3
    """Step size."""


class AlphaRec(Propagation[AlphaRecSettings]):
    """A two-layer map of text vectors; people are the mean of theirs."""

    name = "AlphaRec style"
    settings_class: ClassVar = AlphaRecSettings
    reads_text = needs_text = True
    trials: ClassVar = (
        {"temperature": 0.15, "layers": 2},
        {"temperature": 0.1, "layers": 2},
        {"temperature": 0.25, "layers": 2},
        {"temperature": 0.15, "layers": 1},
    )

    def _first(self) -> nn.Module:
        import torch

        if self.data.item_text is None:
            raise InputError(f"{self.name} maps texts, and these interactions have none")
        text, dim = torch.from_numpy(self.data.item_text), self.settings.dim
        there = (text.abs().sum(1, keepdim=True) > 0).float()

        class Mapped(torch.nn.Module):
            text: torch.Tensor
            there: torch.Tensor

            def __init__(self) -> None:
                super().__init__()
                self.register_buffer("text", text)
                self.register_buffer("there", there)
                self.map = torch.nn.Sequential(
                    torch.nn.Linear(text.shape[1], text.shape[1] // 2),
                    torch.nn.LeakyReLU(),
                    torch.nn.Linear(text.shape[1] // 2, dim),
                )

            def forward(self) -> tuple[None, torch.Tensor]:
                return None, self.map(self.text) * self.there

        return Mapped()
