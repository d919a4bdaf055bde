"""Losses by hand, and what they must not depend on."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from torch import Tensor

from kgrec.gnn.losses import _BLOCK, bpr, info_nce, prototype_alignment, sampled_softmax


def from_scores(
    scores: Tensor, positives: list[list[int]], log_drawn: Tensor | None = None
) -> Tensor:
    """The softmax loss where items stand on axes, so that vectors of users are their scores."""
    return sampled_softmax(scores, torch.eye(scores.size(1)), sp.csr_matrix(positives), log_drawn)


def test_softmax_loss_by_hand() -> None:
    scores = torch.tensor([[math.log(3.0), 0.0, 0.0], [0.0, math.log(2.0), 0.0]])
    first = (math.log(5 / 3) + math.log(5)) / 2  # the mean over two positives
    second = math.log(4)
    loss = from_scores(scores, [[1, 1, 0], [0, 0, 1]])
    assert loss.item() == pytest.approx((first + second) / 2)


def test_a_user_without_positives_counts_nothing() -> None:
    scores = torch.randn(3, 5, requires_grad=True)
    nothing = [0, 0, 0, 0, 0]
    loss = from_scores(scores, [[0, 1, 0, 0, 0], nothing, nothing])
    torch.testing.assert_close(loss, from_scores(scores[:1], [[0, 1, 0, 0, 0]]))
    loss.backward()
    assert scores.grad is not None
    assert scores.grad[0].abs().min() > 0
    assert not scores.grad[1:].any()
    assert from_scores(scores, [nothing] * 3).item() == 0.0


@pytest.mark.parametrize("corrected", [False, True])
@pytest.mark.parametrize("users", [40, 2 * _BLOCK, 2 * _BLOCK + 3])
def test_the_gradients_of_the_softmax_are_those_that_autograd_finds(
    users: int, corrected: bool
) -> None:
    torch.manual_seed(0)
    user = torch.randn(users, 6, dtype=torch.float64, requires_grad=True)
    item = torch.randn(9, 6, dtype=torch.float64, requires_grad=True)
    liked = (torch.rand(users, 9) < 0.2).double()
    log_drawn = torch.rand(9, dtype=torch.float64).log() if corrected else None
    scores = user @ item.T
    log_p = (scores if log_drawn is None else scores - log_drawn).log_softmax(1)
    some = liked.sum(1) > 0
    assert 0 < some.sum() < users
    plain = -((log_p * liked).sum(1)[some] / liked.sum(1)[some]).mean()
    loss = sampled_softmax(user, item, sp.csr_matrix(liked.numpy()), log_drawn)
    torch.testing.assert_close(loss, plain)
    wanted = torch.autograd.grad(3 * plain, [user, item])
    torch.testing.assert_close(torch.autograd.grad(3 * loss, [user, item]), wanted)


def test_the_corrected_sample_estimates_the_full_softmax() -> None:
    """One positive that is always there, and 20 of 100 others drawn evenly."""
    torch.manual_seed(0)
    scores = torch.randn(1, 101)
    full = from_scores(scores, [[1] + [0] * 100])
    log_drawn = torch.zeros(21)
    log_drawn[1:] = math.log(20 / 100)
    drawn = torch.rand(4000, 100).argsort(dim=1)[:, :20] + 1  # [samples, 20], no item twice
    columns = torch.cat([torch.zeros(4000, 1, dtype=torch.long), drawn], dim=1)
    corrected = scores[0, columns] - log_drawn
    losses = corrected[:, 0].neg() + corrected.logsumexp(dim=1)
    # The loss is the mean over users, so each sample stands as a user of its own.
    first = [[1] + [0] * 20] * 4000
    mine = from_scores(scores[0, columns], first, log_drawn)
    torch.testing.assert_close(mine, losses.mean())
    normaliser = (losses + scores[0, 0]).exp().mean()  # the sum of exponentials is unbiased
    assert (normaliser.log() - scores[0, 0]).item() == pytest.approx(full.item(), abs=0.03)
    uncorrected = from_scores(scores[0, columns], first)
    assert uncorrected.item() < full.item() - 1.0


def test_bpr_by_hand_leaves_out_draws_that_are_positives() -> None:
    user, item = torch.tensor([[2.0, 0.0]]), torch.eye(2)
    seen = set()
    for seed in range(20):
        generator = torch.Generator().manual_seed(seed)
        loss = bpr(user, item, sp.csr_matrix([[1, 0]]), generator=generator)
        seen.add(round(loss.item(), 5))
    # Either the other item is drawn, or the positive itself, which counts nothing.
    assert seen == {0.0, round(math.log(1 + math.exp(-2.0)), 5)}


def test_bpr_falls_when_positives_rise() -> None:
    scores = torch.zeros(1, 50, requires_grad=True)
    first = sp.csr_matrix([[1] + [0] * 49])
    bpr(scores, torch.eye(50), first, generator=torch.Generator().manual_seed(1)).backward()
    assert scores.grad is not None
    assert scores.grad[0, 0] < 0
    assert scores.grad[0, 1:].max() > 0


def test_bpr_gives_the_same_gradient_to_the_last_digit_every_time() -> None:
    """Of so many pairs of so few items that threads would add up in any order."""
    torch.manual_seed(0)
    users, items = 3000, 40
    liked = sp.csr_matrix((torch.rand(users, items) < 0.2).numpy())
    user, item = torch.randn(users, 32), torch.randn(items, 32, requires_grad=True)
    first, *others = (
        torch.autograd.grad(
            bpr(user, item, liked, generator=torch.Generator().manual_seed(0)), item
        )[0]
        for _ in range(5)
    )
    assert all(torch.equal(first, other) for other in others)


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
    even = torch.eye(2).repeat(2, 1)
    prototypes = torch.eye(2)
    collapsed = prototype_alignment(rows, rows, prototypes, 0.05)
    used = prototype_alignment(even, even, prototypes, 0.05)
    assert used < collapsed


def test_sparse_features_of_pairs_are_added_to_the_products_by_learned_weights() -> None:
    torch.manual_seed(0)
    user, item = torch.randn(5, 3, requires_grad=True), torch.randn(7, 3, requires_grad=True)
    weights = torch.tensor([0.5, -2.0], requires_grad=True)
    added = [sp.random(5, 7, 0.4, "csr", np.float32, random_state=seed) for seed in (1, 2)]
    positives = sp.csr_matrix(np.eye(5, 7, dtype=np.float32))
    sampled_softmax(user, item, positives, None, added, weights).backward()
    found = [tensor.grad.clone() for tensor in (user, item, weights)]  # type: ignore[union-attr]
    for tensor in (user, item, weights):
        tensor.grad = None
    scores = user @ item.T
    for weight, matrix in zip(weights, added, strict=True):
        scores = scores + weight * torch.from_numpy(matrix.toarray())
    torch.nn.functional.cross_entropy(scores, torch.arange(5)).backward()
    for gradient, tensor in zip(found, (user, item, weights), strict=True):
        torch.testing.assert_close(gradient, tensor.grad)
