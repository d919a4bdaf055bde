"""Jobs that write what a trained run knows back into the graph, and take it out again."""

from __future__ import annotations

from collections.abc import Callable

from kgrec.enrichment import nearest_items, node_vectors
from kgrec.enrichment.jobs import Enrichment, enrichments, undo
from kgrec.enrichment.nearest_items import similar_items
from kgrec.enrichment.node_vectors import vectors

__all__ = ["JOBS", "Enrichment", "enrichments", "similar_items", "undo", "vectors"]

JOBS: dict[str, Callable[..., Enrichment]] = {
    node_vectors.JOB: vectors,
    nearest_items.JOB: similar_items,
}
"""Every job by its name, which its enrichment ids begin with."""
