"""Writes ``SIMILAR_TO`` between items whose embeddings have a high cosine, across all domains.

In:   a trained run and a store.
Out:  for each item up to ``k`` relationships into its own domain and into every other one,
      none below a score floor, written in bounded batches.

A block of items is compared with one domain at a time, so memory does not grow with the
square of the catalogue. Items that came after the training are left out.

Shapes: I items both in the run and in the store   B items of a block   D width of embeddings
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from graph_store.schema import Label, RelType
from graph_store.store import GraphStore
from kgrec.enrichment.jobs import Enrichment, OnProgress, apply, enrichment_id
from kgrec.errors import InputError
from kgrec.ranking.topk import NO_ITEM, blocks, same_numbers, top_k_of_products
from kgrec.trained import TrainedModel
from kgrec.vectors import Vectors

__all__ = ["JOB", "Scope", "similar_items"]

JOB = "similar-items"

Scope = Literal["all", "within", "across"]
"""Into every domain, into an item's own only, or into the others only."""

_BLOCK = 1024


def similar_items(
    model: TrainedModel,
    store: GraphStore,
    *,
    k: int = 10,
    floor: float = 0.5,
    scope: Scope = "all",
    batch_size: int = 10_000,
    dry_run: bool = False,
    now: int | None = None,
    on_progress: OnProgress | None = None,
) -> Enrichment:
    """Write relationships from each item to the items nearest to it.

    Args:
        model: The trained run.
        store: The graph that is written to.
        k: Largest number of relationships from one item into one domain.
        floor: Lowest cosine, in [-1, 1], for which a relationship is written.
        scope: Domains of the other end: all, the item's own, or the others.
        batch_size: Relationships written in one transaction.
        dry_run: Count, and write nothing.
        now: Unix seconds that are written as the time; None: now.
        on_progress: Called after each block, with the number of items done and of all items.

    Returns:
        The enrichment id, what was written and what was left out.

    Raises:
        InputError: ``k`` below 1 or ``floor`` outside [-1, 1].
    """
    if k < 1:
        raise InputError(f"k must be at least 1, got {k}")
    if not -1.0 <= floor <= 1.0:
        raise InputError(f"floor is a cosine and must be in [-1, 1], got {floor}")
    there = set(store.read_nodes(Label.ITEM)["key"].to_list())
    keys = model.snapshot.item_keys.tolist()
    items = np.array([at for at, key in enumerate(keys) if key in there], dtype=np.int64)

    def frames() -> Iterator[pl.DataFrame]:
        for part in blocks(len(items), _BLOCK):
            yield _nearest(model, items, items[part], k, floor, scope)
            if on_progress is not None:
                on_progress("similar items", min(part.stop, len(items)), len(items))

    def write(enrichment: str) -> dict[str, int]:
        count = 0
        for frame in frames():
            for rows in frame.iter_slices(batch_size):
                store.write_enrichment(enrichment, RelType.SIMILAR_TO, rows)
                count += rows.height
        return {str(RelType.SIMILAR_TO): count}

    planned = {str(RelType.SIMILAR_TO): sum(f.height for f in frames())} if dry_run else {}
    graph = hashlib.sha256("\n".join(keys[at] for at in items).encode()).hexdigest()
    options = {"k": k, "floor": floor, "scope": scope}
    return apply(
        store, enrichment_id(JOB, model, graph, options), JOB, write, planned=planned,
        left_out={"items newer than the run": len(there) - len(items)}, dry_run=dry_run, now=now,
    )  # fmt: skip


def _nearest(
    model: TrainedModel,
    items: NDArray[np.int64],
    block: NDArray[np.int64],
    k: int,
    floor: float,
    scope: Scope,
) -> pl.DataFrame:
    """``source, target, score`` of the items of ``block [B]``."""
    embeddings, domain_of = model.item_embeddings, model.snapshot.item_domain
    found: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]] = []
    for domain in range(len(model.snapshot.domain_keys)):
        targets = items[domain_of[items] == domain]
        inside = domain_of[block] == domain
        sources = {"all": block, "within": block[inside], "across": block[~inside]}[scope]
        if not len(targets) or not len(sources):
            continue
        best, score = top_k_of_products(
            Vectors(embeddings[sources]), Vectors(embeddings[targets]), min(k, len(targets)),
            exclude=same_numbers(sources, targets),
        )  # fmt: skip
        row, place = np.nonzero((best != NO_ITEM) & (score >= np.float32(floor)))
        found.append((sources[row], targets[best[row, place]], score[row, place]))
    empty = (np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))
    source, target, score = (np.concatenate(c) for c in zip(*(found or [empty]), strict=True))
    keys = pl.Series(model.snapshot.item_keys.tolist(), dtype=pl.String)
    return pl.DataFrame(
        {
            "source": keys.gather(source),
            "target": keys.gather(target),
            "score": np.minimum(score, 1.0).astype(np.float64),
        }
    ).sort("source", "target")
