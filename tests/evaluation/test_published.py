"""Published splits: what is read beside the graph, what is hidden, drawn, measured and shown."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Self

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp
from numpy.typing import NDArray

from graph_store.snapshot import Snapshot
from kgrec.data.histories import Histories
from kgrec.data.interactions import Interactions
from kgrec.errors import InputError
from kgrec.evaluation.cells import read_cells
from kgrec.evaluation.evaluate import SAMPLED_MEASURES, evaluate, main_value
from kgrec.evaluation.protocols import leave_one_out, published, source_cold, strict_cold_user
from kgrec.evaluation.report import write_report
from kgrec.evaluation.runner import CELLS, run_benchmark
from kgrec.evaluation.settings import BenchmarkSettings
from kgrec.evaluation.source_split import SourceSplit, read_source_split
from kgrec.evaluation.split import Split, load_split, save_split
from kgrec.recommenders.item_knn import ItemKNN
from kgrec.recommenders.popularity import Popularity
from tests.evaluation.planted import planted

A, B = 0, 1
COLD = 24  # users who are tested, and as many who are validated, in each direction


def cold_source(snapshot: Snapshot) -> SourceSplit:
    """The first users are cold in B, the next in A, as in the game_video set."""
    domain = snapshot.item_domain[snapshot.item]
    part = np.full(len(domain), "train")
    for start, target in ((0, B), (2 * COLD, A)):
        for offset, name in ((0, "test"), (COLD, "valid")):
            first = start + offset
            mine = (snapshot.user >= first) & (snapshot.user < first + COLD)
            part[mine & (domain == target)] = name
    return SourceSplit(part, None)


def ordered_source(snapshot: Snapshot) -> SourceSplit:
    """Each user's rows in the order of their times, equal ones by item, as in the ABXI sets."""
    order = np.lexsort((snapshot.item, snapshot.at, snapshot.user))
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    return SourceSplit(np.full(len(order), "train"), place)


def with_days(snapshot: Snapshot, days: int) -> Snapshot:
    at = np.random.default_rng(1).integers(0, days, len(snapshot.user)) * 86_400
    return replace(snapshot, at=at)


@pytest.fixture
def few_drawn(monkeypatch: pytest.MonkeyPatch) -> int:
    """The planted catalogue has 60 items; so 9 are drawn rather than 999."""
    monkeypatch.setattr(published, "NEGATIVES", 9)
    return 9


def write_log(snapshot: Snapshot, source: SourceSplit, folder: Path) -> None:
    folder.mkdir()
    keys = [str(key).partition(":") for key in snapshot.item_keys[snapshot.item]]
    columns = {
        "user_id": [str(key) for key in snapshot.user_keys[snapshot.user]],
        "item_id": [item for _, _, item in keys],
        "domain": [domain for domain, _, _ in keys],
        "split": source.part.tolist(),
    }
    place = {} if source.place is None else {"seq_pos": source.place.astype(np.int32)}
    shuffled = pl.DataFrame(columns | place).sample(fraction=1.0, shuffle=True, seed=3)
    shuffled.write_parquet(folder / "interactions.parquet")


def test_the_split_of_a_log_is_found_for_every_interaction_whatever_the_order(
    tmp_path: Path,
) -> None:
    snapshot = with_days(planted(60), 4)
    source = replace(ordered_source(snapshot), part=cold_source(snapshot).part)
    write_log(snapshot, source, tmp_path / "log")
    some = snapshot.item_domain[snapshot.item] == B
    for kept in (some, np.ones_like(some)):
        got = read_source_split(tmp_path / "log", snapshot.keep(kept))
        assert got.place is not None
        assert source.place is not None
        np.testing.assert_array_equal(got.part, source.part[kept])
        np.testing.assert_array_equal(got.place, source.place[kept])


