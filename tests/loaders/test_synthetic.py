"""Made-up logs: the answer that was planted is the one that is told."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

from loaders.synthetic import planted, write_log, write_planted
from tests.loaders.worlds import load


@pytest.mark.parametrize("domains", [2, 3])
def test_everybody_likes_one_concept_in_every_domain(domains: int) -> None:
    world = planted(num_users=30, domains=domains, concepts=5)
    for user, item, domain in world.interactions.select("user_id", "item_id", "domain").iter_rows():
        assert item in world.right_items(user, domain)
    assert len(world.right_items("u0")) == 8


def test_titles_share_the_concepts_word_and_no_other() -> None:
    world = planted(concepts=6)
    words = world.items.with_columns(pl.col("title").str.split(" "))
    concept = pl.col("item_id").replace_strict(world.concept_of_item)
    assert words.group_by(concept).agg(pl.col("title").list.first().n_unique())["title"].max() == 1
    assert words["title"].list.last().n_unique() == len(words)
    assert words["title"].list.first().n_unique() == 6


def test_cold_users_have_no_history_in_the_target_and_some_elsewhere() -> None:
    world = planted(num_users=50, cold_fraction=0.2)
    cold = world.interactions.filter(pl.col("user_id").is_in(world.cold_users))
    assert len(world.cold_users) == 10
    assert cold["user_id"].n_unique() == 10
    assert world.target not in cold["domain"].to_list()


def test_the_same_seed_is_the_same_world_and_another_is_not() -> None:
    assert planted(seed=3).interactions.equals(planted(seed=3).interactions)
    assert not planted(seed=3).interactions.equals(planted(seed=4).interactions)


def test_a_world_is_read_as_it_is_written(tmp_path: Path) -> None:
    world = planted(num_users=20, tags=True)
    graph = load(write_planted(world, tmp_path / "set"))
    assert len(graph.interacted) == len(world.interactions)
    assert len(graph.tags) == len(world.items)
    assert graph.summary.rows_rejected == 0


def test_a_long_log_has_its_rows_in_groups(tmp_path: Path) -> None:
    write_log(tmp_path / "a.parquet", 250_000, users=1000, items=500)
    file = pq.ParquetFile(tmp_path / "a.parquet")
    assert file.metadata.num_rows == 250_000
    assert file.num_row_groups == 3
    log = pl.read_parquet(tmp_path / "a.parquet")
    assert log["user_id"].n_unique() == 1000
    assert log["user_id"].str.contains("^u[0-9]+$").all()
    counts = log["item_id"].value_counts()["count"].sort(descending=True)
    assert counts[0] > 10 * counts[100]
