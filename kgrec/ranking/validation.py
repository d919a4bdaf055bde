"""How well scores rank what held-out users liked.

In:   scores of held-out users over a domain's items.
Out:  their mean NDCG.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kgrec.data.hold_out import HeldOut
from kgrec.ranking.measures import ranks_of, user_measures

__all__ = ["ndcg"]


def ndcg(
    scores: NDArray[np.float32], group: HeldOut, items: NDArray[np.int64], *, at: int
) -> float:
    """Mean NDCG ``at`` a length over the group's users, full catalogue, known items left out.

    Args:
        scores: ``[B, I_d]``.
        group: The held-out users.
        items: Numbers of the scored items.
        at: Length of the list.
    """
    ranks = ranks_of(scores, group.hidden, exclude=group.users.items[:, items].tocsr())
    return float(np.nanmean(user_measures(ranks, [at])[f"ndcg@{at}"]))
