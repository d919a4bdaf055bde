"""AlphaRec style: text vectors, mapped by a small network, then propagated over the graph.

In:   likes and texts.  Out: item vectors.

Sheng et al., "Language representations can be what recommenders need: findings and potentials"
(ICLR 2025): no ids, a learned map of frozen text vectors, light graph convolution and a contrastive
loss. The text encoder here is kgrec's default one rather than the paper's. An item without text
starts from zero and takes what is propagated to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import PositiveFloat

from kgrec.errors import InputError
from kgrec.recommenders.propagation import Propagation, PropagationSettings

if TYPE_CHECKING:
    from kgrec.recommenders.networks.propagation import First

__all__ = ["AlphaRec", "AlphaRecSettings"]


class AlphaRecSettings(PropagationSettings):
    """Settings of :class:`AlphaRec`."""

    learning_rate: PositiveFloat = 2e-3
    """Step size of Adam."""


class AlphaRec(Propagation[AlphaRecSettings]):
    """Maps text vectors by a network of two layers; a user is the mean of their items."""

    name = "AlphaRec style"
    settings_class: ClassVar = AlphaRecSettings
    reads_text = needs_text = True
    trials: ClassVar = (
        {"temperature": 0.15, "layers": 2},
        {"temperature": 0.1, "layers": 2},
        {"temperature": 0.25, "layers": 2},
        {"temperature": 0.15, "layers": 1},
    )

    def _first(self, users: int) -> First:
        from kgrec.recommenders.networks.propagation import MappedTexts

        if self.data.item_text is None:
            raise InputError(f"{self.name} maps texts, and these interactions have none")
        return MappedTexts(self.data.item_text, self.settings.dim)
