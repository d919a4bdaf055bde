"""CSV, JSON Lines and Parquet by column names."""

from __future__ import annotations

import gzip
from pathlib import Path

import polars as pl
import pytest
import zstandard

from loaders import BadSourceError, open_source
from tests.loaders.worlds import load, write_jsonl, write_text

LOG = ["user_id,item_id,domain,rating,timestamp", "ann,b1,books,4,1600000000", "bob,f1,films,2,"]


@pytest.mark.parametrize("named", [{}, {"user": "uid"}])
def test_a_column_that_is_there_twice_is_one_sentence(
    tmp_path: Path, named: dict[str, str]
) -> None:
    twice = named.get("user", "user")
    path = write_text(tmp_path / "log.csv", [f"{twice},item,{twice},x,x", "ann,1,bob,,"])
    with pytest.raises(BadSourceError, match=f"log.csv has 2 columns named '{twice}'"):
        load(path, domain="d", columns=named)


def test_a_file_that_is_given_twice_is_read_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_text(tmp_path / "logs" / "log.csv", LOG)
    graph = load(path, path.parent, store=tmp_path / "g.duckdb")
    assert graph.interacted["count"].to_list() == [1, 1]
    assert f"{path} is given more than once; it is read once" in caplog.text


def test_rejects_of_an_earlier_ingest_are_no_part_of_a_folder(tmp_path: Path) -> None:
    write_text(tmp_path / "data" / "log.csv", [*LOG, "cy,,books,4,"])
    where = {"rejects_path": tmp_path / "data" / "rejects.jsonl", "store": tmp_path / "g.duckdb"}
    assert load(tmp_path / "data", **where).summary.rows_rejected == 1
    assert load(tmp_path / "data", **where, force=True).summary.rows_rejected == 1


def test_links_without_accounts_are_told_with_the_columns_they_have(tmp_path: Path) -> None:
    log = write_text(tmp_path / "log.csv", LOG)
    links = write_text(tmp_path / "links.csv", ["a,b", "ann,bob"])
    with pytest.raises(BadSourceError, match="--links: .*links.csv needs .*, it has a, b; rename"):
        load(log, links=[links])


def test_white_space_around_the_names_of_columns_is_no_part_of_them(tmp_path: Path) -> None:
    path = write_text(tmp_path / "log.csv", ["user_id, item_id ,\trating", "ann,1,5"])
    assert load(path, domain="d").one(source="ann")["weight"] == 1


