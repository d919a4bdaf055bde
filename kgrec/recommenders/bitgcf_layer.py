"""One layer of BiTGCF, written once: with tensors while it learns, with arrays when it answers.

In:   what users and items are before the layer, and what is read of the users' histories.
Out:  what users are after it; the source side first, then the target side.

Functions take the module that computes, ``torch`` or ``numpy``, as ``xp`` where they need it.

Shapes: B users   I_s items of a side   D width
"""

from __future__ import annotations

from typing import Any, TypeAlias, TypeVar

from kgrec.recommenders.sides import Read

__all__ = ["Pair", "grown", "received", "users_after"]

A = TypeVar("A", bound=Any)
"""A numpy array, or a tensor; all arguments of a call are of one kind."""

Pair: TypeAlias = tuple[A, A]
"""Values of the source side and of the target side."""


def received(read: tuple[Read[A], Read[A]], items: Pair[A]) -> Pair[A]:
    """``[B, D]`` for each side: what users receive from the items ``[I_s, D]`` of the side."""
    return read[0].graph @ items[0], read[1].graph @ items[1]


def grown(own: A, neighbours: A) -> A:
    """What a layer makes of a node: itself, what it receives, and their product."""
    after: A = own + neighbours + own * neighbours
    return after


def users_after(
    xp: Any, read: tuple[Read[A], Read[A]], users: Pair[A], items: Pair[A], keep: float
) -> Pair[A]:
    """``[B, D]`` for each side: a convolution on it, then the transfer between the sides.

    Args:
        xp: ``torch`` or ``numpy``.
        read: The users' histories on both sides.
        users: ``[B, D]`` for each side, before the layer.
        items: ``[I_s, D]`` for each side, before the layer.
        keep: Fraction of a side's own vector in the transfer, lambda in the paper.
    """
    from_source, from_target = received(read, items)
    source, target = grown(users[0], from_source), grown(users[1], from_target)
    n, m = read[0].counts, read[1].counts
    by_degree = (n * source + m * target) / (n + m).clip(min=1.0)
    # Each side takes from the other one where the user has history there.
    return (
        xp.where(m > 0, _mixed(source, target, by_degree, keep), source),
        xp.where(n > 0, _mixed(target, source, by_degree, keep), target),
    )


def _mixed(own: A, other: A, by_degree: A, keep: float) -> A:
    mixed: A = (by_degree + keep * own + (1.0 - keep) * other) / 2
    return mixed
