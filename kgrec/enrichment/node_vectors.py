"""Writes the embeddings of items and users onto their nodes, so that the store can search them.

In:   a trained run, and a store whose graph may have grown since the training.
Out:  one embedding per node, comparable across domains, written in bounded batches.

The embedding of a user follows from what they like in the live graph, also for users who came after
the training; all accounts of a person get the same one. Users without likes, and items that came
after the training, get none. Nothing here trains.

Shapes: A accounts   P users   I items of the run   B users of a block
"""

from __future__ import annotations

import hashlib

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph_store.schema import Label
from graph_store.snapshot import Snapshot, take_snapshot
from graph_store.store import GraphStore
from kgrec.data.histories import Histories
from kgrec.data.interactions import Interactions
from kgrec.enrichment.jobs import Enrichment, OnProgress, apply, enrichment_id
from kgrec.trained import TrainedModel

__all__ = ["JOB", "vectors"]

JOB = "vectors"


def vectors(
    model: TrainedModel,
    store: GraphStore,
    *,
    batch_size: int = 2_000,
    dry_run: bool = False,
    now: int | None = None,
    on_progress: OnProgress | None = None,
) -> Enrichment:
    """Write the embeddings of all items and users and return when the indexes answer.

    Args:
        model: The trained run.
        store: The graph that is written to.
        batch_size: Nodes written in one transaction.
        dry_run: Count, and write nothing.
        now: Unix seconds that are written as the time; None: now.
        on_progress: Called after each batch.

    Returns:
        The enrichment id, what was written and what was left out.
    """
    graph = take_snapshot(store)
    ours = _run_items(model.snapshot, graph)  # [I of the store]
    likes = _in_run_numbers(Interactions.of(graph, positive_weight=model.settings.positive_weight),
                            ours, model.snapshot.num_items)  # fmt: skip
    user = likes.row_of_account  # [A]
    active = np.flatnonzero(np.diff(likes.liked.indptr)[user] > 0)  # accounts with a like
    items = np.flatnonzero(ours >= 0)
    planned = {str(Label.ITEM): len(items), str(Label.USER): len(active)}
    left_out = {
        "users who like nothing": graph.num_users - len(active),
        "items newer than the run": graph.num_items - len(items),
    }

    def write(enrichment: str) -> dict[str, int]:
        counts = dict.fromkeys(planned, 0)
        for start in range(0, len(items), batch_size):
            batch = items[start : start + batch_size]
            counts[Label.ITEM] += store.write_vectors(
                Label.ITEM,
                graph.item_keys[batch].tolist(),
                model.item_embeddings[ours[batch]],
                enrichment_id=enrichment,
            )
            _tell(on_progress, "item vectors", start + len(batch), len(items))
        for start in range(0, len(active), batch_size):
            batch = active[start : start + batch_size]
            rows = model.user_embeddings(Histories.of_matrix(likes.liked[user[batch]]))
            counts[Label.USER] += store.write_vectors(
                Label.USER, graph.user_keys[batch].tolist(), rows, enrichment_id=enrichment
            )
            _tell(on_progress, "user vectors", start + len(batch), len(active))
        for label, count in counts.items():
            if count:
                store.await_vectors(Label(label))
        return counts

    made = enrichment_id(JOB, model, _fingerprint(graph, likes.liked), {})
    return apply(store, made, JOB, write, planned=planned, left_out=left_out, dry_run=dry_run,
                 now=now)  # fmt: skip


def _run_items(run: Snapshot, graph: Snapshot) -> NDArray[np.int64]:
    """Number in the run of each item of the store, -1 where it came later."""
    number = {key: at for at, key in enumerate(run.item_keys.tolist())}
    return np.array([number.get(key, -1) for key in graph.item_keys.tolist()], dtype=np.int64)


def _in_run_numbers(likes: Interactions, ours: NDArray[np.int64], num_items: int) -> Interactions:
    """``likes`` with ``liked [P, I]`` in the columns of the run."""
    known = np.flatnonzero(ours >= 0)
    move = sp.csr_matrix(
        (np.ones(len(known), np.float32), (known, ours[known])), shape=(len(ours), num_items)
    )
    liked = sp.csr_matrix(likes.liked @ move)
    liked.sort_indices()
    return Interactions(
        liked=liked, seen=likes.seen, row_of_account=likes.row_of_account,
        item_domain=likes.item_domain, num_domains=likes.num_domains,
    )  # fmt: skip


def _fingerprint(graph: Snapshot, liked: sp.csr_matrix) -> str:
    """A hash of what this job reads: who likes what, and which nodes there are."""
    digest = hashlib.sha256()
    for keys in (graph.user_keys, graph.item_keys):
        digest.update("\n".join(keys.tolist()).encode())
    digest.update(np.asarray(liked.indptr, dtype=np.int64).tobytes())
    digest.update(np.asarray(liked.indices, dtype=np.int64).tobytes())
    return digest.hexdigest()


def _tell(on_progress: OnProgress | None, what: str, done: int, total: int) -> None:
    if on_progress is not None:
        on_progress(what, done, total)