def test_a_log_without_a_split_or_of_other_data_is_refused_in_a_sentence(tmp_path: Path) -> None:
    snapshot = planted(60)
    with pytest.raises(InputError, match=r"reads the source's split .* leave `published` out"):
        read_source_split(tmp_path, snapshot)
    write_log(snapshot, cold_source(snapshot), tmp_path / "log")
    with pytest.raises(InputError, match="calls the interaction of u0060 .* None"):
        read_source_split(tmp_path / "log", planted(61))
    other = SourceSplit(np.full(len(snapshot.user), "valid_context"), None)
    write_log(snapshot, other, tmp_path / "other")
    with pytest.raises(InputError, match="'valid_context', not train, valid, test"):
        read_source_split(tmp_path / "other", snapshot)
    file = tmp_path / "log" / "interactions.parquet"
    pl.read_parquet(file).drop("split").write_parquet(file)
    with pytest.raises(InputError, match="has no source's split"):
        read_source_split(tmp_path / "log", snapshot)


def test_cold_users_of_both_directions_are_hidden_from_training(few_drawn: int) -> None:
    snapshot = planted()
    source = cold_source(snapshot)
    split = source_cold(snapshot, source, target=B)
    assert len(split.train.user) == (source.part == "train").sum()
    assert set(split.test.users) == set(snapshot.user_keys[:COLD])
    assert set(split.validation.users) == set(snapshot.user_keys[COLD : 2 * COLD])
    assert set(snapshot.item_domain[split.test.shown_items.indices]) == {A}
    hidden = (source.part == "test") & (snapshot.item_domain[snapshot.item] == B)
    asked = zip(split.test.users, split.test.positives.indices, strict=True)
    wanted = zip(snapshot.user_keys[snapshot.user[hidden]], snapshot.item[hidden], strict=True)
    assert list(asked) == list(wanted), "a row an interaction"


def test_who_is_validated_and_tested_stays_cold_in_the_test(few_drawn: int) -> None:
    """In game_video valid and test hold rows of the same users."""
    snapshot = planted()
    source = cold_source(snapshot)
    part = source.part.copy()
    hidden = np.flatnonzero((part == "test") & (snapshot.item_domain[snapshot.item] == B))
    part[hidden[::2]] = "valid"
    split = source_cold(snapshot, replace(source, part=part), target=B)
    assert set(split.test.users) & set(split.validation.users)
    assert set(snapshot.item_domain[split.test.shown_items.indices]) == {A}
    assert split.test.sampled is not None
    number = {str(key): n for n, key in enumerate(snapshot.user_keys)}
    valid = set(zip(snapshot.user[hidden[::2]], snapshot.item[hidden[::2]], strict=True))
    drawn = split.test.sampled.tocoo()
    users = [number[str(split.test.users[row])] for row in drawn.row]
    assert not valid & set(zip(users, drawn.col, strict=True)), "what they have is not drawn"


def test_a_set_whose_tested_users_are_warm_is_of_another_protocol() -> None:
    snapshot = planted()
    source = cold_source(snapshot)
    part = source.part.copy()
    part[np.flatnonzero(part == "test")[0]] = "train"
    with pytest.raises(InputError, match="1 users of valid or test have training rows in b"):
        source_cold(snapshot, replace(source, part=part), target=B)


def test_negatives_are_items_of_the_target_that_the_user_does_not_have(few_drawn: int) -> None:
    snapshot = planted()
    split = source_cold(snapshot, cold_source(snapshot), target=B)
    sampled = split.test.sampled
    assert sampled is not None
    assert set(np.diff(sampled.indptr)) == {few_drawn}
    assert set(snapshot.item_domain[sampled.indices]) == {B}
    number = {str(key): n for n, key in enumerate(snapshot.user_keys)}
    users = np.array([number[key] for key in split.test.users])
    owned = sp.csr_matrix(
        (np.ones(len(snapshot.user)), (snapshot.user, snapshot.item)),
        shape=(snapshot.num_users, snapshot.num_items),
    )
    assert sampled.multiply(owned[users]).nnz == 0
    assert len(set(sampled.indices)) > 50, "all of the catalogue comes up"


def test_drawing_is_uniform_and_no_row_depends_on_another() -> None:
    taken = sp.csr_matrix(np.eye(20)[np.zeros(4000, dtype=int)])
    drawn = published._drawn(taken, 5, np.random.default_rng(0))
    times = np.asarray(drawn.sum(axis=0)).ravel()
    assert times[0] == 0
    expected = 4000 * 5 / 19
    assert np.abs(times[1:] - expected).max() < 5 * np.sqrt(expected)
    other = sp.csr_matrix(np.eye(20)[np.arange(4000) % 20])
    again = published._drawn(other, 5, np.random.default_rng(0))
    same = np.arange(4000) % 20 == 0
    assert (again[same] != drawn[same]).nnz == 0
    few = published._drawn(taken[:3], 50, np.random.default_rng(0))
    assert few.sum() == 3 * 19, "all there are where there are no more"


