"""The losses: sampled softmax with popularity correction, BPR, and contrastive alignment.

In:   logits and which of them are positives; or two views of the same things.
Out:  one number.

Shapes: B people   N candidate items   D width   K prototypes
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["bpr", "info_nce", "prototype_alignment", "sampled_softmax"]


def sampled_softmax(logits: Tensor, positives: Tensor, log_drawn: Tensor | None = None) -> Tensor:
    """Mean over people of the mean over their positives of ``-log softmax``.

    Args:
        logits: ``[B, N]``.
        positives: ``[B, N]``, 1 at positives; a row without any counts nothing.
        log_drawn: ``[N]`` log of the chance that an item came to be a candidate. Subtracting
            it makes the sample stand for the whole catalogue (logQ correction; Bengio and
            Senecal, "Adaptive importance sampling", 2008). None where all items are there.

    Example:
        >>> even = torch.zeros(1, 4)
        >>> round(sampled_softmax(even, torch.tensor([[1.0, 0, 0, 0]])).item(), 4)
        1.3863
    """
    corrected = logits if log_drawn is None else logits - log_drawn
    log_p = corrected.log_softmax(dim=1)
    count = positives.sum(1)
    per_person = -(log_p * positives).sum(1) / count.clamp(min=1)
    return per_person.sum() / (count > 0).sum().clamp(min=1)


def bpr(logits: Tensor, positives: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
    """Bayesian personalised ranking (Rendle et al., UAI 2009): each positive against a draw."""
    rows, columns = positives.nonzero(as_tuple=True)
    drawn = torch.randint(logits.size(1), rows.shape, generator=generator, device="cpu")
    drawn = drawn.to(logits.device)
    valid = positives[rows, drawn] == 0
    gap = logits[rows, columns] - logits[rows, drawn]
    return -(functional.logsigmoid(gap) * valid).sum() / valid.sum().clamp(min=1)


def info_nce(left: Tensor, right: Tensor, temperature: float) -> Tensor:
    """Symmetric InfoNCE of unit rows ``[B, D]``: row i on the left belongs to row i on the right.

    van den Oord et al., "Representation learning with contrastive predictive coding", 2018.
    """
    logits = left @ right.T / temperature
    truth = torch.arange(len(left), device=left.device)
    return (functional.cross_entropy(logits, truth) + functional.cross_entropy(logits.T, truth)) / 2


def prototype_alignment(
    left: Tensor, right: Tensor, prototypes: Tensor, temperature: float
) -> Tensor:
    """Pulls two unpaired groups of unit rows ``[B, D]`` onto the same prototypes ``[K, D]``.

    Each row is assigned to prototypes softly; both groups should use each prototype equally
    often (Jensen-Shannon distance of the mean assignments), and each row few of them (entropy).
    """
    unit = functional.normalize(prototypes, dim=1)
    shares = [(group @ unit.T / temperature).softmax(1) for group in (left, right)]  # [B, K]
    means = [share.mean(0).clamp(min=1e-8) for share in shares]
    middle = (means[0] + means[1]) / 2
    distance = sum((mean * (mean / middle).log()).sum() for mean in means) / 2
    entropy = sum(-(s * s.clamp(min=1e-8).log()).sum(1).mean() for s in shares) / 2
    spread = (middle * middle.log()).sum()  # most negative where all prototypes are used
    result: Tensor = distance + 0.1 * entropy + 0.1 * spread
    return result
