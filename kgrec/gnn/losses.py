"""The losses: sampled softmax with popularity correction, BPR, and contrastive alignment.

In:   vectors of users and items and who likes what; or two views of the same things.
Out:  one number.

Shapes: B users   N candidate items   K width of a score   D width of a view   C prototypes
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

__all__ = ["bpr", "info_nce", "prototype_alignment", "sampled_softmax"]

_BLOCK = 256
"""Users whose scores of all candidates are in memory at once."""


def sampled_softmax(
    user: Tensor,
    item: Tensor,
    positives: sp.csr_matrix,
    log_drawn: Tensor | None = None,
    added: Sequence[sp.csr_matrix] = (),
    added_weights: Tensor | None = None,
) -> Tensor:
    """Mean over users of the mean over their positives of ``-log softmax``.

    Args:
        user: ``[B, K]``; the score of an item is the inner product with its vector.
        item: ``[N, K]`` the candidates.
        positives: ``[B, N]`` one entry for each positive, whatever its value; a row without any
            counts nothing.
        log_drawn: ``[N]`` log of the chance that an item came to be a candidate. Subtracting
            it makes the sample stand for the whole catalogue (logQ correction; Bengio and
            Senecal, "Adaptive importance sampling", 2008). None where all items are there.
        added: ``[B, N]`` sparse features of pairs that are added to the inner products, each times
            its weight.
        added_weights: One weight for each of ``added``; has a gradient.

    Not to be called under autocast. Its gradient has no gradient.

    Example:
        >>> user, item = torch.zeros(1, 2), torch.ones(4, 2)
        >>> round(sampled_softmax(user, item, sp.csr_matrix([[1, 0, 0, 0]])).item(), 4)
        1.3863
    """
    if added_weights is None:
        added, added_weights = (), user.new_zeros(0)
    loss: Tensor = _Softmax.apply(user, item, positives, log_drawn, tuple(added), added_weights)
    return loss


class _Softmax(torch.autograd.Function):
    """Makes its gradients along with the loss: scores ``[B, N]`` are neither kept nor made twice.

    The loss is one number: its gradients are known but for a factor as soon as it is (as in
    Hsu et al., "Liger kernel", 2024, where every row has one label).
    """

    @staticmethod
    def forward(
        ctx: Any,
        user: Tensor,
        item: Tensor,
        positives: sp.csr_matrix,
        log_drawn: Tensor | None,
        added: tuple[sp.csr_matrix, ...],
        added_weights: Tensor,
    ) -> Tensor:
        row, column = _places(positives, user.device)
        count = np.diff(positives.indptr)  # [B]
        weight = (count > 0) / max((count > 0).sum(), 1)  # of a user in the mean
        of_user = torch.from_numpy(weight).to(user)
        of_positive = torch.from_numpy((weight / np.maximum(count, 1)).repeat(count)).to(user)
        to_user, to_item = torch.empty_like(user), torch.zeros_like(item)
        to_added = torch.zeros_like(added_weights)
        loss = user.new_zeros(())
        ends = [*range(0, len(count), _BLOCK), len(count)]
        for some in (slice(*pair) for pair in pairwise(ends)):
            theirs = slice(*positives.indptr[[some.start, some.stop]])
            at = (row[theirs] - some.start, column[theirs])
            scores = user[some] @ item.T
            features = [torch.from_numpy(matrix[some].toarray()).to(user) for matrix in added]
            for weight_of, feature in zip(added_weights, features, strict=True):
                scores += weight_of * feature
            if log_drawn is not None:
                scores -= log_drawn
            top = scores.amax(1, keepdim=True)
            scores -= top
            loss -= scores[at] @ of_positive[theirs]
            sums = scores.exp_().sum(1)
            loss += sums.log() @ of_user[some]
            scores *= (of_user[some] / sums).unsqueeze(1)
            scores[at] -= of_positive[theirs]  # now the loss by the scores
            torch.mm(scores, item, out=to_user[some])
            to_item.addmm_(scores.T, user[some])
            for number, feature in enumerate(features):
                to_added[number] += (scores * feature).sum()
        ctx.save_for_backward(to_user, to_item, to_added)
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        to_user, to_item, to_added = ctx.saved_tensors
        to_added = grads[0] * to_added
        return grads[0] * to_user, grads[0] * to_item, None, None, None, to_added


def bpr(
    user: Tensor,
    item: Tensor,
    positives: sp.csr_matrix,
    *,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Bayesian personalised ranking (Rendle et al., UAI 2009): each positive against a draw.

    Args:
        user: ``[B, K]``; the score of an item is the inner product with its vector.
        item: ``[N, K]`` the candidates.
        positives: ``[B, N]`` one entry for each positive, whatever its value.
        generator: Draws the negatives; None: torch's random state.
    """
    row, column = _places(positives, user.device)
    drawn = torch.randint(len(item), row.shape, generator=generator).to(row)
    is_other = ~torch.isin(row * len(item) + drawn, row * len(item) + column)
    # Taken by embedding: rows repeat, and plain indexing adds up their gradients in any order.
    of_row, liked, other = (
        functional.embedding(at, of) for at, of in ((row, user), (column, item), (drawn, item))
    )
    gap = (of_row * (liked - other)).sum(1)
    return -(functional.logsigmoid(gap) * is_other).sum() / is_other.sum().clamp(min=1)


def info_nce(left: Tensor, right: Tensor, temperature: float) -> Tensor:
    """Symmetric InfoNCE of unit rows ``[B, D]``: row i on the left belongs to row i on the right.

    van den Oord et al., "Representation learning with contrastive predictive coding", 2018.

    Args:
        left: ``[B, D]`` unit rows.
        right: ``[B, D]`` unit rows, in the same order.
        temperature: Divides the inner products; above 0.
    """
    logits = left @ right.T / temperature
    truth = torch.arange(len(left), device=left.device)
    return (functional.cross_entropy(logits, truth) + functional.cross_entropy(logits.T, truth)) / 2


def prototype_alignment(
    left: Tensor, right: Tensor, prototypes: Tensor, temperature: float
) -> Tensor:
    """Pulls two unpaired groups of unit rows ``[B, D]`` onto the same prototypes ``[C, D]``.

    Each row is assigned to prototypes softly; both groups should use each prototype equally
    often (Jensen-Shannon distance of the mean assignments), and each row few of them (entropy).

    Args:
        left: Unit rows of one group.
        right: Unit rows of the other; their number may differ.
        prototypes: Rows of any length.
        temperature: Divides the inner products; the lower, the harder the assignment.
    """
    unit = functional.normalize(prototypes, dim=1)
    assigned = [(group @ unit.T / temperature).softmax(1) for group in (left, right)]  # [B, C]
    means = [rows.mean(0).clamp(min=1e-8) for rows in assigned]
    middle = (means[0] + means[1]) / 2
    distance = sum((mean * (mean / middle).log()).sum() for mean in means) / 2
    entropy = sum(-(s * s.clamp(min=1e-8).log()).sum(1).mean() for s in assigned) / 2
    evenness = (middle * middle.log()).sum()  # most negative where all prototypes are used
    result: Tensor = distance + 0.1 * entropy + 0.1 * evenness
    return result


def _places(positives: sp.csr_matrix, device: torch.device) -> tuple[Tensor, Tensor]:
    """Row and column ``[n]`` of each entry; only these travel, none of the places between."""
    rows: NDArray[np.int64] = np.repeat(np.arange(positives.shape[0]), np.diff(positives.indptr))
    columns = positives.indices.astype(np.int64)
    return torch.from_numpy(rows).to(device), torch.from_numpy(columns).to(device)