def test_the_last_row_is_tested_and_the_one_before_validated(few_drawn: int) -> None:
    snapshot = with_days(planted(), 1000)
    source = ordered_source(snapshot)
    assert source.place is not None
    splits = [leave_one_out(snapshot, source, target=target) for target in (A, B)]
    assert sum(len(split.test) for split in splits) == snapshot.num_users
    assert sum(len(split.validation) for split in splits) == snapshot.num_users
    for split in splits:
        for row, key in enumerate(split.test.users):
            mine = np.flatnonzero(snapshot.user_keys[snapshot.user] == key)
            mine = mine[np.argsort(source.place[mine])]
            assert split.test.positives[row].indices.tolist() == [snapshot.item[mine[-1]]]
            shown = split.test.shown[[row]].event_item.tolist()
            assert shown == snapshot.item[mine[:-1]].tolist(), "with validation rows, in order"
        assert len(split.train.user) == len(snapshot.user) - 2 * snapshot.num_users


@pytest.mark.parametrize("shuffle", [False, True])
def test_what_is_shown_has_ties_in_the_order_by_which_rows_are_hidden(
    few_drawn: int, shuffle: bool
) -> None:
    snapshot = with_days(planted(), 3)
    source = ordered_source(snapshot)
    split = leave_one_out(snapshot, source, target=B, shuffle_ties=shuffle)
    rows = np.searchsorted(split.train.user_keys, split.test.users)
    trained = Interactions.of(split.train).histories(rows)
    by_item = 0
    for row in range(len(split.test)):
        shown = split.test.shown[[row]]
        times = shown.event_time
        assert times is not None
        assert (np.diff(times) >= 0).all()
        ties = np.diff(times) == 0
        by_item += int((np.diff(shown.event_item)[ties] < 0).sum())
        assert shown.event_item.tolist()[:-1] == trained[[row]].event_item.tolist()
    assert (by_item == 0) == (not shuffle), "the planted source has ties by item"


def test_shuffled_ties_stay_within_their_moment_and_are_not_by_item(few_drawn: int) -> None:
    snapshot = with_days(planted(), 3)
    source = ordered_source(snapshot)

    def tested(**how: bool) -> dict[str, int]:
        found: dict[str, int] = {}
        for target in (A, B):
            test = leave_one_out(snapshot, source, target=target, **how).test
            found |= dict(zip(test.users.tolist(), test.positives.indices.tolist(), strict=True))
        return found

    given, shuffled = tested(), tested(shuffle_ties=True)
    assert tested(shuffle_ties=True) == shuffled
    largest = []
    for user, key in enumerate(snapshot.user_keys.tolist()):
        mine = snapshot.user == user
        last = snapshot.item[mine & (snapshot.at == snapshot.at[mine].max())]
        assert given[key] == last.max(), "the planted order is by item within a day"
        assert shuffled[key] in last
        if len(last) > 1:
            largest.append(shuffled[key] == last.max())
    assert 0.05 < np.mean(largest) < 0.6
    with pytest.raises(InputError, match="every interaction has a time"):
        leave_one_out(planted(), source, target=B, shuffle_ties=True)
    with pytest.raises(InputError, match="needs a position"):
        leave_one_out(snapshot, cold_source(snapshot), target=B)


def test_the_seed_draws_negatives_and_they_are_part_of_the_fingerprint(few_drawn: int) -> None:
    snapshot = planted()
    source = cold_source(snapshot)
    first, again, other = (source_cold(snapshot, source, target=B, seed=s) for s in (0, 0, 1))
    assert first.fingerprint == again.fingerprint
    assert first.fingerprint != other.fingerprint
    assert first.train.fingerprint == other.train.fingerprint
    swapped = replace(first, test=replace(first.test, sampled=other.test.sampled))
    assert swapped.fingerprint != first.fingerprint