def test_the_two_file_form_needs_no_map(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    pl.DataFrame(
        {
            "user_id": ["ann", "bob"],
            "item_id": ["b1", "f1"],
            "domain": ["books", "films"],
            "rating": pl.Series([8.0, None], dtype=pl.Float32),
            "timestamp": [1_600_000_000, None],
            "split": ["train", "test"],
            "seq_pos": pl.Series([0, None], dtype=pl.Int32),
        }
    ).write_parquet(folder / "interactions.parquet")
    pl.DataFrame(
        {
            "item_id": ["b1", "b2"],
            "domain": ["books", "books"],
            "title": ["The Long Orbit", None],
            "description": [None, None],
            "categories": [["space", "slow"], None],
        },
        schema_overrides={"description": pl.String},
    ).write_parquet(folder / "items.parquet")
    graph = load(folder)
    assert graph.users == ["ann", "bob"]
    assert graph.domains == ["books", "films"]
    assert list(graph.items) == ["books:b1", "books:b2", "films:f1"]
    assert graph.items["books:b1"]["text"] == "The Long Orbit\nspace, slow"
    assert graph.tags == [("books:b1", "slow"), ("books:b1", "space")]
    assert graph.one(source="ann") == {
        "source": "ann", "target": "books:b1", "kind": "rating", "weight": 0.8, "count": 1,
        "at": 1_600_000_000,
    }  # fmt: skip
    assert graph.one(source="bob")["kind"] == "interaction"
    assert graph.summary.rows_read == 4
    assert graph.summary.items_without_text == 2  # b2 is described by nothing, f1 by nobody


@pytest.mark.parametrize("packing", ["plain", "gzip", "zstd", "zstd in two frames"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_text_is_read_however_it_is_packed(tmp_path: Path, packing: str, ending: str) -> None:
    data = ("\ufeff" + ending.join(LOG) + ending).encode()
    names = {"plain": "log.csv", "gzip": "log.csv.gz"}
    path = tmp_path / names.get(packing, "log.csv.zst")
    if packing == "gzip":
        data = gzip.compress(data)
    elif packing == "zstd":
        data = zstandard.compress(data)
    elif packing == "zstd in two frames":
        data = zstandard.compress(data[:40]) + zstandard.compress(data[40:])
    path.write_bytes(data)
    graph = load(path)
    assert graph.interacted.select("source", "target", "weight", "at").rows() == [
        ("ann", "books:b1", 0.8, 1_600_000_000),
        ("bob", "films:f1", 0.4, None),
    ]


def test_the_same_rows_in_every_layout_are_the_same_graph(tmp_path: Path) -> None:
    rows = [
        {"user": "ann", "item": "1", "domain": "books", "rating": 4.5, "time": 1_600_000_000},
        {"user": "bob", "item": "2", "domain": "films", "rating": None, "time": None},
    ]
    pl.DataFrame(rows).write_csv(tmp_path / "log.csv")
    pl.DataFrame(rows).write_csv(tmp_path / "log.tsv", separator="\t")
    pl.DataFrame(rows).write_parquet(tmp_path / "log.parquet")
    write_jsonl(tmp_path / "log.jsonl", rows)
    names = ("log.csv", "log.tsv", "log.parquet", "log.jsonl")
    graphs = [load(tmp_path / n, store=tmp_path / f"{n}.duckdb") for n in names]
    assert len({graph.fingerprint for graph in graphs}) == 1
    assert graphs[0].one(source="ann")["weight"] == 0.9


def test_a_map_gives_other_columns_their_meaning(tmp_path: Path) -> None:
    path = write_jsonl(
        tmp_path / "log.jsonl",
        [{"who": 7, "what": "x", "stars": "3", "when": "2020-01-01T00:00:00Z", "did": "buy"}],
    )
    columns = {"user": "who", "item": "what", "rating": "stars", "time": "when", "kind": "did"}
    graph = load(path, columns=columns, domain="books")
    assert graph.one(source="7") == {
        "source": "7", "target": "books:x", "kind": "buy", "weight": 0.6, "count": 1,
        "at": 1_577_836_800,
    }  # fmt: skip


def test_a_quoted_field_may_hold_separators_quotes_and_line_breaks(tmp_path: Path) -> None:
    path = write_text(
        tmp_path / "items.csv",
        ["item_id,title,tags", '1,"Salt, ""Iron""\nand more",sea|old', "2,Plain,"],
    )
    graph = load(path, domain="books")
    assert graph.items["books:1"]["title"] == 'Salt, "Iron"\nand more'
    assert graph.items["books:1"]["text"] == 'Salt, "Iron" and more\nsea, old'
    assert graph.items["books:2"]["text"] == "Plain"


def test_a_quoted_field_may_cross_blocks_of_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loaders.lines.BLOCK_BYTES", 16)
    lines = ["item_id,title", *(f'{n},"title of{chr(10)}number {n}"' for n in range(50))]
    graph = load(write_text(tmp_path / "items.csv", lines), domain="books")
    assert {row["title"] for row in graph.items.values()} == {
        f"title of\nnumber {n}" for n in range(50)
    }


def test_a_catalogue_alone_can_be_read_and_later_completes_a_log(tmp_path: Path) -> None:
    log = write_text(tmp_path / "log.csv", LOG)
    items = write_text(tmp_path / "items.csv", ["item_id,domain,title", "b1,books,Orbit"])
    store = tmp_path / "g.duckdb"
    assert load(log, store=store).items["books:b1"]["title"] is None
    graph = load(items, store=store)
    assert graph.items["books:b1"]["title"] == "Orbit"
    assert graph.summary.relationships["INTERACTED"] == 0
    # Reading the log again takes nothing back.
    assert load(log, store=store, force=True).items["books:b1"]["title"] == "Orbit"


def test_json_lists_are_descriptions_and_tags(tmp_path: Path) -> None:
    path = write_jsonl(
        tmp_path / "items.jsonl",
        [{"item": 1, "title": "T", "description": ["One.", "Two."], "tags": [["a"], ["b", " a "]]}],
    )
    graph = load(path, domain="d")
    assert graph.items["d:1"]["text"] == "T\nOne. Two.\na, b"
    assert graph.tags == [("d:1", "a"), ("d:1", "b")]


@pytest.mark.parametrize(
    ("lines", "options", "sentence"),
    [
        (["a,b", "1,2"], {}, "no columns for user and item.*it has a, b.*--map user=COLUMN"),
        (["user_id,item_id", "1,2"], {}, "which domain its items are of.*--domain NAME"),
        (LOG, {"columns": {"user": "who"}}, "--map user=who: no file of interactions in"),
        (LOG, {"columns": {"title": "rating"}}, "--map title=rating: no file of items in"),
        (LOG, {"columns": {"usr": "who"}}, "--map knows no field 'usr'; there are user, item"),
        (LOG, {"domain": "a:b"}, "domain must be a name without a colon, got 'a:b'"),
        (LOG, {"platform": " "}, "platform must be a name without a colon, got ' '"),
        (LOG, {"kind": " "}, "kind must not be blank, got ' '"),
        (LOG, {"rating_scale": -1.0}, "rating_scale must be above 0, got -1"),
        (LOG, {"rating_scale": {"a:b": 5}}, "rating_scale names the domain 'a:b'"),
        (LOG, {"time_unit": "hours"}, "must be one of auto, s, ms, us, ns, iso, got 'hours'"),
        ([], {}, "is empty; a header line"),
    ],
)
def test_a_source_that_cannot_be_read_is_one_sentence(
    tmp_path: Path, lines: list[str], options: dict[str, object], sentence: str
) -> None:
    path = write_text(tmp_path / "log.csv", lines)
    with pytest.raises(BadSourceError, match=sentence):
        load(path, **options)


def test_missing_files_and_unknown_forms_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadSourceError, match=r"nothere\.csv does not exist"):
        open_source([tmp_path / "nothere.csv"])
    with pytest.raises(BadSourceError, match="no format is named 'excel'; there are tabular"):
        open_source([tmp_path], format="excel")
    with pytest.raises(BadSourceError, match="needs a file or a folder"):
        open_source([])
    write_text(tmp_path / "README.md", ["hello"])
    with pytest.raises(
        BadSourceError, match=r"holds no file that the format tabular knows \(files .*csv"
    ):
        open_source([tmp_path])


def test_a_damaged_file_is_one_sentence(tmp_path: Path) -> None:
    whole = gzip.compress("\n".join([LOG[0], *LOG[1:] * 5000]).encode())
    (tmp_path / "log.csv.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadSourceError, match="damaged or breaks off"):
        load(tmp_path / "log.csv.gz")
    (tmp_path / "log.parquet").write_bytes(b"PAR1 no more PAR1")
    with pytest.raises(BadSourceError, match="cannot be read as Parquet"):
        load(tmp_path / "log.parquet")


def test_domains_platforms_and_accounts_come_together(tmp_path: Path) -> None:
    shop = write_text(tmp_path / "shop/log.csv", ["user,item", "1,a", "2,b"])
    site = write_text(tmp_path / "site/log.csv", ["user,item", "1,a"])
    accounts = write_text(
        tmp_path / "accounts.csv",
        ["account_a,account_b", "shop:1,site:1", "site:1,shop:1", "shop:2,site:9"],
    )
    store = tmp_path / "g.duckdb"
    load(shop, store=store, platform="shop", domain="goods")
    graph = load(site, store=store, platform="site", domain="films", links=[accounts])
    assert graph.users == ["shop:1", "shop:2", "site:1", "site:9"]
    # Said twice, in both directions, it is one link.
    assert graph.same_as == [("shop:1", "site:1"), ("shop:2", "site:9")]
