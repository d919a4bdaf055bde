"""Products with fixed sparse matrices, against dense ones."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from kgrec.solvers.sparse import Sparse

HUGE_PAGES = "THP_MEM_ALLOC_ENABLE"
"""What torch's allocator reads."""


def random_matrix() -> sp.csr_matrix:
    return sp.random(5, 7, density=0.4, format="csr", random_state=0).astype(np.float32)


def test_product_and_gradient_are_those_of_the_dense_matrix() -> None:
    matrix = random_matrix()
    dense = torch.from_numpy(matrix.toarray())
    x = torch.randn(7, 3, requires_grad=True)
    again = x.detach().clone().requires_grad_()
    weights = torch.randn(5, 3)
    ((Sparse(matrix) @ x) * weights).sum().backward()
    ((dense @ again) * weights).sum().backward()
    torch.testing.assert_close(Sparse(matrix) @ x, dense @ x)
    assert again.grad is not None
    torch.testing.assert_close(x.grad, again.grad)


def test_sides_that_do_not_lie_in_one_piece_are_multiplied_all_the_same() -> None:
    matrix = random_matrix()
    dense = torch.from_numpy(matrix.toarray())
    wide = torch.randn(3, 14)
    for x in (wide[:, :7].T, wide[:1, 7:].T.expand(7, 3), torch.zeros(7, 0)):
        torch.testing.assert_close(Sparse(matrix) @ x, dense @ x)


def test_the_transposed_view_multiplies_and_passes_gradient_the_other_way() -> None:
    matrix = random_matrix()
    x = torch.randn(5, 2, requires_grad=True)
    sparse = Sparse(matrix).transposed
    assert sparse.shape == (7, 5)
    (sparse @ x).sum().backward()
    torch.testing.assert_close(sparse @ x, torch.from_numpy(matrix.T.toarray()) @ x)
    by_hand = torch.from_numpy(matrix.toarray()) @ torch.ones(7, 2)
    torch.testing.assert_close(x.grad, by_hand)


def test_a_half_precision_side_is_multiplied_in_full_precision() -> None:
    x = torch.randn(7, 2).bfloat16().requires_grad_()
    product = Sparse(random_matrix()) @ x
    assert product.dtype == torch.float32
    product.sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()


def test_a_matrix_without_entries_gives_zeros() -> None:
    empty = Sparse(sp.csr_matrix((3, 4), dtype=np.float32))
    assert (empty @ torch.ones(4, 2)).tolist() == [[0.0, 0.0]] * 3


@pytest.mark.parametrize("given", [None, "0"])
def test_large_tensors_lie_on_huge_pages_unless_the_caller_says_otherwise(
    given: str | None,
) -> None:
    env = {k: v for k, v in os.environ.items() if k != HUGE_PAGES}
    env |= {HUGE_PAGES: given} if given else {}
    program = f"import os, kgrec; print(os.environ['{HUGE_PAGES}'])"
    said = subprocess.check_output([sys.executable, "-c", program], env=env, text=True)
    assert said.strip() == (given or "1")
