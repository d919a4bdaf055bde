"""Reasons in words and as a graph: paths, one sentence, a ``networkx`` graph.

In:   a snapshot for titles, and reasons that were chosen.
Out:  text, and the graph of the same paths. Nothing here weighs evidence, and nobody is named but
      the user who asks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import networkx as nx
import numpy as np

from graph_store.schema import Label, RelType
from graph_store.snapshot import Snapshot
from kgrec.lookup.results import Reason

__all__ = ["ReasonWords", "words_of"]


class ReasonWords:
    """Puts reasons for items of one snapshot into words."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def key(self, item: int | np.integer) -> str:
        """Key of an item by its number."""
        return str(self._snapshot.item_keys[item])

    def named(self, item: int | np.integer) -> str:
        """Key and title, as paths name an item."""
        title = self._snapshot.titles[int(item)]
        return self.key(item) + (f" '{title}'" if title else "")

    def because(self, reasons: Sequence[Reason]) -> str:
        """The best reason of each kind, to stand behind `because`."""
        best = {reason.kind: reason for reason in reversed(reasons)}
        parts = []
        if "tag" in best:
            reason = best["tag"]
            word = "tag" if len(reason.tags) == 1 else "tags"
            parts.append(f"it shares the {word} {_and(reason.tags)} with {self._of(reason)}")
        if "people" in best:
            reason = best["people"]
            parts.append(f"{reason.people:,} people who liked {self._of(reason)} liked it too")
        if not parts and "vector" in best:
            parts.append(f"it lies close to {self._of(best['vector'])} in words and graph")
        if "words" in best:
            parts.append("it is what the model finds closest to the words that were given")
        if "popular" in best:
            count = best["popular"].people
            parts.append(
                "no path leads to it and only the model's estimate speaks for it"
                if count is None
                else f"{count:,} people like it, and no path from what was liked leads to it"
            )
        return ", and ".join(parts)

    def graph(
        self, user: str | None, item: int, reasons: Sequence[Reason]
    ) -> nx.MultiDiGraph[tuple[Label, str]]:
        """The paths of ``reasons`` as nodes ``(Label, key)`` and edges keyed by what they say.

        Args:
            user: Key of the user who asks; None leaves them out.
            item: Number of the recommended item.
            reasons: The reasons for it.
        """
        graph: nx.MultiDiGraph[tuple[Label, str]] = nx.MultiDiGraph()
        this = (Label.ITEM, self.key(item))
        graph.add_node(this, title=self._snapshot.titles[item])
        for reason in reasons:
            if reason.via is None:
                continue
            liked = (Label.ITEM, reason.via)
            graph.add_node(liked, title=self._title_of(reason.via))
            if user is not None:
                graph.add_edge((Label.USER, user), liked, key=str(RelType.INTERACTED))
            for tag in reason.tags:
                graph.add_node((Label.TAG, tag), name=tag)
                graph.add_edge(liked, (Label.TAG, tag), key=str(RelType.HAS_TAG))
                graph.add_edge(this, (Label.TAG, tag), key=str(RelType.HAS_TAG))
            if reason.kind == "people":
                graph.add_edge(liked, this, key="LIKED_TOGETHER", people=reason.people)
            if reason.kind == "vector":
                graph.add_edge(liked, this, key="NEAR", score=reason.strength)
        return graph

    def _title_of(self, key: str) -> str | None:
        at = int(np.searchsorted(self._snapshot.item_keys, key))
        return self._snapshot.titles[at]

    def _of(self, reason: Reason) -> str:
        key = reason.via or ""
        return self._title_of(key) or key


def words_of(text: str) -> list[str]:
    """Words of more than three letters, folded to lower case."""
    return [word for word in re.findall(r"\w+", text.casefold()) if len(word) > 3]


def _and(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
