"""Training as a whole says what it cannot learn from, and answers from however little there is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kgrec.data.interactions import Interactions
from kgrec.errors import TrainingError
from kgrec.training.fit import fit
from tests.training.worlds import make_snapshot, tiny


def test_nothing_to_learn_from_is_said(bert: Path) -> None:
    snapshot = make_snapshot([("a", "b:1", 0.2)], {"b:1": ("books", "bade")})
    with pytest.raises(TrainingError, match=r"no interaction has a weight of 0\.8 or more"):
        fit(snapshot, tiny(bert))


def test_a_graph_without_interactions_is_said(bert: Path) -> None:
    items = {"b:1": ("books", "bade"), "f:1": ("films", "figo")}
    with pytest.raises(TrainingError, match=r"holds no interactions \(1 users, 2 items\).* ingest"):
        fit(make_snapshot([], items, users=["a"]), tiny(bert))
    with pytest.raises(TrainingError, match=r"holds no interactions \(0 users, 0 items\)"):
        fit(make_snapshot([], {}), tiny(bert))


def test_a_single_like_beside_a_domain_without_any_gives_answers_in_both(bert: Path) -> None:
    items = {"b:1": ("books", "bade"), "b:2": ("books", "figo"), "f:1": ("films", "kula")}
    snapshot = make_snapshot([("a", "b:1")], items)
    scorer = fit(snapshot, tiny(bert, "train.validation_fraction=0.2")).scorer
    for domain, size in ((0, 2), (1, 1)):
        asked = scorer.user_vectors(Interactions.of(snapshot).histories(), domain)
        scores = asked.products(scorer.item_vectors(domain))
        assert scores.shape == (1, size)
        assert np.isfinite(scores).all()
