"""A model is built, trained and asked at every boundary that settings accept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from graph_store.snapshot import Snapshot
from kgrec.config import Settings
from kgrec.data.histories import Histories
from kgrec.data.interactions import Interactions
from kgrec.training import Fitted, fit
from loaders.synthetic import planted
from tests.training.worlds import make_snapshot, planted_snapshot, small_world, tiny

BOUNDARIES = [
    ["positive_weight=1.0"],
    ["positive_weight=1e-9"],
    ["text.max_tokens=3"],
    ["text.tuning=lora", "text.lora_rank=1", "text.texts_per_step=1"],
    ["text.tuning=lora", "text.learning_fraction=0"],
    ["text.tuning=full", "text.learning_fraction=1", "text.refreshes=9"],
    ["text.pooling=cls"],
    ["text.pooling=last"],
    ["model.dim=1"],
    ["model.dim=1", "model.gnn=hgt"],
    ["model.dim=3", "model.gnn=hgt", "model.layers=0"],
    ["model.gnn=sage"],
    ["model.gnn=sage", "model.layers=0"],
    ["model.gnn=hgt", "model.layers=2"],
    ["model.layers=0"],
    ["model.layers=5"],
    ["model.item_features=[]"],
    ["model.item_features=[text]"],
    ["model.item_features=[spectrum]"],
    ["model.item_features=[factors]"],
    ["model.item_features=[id]"],
    ["model.item_features=[text,spectrum,factors,id]", "model.id_dropout=1"],
    ["model.item_features=[id]", "model.id_dropout=0"],
    ["model.text_width=1"],
    ["model.text_width=4096"],
    ["components.content.width=1"],
    ["components.content.width=4096"],
    ["components.content=null"],
    ["components=null"],
    ["components.emcdr.rank=1", "components.emcdr.sources=merged"],
    ["components.item-ridge.solver=cg", "components.item-ridge.among=overlap"],
    ["components.popularity.among=overlap"],
    ["model.spectrum_rank=1"],
    ["model.spectrum_rank=9999"],
    ["model.factor_rank=1"],
    ["model.factor_rank=512"],
    ["model.dropout=0"],
    ["model.dropout=0.99"],
    ["model.bridge=false"],
    ["model.bridge=false", "model.item_features=[text]"],
    ["model.sequence_layers=1", "model.sequence_length=1", "train.sequence_users=1"],
    ["model.sequence_layers=2", "model.sequence_heads=16", "model.sequence_dropout=0"],
    ["model.sequence_layers=1", "model.sequence_dropout=0.99", "train.folds=2"],
    ["model.sequence_layers=1", "model.sequence_weight_decay=0", "train.folds=100"],
    ["model.sequence_layers=1", "model.item_features=[]", "model.bridge=false", "train.loss=bpr"],
    ["align.users=0", "align.text=0"],
    ["align.prototypes=1", "align.num_prototypes=1"],
    ["align.temperature=1e-2"],
    ["train.epochs=0"],
    ["train.min_warm_users=1"],
    ["align.batch_users=1"],
    ["train.accumulate=1000"],
    ["train.loss=bpr"],
    ["train.negatives=1"],
    ["train.warmup=0"],
    ["train.warmup=0.99"],
    ["train.cold_fraction=0"],
    ["train.cold_fraction=1"],
    ["train.cold_fraction=1e-3"],
    ["train.validation_fraction=0.99"],
    ["train.validation_fraction=0.4", "train.patience=1"],
    ["train.seed=4294967295"],
]


def check(fitted: Fitted, snapshot: Snapshot) -> None:
    """Finite vectors everywhere, for warm users, for an empty history and for a full one."""
    log = Interactions.of(snapshot)
    empty = sp.csr_matrix((1, snapshot.num_items), dtype=np.float32)
    full = sp.csr_matrix(np.ones((1, snapshot.num_items), np.float32))
    asked = sp.vstack([log.liked, empty, full]).tocsr()
    assert np.isfinite(fitted.scorer.item_embeddings).all()
    assert np.isfinite(fitted.scorer.user_embeddings(Histories.of_matrix(asked))).all()
    for domain in range(log.num_domains):
        items = fitted.scorer.item_vectors(domain)
        scores = fitted.scorer.user_vectors(Histories.of_matrix(asked), domain).products(items)
        assert scores.shape == (asked.shape[0], len(snapshot.items_of(domain)))
        assert np.isfinite(scores).all()
    assert all(row["loss"] is None or np.isfinite(row["loss"]) for row in fitted.history)


def one_epoch(bert: Path, *overrides: str) -> Settings:
    return tiny(bert, "train.epochs=1", *overrides)


@pytest.mark.parametrize("overrides", BOUNDARIES, ids=" ".join)
def test_every_boundary_builds_a_model_that_answers(bert: Path, overrides: list[str]) -> None:
    snapshot = planted_snapshot(small_world(num_users=30, tags=True))
    check(fit(snapshot, one_epoch(bert, *overrides)), snapshot)


# --- graphs that lack something ---------------------------------------------------


def test_a_graph_without_any_text_or_tag(bert: Path) -> None:
    snapshot = planted_snapshot(small_world(), with_text=False)
    check(fit(snapshot, one_epoch(bert, "text.tuning=lora")), snapshot)


def test_an_item_without_text_among_others(bert: Path) -> None:
    world = small_world()
    items = {
        row["item_id"]: (row["domain"], None if n % 3 else row["title"])
        for n, row in enumerate(world.items.iter_rows(named=True))
    }
    likes = [(row["user_id"], row["item_id"]) for row in world.interactions.iter_rows(named=True)]
    snapshot = make_snapshot(likes, items)
    check(fit(snapshot, one_epoch(bert, "text.tuning=lora")), snapshot)


def test_a_single_item_with_text(bert: Path) -> None:
    world = small_world()
    items = {
        row["item_id"]: (row["domain"], None if n else row["title"])
        for n, row in enumerate(world.items.iter_rows(named=True))
    }
    likes = [(row["user_id"], row["item_id"]) for row in world.interactions.iter_rows(named=True)]
    snapshot = make_snapshot(likes, items)
    check(fit(snapshot, one_epoch(bert, "text.tuning=lora")), snapshot)


@pytest.mark.parametrize("bridge", ["true", "false"])
def test_a_graph_of_one_domain(bert: Path, bridge: str) -> None:
    snapshot = planted_snapshot(
        planted(40, 12, 1, concepts=3, events_per_domain=3, cold_fraction=0.0)
    )
    settings = one_epoch(bert, f"model.bridge={bridge}", "align.prototypes=1")
    check(fit(snapshot, settings), snapshot)


def test_a_graph_of_three_domains_with_tags(bert: Path) -> None:
    snapshot = planted_snapshot(small_world(domains=3, tags=True))
    check(fit(snapshot, one_epoch(bert)), snapshot)


@pytest.mark.parametrize("prototypes", ["0", "1"])
def test_a_graph_where_nobody_is_in_two_domains(bert: Path, prototypes: str) -> None:
    likes = [(f"u{n:02}", f"{'bf'[n % 2]}:{(n + k) % 9}") for n in range(40) for k in range(4)]
    words = ["fi", "go", "ku", "la", "me", "ni", "po", "ra", "su"]
    items = {f"{d}:{k}": (d, f"bade {word}") for d in "bf" for k, word in enumerate(words)}
    snapshot = make_snapshot(likes, items)
    check(fit(snapshot, one_epoch(bert, f"align.prototypes={prototypes}")), snapshot)


def test_a_domain_in_which_nobody_liked_anything(bert: Path) -> None:
    likes = [(f"u{n}", f"b:{(n + k) % 6}") for n in range(20) for k in range(3)]
    items = {f"b:{k}": ("books", "bade") for k in range(6)} | {"f:1": ("films", "bade fi")}
    snapshot = make_snapshot(likes, items)
    check(fit(snapshot, one_epoch(bert)), snapshot)


def test_a_graph_of_one_user_and_one_item(bert: Path) -> None:
    snapshot = make_snapshot([("anna", "b:1")], {"b:1": ("books", "bade")})
    check(fit(snapshot, one_epoch(bert)), snapshot)


def test_users_who_liked_nothing_and_accounts_of_one_person(bert: Path) -> None:
    likes = [(f"u{n:02}", f"{'bf'[n % 2]}:{(n + k) % 6}") for n in range(40) for k in range(3)]
    items = {f"{d}:{k}": (d, "bade") for d in "bf" for k in range(6)}
    links = [(f"u{n:02}", f"u{n + 1:02}") for n in range(0, 40, 2)]
    snapshot = make_snapshot(likes, items, users=["lurker"], same_as=links)
    check(fit(snapshot, one_epoch(bert)), snapshot)
