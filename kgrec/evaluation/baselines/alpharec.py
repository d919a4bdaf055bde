"""AlphaRec style: items are their texts, mapped by a small network, then flow over the graph.

In:   likes and texts.  Out: item vectors.

Sheng et al., "Language representations can be what recommenders need: findings and
potentials" (ICLR 2025): no ids, a map of frozen text vectors, light graph convolution and a
contrastive loss. The encoder here is kgrec's default one rather than the paper's; an item
without text stays at zero and takes what flows to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from graph_store.snapshot import Snapshot
from kgrec.evaluation.baselines.propagation import Propagation
from kgrec.evaluation.text_vectors import TextVectors

if TYPE_CHECKING:
    from torch import nn

__all__ = ["AlphaRec"]


class AlphaRec(Propagation):
    """A two-layer map of text vectors; people are the mean of theirs."""

    name = "AlphaRec style"
    trials: ClassVar = (
        {"temperature": 0.15, "layers": 2},
        {"temperature": 0.1, "layers": 2},
        {"temperature": 0.25, "layers": 2},
        {"temperature": 0.15, "layers": 1},
    )

    def __init__(
        self,
        *,
        dim: int = 64,
        layers: int = 2,
        epochs: int = 20,
        temperature: float = 0.15,
        learning_rate: float = 2e-3,
        batch: int = 16_384,
        texts: TextVectors | None = None,
    ) -> None:
        super().__init__(
            layers=layers, epochs=epochs, temperature=temperature,
            learning_rate=learning_rate, batch=batch,
        )  # fmt: skip
        self.dim = dim
        self._texts = texts or TextVectors()

    def _first(self, train: Snapshot) -> nn.Module:
        import torch

        text, dim = torch.from_numpy(self._texts.of(train)), self.dim
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
