"""Rotates the dense columns of a domain so that the leading ones carry most of the scores.

In:   exact vectors of some users and of all items of a domain.
Out:  the same items in another basis, the map of users to it, and how many columns lead.

With the second moments ``C`` of users and ``V C^1/2 = U S W'`` of items, a score ``V u`` is
``(U S^1/2)(S^1/2 W' C^-1/2 u)``. Both factors are long in the same columns, which come in the order
of what they add to the scores, so that a bound on all but the leading ones is as tight as can be.
Nothing is lost: the map can be inverted.

Shapes: B users   I_d items of the domain   D dense columns
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kgrec.ranking.topk import blocks
from kgrec.vectors import Vectors

__all__ = ["lead_of", "rotate"]

Floats = NDArray[np.float32]

_CARRIED = 0.99
"""Fraction of the scores' second moment that leading columns carry."""
_STEP = 32
_BLOCK_ITEMS = 4096
_TINY = 1e-12
_FLOOR = 1e-4
"""Fraction of the largest column, direction or singular value below which all count as equal."""


def rotate(users: Vectors, items: Vectors) -> tuple[Floats, Vectors, Floats]:
    """A basis for the dense columns of one domain.

    Args:
        users: ``[B]`` exact vectors of users like those who will be served.
        items: ``[I_d]`` exact vectors.

    Returns:
        ``[D, D]`` that users' dense columns are multiplied by, ``[I_d]`` items in the new basis,
        and ``[D]`` what each column adds to the second moment of scores.
    """
    width = items.dense.shape[1]
    moments = users.dense.T.astype(np.float64) @ users.dense / max(len(users), 1)
    size = np.sqrt(np.maximum(np.diag(moments), 0.0))
    size = np.maximum(size, max(float(size.max(initial=0.0)) * _FLOOR, _TINY))  # of each column
    value, vector = np.linalg.eigh(moments / size[:, None] / size)
    value = np.sqrt(np.maximum(value, max(float(value.max(initial=0.0)), _TINY) * _FLOOR**2))
    root, inverse = size[:, None] * vector * value, vector / size[:, None] / value
    squares = np.zeros((width, width))
    for rows in blocks(len(items), _BLOCK_ITEMS):
        some = items.dense[rows] @ root
        squares += some.T @ some
    squared, right = np.linalg.eigh(squares)
    squared, right = np.maximum(squared[::-1], 0.0), right[:, ::-1]
    singular = np.sqrt(np.maximum(squared, max(float(squared.max(initial=0)), _TINY) * _FLOOR**2))
    of_items = root @ right / np.sqrt(singular)
    turned = np.empty(items.dense.shape, np.float32)
    for rows in blocks(len(items), _BLOCK_ITEMS):
        turned[rows] = items.dense[rows] @ of_items
    of_users = (inverse @ right * np.sqrt(singular)).astype(np.float32)
    return of_users, Vectors(turned, items.sparse), squared.astype(np.float32)


def lead_of(squared: Floats) -> int | None:
    """How many columns lead; None where leaving the others out would save little.

    Args:
        squared: ``[D]`` from :func:`rotate`.
    """
    carried = np.cumsum(squared, dtype=np.float64)
    if not len(carried) or not carried[-1] > 0:
        return None
    fewest = int(np.searchsorted(carried, _CARRIED * carried[-1])) + 1
    lead = -(-fewest // _STEP) * _STEP
    return lead if lead <= len(squared) // 2 else None
