"""The file and the line of docs/howto/add-a-recommender.md are all that it takes to add one."""

from __future__ import annotations

import json
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from kgrec import recommenders
from kgrec.config import default_components, parse_yaml, resolve
from kgrec.data.interactions import Interactions, count_inside
from kgrec.errors import ConfigError
from kgrec.evaluation.cells import read_cells
from kgrec.evaluation.runner import CELLS, run_benchmark
from kgrec.evaluation.settings import BenchmarkSettings
from kgrec.lookup import load
from kgrec.recommenders import registry
from kgrec.runs.model_file import MODEL_FILE
from kgrec.training import train
from tests.evaluation.planted import planted
from tests.training.worlds import planted_snapshot, small_world, tiny, write_tiny_bert

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "add-a-recommender.md"


def blocks(language: str) -> list[str]:
    """The code blocks of the page in one language, as a reader would copy them."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", PAGE.read_text(), re.M | re.S)
    return [textwrap.dedent(text) for _, text in found]


@pytest.fixture
def together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The file of the page, as if it lay in the package's folder, and the line of the page."""
    (code,) = blocks("python")
    (tmp_path / "together.py").write_text(code)
    folders = [*recommenders.__path__, str(tmp_path)]
    monkeypatch.setattr(recommenders, "__path__", folders)
    (line,) = re.findall(r'`"(\w+)": Entry\("([\w.]+)"\)`', PAGE.read_text())
    monkeypatch.setitem(registry.RECOMMENDERS, line[0], registry.Entry(line[1]))
    yield line[0]
    sys.modules.pop("kgrec.recommenders.together", None)


def test_it_is_tuned_and_benchmarked(together: str, tmp_path: Path) -> None:
    settings = BenchmarkSettings(models=("popularity", together), targets=("b",))
    run_benchmark(planted(120), settings, tmp_path / "out")
    (tuned,) = (tmp_path / "out" / "tuning").glob(f"*_{together}.json")
    tried = [trial["settings"] for trial in json.loads(tuned.read_text())["trials"]]
    assert tried == [{"power": 1.0}, {"power": 0.5}]
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
    stored = load_file(tmp_path / "run" / MODEL_FILE)["component.mine.counts"]
    kept = run.scorer.ensemble.components.recommenders["mine"]  # train() opens the folder it wrote
    np.testing.assert_array_equal(kept.state()["counts"], stored)
    fresh = registry.entry(together).make(power=2.0).fit(Interactions.of(snapshot))
    asked = Interactions.of(snapshot).histories(np.arange(5))
    np.testing.assert_allclose(kept.score(asked, 0), fresh.score(asked, 0))
    user, domain = str(snapshot.user_keys[0]), str(snapshot.domain_keys[1])
    with load(tmp_path / "run") as answers:
        (best, *_) = answers.recommend(user, domain=domain, k=3)
        explained = answers.explain(best.key, user=user)
    assert explained.because
    row = run.snapshot.items_of(1).tolist().index(run.snapshot.item_keys.tolist().index(best.key))
    items, one = run.scorer.item_vectors(1)[[row]], asked[[0]]
    assert explained.score == pytest.approx(run.scorer.user_vectors(one, 1).products(items)[0, 0])
    without = run.scorer.user_vectors(one, 1, excluded=["mine"]).products(items)[0, 0]
    inside = count_inside(one.items, run.snapshot.item_domain, 1)
    weight = run.scorer.ensemble.weights.of(inside, 1)["mine"][0]
    assert weight > 0
    by_hand = fresh.counts[one.items.indices][:, run.snapshot.items_of(1)[row]].sum()
    assert explained.score - without == pytest.approx(weight * by_hand, rel=1e-3, abs=1e-5)


def test_the_page_says_how_to_keep_the_other_components(together: str) -> None:
    benchmark, alone = (parse_yaml(text, key="page") for text in blocks("yaml"))
    assert together in BenchmarkSettings(**benchmark).models
    assert list(resolve(alone).components) == ["mine"]
    commands = " ".join(blocks("sh"))
    beside = resolve({}, re.findall(r"--set (\S+)", commands)).components
    assert list(beside) == [*default_components(), "mine"]
    assert beside["mine"] == resolve(alone).components["mine"]


def test_a_wrong_setting_of_it_is_named(together: str) -> None:
    said = r"components.mine.powr: no such setting \(did you mean components.mine.power\?\)"
    with pytest.raises(ConfigError, match=said):
        resolve({"components": {"mine": {"model": together, "powr": 2}}})
