"""Grows a small ``networkx`` graph around a node, whatever the store.

In:   two questions a store can answer: which relationships touch these nodes, and what
      are these nodes' columns.
Out:  a graph of at most ``limit`` nodes beside the first, nearest first; the same graph
      from every store, since ties are broken by type and key.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import networkx as nx
import polars as pl

from graph_store.schema import ENDS, Label, RelType

__all__ = ["LOOKUP_ORDER", "NodeName", "Relationship", "grow", "types_at"]

NodeName = tuple[Label, str]
"""How a node is named in the graphs: its label and its key."""

LOOKUP_ORDER = (Label.USER, Label.ITEM, Label.TAG, Label.DOMAIN)
"""Where a key is looked up first."""

_TELLING = (
    RelType.INTERACTED,
    RelType.SAME_AS,
    RelType.HAS_TAG,
    RelType.SIMILAR_TO,
    RelType.INTERESTED_IN,
    RelType.SUGGESTED_TAG,
    RelType.IN_DOMAIN,  # last: through its domain an item meets every other item
)


class Relationship(NamedTuple):
    """One relationship with its columns."""

    rel_type: RelType
    source: str
    target: str
    values: dict[str, Any]


def types_at(label: Label) -> list[tuple[RelType, bool]]:
    """The types that touch nodes of ``label``, the most telling first; True where they leave."""
    return [
        (rel_type, outward)
        for rel_type in _TELLING
        for outward, end in zip((True, False), ENDS[rel_type], strict=True)
        if end is label
    ]


def _telling_first(edge: Relationship) -> tuple[Any, ...]:
    """What relationships are sorted by, so that the same ones are kept whatever the store."""
    kind, event = str(edge.values.get("kind")), str(edge.values.get("event"))
    weight = edge.values.get("weight", 0.0)
    return _TELLING.index(edge.rel_type), -weight, edge.source, edge.target, kind, event


def grow(
    start: NodeName,
    *,
    hops: int,
    limit: int,
    relationships_at: Callable[[Label, Sequence[str]], list[Relationship]],
    nodes_named: Callable[[Label, Sequence[str]], pl.DataFrame],
) -> nx.MultiDiGraph[Any]:
    """The graph around ``start``.

    Of several relationships of one type between two nodes (a view and a rating of the same
    item, or two events that are kept apart) the graph shows the one of the greatest weight.

    Args:
        start: Label and key of the node in the middle.
        hops: Largest number of relationships between it and another node.
        limit: Largest number of other nodes.
        relationships_at: Gives the relationships at nodes of one label.
        nodes_named: Gives the properties of nodes of one label.
    """
    found: dict[NodeName, None] = {start: None}
    edges: dict[tuple[NodeName, NodeName, RelType], dict[str, Any]] = {}
    frontier = [start]
    for _ in range(hops):
        by_label: dict[Label, list[str]] = defaultdict(list)
        for label, key in frontier:
            by_label[label].append(key)
        step = [edge for label, keys in by_label.items() for edge in relationships_at(label, keys)]
        step.sort(key=_telling_first)
        frontier = []
        for rel_type, source_key, target_key, values in step:
            source_label, target_label = ENDS[rel_type]
            source, target = (source_label, source_key), (target_label, target_key)
            for node in (source, target):
                if node not in found and len(found) <= limit:
                    found[node] = None
                    frontier.append(node)
            if source in found and target in found:
                edges.setdefault((source, target, rel_type), values)
    graph: nx.MultiDiGraph[Any] = nx.MultiDiGraph()
    graph.add_nodes_from(found)
    for label in Label:
        keys = [key for of, key in found if of is label]
        if keys:
            for row in nodes_named(label, keys).iter_rows(named=True):
                graph.nodes[label, row["key"]].update(row)
    for (source, target, rel_type), values in edges.items():
        graph.add_edge(source, target, key=rel_type, **values)
    return graph
