"""States of recommenders that learn for each target domain apart, as one mapping of arrays.

In:   the state of each target domain.
Out:  one state, as a run keeps it; and the states by domain again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from kgrec.recommenders.base import State

__all__ = ["by_domain", "one_state"]


def one_state(by_domain: Mapping[int, State]) -> State:
    """The states of several target domains as one; :func:`by_domain` takes them apart.

    Example:
        >>> import numpy as np
        >>> one_state({0: {"items": np.zeros(2)}, 1: {"items": np.ones(2)}}).keys()
        dict_keys(['items.0', 'items.1'])
    """
    return {
        f"{name}.{domain}": array
        for domain, state in by_domain.items()
        for name, array in state.items()
    }


def by_domain(state: Mapping[str, NDArray[Any]]) -> dict[int, State]:
    """The states of target domains that :func:`one_state` put together."""
    found: dict[int, State] = {}
    for key, array in state.items():
        name, _, domain = key.rpartition(".")
        found.setdefault(int(domain), {})[name] = array
    return found
