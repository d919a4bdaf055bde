"""The weights of the sequence encoder, which learn, and its rows of events on a device.

In:   settings, item embeddings, histories in order.
Out:  states of events; :mod:`kgrec.gnn.sequence` has the formula, and answers without tensors.

Shapes: B users   I items   D width   N time bins
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from kgrec.config import ModelSettings
from kgrec.data.histories import Histories
from kgrec.gnn.events import GAPS, EventRows, read_event_rows
from kgrec.gnn.sequence import SequenceWeights, Tools, last_states, sequence_states

__all__ = ["SequenceEncoder", "event_tensors"]


class SequenceEncoder(nn.Module):
    """Causal attention over a history; see :mod:`kgrec.gnn.sequence`."""

    is_liked: Tensor

    def __init__(
        self, settings: ModelSettings, is_liked: Tensor, *, num_domains: int, num_bins: int
    ) -> None:
        """Draw the first weights from torch's random state.

        Args:
            settings: Those named ``sequence_...``, and ``dim``.
            is_liked: ``[I]`` 1 where anybody likes the item, else 0.
            num_domains: Domains of the graph.
            num_bins: Bins of time; 0 where no time is known.
        """
        super().__init__()
        dim, layers = settings.dim, settings.sequence_layers
        self.heads = settings.sequence_heads
        short, usual = 0.02, dim**-0.5

        def drawn(*shape: int, std: float) -> nn.Parameter:
            return nn.Parameter(torch.randn(*shape) * std)

        def zeros(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.zeros(*shape))

        self.register_buffer("is_liked", is_liked, persistent=False)
        self.item = drawn(len(is_liked), dim, std=short)
        self.place = drawn(settings.sequence_length, dim, std=short)
        self.domain = drawn(num_domains, dim, std=short)
        self.gap = drawn(GAPS, dim, std=short)
        self.time = drawn(num_bins, dim, std=short)
        self.first_norm = nn.Parameter(torch.stack([torch.ones(dim), torch.zeros(dim)]))
        self.last_norm = nn.Parameter(torch.stack([torch.ones(dim), torch.zeros(dim)]))
        of_layer = torch.stack([torch.ones(dim), torch.zeros(dim)]).repeat(2, 1)  # [4, D]
        self.norms = nn.Parameter(of_layer.repeat(layers, 1, 1))
        self.read = drawn(layers, dim, 3 * dim, std=usual)
        self.read_offset = zeros(layers, 3 * dim)
        self.write = drawn(layers, dim, dim, std=usual)
        self.write_offset = zeros(layers, dim)
        self.widen = drawn(layers, dim, 4 * dim, std=usual)
        self.widen_offset = zeros(layers, 4 * dim)
        self.narrow = drawn(layers, 4 * dim, dim, std=usual / 2)
        self.narrow_offset = zeros(layers, dim)
        self.drop = nn.Dropout(settings.sequence_dropout)

    def weights(self) -> SequenceWeights[Tensor]:
        """All that states need, with gradient."""
        learned = {field.name: getattr(self, field.name) for field in fields(SequenceWeights)}
        learned["item"] = self.item * self.is_liked[:, None]
        return SequenceWeights(**learned)

    def ids(self, items: Tensor) -> Tensor:
        """``[C, D]`` ID embeddings of ``items [C]``; zero where nobody likes the item."""
        return functional.embedding(items, self.item) * self.is_liked[items][:, None]

    def states(self, item_embeddings: Tensor, rows: EventRows[Tensor]) -> Tensor:
        """``[b, L, D]`` at every event of a group of rows."""
        return sequence_states(self._tools(), self.weights(), self.heads, item_embeddings, rows)

    def last_states(
        self, item_embeddings: Tensor, groups: list[EventRows[Tensor]], count: int
    ) -> Tensor:
        """``[B, D]`` the state after the last event of each user; zero without events.

        Args:
            item_embeddings: ``[I, D]`` of all items.
            groups: Rows of events; each user is in one row at most.
            count: B.
        """
        return last_states(
            self._tools(), self.weights(), self.heads, item_embeddings, groups, count
        )

    def _tools(self) -> Tools:
        # Rows that come several times add up their gradients in a fixed order by embedding only.
        return Tools(torch, lambda table, rows: functional.embedding(rows, table), self.drop)


def event_tensors(
    users: Histories,
    item_domain: NDArray[np.int32],
    bins: NDArray[np.float32],
    length: int,
    device: torch.device | str = "cpu",
) -> Iterator[EventRows[Tensor]]:
    """Rows of events on a device; see :func:`kgrec.gnn.events.read_event_rows`.

    Args:
        users: Histories in order.
        item_domain: ``[I]`` number of each item's domain.
        bins: ``[N]`` from :func:`kgrec.gnn.time_bins.make_time_bins`.
        length: Number of latest events that are read of each user.
        device: Device of the tensors.
    """

    def tensor(array: NDArray[np.generic]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(device)

    for rows in read_event_rows(users, item_domain, bins, length):
        yield EventRows(
            rows.user,
            rows.event,
            *(tensor(a) for a in (rows.is_event, rows.items, rows.domains, rows.gaps, rows.times)),
        )
