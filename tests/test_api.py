"""``kgrec.train``: the graph in each of its forms, settings, and what is refused at once.

A real training stands behind the fixture ``trained_world``, which calls ``kgrec.train``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import kgrec
from graph_store.open_store import open_store
from graph_store.schema import Label
from graph_store.snapshot import save_snapshot
from kgrec.api import read_graph
from tests.lookup.small import small_snapshot, write_to
from tests.trained_world import TrainedWorld


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "g.duckdb"
    with open_store(str(path)) as opened:
        write_to(opened, small_snapshot())
    return path


def test_a_graph_is_read_from_a_file_a_store_a_snapshot_or_its_folder(
    store: Path, tmp_path: Path
) -> None:
    snapshot = read_graph(store)
    assert snapshot.item_keys.tolist() == small_snapshot().item_keys.tolist()
    assert read_graph(str(store)).fingerprint == snapshot.fingerprint
    with open_store(str(store), read_only=True) as opened:
        assert read_graph(opened).fingerprint == snapshot.fingerprint
        assert opened.read_nodes(Label.ITEM).height == 9  # it stays open
    save_snapshot(snapshot, tmp_path / "snapshot")
    assert read_graph(tmp_path / "snapshot").fingerprint == snapshot.fingerprint
    assert read_graph(snapshot) is snapshot


@pytest.mark.parametrize(
    ("graph", "options", "sentence"),
    [
        (3, {}, "graph must be a path, a URL, an open store or a snapshot, got int"),
        (small_snapshot(), {"label_prefix": "Kg"}, "graph is a Snapshot; leave them out"),
        (small_snapshot(), {"wait": 1.0}, "graph is a Snapshot; leave them out"),
    ],
)
def test_a_graph_that_cannot_be_read_is_one_sentence(
    graph: Any, options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(kgrec.InputError, match=sentence):
        read_graph(graph, **options)


def test_a_file_that_is_not_there_is_a_store_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(kgrec.StoreUnavailableError, match="nowhere"):
        read_graph(tmp_path / "nowhere.duckdb")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"settings": "tinny"}, "^settings: no file and no shipped config is named 'tinny'"),
        ({"settings": 3}, "settings must be the name of a config, .* got int"),
        ({"overrides": ["train.epochs=2"]}, "overrides must be a mapping such as .* got list"),
        ({"overrides": {"train.epochs": -1}}, r"^train\.epochs: must be greater"),
        ({"overrides": {"train": {"epoch": 1}}}, r"^train\.epoch: no such setting"),
        ({"settings": kgrec.Settings(), "overrides": {"model.dim": 0}}, r"^model\.dim: must be"),
    ],
)
def test_wrong_settings_are_refused_before_the_graph_is_read(
    options: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(kgrec.KgrecError, match=sentence):
        kgrec.train(tmp_path / "nowhere.duckdb", tmp_path / "run", **options)


def test_a_full_folder_is_refused_before_the_graph_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for out, sentence in ((tmp_path, "is not empty"), (tmp_path / "file", "is a file")):
        with pytest.raises(kgrec.InputError, match=sentence):
            kgrec.train(tmp_path / "nowhere.duckdb", out)


def test_training_gives_a_run_that_answers_and_can_be_opened_again(
    trained_world: TrainedWorld,
) -> None:
    """A finished run is not trained again under ``resume``."""
    user, domain = trained_world.world.cold_users[0], trained_world.target
    run = kgrec.train(trained_world.store, trained_world.run, resume=True)
    found = run.recommend(user, domain=domain, k=3)
    assert len(found) == 3
    assert found.to_frame().equals(
        kgrec.load(trained_world.run).recommend(user, domain=domain, k=3).to_frame()
    )


def test_overrides_of_a_section_leave_its_other_settings_as_they_are(
    trained_world: TrainedWorld,
) -> None:
    """The fixture gives sections of settings; the shipped config sets others of them."""
    settings = kgrec.load(trained_world.run).model.settings
    assert (settings.model.dim, settings.train.epochs) == (16, 2)
    assert settings.train.seed == kgrec.Settings().train.seed


def test_a_live_store_may_be_named_by_a_path(trained_world: TrainedWorld) -> None:
    user, domain = trained_world.world.cold_users[0], trained_world.target
    alone = kgrec.load(trained_world.run).recommend(user, domain=domain, k=3)
    with kgrec.load(trained_world.run, store=trained_world.store) as run:
        assert run.recommend(user, domain=domain, k=3).to_frame().equals(alone.to_frame())
