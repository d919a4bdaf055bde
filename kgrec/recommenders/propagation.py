"""What LightGCN and AlphaRec share: vectors that flow over the graph, and a softmax loss.

In:   likes, and a module that gives first vectors of items (and of people).
Out:  item vectors of every layer; a person is computed from their history.

Trained on a GPU where there is one.

One propagation a batch of likes; the loss is a softmax over the liked item and shared uniform
negatives on cosines, which is stronger than the BPR of the LightGCN paper (see Wu et al., "On
the effectiveness of sampled softmax loss for item recommendation", TOIS 2024).

Shapes: P people   I items   B likes of a batch   N negatives   D width
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import NonNegativeInt, PositiveFloat, PositiveInt

from kgrec.data.histories import Histories
from kgrec.recommenders.base import BaseRecommender, OnProgress, RecommenderSettings, Scores
from kgrec.solvers.spectrum import normalized

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["Propagation", "PropagationSettings"]


class PropagationSettings(RecommenderSettings):
    """Settings of every :class:`Propagation`."""

    dim: PositiveInt = 64
    """Width of the vectors."""
    layers: NonNegativeInt = 2
    """Steps over the graph."""
    epochs: NonNegativeInt = 20
    """Passes over the likes."""
    temperature: PositiveFloat = 0.15
    """What cosines are divided by in the softmax."""
    learning_rate: PositiveFloat = 1e-2
    """Step size."""
    batch: PositiveInt = 16_384
    """Likes of a step."""
    negatives: PositiveInt = 1024
    """Drawn items that the likes of a step are told from."""


P = TypeVar("P", bound=PropagationSettings)


class Propagation(BaseRecommender[P]):
    """A subclass gives ``_first``: a module whose call returns vectors of users and items."""

    @property
    def target_only(self) -> bool:
        """Whether only likes of the target domain are read."""
        return False

    def _first(self) -> nn.Module:
        """Its call returns ``(people [P, D] or None, items [I, D])``."""
        raise NotImplementedError

    def _fit(self, seed: int, on_progress: OnProgress) -> None:
        import torch

        # The seed is ours alone: what others draw afterwards must not depend on it.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self._items_of: dict[int, list[NDArray[np.float32]]] = {}
            self._degree: dict[int, NDArray[np.float32]] = {}
            groups = self.targets if self.target_only else [-1]
            for domain in groups:
                likes = self.data.liked
                if domain >= 0:
                    likes = likes - self.data.outside(likes, domain)
                    likes.eliminate_zeros()
                    likes = likes[np.diff(likes.indptr) > 0]
                degree = np.asarray(likes.sum(axis=0)).ravel()
                self._degree[domain] = np.maximum(degree, 1.0).astype(np.float32)
                self._items_of[domain] = self._train(likes.tocsr(), seed, on_progress)

    def _train(
        self, likes: sp.csr_matrix, seed: int, on_progress: OnProgress
    ) -> list[NDArray[np.float32]]:
        import torch
        from torch.nn import functional

        from kgrec.device import pick_device
        from kgrec.solvers.sparse import Sparse

        self._num_people = likes.shape[0]
        device = pick_device("auto")
        model = self._first().to(device)
        graph = Sparse(normalized(likes), device)
        optimizer = torch.optim.Adam(model.parameters(), lr=self.settings.learning_rate)
        rng = np.random.default_rng(seed)
        pairs = likes.tocoo()
        liked = np.unique(pairs.col)

        def places(numbers: NDArray[np.integer]) -> Tensor:
            return torch.from_numpy(numbers).long().to(device)

        for epoch in range(self.settings.epochs):
            order = rng.permutation(len(pairs.row))
            for start in range(0, len(order), self.settings.batch):
                chosen = order[start : start + self.settings.batch]
                people, items = self._flow(model, graph)
                person = functional.normalize(people[places(pairs.row[chosen])], dim=1)
                unit = functional.normalize(items, dim=1)
                drawn = places(rng.choice(liked, self.settings.negatives))
                right = (person * unit[places(pairs.col[chosen])]).sum(1, keepdim=True)
                logits = (
                    torch.cat([right, person @ unit[drawn].T], dim=1) / self.settings.temperature
                )
                loss = -logits.log_softmax(dim=1)[:, 0].mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            done, of = epoch + 1, self.settings.epochs
            on_progress(done / of, f"epoch {done} of {of}")
        with torch.no_grad():
            _, first = model()
            layers = [first]
            for _ in range(self.settings.layers):
                layers.append(graph.transposed @ (graph @ layers[-1]))
            # What training ranked with: the items' mean, which a person's vector meets.
            mean = functional.normalize(self._flow(model, graph)[1], dim=1)
            return [layer.cpu().numpy() for layer in (*layers, mean)]

    def _flow(self, model: nn.Module, graph: object) -> tuple[Tensor, Tensor]:
        """Means over layers, of people and of items."""
        from kgrec.solvers.sparse import Sparse

        if not isinstance(graph, Sparse):
            raise TypeError(f"a graph is a Sparse, got {type(graph).__name__}")
        person, item = model()
        if person is None:
            person = graph @ item
        people, items = person, item
        for _ in range(self.settings.layers):
            person, item = graph @ item, graph.transposed @ person
            people, items = people + person, items + item
        return people / (self.settings.layers + 1), items / (self.settings.layers + 1)

    def score(self, users: Histories, domain: int) -> Scores:
        """Cosine up to the person's length; the person is what flows to them from their items.

        A person's own first vector is not used, so people who were not there are served alike.
        """
        self._require_fitted(domain)
        histories = users.items
        group = domain if self.target_only else -1
        *layers, mean = self._items_of[group]
        if self.target_only:  # other domains' items were not there
            histories = histories - self.data.outside(histories, domain)
            histories.eliminate_zeros()
        lengths = np.maximum(np.diff(histories.indptr), 1)
        read = (sp.diags(lengths**-0.5) @ histories @ sp.diags(self._degree[group] ** -0.5)).tocsr()
        person = sum(
            (np.asarray(read @ layer) for layer in layers[: max(self.settings.layers, 1)]),
            np.zeros((histories.shape[0], mean.shape[1])),
        )
        return np.asarray(person @ mean[self.data.items_of(domain)].T, dtype=np.float32)