def test_a_sampled_split_comes_back_from_its_folder(few_drawn: int, tmp_path: Path) -> None:
    snapshot = planted(100)
    split = source_cold(snapshot, cold_source(snapshot), target=B)
    save_split(split, tmp_path / "split")
    again = load_split(tmp_path / "split")
    assert again.fingerprint == split.fingerprint
    assert again.test.sampled is not None


def poisoned(snapshot: Snapshot, hidden: NDArray[np.bool_]) -> Snapshot:
    """The hidden rows' items shifted along the catalogue of their domain."""
    item = snapshot.item.copy()
    for domain in (A, B):
        items = snapshot.items_of(domain)
        mine = hidden & (snapshot.item_domain[snapshot.item] == domain)
        item[mine] = items[(np.searchsorted(items, item[mine]) + 29) % len(items)]
    return replace(snapshot, item=item.astype(np.int32))


def same_validation(left: Split, right: Split) -> bool:
    names = ("shown_items", "positives", "known", "sampled")
    pairs = ((getattr(left.validation, n), getattr(right.validation, n)) for n in names)
    return all((a != b).nnz == 0 for a, b in pairs)


def test_poisoned_test_rows_change_nothing_that_training_or_tuning_sees(few_drawn: int) -> None:
    snapshot = with_days(planted(), 1000)
    cold = cold_source(snapshot)
    hidden = cold.part == "test"
    clean = source_cold(snapshot, cold, target=B)
    dirty = source_cold(poisoned(snapshot, hidden), cold, target=B)
    assert dirty.train.fingerprint == clean.train.fingerprint
    assert (dirty.test.shown_items != clean.test.shown_items).nnz == 0
    assert same_validation(clean, dirty)
    assert (dirty.test.positives != clean.test.positives).nnz > 0

    order = ordered_source(snapshot)
    assert order.place is not None
    last = np.zeros(len(snapshot.user), dtype=bool)
    last[[rows[order.place[rows].argmax()] for rows in rows_by_user(snapshot)]] = True
    clean = leave_one_out(snapshot, order, target=B)
    dirty = leave_one_out(poisoned(snapshot, last), order, target=B)
    assert dirty.train.fingerprint == clean.train.fingerprint
    assert (dirty.test.shown_items != clean.test.shown_items).nnz == 0
    assert same_validation(clean, dirty)
    assert (dirty.test.positives != clean.test.positives).nnz > 0


def rows_by_user(snapshot: Snapshot) -> list[NDArray[np.int64]]:
    return [np.flatnonzero(snapshot.user == user) for user in range(snapshot.num_users)]


class ByHand:
    """Scores that are given, the same for everybody."""

    name = "by hand"

    def __init__(self, scores: NDArray[np.float32]) -> None:
        self.scores = scores

    def fit(self, data: Interactions, **_: object) -> Self:
        raise AssertionError("nothing to fit")

    def score(self, users: Histories, domain: int) -> NDArray[np.float32]:
        return np.broadcast_to(self.scores, (len(users), len(self.scores))).copy()


def test_figures_are_means_over_interactions_by_hand(few_drawn: int) -> None:
    snapshot = planted()
    split = source_cold(snapshot, cold_source(snapshot), target=B)
    items, cases = snapshot.items_of(B), split.test
    assert cases.sampled is not None
    scores = np.random.default_rng(5).integers(0, 20, len(items)).astype(np.float32)
    scores[3] = np.nan  # worse than any, and ties among themselves go against
    ranks = []
    value = np.where(np.isnan(scores), -1.0, scores)
    for row in range(len(cases)):
        mine = value[np.searchsorted(items, cases.positives[row].indices[0])]
        theirs = value[np.searchsorted(items, cases.sampled[row].indices)]
        ranks.append(1 + int((theirs >= mine).sum()))
    rank = np.array(ranks)
    found = evaluate(ByHand(scores), cases, train=split.train, target=B, block=7)
    means = {name: found.summary()[name].mean for name in SAMPLED_MEASURES}
    assert means["mrr@1000"] == pytest.approx((1 / rank).mean())
    assert means["ndcg@5"] == pytest.approx(((rank <= 5) / np.log2(rank + 1)).mean())
    assert means["hit@1"] == pytest.approx((rank == 1).mean())
    assert means["hit@5"] == pytest.approx((rank <= 5).mean())
    assert found.sampled == few_drawn
    assert found.users.height == COLD, "users are the unit of chance"
    assert found.users["positives"].sum() == len(cases)
    value_alone = main_value(ByHand(scores), cases, train=split.train, target=B)
    assert value_alone == pytest.approx(means["ndcg@10"])
    assert not found.lists


