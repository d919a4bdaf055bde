"""One line of a benchmark's table, as text: the same in Markdown and HTML.

In:   a :class:`~kgrec.evaluation.results.Row`.
Out:  a cell for each of ``COLUMNS``, or of ``SAMPLED_COLUMNS`` where ranks are among drawn items.
"""

from __future__ import annotations

from kgrec.evaluation.evaluate import MAIN_MEASURE
from kgrec.evaluation.results import Row

__all__ = ["COLUMNS", "SAMPLED_COLUMNS", "cells_of", "headers_of"]

COLUMNS = (
    "model", "NDCG@10", "95%", "Recall@10", "Hit@10", "MRR@10", "NDCG@10 without twins",
    "against best baseline", "p", "coverage@10", "novelty@10", "fit s", "score s",
)  # fmt: skip


SAMPLED_COLUMNS = (
    "model", "sampled NDCG@10", "95%", "sampled HR@1", "sampled HR@10", "sampled MRR",
    "sampled NDCG@10 without twins", "against best baseline", "p", "fit s", "score s",
)  # fmt: skip


def headers_of(rows: list[Row]) -> tuple[str, ...]:
    """Names of the columns of one table."""
    return COLUMNS if rows[0].sampled is None else SAMPLED_COLUMNS


def cells_of(row: Row) -> list[str]:
    """One line of the table, as text; columns are those of :func:`headers_of`."""
    main = row.measures[MAIN_MEASURE]
    gap = row.against_best
    beside = ("recall@10", "hit@10", "mrr@10")
    if row.sampled is not None:
        beside = ("hit@1", "hit@10", "mrr@1000")
    cells = [
        row.name,
        f"{main.mean:.4f}",
        f"[{main.low:.4f}, {main.high:.4f}]",
        *(f"{row.measures[name].mean:.4f}" for name in beside),
        f"{row.without_twins[MAIN_MEASURE].mean:.4f}",
        "(the best)" if gap is None else f"{gap.mean:+.4f} [{gap.low:+.4f}, {gap.high:+.4f}]",
        "" if gap is None else f"{gap.p_value:.3f}",
    ]
    if row.sampled is None:
        cells += [
            f"{row.lists.get('coverage@10', float('nan')):.3f}",
            f"{row.lists.get('novelty@10', float('nan')):.1f}",
        ]
    return [*cells, f"{row.fit_seconds:.1f}", f"{row.score_seconds:.1f}"]
