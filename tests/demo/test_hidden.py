"""That hidden films never reach the store a demo trains on."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from graph_store.duckdb.store import EmbeddedStore
from graph_store.schema import Label, RelType
from graph_store.snapshot import Snapshot
from kgrec.demo.hidden import TARGET, hide_films, ingest_visible
from kgrec.errors import InputError, KgrecError
from kgrec.evaluation.split import Split
from loaders import ingest, open_source


def silent(what: str, done: int, total: int, note: str = "") -> None:
    pass


@pytest.fixture(scope="module")
def hidden() -> tuple[Snapshot, Split]:
    return hide_films(0, silent)


def test_the_store_holds_no_film_row_of_a_hidden_user_and_all_other_rows(
    tmp_path: Path, hidden: tuple[Snapshot, Split]
) -> None:
    full, split = hidden
    with EmbeddedStore(tmp_path / "g.duckdb") as store:
        ingest_visible(store, full, split, tmp_path / "visible", silent)
        rows = store.read_relationships(RelType.INTERACTED)
    users = {str(key) for cases in (split.test, split.validation) for key in cases.users}
    of_users = rows.filter(pl.col("source").is_in(users))
    assert of_users.height > 0
    assert not of_users["target"].str.starts_with(f"{TARGET}:").any()
    keys = full.user_keys[full.user], full.item_keys[full.item]
    expected = {
        (user, item) for user, item in zip(*(k.tolist() for k in keys), strict=True)
        if not (user in users and item.startswith(f"{TARGET}:"))
    }  # fmt: skip
    assert set(rows.select("source", "target").rows()) == expected


def test_the_files_that_are_ingested_hold_no_hidden_row_either(
    tmp_path: Path, hidden: tuple[Snapshot, Split]
) -> None:
    full, split = hidden
    with EmbeddedStore(tmp_path / "g.duckdb") as store:
        ingest_visible(store, full, split, tmp_path / "visible", silent)
    log = pl.read_parquet(tmp_path / "visible" / "interactions.parquet")
    films = log.filter(pl.col("domain") == TARGET)["user_id"]
    assert not set(films) & set(split.test.users.tolist())


def test_a_store_that_has_seen_hidden_rows_is_refused(
    tmp_path: Path, hidden: tuple[Snapshot, Split]
) -> None:
    full, split = hidden
    with EmbeddedStore(tmp_path / "g.duckdb") as store:
        ingest(open_source(format="sample"), store)
        with pytest.raises(KgrecError, match="hidden rows might be seen; empty the database"):
            ingest_visible(store, full, split, tmp_path / "visible", silent)


def test_a_store_with_another_graph_is_not_written_to(
    tmp_path: Path, hidden: tuple[Snapshot, Split]
) -> None:
    full, split = hidden
    with EmbeddedStore(tmp_path / "g.duckdb") as store:
        store.upsert_nodes(Label.USER, pl.DataFrame({"key": ["somebody"]}))
        with pytest.raises(InputError, match="1 User nodes of another graph"):
            ingest_visible(store, full, split, tmp_path / "visible", silent)
        assert store.read_nodes(Label.ITEM).height == 0
