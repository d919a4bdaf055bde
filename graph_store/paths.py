"""Paths between two nodes, as people read them.

In:   a store and two keys.
Out:  the shortest simple paths, each a list of steps. For looking and explaining: it sees a
      bounded neighbourhood of either end, never the whole graph.
"""

from __future__ import annotations

from itertools import islice
from typing import Any, NamedTuple

import networkx as nx

from graph_store.neighbourhood import NodeName
from graph_store.schema import Label, RelType
from graph_store.store import GraphStore

__all__ = ["Step", "paths_between"]


class Step(NamedTuple):
    """One relationship of a path, walked from ``start`` to ``end``."""

    start: NodeName
    rel_type: RelType
    end: NodeName
    forward: bool
    """Whether the relationship points the way it is walked."""


def paths_between(
    store: GraphStore,
    source_key: str,
    target_key: str,
    *,
    max_hops: int = 4,
    limit: int = 10,
    around: int = 1_000,
) -> list[list[Step]]:
    """At most ``limit`` paths of at most ``max_hops`` steps, the shortest first.

    No path leads through a domain, since through it every item meets every other.

    Args:
        store: Where the graph is.
        source_key: Key of a user, item, tag or domain.
        target_key: Likewise.
        max_hops: Steps of the longest path.
        limit: How many paths.
        around: How many nodes are looked at around either end.

    Raises:
        UnknownNodeError: No node has one of the keys.
    """
    near = store.neighbourhood(source_key, hops=(max_hops + 1) // 2, limit=around)
    far = store.neighbourhood(target_key, hops=max(1, max_hops // 2), limit=around)
    source, target = next(iter(near)), next(iter(far))  # a neighbourhood begins with its middle
    graph: nx.MultiDiGraph[Any] = nx.MultiDiGraph()
    for part in (near, far):
        graph.add_nodes_from(part.nodes(data=True))
        for start, end, rel_type, values in part.edges(keys=True, data=True):
            graph.add_edge(start, end, key=rel_type, **values)
    graph.remove_nodes_from(
        [node for node in graph if node[0] is Label.DOMAIN and node not in (source, target)]
    )
    if source == target:
        return []
    # Between two nodes the most telling relationship stands for all.
    plain: nx.Graph[Any] = nx.Graph()
    plain.add_nodes_from(graph)
    plain.add_edges_from(sorted(graph.edges()))
    if not nx.has_path(plain, source, target):
        return []
    found = []
    for nodes in islice(nx.shortest_simple_paths(plain, source, target), limit):
        if len(nodes) - 1 > max_hops:
            break
        found.append([_step(graph, *pair) for pair in zip(nodes, nodes[1:], strict=False)])
    return found


def _step(graph: nx.MultiDiGraph[Any], start: NodeName, end: NodeName) -> Step:
    order = list(RelType)
    ways = [(RelType(str(t)), True) for t in graph.get_edge_data(start, end, default={})]
    ways += [(RelType(str(t)), False) for t in graph.get_edge_data(end, start, default={})]
    rel_type, forward = min(ways, key=lambda way: (order.index(way[0]), not way[1]))
    return Step(start, rel_type, end, forward)
