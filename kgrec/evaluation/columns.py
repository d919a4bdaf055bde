"""One line of a benchmark's table, as text: the same in Markdown and HTML.

In:   a :class:`~kgrec.evaluation.results.Row`.
Out:  a cell for each of ``COLUMNS``.
"""

from __future__ import annotations

from kgrec.evaluation.evaluate import MAIN_MEASURE
from kgrec.evaluation.results import Row

__all__ = ["COLUMNS", "cells_of"]

COLUMNS = (
    "model", "NDCG@10", "95%", "Recall@10", "Hit@10", "MRR@10", "NDCG@10 without twins",
    "against best baseline", "p", "coverage@10", "novelty@10", "fit s", "score s",
)  # fmt: skip


def cells_of(row: Row) -> list[str]:
    """One line of the table, as text; columns are those of ``COLUMNS``."""
    main = row.measures[MAIN_MEASURE]
    gap = row.against_best
    return [
        row.name,
        f"{main.mean:.4f}",
        f"[{main.low:.4f}, {main.high:.4f}]",
        f"{row.measures['recall@10'].mean:.4f}",
        f"{row.measures['hit@10'].mean:.4f}",
        f"{row.measures['mrr@10'].mean:.4f}",
        f"{row.without_twins[MAIN_MEASURE].mean:.4f}",
        "(the best)" if gap is None else f"{gap.mean:+.4f} [{gap.low:+.4f}, {gap.high:+.4f}]",
        "" if gap is None else f"{gap.p_value:.3f}",
        f"{row.lists.get('coverage@10', float('nan')):.3f}",
        f"{row.lists.get('novelty@10', float('nan')):.1f}",
        f"{row.fit_seconds:.1f}",
        f"{row.score_seconds:.1f}",
    ]
