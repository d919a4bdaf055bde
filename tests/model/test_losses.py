"""Losses by hand, and what they must not depend on."""

from __future__ import annotations

import math

import pytest
import torch

from kgrec.model.losses import bpr, info_nce, prototype_alignment, sampled_softmax


def test_softmax_loss_by_hand() -> None:
    logits = torch.tensor([[math.log(3.0), 0.0, 0.0], [0.0, math.log(2.0), 0.0]])
    positives = torch.tensor([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    first = (math.log(5 / 3) + math.log(5)) / 2  # the mean over two positives
    second = math.log(4)
    assert sampled_softmax(logits, positives).item() == pytest.approx((first + second) / 2)


def test_a_person_without_positives_counts_nothing() -> None:
    logits = torch.randn(3, 5)
    positives = torch.zeros(3, 5)
    positives[0, 1] = 1.0
    alone = sampled_softmax(logits[:1], positives[:1])
    torch.testing.assert_close(sampled_softmax(logits, positives), alone)
    assert sampled_softmax(logits, torch.zeros(3, 5)).item() == 0.0


def test_the_corrected_sample_estimates_the_full_softmax() -> None:
    """One positive that is always there, and 20 of 100 others drawn evenly."""
    torch.manual_seed(0)
    logits = torch.randn(1, 101)
    positive = torch.zeros(1, 101)
    positive[0, 0] = 1.0
    full = sampled_softmax(logits, positive)
    log_drawn = torch.zeros(21)
    log_drawn[1:] = math.log(20 / 100)
    drawn = torch.rand(4000, 100).argsort(dim=1)[:, :20] + 1  # [samples, 20], no item twice
    columns = torch.cat([torch.zeros(4000, 1, dtype=torch.long), drawn], dim=1)
    corrected = logits[0, columns] - log_drawn
    losses = corrected[:, 0].neg() + corrected.logsumexp(dim=1)
    # The loss is the mean over people, so each sample stands as a person of its own.
    mine = sampled_softmax(logits[0, columns], positive[0, columns], log_drawn)
    torch.testing.assert_close(mine, losses.mean())
    normaliser = (losses + logits[0, 0]).exp().mean()  # the sum of exponentials is unbiased
    assert (normaliser.log() - logits[0, 0]).item() == pytest.approx(full.item(), abs=0.03)
    uncorrected = sampled_softmax(logits[0, columns], positive[0, columns])
    assert uncorrected.item() < full.item() - 1.0


def test_bpr_by_hand_leaves_out_draws_that_are_positives() -> None:
    logits = torch.tensor([[2.0, 0.0]])
    positives = torch.tensor([[1.0, 0.0]])
    seen = set()
    for seed in range(20):
        generator = torch.Generator().manual_seed(seed)
        seen.add(round(bpr(logits, positives, generator=generator).item(), 5))
    # Either the other item is drawn, or the positive itself, which counts nothing.
    assert seen == {0.0, round(math.log(1 + math.exp(-2.0)), 5)}


def test_bpr_falls_when_positives_rise() -> None:
    positives = torch.zeros(1, 50)
    positives[0, 0] = 1.0
    logits = torch.zeros(1, 50, requires_grad=True)
    bpr(logits, positives, generator=torch.Generator().manual_seed(1)).backward()
    assert logits.grad is not None
    assert logits.grad[0, 0] < 0
    assert logits.grad[0, 1:].max() > 0


def test_info_nce_by_hand_is_the_same_from_both_sides() -> None:
    left, right = torch.eye(2), torch.eye(2)
    by_hand = -math.log(math.e / (math.e + 1))
    assert info_nce(left, right, 1.0).item() == pytest.approx(by_hand)
    left, right = torch.randn(4, 3), torch.randn(4, 3)
    torch.testing.assert_close(info_nce(left, right, 0.5), info_nce(right, left, 0.5))


def test_info_nce_is_high_where_rows_are_swapped() -> None:
    eye = torch.eye(4)
    assert info_nce(eye, eye.flip(0), 0.1) > info_nce(eye, eye, 0.1) + 5


def test_prototypes_pull_two_groups_that_lie_apart() -> None:
    prototypes = torch.eye(2)
    apart = (torch.tensor([[1.0, 0.0]]).repeat(4, 1), torch.tensor([[0.0, 1.0]]).repeat(4, 1))
    together = (torch.eye(2).repeat(2, 1), torch.eye(2).repeat(2, 1))
    far, near = (prototype_alignment(*pair, prototypes, 0.05) for pair in (apart, together))
    # Both use both prototypes in all; only the Jensen-Shannon distance tells them apart.
    assert (far - near).item() == pytest.approx(math.log(2), abs=1e-3)


def test_prototypes_must_not_all_collapse_into_one() -> None:
    rows = torch.tensor([[1.0, 0.0]]).repeat(4, 1)
    spread = torch.eye(2).repeat(2, 1)
    prototypes = torch.eye(2)
    collapsed = prototype_alignment(rows, rows, prototypes, 0.05)
    used = prototype_alignment(spread, spread, prototypes, 0.05)
    assert used < collapsed
