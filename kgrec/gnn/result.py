"""What training of the joint model ends with: a recommender, weights, encoder, history.

In:   a model, its inputs, and interactions whose likes may be more than those it learned from.
Out:  a :class:`~kgrec.gnn.recommender.GNNRecommender`: the graph propagated once, bridges solved.

Shapes: I items   W width of the encoder
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kgrec.data.interactions import Interactions
from kgrec.gnn.bridge_users import BridgeUsers
from kgrec.gnn.fold_statistics import ItemTensors
from kgrec.gnn.formula import DomainWeights
from kgrec.gnn.graph import Graph
from kgrec.gnn.item_features import ItemFeatures
from kgrec.gnn.model import JointModel
from kgrec.gnn.prepare import TrainingInputs
from kgrec.gnn.recommender import GNNRecommender
from kgrec.gnn.sequence import SequenceWeights
from kgrec.text.catalogue import CatalogueTexts
from kgrec.text.encoder import TextEncoder

__all__ = ["TrainedGNN", "to_recommender"]


@dataclass(frozen=True)
class TrainedGNN:
    """A joint model that has learned; nothing here moves it any further."""

    model: JointModel
    inputs: TrainingInputs
    seed: int
    history: list[dict[str, Any]]
    """A row an epoch, epoch 0 being before the first."""
    best_epoch: int

    def recommender(self, data: Interactions) -> GNNRecommender:
        """The model with everything that is solved solved on ``data``.

        Args:
            data: Interactions of the graph that it was trained on: those that it learned from, or
                all of them, those of held-out users included.
        """
        inputs, graph = self.inputs, self.inputs.graph_of(data.liked)
        if data is inputs.data:
            return to_recommender(self.model, inputs, graph, inputs.bridge_users)
        known = inputs.choose_bridge_users(data, seed=self.seed)
        sequences = None if inputs.sequences is None else data.histories().distinct()
        features = inputs.item_features
        features = features.with_counts(data, sequences, features.time_bins)
        return to_recommender(self.model, inputs, graph, known, features)

    @property
    def encoder(self) -> TextEncoder:
        """The encoder with the weights that made the text vectors."""
        return self.inputs.encoder

    @property
    def text_vectors(self) -> NDArray[np.float32]:
        """``[I, W]`` raw vectors of all items; zero rows where an item has no text."""
        vectors: NDArray[np.float32] = self.inputs.cache.vectors.cpu().numpy()
        return vectors

    @property
    def weights(self) -> dict[str, Tensor]:
        """What the gradient moved beside the encoder, on CPU."""
        return {
            name: weight.detach().cpu().contiguous()
            for name, weight in self.model.named_parameters()
        }

    @property
    def texts(self) -> CatalogueTexts:
        """The text vectors of the catalogue, and how they are whitened."""
        cache, whitening = self.inputs.cache, self.model.whitening
        return CatalogueTexts(
            vectors=_array(cache.vectors), known=_array(cache.has_text) > 0,
            mean=_array(whitening.mean), directions=_array(whitening.directions),
        )  # fmt: skip


@torch.no_grad()
def to_recommender(
    model: JointModel,
    inputs: TrainingInputs,
    graph: Graph,
    known: list[BridgeUsers],
    item_features: ItemFeatures | None = None,
) -> GNNRecommender:
    """The model as it stands: the graph propagated once, all bridges solved.

    Args:
        model: Is set to evaluation.
        inputs: Its item features, and the text vectors in force.
        graph: The graph that is propagated.
        known: The users that each domain's bridge is solved on.
        item_features: Counted in other interactions; None: those that training read.
    """
    model.eval()
    counted = inputs.item_features if item_features is None else item_features
    items = None if item_features is None else ItemTensors.of(item_features, inputs.device)
    embeddings = model.item_embeddings(inputs.cache.vectors, graph, items)
    sequence = None
    if model.sequence is not None:
        learned = model.sequence.weights()
        names = [field.name for field in fields(learned)]
        sequence = SequenceWeights(**{name: _array(getattr(learned, name)) for name in names})
    return GNNRecommender(
        counted,
        _array(embeddings),
        [_weights(model, one.domain) for one in known],
        [_array(model.solve_bridge(embeddings, one)) for one in known],
        uses_bridge=model.settings.bridge,
        sequence=sequence,
        heads=model.settings.sequence_heads,
        length=model.settings.sequence_length,
    )


def _weights(model: JointModel, domain: int) -> DomainWeights[NDArray[np.float32]]:
    learned = model.domain_weights(domain)
    names = [field.name for field in fields(DomainWeights)]
    return DomainWeights(**{name: _array(getattr(learned, name)) for name in names})


def _array(tensor: Tensor) -> NDArray[np.float32]:
    """A copy on the CPU: what a later step moves does not move it."""
    array: NDArray[np.float32] = tensor.detach().cpu().numpy().copy()
    return array
