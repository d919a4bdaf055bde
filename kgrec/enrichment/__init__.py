"""Jobs that write what a trained run knows back into the graph, and take it out again."""

from __future__ import annotations

from kgrec.enrichment.jobs import Enrichment, enrichments, undo
from kgrec.enrichment.nearest_items import similar_items
from kgrec.enrichment.node_vectors import vectors

__all__ = ["Enrichment", "enrichments", "similar_items", "undo", "vectors"]
