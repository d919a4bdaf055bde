"""The parts of ``benchmarks/train_speed.py`` that a wrong table would come from."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

from speed import report  # noqa: E402
from speed.contestants import delivered_now  # noqa: E402
from speed.gpu import dense_only  # noqa: E402
from speed.made_up import IN_BOTH, made_up  # noqa: E402
from speed.race import Point, Race, judge, run_race  # noqa: E402
from speed.stages import Enough, Watch  # noqa: E402

from kgrec.config import load_settings  # noqa: E402
from kgrec.progress import Event  # noqa: E402
from kgrec.training.fit import fit, read_interactions  # noqa: E402
from tests.trained_world import TINY  # noqa: E402

WORKER = """
import sys, time
from pathlib import Path
import numpy as np
from speed.clock import Clock, Stop

DELIVERING = 0.0

def vectors():
    time.sleep(DELIVERING)
    return np.zeros((2, 3)), np.ones((4, 3))

print("what a library prints must not be taken for a result")
clock = Clock(Path(sys.argv[1]))
print("nor afterwards")
clock.ready()
for epoch in range(100):
    time.sleep(0.01)
    try:
        clock.point(epoch + 1, vectors)
    except Stop:
        break
"""


def points(*values: float) -> list[Point]:
    return [Point(n + 1, 10.0 * (n + 1), value) for n, value in enumerate(values)]


def run(worker: str, folder: Path, qualities: list[float], **limits: float) -> Race:
    left = iter(qualities)

    def measure(user: np.ndarray, item: np.ndarray) -> float:
        assert user.shape == (2, 3)
        assert item.shape == (4, 3)
        time.sleep(0.1)
        return next(left)

    return run_race(
        "test", [sys.executable, "-c", worker, str(folder)], measure,
        env=os.environ | {"PYTHONPATH": str(BENCHMARKS)}, seconds=limits.get("seconds", 60.0),
        patience=int(limits.get("patience", 2)), on_point=lambda _name, _point: None,
    )  # fmt: skip


def test_the_clock_stands_still_while_a_result_is_measured(tmp_path: Path) -> None:
    race = run(WORKER, tmp_path, [0.1, 0.3, 0.2, 0.2, 0.5])
    assert [point.ndcg for point in race.points] == [0.1, 0.3, 0.2, 0.2]
    assert race.end == "patience"
    assert 0.03 < race.points[-1].seconds < 0.3, "four measurements take 0.4 s"
    assert all(0 <= point.delivering < point.seconds for point in race.points)
    assert race.peak_bytes > 2**20
    assert not list(tmp_path.iterdir()), "vectors are removed once they are measured"


def test_a_point_is_charged_for_its_vectors_and_those_who_go_on_are_not(tmp_path: Path) -> None:
    slow = WORKER.replace("DELIVERING = 0.0", "DELIVERING = 0.5")
    race = run(slow, tmp_path, [0.1, 0.2, 0.3, 0.3, 0.3], patience=2)
    assert len(race.points) == 5
    assert all(point.delivering >= 0.5 for point in race.points)
    assert race.points[-1].seconds < 5 * 0.5, "only its own"
    each = race.seconds_an_epoch()
    assert each is not None
    assert 0.01 <= each < 0.5


def test_a_contestant_that_dies_keeps_what_it_reached_and_its_last_words(tmp_path: Path) -> None:
    worker = WORKER.replace("    time.sleep(0.01)", "    assert epoch < 2, 'out of luck'")
    race = run(worker, tmp_path, [0.1, 0.2, 0.3])
    assert [point.ndcg for point in race.points] == [0.1, 0.2]
    assert race.end == "failed"
    assert "out of luck" in race.why
    assert race.still_rising


def test_a_contestant_is_stopped_by_time_or_patience_and_by_nothing_else() -> None:
    assert judge(points(0.1, 0.2, 0.2), seconds=100, patience=2) is None
    assert judge(points(0.1, 0.2, 0.2, 0.2), seconds=100, patience=2) == "patience"
    assert judge(points(0.1, 0.2), seconds=20, patience=2) == "time"


def test_seconds_to_a_quality_are_those_of_the_first_point_that_has_it() -> None:
    race = Race("ours", points(0.1, 0.3, 0.2, 0.3), end="patience")
    assert race.seconds_to(0.2) == 20.0
    assert race.seconds_to(0.4) is None
    assert race.best.seconds == 20.0
    assert not race.still_rising


def test_the_verdict_names_how_much_sooner_the_same_quality_was_there() -> None:
    ours = Race("kgrec", points(0.1, 0.3, 0.35), end="its own")
    slow = Race("other", [Point(1, 100.0, 0.2), Point(2, 600.0, 0.25)], end="time")
    said = report.against(ours, slow)
    assert "1/30.0" in said
    assert "1/20.0" in said
    assert "still rising" in said
    assert "did not reach" in report.against(slow, ours)


def test_slopes_are_exponents_of_growth() -> None:
    def row(size: int, exponent: float) -> dict[str, object]:
        parts = {"spectrum": size * 1e-6, "factors": size * 2e-6, "users of the bridge": 0.1}
        return {
            "text": "none", "interactions": size, "setup_seconds": size * 1e-5,
            "setup_parts": parts, "epoch_seconds": size**exponent, "episodes": 4,
            "episodes_run": 4, "peak_bytes": 10**9, "users": 1, "items": 1,
        }  # fmt: skip

    rows = [row(size, 1.5) for size in (10**5, 10**6, 10**7)]
    found = report.slopes(rows)["none"]
    assert found["one epoch"] == pytest.approx(1.5)
    assert found["before the first epoch"] == pytest.approx(1.0)
    assert found["peak memory"] == pytest.approx(0.0)
    failed = {"text": "none", "edges": 10**8, "failed": "exit -9: killed"}
    assert report.slopes([*rows, failed])["none"] == found
    table = report.growth_table([*rows, failed])
    assert len({line.count("|") for line in table}) == 1, "each row has all its cells"


def test_an_epoch_that_was_cut_is_computed_from_the_episodes_that_were_run() -> None:
    watch = Watch(seconds=1e9)
    watch.epoch_begin, watch.episodes = 100.0, 11
    watch.ticks = [103.0, 105.0, 107.0]  # the first holds a second of drawing
    assert watch.epoch_seconds == pytest.approx(3.0 + 10 * 2.0)


def test_events_of_training_end_the_watch_where_its_seconds_are_spent() -> None:
    watch = Watch(seconds=0.0)
    watch.hear(Event("epoch 1", 1, 9))
    assert not watch.ticks, "an epoch before the first validation is none of ours"
    watch.epoch_begin = time.perf_counter()
    with pytest.raises(Enough):
        watch.hear(Event("epoch 1", 1, 9))
    assert watch.episodes == 9


def test_a_made_up_graph_has_as_many_interactions_as_asked_and_users_in_both_domains() -> None:
    graph = made_up(20_000, with_text=True)
    pairs = graph.user.astype(np.int64) * graph.num_items + graph.item
    assert len(pairs) == 20_000
    assert (np.diff(pairs) > 0).all(), "distinct, and sorted as a snapshot is"
    domains = np.zeros((graph.num_users, 2), bool)
    domains[graph.user, graph.item_domain[graph.item]] = True
    assert domains.all(axis=1).mean() == pytest.approx(IN_BOTH, abs=0.03)
    assert (graph.user_keys[:-1] < graph.user_keys[1:]).all()
    assert graph.fingerprint == made_up(20_000, with_text=True).fingerprint


def test_operations_of_sparse_products_are_not_counted_as_dense_ones() -> None:
    sparse = torch.eye(50).to_sparse_csr()
    dense = torch.ones(50, 4)
    with FlopCounterMode(display=False, custom_mapping=dense_only()) as counter:
        sparse @ dense
        assert counter.get_total_flops() == 0
        dense.T @ dense
        torch.nn.functional.linear(dense, torch.ones(3, 4), torch.zeros(3))
    assert counter.get_total_flops() == 2 * 4 * 50 * 4 + 2 * 50 * 4 * 3


def test_asking_training_what_it_would_deliver_does_not_change_what_it_delivers() -> None:
    graph = made_up(3_000, with_text=False)
    settings = load_settings("default", TINY)
    untouched = fit(graph, settings, device="cpu")
    everybody = read_interactions(graph, settings.positive_weight)
    asked: list[np.ndarray] = []
    watched = fit(
        graph, settings, device="cpu",
        on_epoch=lambda trainer: asked.append(
            delivered_now(
                trainer, everybody, lambda scorer: scorer.item_vectors(0).dense.copy()
            )
        ),
    )  # fmt: skip
    assert len(asked) == 3, "before the first epoch and after each"
    assert not np.array_equal(asked[0], asked[2])
    assert str(watched.history) == str(untouched.history)
    expected = watched.scorer.item_vectors(0).dense
    np.testing.assert_array_equal(expected, untouched.scorer.item_vectors(0).dense)
    np.testing.assert_array_equal(asked[watched.best_epoch], expected)
