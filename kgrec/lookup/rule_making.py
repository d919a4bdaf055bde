"""Makes the rules of lists from their options: groups, long tail and new items of one run.

In:   :class:`kgrec.lookup.list_options.ListOptions`, the run, the tags of the graph.
Out:  :class:`kgrec.lookup.arranging.Rules`. What does not depend on a question is made once.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.lookup.arranging import Limit, Minimum, Rules
from kgrec.lookup.diversity import Likeness
from kgrec.lookup.facts import Facts, ones
from kgrec.lookup.list_options import ListOptions
from kgrec.lookup.popularity_groups import long_tail, new_items
from kgrec.lookup.series import series_of
from kgrec.trained import TrainedModel

__all__ = ["RuleMaker"]

log = logging.getLogger(__name__)


class RuleMaker:
    """Makes rules for one run.

    Args:
        model: The run.
        facts: The graph that tags are read from.
    """

    def __init__(self, model: TrainedModel, facts: Facts) -> None:
        self._model = model
        self._facts = facts

    def rules(self, options: ListOptions, items: NDArray[np.int64]) -> Rules:
        """The rules that ``options`` ask for, save those that read tags.

        A minimum that no candidate can fill is dropped, and told in the log.

        Args:
            options: How lists are put together.
            items: Numbers of all items that may be recommended.
        """
        limits = []
        if options.max_per_series:
            limits.append(Limit(self._series, options.max_per_series))
        minima = []
        if options.min_new:
            new = new_items(self._model.snapshot, options.new_since)
            minima.append(("min_new", Minimum(new, options.min_new)))
        if options.min_long_tail:
            minima.append(("min_long_tail", Minimum(self._long_tail, options.min_long_tail)))
        for name, minimum in minima:
            if not minimum.items[items].any():
                log.warning(
                    "%s: none of the %s items that may be recommended is one, so lists are made "
                    "without them",
                    name, f"{len(items):,}",
                )  # fmt: skip
        kept = [minimum for _, minimum in minima if minimum.items[items].any()]
        return Rules(options, limits=limits, minima=kept)

    def with_tags(self, rules: Rules, items: NDArray[np.int64]) -> Rules:
        """``rules`` and those that read the tags of candidates, which the graph is asked for.

        Args:
            rules: What :meth:`rules` gave.
            items: Numbers of the candidates.
        """
        options = rules.options
        if not (options.diversity or options.max_per_tag):
            return rules
        tags = self._facts.item_tags(items)
        limits = list(rules.limits)
        if options.max_per_tag:
            limits.append(Limit(tags.matrix, options.max_per_tag))
        return replace(rules, likeness=Likeness(self._model.item_embeddings, tags), limits=limits)

    @cached_property
    def _series(self) -> sp.csr_matrix:
        series = np.unique(series_of(self._model.snapshot.titles), return_inverse=True)[1]
        shape = (len(series), int(series.max(initial=-1)) + 1)
        return ones(np.arange(len(series)), series, shape)

    @cached_property
    def _long_tail(self) -> NDArray[np.bool_]:
        popularity = np.asarray(self._model.interactions.liked.getnnz(axis=0), dtype=np.int64)
        return long_tail(popularity, self._model.snapshot.item_domain)
