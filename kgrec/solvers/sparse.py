"""Products of fixed sparse matrices with learned dense ones, with gradient for the dense side.

In:   ``scipy`` matrices and dense tensors.
Out:  dense tensors on the same device.

torch's own backward of a CSR product transposes the matrix at every step; here both forms
are made once.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

__all__ = ["Sparse"]


class Sparse:
    """A sparse matrix ``[N, M]`` that multiplies dense ones; it must not change afterwards."""

    def __init__(self, matrix: sp.csr_matrix, device: torch.device | str = "cpu") -> None:
        self.shape: tuple[int, int] = matrix.shape
        self._forward = _csr(matrix.tocsr(), device)
        self._transposed = _csr(matrix.T.tocsr(), device)

    def __matmul__(self, dense: Tensor) -> Tensor:
        """``[N, M] @ [M, K]``."""
        product: Tensor = _Product.apply(self._forward, self._transposed, dense)
        return product

    @property
    def transposed(self) -> Sparse:
        """The ``[M, N]`` view; nothing is copied."""
        other = object.__new__(Sparse)
        other.shape = (self.shape[1], self.shape[0])
        other._forward, other._transposed = self._transposed, self._forward
        return other


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, matrix: Tensor, transposed: Tensor, dense: Tensor) -> Tensor:
        ctx.transposed = transposed
        with torch.autocast(dense.device.type, enabled=False):  # no bf16 kernel for CSR on CPU
            return _times(matrix, dense.float())

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[None, None, Tensor]:
        return None, None, _times(ctx.transposed, grads[0].contiguous().float())


def _times(matrix: Tensor, dense: Tensor) -> Tensor:
    """``matrix @ dense``; on a CPU by the kernel of reductions, faster than MKL's."""
    return matrix @ dense if dense.is_cuda else torch.sparse.mm(matrix, dense, "sum")


def _csr(matrix: sp.csr_matrix, device: torch.device | str) -> Tensor:
    matrix.sort_indices()
    with warnings.catch_warnings():
        # torch warns once that its CSR form is in beta (products are all that is used of it), and
        # torch 2.11 also that invariants are not checked, although check_invariants is given.
        for begins in ("Sparse CSR tensor support", "Sparse invariant checks"):
            warnings.filterwarnings("ignore", message=begins, category=UserWarning)
        made = torch.sparse_csr_tensor(
            torch.from_numpy(matrix.indptr),
            torch.from_numpy(matrix.indices),
            torch.from_numpy(matrix.data.astype(np.float32, copy=False)),
            size=matrix.shape,
            check_invariants=False,  # scipy made it; a check costs a pass an episode
        )
    return made.to(device)
