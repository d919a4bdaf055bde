"""Whitening of text vectors: no mean, equal variance, the widest directions kept."""

from __future__ import annotations

import pytest
import torch

from kgrec.text.whitening import fit_whitening


def test_whitened_vectors_have_no_mean_and_equal_variance_in_all_directions() -> None:
    torch.manual_seed(0)
    vectors = torch.randn(500, 5) @ torch.randn(5, 5) + 3.0
    whitening = fit_whitening(vectors, 5)
    white = whitening(vectors)
    torch.testing.assert_close(white.mean(0), torch.zeros(5), atol=1e-4, rtol=0)
    covariance = white.T @ white / 500
    torch.testing.assert_close(covariance, torch.eye(5) / 5, atol=0.02, rtol=0)
    assert white.square().sum(1).mean().item() == pytest.approx(1.0, abs=0.05)


def test_whitening_keeps_the_directions_of_most_variance() -> None:
    vectors = torch.randn(300, 3) * torch.tensor([10.0, 0.01, 5.0])
    whitening = fit_whitening(vectors, 2)
    assert whitening.directions.shape == (3, 2)
    assert (
        whitening.directions[1].abs().max()
        < whitening.directions[[0, 2]].abs().max(dim=1).values.min()
    )


def test_one_text_cannot_be_whitened_and_says_nothing() -> None:
    whitening = fit_whitening(torch.ones(1, 3), 2)
    assert not whitening(torch.ones(1, 3)).any()
