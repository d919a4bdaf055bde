"""Steps that protocols share: who is active where, and what may be shown of them.

In:   a snapshot, its :class:`kgrec.data.interactions.Interactions`, rows of users.
Out:  masks over users, :class:`Cases`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph_store.snapshot import Snapshot
from kgrec.data.interactions import Interactions
from kgrec.errors import InputError
from kgrec.evaluation.split import Cases

__all__ = ["cases_of", "domain_number", "only_domains", "user_keys"]


def domain_number(snapshot: Snapshot, name: str) -> int:
    """Number of a domain by its key.

    Raises:
        InputError: There is no such domain.
    """
    names = [str(key) for key in snapshot.domain_keys]
    if name not in names:
        raise InputError(f"no domain {name!r} in the data; there are {', '.join(names)}")
    return names.index(name)


def only_domains(snapshot: Snapshot, names: Sequence[str]) -> Snapshot:
    """The same nodes with only the interactions that lie in some domains."""
    numbers = [domain_number(snapshot, name) for name in names]
    return snapshot.keep(np.isin(snapshot.item_domain[snapshot.item], numbers))


def user_keys(snapshot: Snapshot, interactions: Interactions) -> NDArray[np.str_]:
    """``[P]`` key of the first account of each user."""
    _, first = np.unique(interactions.row_of_account, return_index=True)
    return snapshot.user_keys[first]


def cases_of(
    keys: NDArray[np.str_],
    shown: Interactions,
    hidden_likes: sp.csr_matrix,
    rows: NDArray[np.int64],
    candidates: NDArray[np.bool_] | None = None,
    *,
    known: sp.csr_matrix | None = None,
) -> Cases:
    """The cases of some users; those with nothing to find are left out.

    Args:
        keys: ``[P]`` of all users.
        shown: What may be known.
        hidden_likes: ``[P, I]`` what is to be found.
        rows: Whom to ask about.
        candidates: ``[I]`` which items are ranked.
        known: ``[P, I]`` items that the users have seen, which are not ranked; None takes all
            interactions of ``shown``.
    """
    rows = rows[np.diff(hidden_likes.indptr)[rows] > 0]
    return Cases(
        users=keys[rows],
        shown=shown.histories(rows),
        positives=hidden_likes[rows],
        known=(shown.seen if known is None else known)[rows],
        candidates=candidates,
    )