def test_a_twin_leaves_the_drawn_items_and_what_is_asked_for(few_drawn: int) -> None:
    snapshot = planted()
    split = source_cold(snapshot, cold_source(snapshot), target=B)
    known, first = split.test.shown_items[0].indices[0], split.test.positives[0].indices[0]
    size = snapshot.num_items
    twins = sp.csr_matrix((np.ones(2, np.float32), ([first, known], [known, first])), (size, size))
    knn = ItemKNN()
    knn.fit(Interactions.of(split.train))
    found = evaluate(knn, split.test, train=split.train, target=B, twins=twins)
    shown = np.asarray(split.test.shown_items[:, [known]].todense()).ravel() > 0
    lost = (shown & (split.test.positives.indices == first)).sum()
    assert lost > 0
    gone = found.users["positives"].sum() - found.without_twins["positives"].sum()
    assert gone == lost


def test_whoever_looks_at_the_user_wins_and_constant_scores_earn_nothing(few_drawn: int) -> None:
    snapshot = planted()
    split = source_cold(snapshot, cold_source(snapshot), target=B)
    knn, popular = ItemKNN(), Popularity()
    knn.fit(Interactions.of(split.train))
    popular.fit(Interactions.of(split.train))
    flat = ByHand(np.ones(len(snapshot.items_of(B)), np.float32))
    values = [
        evaluate(model, split.test, train=split.train, target=B).summary()["mrr@1000"].mean
        for model in (knn, popular, flat)
    ]
    assert values[0] > 1.2 * values[1]
    assert values[2] == pytest.approx(1 / (few_drawn + 1))


def test_a_benchmark_marks_sampled_tables_and_keeps_them_apart(tmp_path: Path) -> None:
    snapshot = with_days(planted(), 3)
    write_log(snapshot, ordered_source(snapshot), tmp_path / "log")
    settings = BenchmarkSettings(
        protocols=("published", "strict-cold"), models=("popularity", "item-knn"), targets=("b",)
    )
    run_benchmark(snapshot, settings, tmp_path / "out", logs=tmp_path / "log")
    cells = read_cells(tmp_path / "out" / CELLS)
    names = {key.protocol for key in cells}
    both = ("published", "published-ties-shuffled")
    assert names == {"strict-cold", *(f"{name} (sampled, 1 + 999)" for name in both)}
    write_report(tmp_path / "out")
    table = (tmp_path / "out" / "table.md").read_text()
    full, _, sampled = table.partition("## published")
    assert "## strict-cold" in full
    assert "| NDCG@10 |" in full
    assert "sampled NDCG@10" not in full
    assert "## strict-cold" not in sampled
    assert "| NDCG@10 |" not in sampled
    assert sampled.count("with none of the full rankings") == 2
    html = (tmp_path / "out" / "report.html").read_text()
    assert html.count("Sampled NDCG@10 with 95% interval") == 2
    rows = json.loads((tmp_path / "out" / "results.json").read_text())["rows"]
    assert {(row["protocol"].startswith("published"), row["sampled"] is None) for row in rows} == {
        (True, False), (False, True),
    }  # fmt: skip
    for row in rows:
        assert ("recall@10" in row["measures"]) == (row["sampled"] is None)


def test_a_benchmark_without_the_sources_split_is_refused_before_any_work(tmp_path: Path) -> None:
    settings = BenchmarkSettings(protocols=("strict-cold", "published"), models=("popularity",))
    with pytest.raises(InputError, match="reads the source's split"):
        run_benchmark(planted(), settings, tmp_path)
    assert not read_cells(tmp_path / CELLS)


def test_full_rankings_are_untouched_by_what_was_added() -> None:
    split = strict_cold_user(planted(), target=B)
    assert split.test.sampled is None
    knn = ItemKNN()
    knn.fit(Interactions.of(split.train))
    found = evaluate(knn, split.test, train=split.train, target=B)
    assert found.sampled is None
    assert found.summary()["ndcg@10"].mean == pytest.approx(found.users["ndcg@10"].mean())
