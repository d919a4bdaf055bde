"""A run folder holds all that was fitted, and says what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp

from kgrec.errors import NotFoundError, RunError
from kgrec.interactions import Interactions
from kgrec.model.weights import PARTS
from kgrec.training import Fitted, TrainedRun, fit, open_run, train
from kgrec.training.run_folder import write_run
from tests.training.worlds import planted_snapshot, small_world, tiny

SNAPSHOT = planted_snapshot(small_world(tags=True))
LOG = Interactions.of(SNAPSHOT)


@pytest.fixture(scope="module", params=["lora", "hgt", "full"])
def saved(
    request: pytest.FixtureRequest, bert: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Fitted, TrainedRun]:
    """What was fitted, and the same read back."""
    overrides = {
        "lora": ["text.tuning=lora", "model.channels=[text,spectrum,factors,id]"],
        "hgt": ["model.gnn=hgt"],
        "full": ["text.tuning=full", "text.pooling=cls", "model.bridge=false"],
    }[request.param]
    settings = tiny(bert, *overrides)
    folder = tmp_path_factory.mktemp("runs") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        fitted = fit(SNAPSHOT, settings)
    write_run(folder, SNAPSHOT, settings, fitted, {"seconds": 1.0, "peak_rss_bytes": 1})
    return fitted, open_run(folder)


def test_saving_and_opening_changes_no_score(saved: tuple[Fitted, TrainedRun]) -> None:
    fitted, run = saved
    empty = sp.csr_matrix((1, SNAPSHOT.num_items), dtype=np.float32)
    asked = sp.vstack([LOG.liked, empty]).tocsr()
    for domain in range(2):
        before, after = (
            held.person_vectors(asked, domain).products(held.item_vectors(domain))
            for held in (fitted.scorer, run)
        )
        np.testing.assert_allclose(before, after, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(fitted.scorer.item_space, run.item_space)
    np.testing.assert_array_equal(fitted.scorer.person_space(asked), run.person_space(asked))


def test_free_text_is_read_by_the_encoder_as_it_was_tuned(saved: tuple[Fitted, TrainedRun]) -> None:
    fitted, run = saved
    texts = [str(SNAPSHOT.texts[0]), "bade fi"]
    before, after = (held.text_person_vectors(texts, 1) for held in (fitted.scorer, run))
    np.testing.assert_allclose(before.dense, after.dense, rtol=1e-4, atol=1e-5)


def test_settings_and_graph_come_back(saved: tuple[Fitted, TrainedRun]) -> None:
    _, run = saved
    assert run.snapshot.fingerprint == run.manifest["fingerprint"] == SNAPSHOT.fingerprint
    assert run.settings.model.dim == 16
    assert (run.interactions.liked != LOG.liked).nnz == 0


def test_vectors_for_other_programs_are_the_ones_of_the_run(
    saved: tuple[Fitted, TrainedRun],
) -> None:
    _, run = saved
    items = np.load(run.path / "vectors" / "items.npy")
    np.testing.assert_array_equal(items, run.item_space)
    keys = pl.read_parquet(run.path / "vectors" / "users.parquet")["key"].to_list()
    assert keys == [str(key) for key in SNAPSHOT.user_keys]
    users = np.load(run.path / "vectors" / "users.npy")
    np.testing.assert_allclose(users, run.person_space(LOG.liked), rtol=1e-5)


def test_the_vector_of_a_text_is_that_of_its_nearest_items(
    saved: tuple[Fitted, TrainedRun],
) -> None:
    _, run = saved
    own, other = run.text_person_vectors([str(text) for text in SNAPSHOT.texts[:2]], 1).dense
    assert np.isfinite(own).all()
    assert not np.allclose(own, other)


def test_who_asks_in_words_likes_nothing_yet(saved: tuple[Fitted, TrainedRun]) -> None:
    """Own likes are the last columns, one for each item of the domain."""
    fitted, _ = saved
    domain, items = 1, SNAPSHOT.items_of(1)
    in_words = fitted.scorer.text_person_vectors([str(SNAPSHOT.texts[items[0]])], domain)
    by_likes = fitted.scorer.person_vectors(LOG.liked[LOG.active[:, domain]], domain)
    assert in_words.sparse is not None
    assert by_likes.sparse is not None
    assert not in_words.sparse[:, -len(items) :].count_nonzero()
    assert not in_words.dense[:, -1].any()  # popularity, the last of the dense columns
    assert by_likes.dense[:, -1].all()
    assert by_likes.sparse[:, -len(items) :].count_nonzero()


def test_silent_parts_say_nothing(saved: tuple[Fitted, TrainedRun]) -> None:
    scorer = saved[0].scorer
    nothing = scorer.person_vectors(LOG.liked[:3], 1, silent=PARTS)
    assert not nothing.products(scorer.item_vectors(1)).any()
    with pytest.raises(ValueError, match="silent must name some of learned, .*got"):
        scorer.person_vectors(LOG.liked[:3], 1, silent=("walks",))


def test_what_a_person_likes_already_gets_nothing_for_that(
    saved: tuple[Fitted, TrainedRun],
) -> None:
    """Nothing is cold here, so with and without own likes the scores are the same."""
    scorer = saved[0].scorer
    with_own, without = (
        scorer.person_vectors(LOG.liked, 1, silent=silent).products(scorer.item_vectors(1))
        for silent in ((), ("own",))
    )
    assert (LOG.liked.getnnz(axis=0) > 0).all()
    np.testing.assert_array_equal(with_own, without)


# --- what is wrong with a folder --------------------------------------------------


@pytest.fixture
def run(bert: Path, tmp_path: Path) -> Path:
    train(SNAPSHOT, tiny(bert, "train.epochs=1"), tmp_path / "run")
    return tmp_path / "run"


def test_a_run_says_what_it_is(run: Path) -> None:
    manifest = json.loads((run / "manifest.json").read_text())
    assert manifest["seconds"] > 0
    assert manifest["peak_rss_bytes"] > 50e6
    assert manifest["device"] in {"cpu", "cuda"}
    assert manifest["seed"] == 0
    assert {"torch", "transformers", "numpy"} <= manifest["packages"].keys()
    rows = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [0, 1]
    assert not list(run.rglob("*.pkl"))
    assert not list(run.rglob("*.pt"))
    assert not (run / "checkpoint").exists()


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no such run folder; make one with `kgrec train"):
        open_run(tmp_path / "nowhere")


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def _other_version(file: Path) -> None:
    manifest = json.loads(file.read_text())
    file.write_text(json.dumps(manifest | {"format_version": 99}))


@pytest.mark.parametrize(
    ("file", "harm", "sentence"),
    [
        ("manifest.json", Path.unlink, r"holds no finished run \(no manifest.json\); finish it"),
        ("manifest.json", _cut, r"manifest.json cannot be read"),
        ("manifest.json", lambda f: f.write_text("[]"), r"manifest.json cannot be read"),
        ("manifest.json", _other_version, r"has format version 99, this kgrec reads 6; train anew"),
        ("settings.yaml", Path.unlink, r"settings.yaml cannot be read"),
        ("settings.yaml", lambda f: f.write_text("model: {dims: 3}"), r"no such setting"),
        ("model.safetensors", Path.unlink, r"is damaged .*; train anew"),
        ("model.safetensors", _cut, r"is damaged .*; train anew"),
        ("encoder/learned.safetensors", Path.unlink, r"is damaged .*; train anew"),
        ("encoder/learned.safetensors", _cut, r"is damaged .*; train anew"),
        ("graph/manifest.json", Path.unlink, r"holds no snapshot"),
        ("graph/interactions.parquet", _cut, r"is damaged"),
    ],
)
def test_a_damaged_run_is_one_clear_error(
    run: Path, file: str, harm: Callable[[Path], None], sentence: str
) -> None:
    harm(run / file)
    with pytest.raises(RunError, match=sentence):
        ask_everything(open_run(run))


def ask_everything(run: TrainedRun) -> None:
    run.item_vectors(0)
    assert run.snapshot.num_items
    run.text_person_vectors(["bade"], 0)


def test_settings_that_do_not_fit_the_weights_are_damage(run: Path) -> None:
    file = run / "settings.yaml"
    file.write_text(file.read_text().replace("dim: 16", "dim: 8"))
    with pytest.raises(RunError, match="is damaged"):
        open_run(run).item_vectors(0)
