"""A recommender of one file and one registry line is all that it takes: nothing else is edited."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from kgrec import recommenders
from kgrec.config import resolve
from kgrec.data.interactions import Interactions
from kgrec.errors import ConfigError
from kgrec.evaluation.cells import read_cells
from kgrec.evaluation.runner import CELLS, run_benchmark
from kgrec.evaluation.settings import BenchmarkSettings
from kgrec.lookup import load
from kgrec.recommenders import registry
from kgrec.training import train
from tests.evaluation.planted import planted
from tests.training.worlds import planted_snapshot, small_world, tiny, write_tiny_bert

FILE = '''
"""Together: what is liked by those who like the same, counted."""

from typing import ClassVar

import numpy as np
from pydantic import PositiveFloat

from kgrec.recommenders.base import BaseVectorRecommender, RecommenderSettings
from kgrec.vectors import Vectors


class TogetherSettings(RecommenderSettings):
    power: PositiveFloat = 1.0
    """Exponent of a count."""


class Together(BaseVectorRecommender[TogetherSettings]):
    name = "together"
    settings_class: ClassVar = TogetherSettings
    trials: ClassVar = ({"power": 1.0}, {"power": 0.5})
    arrays = ("counts",)

    def _fit(self, seed, on_progress):
        liked = self.data.liked
        self.counts = (liked.T @ liked).toarray().astype(np.float32) ** self.settings.power

    def user_vectors(self, users, domain):
        return Vectors(users.items @ self.counts)

    def item_vectors(self, domain):
        return Vectors(np.eye(len(self.counts), dtype=np.float32)[self.data.items_of(domain)])
'''


@pytest.fixture
def together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The file, as if it lay in the package's folder, and the line."""
    (tmp_path / "together.py").write_text(FILE)
    folders = [*recommenders.__path__, str(tmp_path)]
    monkeypatch.setattr(recommenders, "__path__", folders)
    monkeypatch.setitem(registry.RECOMMENDERS, "together", registry.Entry("together.Together"))
    yield "together"
    sys.modules.pop("kgrec.recommenders.together", None)


def test_it_is_tuned_and_benchmarked(together: str, tmp_path: Path) -> None:
    settings = BenchmarkSettings(models=("popularity", together), targets=("b",))
    run_benchmark(planted(120), settings, tmp_path / "out")
    cells = {key.model: cell for key, cell in read_cells(tmp_path / "out" / CELLS).items()}
    assert cells[together].head["settings"]["power"] in (1.0, 0.5)
    ndcg = {name: cell.users["ndcg@10"].mean() for name, cell in cells.items()}
    assert ndcg[together] > ndcg["popularity"]


def test_it_is_weighed_saved_loaded_and_explained(
    together: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    snapshot = planted_snapshot(small_world(num_users=80, tags=True))
    bert = write_tiny_bert(tmp_path / "bert")
    settings = tiny(
        bert, "train.epochs=1", "train.validation_fraction=0.2",
        f"components.mine={{model: {together}, power: 2, weight: 0.4}}",
    )  # fmt: skip
    run = train(snapshot, settings, tmp_path / "run")
    assert run.settings.components["mine"].settings.model_dump() == {"power": 2.0}
    (first, *_) = run.manifest["components"]
    assert first["contribution"]["mine"] > 0
    assert first["ndcg"]["mine"] > 0
    kept = run.scorer.ensemble.components.recommenders["mine"]
    fresh = registry.entry(together).make(power=2.0).fit(Interactions.of(snapshot))
    asked = Interactions.of(snapshot).histories(np.arange(5))
    np.testing.assert_allclose(kept.score(asked, 0), fresh.score(asked, 0))
    with load(tmp_path / "run") as answers:
        user, domain = str(snapshot.user_keys[0]), str(snapshot.domain_keys[1])
        (best, *_) = answers.recommend(user, domain=domain, k=3)
        assert answers.explain(best.key, user=user).because


def test_a_wrong_setting_of_it_is_named(together: str) -> None:
    said = r"components.mine.powr: no such setting \(did you mean components.mine.power\?\)"
    with pytest.raises(ConfigError, match=said):
        resolve({"components": {"mine": {"model": together, "powr": 2}}})
