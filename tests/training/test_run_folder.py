"""A run folder holds all that was fitted, and says what is wrong with it."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp

from kgrec.data.histories import Histories
from kgrec.data.interactions import Interactions
from kgrec.ensemble.item_paths import ItemPaths
from kgrec.ensemble.recommender import Ensemble
from kgrec.errors import InputError, NotFiniteError, NotFoundError, RunError, TrainingError
from kgrec.runs import FORMAT_VERSION, TrainedRun, checksums, open_run
from kgrec.runs.model_file import MODEL_FILE, load_scorer, save_scorer
from kgrec.runs.scorer import Scorer
from kgrec.training import Fitted, fit, train
from kgrec.training.run_folder import write_run
from tests.cli.command import kgrec
from tests.training.worlds import planted_snapshot, small_world, tiny

SNAPSHOT = planted_snapshot(small_world(tags=True))
LOG = Interactions.of(SNAPSHOT)


@pytest.fixture(scope="module", params=["lora", "hgt", "full"])
def saved(
    request: pytest.FixtureRequest, bert: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Fitted, TrainedRun]:
    """What was fitted, and the same read back."""
    overrides = {
        "lora": ["text.tuning=lora", "model.item_features=[text,spectrum,factors,id]"],
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
            held.user_vectors(Histories.of_matrix(asked), domain).products(
                held.item_vectors(domain)
            )
            for held in (fitted.scorer, run)
        )
        np.testing.assert_allclose(before, after, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(fitted.scorer.item_embeddings, run.item_embeddings)
    users = Histories.of_matrix(asked)
    np.testing.assert_array_equal(fitted.scorer.user_embeddings(users), run.user_embeddings(users))


def test_serving_vectors_of_a_run_stand_for_its_scores(saved: tuple[Fitted, TrainedRun]) -> None:
    """They are as wide as the small domains have items, so nothing is lost."""
    _, run = saved
    users = LOG.histories()
    for domain in range(2):
        exact, items = run.user_vectors(users, domain), run.item_vectors(domain)
        serving = run.serving_vectors(domain)
        assert 0 < serving.width <= len(items)
        near = serving.of_users(exact, items) @ serving.items.T
        scores = exact.products(items)
        hidden = LOG.seen[:, SNAPSHOT.items_of(domain)].toarray() > 0
        error = np.where(hidden, 0.0, near - scores)
        assert np.abs(error).mean() < 0.05 * scores.std()


def test_a_run_answers_without_the_log_it_was_trained_on(
    saved: tuple[Fitted, TrainedRun],
) -> None:
    _, run = saved
    users = LOG.histories()
    nothing = sp.csr_matrix(LOG.liked.shape, dtype=np.float32)
    empty = replace(LOG, liked=nothing, seen=nothing, snapshot=None)
    alone = load_scorer(run.path / MODEL_FILE, run.settings, empty, run.scorer.encode)
    for domain in range(2):
        wanted = run.user_vectors(users, domain).products(run.item_vectors(domain))
        found = alone.user_vectors(users, domain).products(alone.item_vectors(domain))
        np.testing.assert_array_equal(found, wanted)


def test_the_arrays_of_a_run_stay_in_its_file(saved: tuple[Fitted, TrainedRun]) -> None:
    _, run = saved
    opened = open_run(run.path)
    assert not opened.item_vectors(0).dense.flags.owndata
    assert not opened.item_vectors(0).dense.flags.writeable
    assert opened.scorer.ensemble.paths is not None
    for matrix in opened.scorer.ensemble.paths.matrices.values():
        assert not matrix.data.flags.owndata
        assert not matrix.indices.flags.owndata


def test_free_text_is_read_by_the_encoder_as_it_was_tuned(saved: tuple[Fitted, TrainedRun]) -> None:
    fitted, run = saved
    texts = [str(SNAPSHOT.texts[0]), "bade fi"]
    before, after = (held.text_user_vectors(texts, 1) for held in (fitted.scorer, run))
    scores = [
        vectors.products(held.item_vectors(1))
        for vectors, held in ((before, fitted.scorer), (after, run))
    ]
    np.testing.assert_allclose(*scores, rtol=1e-4, atol=1e-5)


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
    np.testing.assert_array_equal(items, run.item_embeddings)
    keys = pl.read_parquet(run.path / "vectors" / "users.parquet")["key"].to_list()
    assert keys == [str(key) for key in SNAPSHOT.user_keys]
    users = np.load(run.path / "vectors" / "users.npy")
    np.testing.assert_allclose(users, run.user_embeddings(LOG.histories()), rtol=1e-5)


def test_the_vector_of_a_text_is_that_of_its_nearest_items(
    saved: tuple[Fitted, TrainedRun],
) -> None:
    _, run = saved
    own, other = run.text_user_vectors([str(text) for text in SNAPSHOT.texts[:2]], 1).dense
    assert np.isfinite(own).all()
    assert not np.allclose(own, other)


def test_who_asks_in_words_likes_nothing_yet(saved: tuple[Fitted, TrainedRun]) -> None:
    """Where own likes are the only paths, the last columns are what they lead to."""
    whole = saved[0].scorer.ensemble
    domain, items = 1, SNAPSHOT.items_of(1)
    itself = sp.identity(SNAPSHOT.num_items, np.float32, "csr")[:, items]
    own = ItemPaths({("history", domain): itself})
    ensemble = Ensemble(whole.components, whole.weights, whole.settings, paths=own)
    scorer = Scorer(ensemble, saved[0].scorer.texts, saved[0].scorer.encode)
    in_words = scorer.text_user_vectors([str(SNAPSHOT.texts[items[0]])], domain)
    by_likes = scorer.user_vectors(LOG.histories(LOG.active[:, domain]), domain)
    assert in_words.sparse is not None
    assert by_likes.sparse is not None
    assert not in_words.sparse[:, -len(items) :].count_nonzero()
    assert not in_words.dense[:, -1].any()  # popularity, the last of the dense columns
    assert by_likes.dense[:, -1].all()
    assert by_likes.sparse[:, -len(items) :].count_nonzero()


def test_excluded_components_do_not_count(saved: tuple[Fitted, TrainedRun]) -> None:
    scorer = saved[0].scorer
    nothing = scorer.user_vectors(
        LOG.histories()[:3], 1, excluded=list(scorer.ensemble.components.recommenders)
    )
    assert not nothing.products(scorer.item_vectors(1)).any()
    with pytest.raises(InputError, match="excluded must name some of gnn, .*got"):
        scorer.user_vectors(LOG.histories()[:3], 1, excluded=("walks",))


def test_what_a_user_likes_already_gets_nothing_for_that(
    saved: tuple[Fitted, TrainedRun],
) -> None:
    """Nothing is cold here, so with and without own likes the scores are the same."""
    scorer = saved[0].scorer
    with_own, without = (
        scorer.user_vectors(LOG.histories(), 1, excluded=names).products(scorer.item_vectors(1))
        for names in ((), ("history",))
    )
    assert (LOG.liked.getnnz(axis=0) > 0).all()
    np.testing.assert_array_equal(with_own, without)


def test_a_model_that_is_no_number_is_not_written(
    saved: tuple[Fitted, TrainedRun], tmp_path: Path
) -> None:
    scorer = saved[0].scorer
    embeddings = scorer.joint_model.item_embeddings.copy()
    embeddings[3, 0] = np.nan
    ensemble, whole = scorer.ensemble, scorer.ensemble.components
    damaged = {**whole.recommenders, "gnn": replace(scorer.joint_model, item_embeddings=embeddings)}
    broken = Scorer(
        Ensemble(replace(whole, recommenders=damaged), ensemble.weights, ensemble.settings),
        scorer.texts, scorer.encode,
    )  # fmt: skip
    said = r"holds NaN or infinity in 'component.gnn.item_embeddings', so no run was written"
    with pytest.raises(TrainingError, match=said):
        save_scorer(broken, tmp_path / "model.safetensors")
    assert not (tmp_path / "model.safetensors").exists()
    with pytest.raises(NotFiniteError, match="the vectors of items hold NaN or infinity"):
        broken.item_vectors(int(SNAPSHOT.item_domain[3]))
    likes_it = LOG.liked[LOG.liked[:, 3].toarray().ravel() > 0]
    with pytest.raises(NotFiniteError, match="the vectors of users hold NaN or infinity"):
        broken.user_vectors(Histories.of_matrix(likes_it), 1 - int(SNAPSHOT.item_domain[3]))


# --- what is wrong with a folder --------------------------------------------------


@pytest.fixture(scope="module")
def trained(bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that is read only."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        train(SNAPSHOT, tiny(bert, "train.epochs=1"), folder / "run")
    return folder / "run"


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """A copy that may be damaged."""
    return Path(shutil.copytree(trained, tmp_path / "run"))


def test_a_run_says_what_it_is(trained: Path) -> None:
    manifest = json.loads((trained / "manifest.json").read_text())
    assert manifest["seconds"] > 0
    assert manifest["peak_rss_bytes"] > 50e6
    assert manifest["device"] in {"cpu", "cuda"}
    assert manifest["seed"] == 0
    assert {"torch", "transformers", "numpy"} <= manifest["packages"].keys()
    rows = [json.loads(line) for line in (trained / "history.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [0, 1]
    assert not list(trained.rglob("*.pkl"))
    assert not list(trained.rglob("*.pt"))
    assert not (trained / "checkpoint").exists()


def test_the_manifest_lists_every_other_file_with_its_checksum(trained: Path) -> None:
    table = json.loads((trained / "manifest.json").read_text())["files"]
    files = {str(f.relative_to(trained)): f for f in trained.rglob("*") if f.is_file()}
    assert table.keys() == files.keys() - {"manifest.json"}
    for name, entry in table.items():
        content = files[name].read_bytes()
        assert entry == {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no such run folder; make one with `kgrec train"):
        open_run(tmp_path / "nowhere")


def _cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def _overwritten(content: bytes) -> bytes:
    return b"\xff" * len(content)


def _flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize("harm", [_cut, _overwritten, _flipped])
def test_every_file_that_is_not_what_was_written_is_one_error_that_names_it(
    run: Path, harm: Callable[[bytes], bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    """In Python and on the command line; a question is never answered from such a run."""
    files = sorted(file for file in run.rglob("*") if file.is_file())
    assert len(files) > 15
    for file in files:
        content = file.read_bytes()
        file.write_bytes(harm(content))
        with pytest.raises(RunError) as caught:
            open_run(run).item_vectors(0)
        assert str(file) in str(caught.value), file
        ask = ("--run", run, "--user", SNAPSHOT.user_keys[0], "--domain", SNAPSHOT.domain_keys[0])
        assert kgrec("recommend", *ask) == 1, file
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err == f"error: {caught.value}\n"
        file.write_bytes(content)
    assert kgrec("recommend", *ask) == 0


@pytest.mark.parametrize("file", ["model.safetensors", "graph/users.parquet", "vectors/items.npy",
                                  "encoder/learned.safetensors", "settings.yaml"])  # fmt: skip
def test_a_file_that_is_missing_is_named(run: Path, file: str) -> None:
    (run / file).unlink()
    with pytest.raises(RunError, match=f"{file} is missing; copy the run again or train anew"):
        open_run(run)


def test_a_file_that_is_too_much_is_named(run: Path) -> None:
    (run / "graph" / ".DS_Store").write_text("of a file manager, left alone")
    open_run(run)
    (run / "graph" / "users (1).parquet").write_text("of another run")
    with pytest.raises(RunError, match=r"users \(1\).parquet is no file of this run; move it"):
        open_run(run)


def test_large_files_are_checked_when_they_are_first_used(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checksums, "SMALL", 0)
    for name in ("model.safetensors", "graph/users.parquet", "vectors/users.npy",
                 "encoder/learned.safetensors"):  # fmt: skip
        (run / name).write_bytes(_flipped((run / name).read_bytes()))
    opened = open_run(run)
    with pytest.raises(RunError, match=r"graph/users.parquet has been changed"):
        _ = opened.snapshot
    (run / "graph/users.parquet").write_bytes(_flipped((run / "graph/users.parquet").read_bytes()))
    opened = open_run(run)
    with pytest.raises(RunError, match=r"model.safetensors has been changed"):
        opened.item_vectors(0)
    (run / "model.safetensors").write_bytes(_flipped((run / "model.safetensors").read_bytes()))
    opened = open_run(run)
    opened.item_vectors(0)
    with pytest.raises(RunError, match=r"encoder/learned.safetensors has been changed"):
        opened.text_user_vectors(["bade"], 0)


def test_check_reads_every_file(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(checksums, "SMALL", 0)
    assert kgrec("check", "--run", run) == 0
    assert "all as they were written" in capsys.readouterr().out
    (run / "vectors/users.npy").write_bytes(_flipped((run / "vectors/users.npy").read_bytes()))
    assert kgrec("check", "--run", run) == 1
    assert "vectors/users.npy has been changed since it was written" in capsys.readouterr().err


def _rewritten(file: Path, **changes: object) -> None:
    manifest = json.loads(file.read_text())
    file.write_text(json.dumps(manifest | changes))


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        (Path.unlink, r"holds no run \(no manifest.json\); .* or copy the run again"),
        (lambda f: (f.unlink(), (f.parent / "checkpoint").mkdir()),
         r"holds a training that was cut off .* finish it with `kgrec train .* --resume`"),
        (lambda f: f.write_text("[]"), r"manifest.json cannot be read"),
        (lambda f: _rewritten(f, format_version=99),
         rf"has format version 99, this kgrec reads {FORMAT_VERSION}; train anew"),
        (lambda f: _rewritten(f, seed=1),
         r"manifest.json cannot be read \(its content does not match its checksum\)"),
    ],
)  # fmt: skip
def test_a_manifest_that_is_not_what_was_written_is_one_clear_error(
    run: Path, harm: Callable[[Path], None], sentence: str
) -> None:
    harm(run / "manifest.json")
    with pytest.raises(RunError, match=sentence):
        open_run(run)


def test_a_training_that_was_cut_off_at_its_very_end_opens_and_is_tidied(
    run: Path, bert: Path
) -> None:
    """The manifest is there, and the checkpoint still is."""
    (run / "checkpoint").mkdir()
    (run / "checkpoint" / "state.json").write_text("{}")
    open_run(run)
    train(SNAPSHOT, tiny(bert, "train.epochs=1"), run, resume=True)
    assert not (run / "checkpoint").exists()
