"""Lookups on a trained run: recommend, similar, explain; alone or over a live store."""

from __future__ import annotations

from kgrec.lookup.history_queries import HistoryQuery
from kgrec.lookup.keys import GivenHistory
from kgrec.lookup.new_items import NewItem
from kgrec.lookup.results import (
    Explanation,
    Reason,
    Recommendation,
    Recommendations,
    SimilarItem,
    SimilarItems,
)
from kgrec.lookup.run import Run, load
from kgrec.trained import TrainedModel

__all__ = [
    "Explanation",
    "GivenHistory",
    "HistoryQuery",
    "NewItem",
    "Reason",
    "Recommendation",
    "Recommendations",
    "Run",
    "SimilarItem",
    "SimilarItems",
    "TrainedModel",
    "load",
]
