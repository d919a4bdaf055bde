"""Named formats: small files exactly as their publishers write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from graph_store.open_store import open_store
from loaders import BadSourceError, ingest, open_source
from tests.loaders.worlds import load, write_jsonl, write_text


class TestAmazon:
    def test_reviews_and_metadata_of_2014(self, tmp_path: Path) -> None:
        folder = tmp_path / "amazon"
        write_jsonl(
            folder / "reviews_Home_and_Kitchen_5.json",
            [
                {
                    "reviewerID": "A2SUAM1J3GNN3B", "asin": "0000013714", "reviewerName": "J.",
                    "helpful": [2, 3], "reviewText": "Nice.", "overall": 4.0, "summary": "S",
                    "unixReviewTime": 1252800000, "reviewTime": "09 13, 2009",
                }
            ],
        )  # fmt: skip
        write_text(
            folder / "meta_Home_and_Kitchen.json",
            [
                "{'asin': '0000013714', 'title': \"Baker's Pan\", 'price': 3.17, "
                "'categories': [['Home & Kitchen', 'Baking'], ['Home & Kitchen', 'Pans']]}",
                "{'asin': '0000099999', 'description': 'A spoon.'}",
            ],
        )
        graph = load(folder, format="amazon-reviews")
        assert graph.one(source="A2SUAM1J3GNN3B") == {
            "source": "A2SUAM1J3GNN3B", "target": "home_and_kitchen:0000013714", "kind": "rating",
            "weight": 0.8, "count": 1, "at": 1_252_800_000,
        }  # fmt: skip
        assert graph.items["home_and_kitchen:0000013714"]["text"] == (
            "Baker's Pan\nHome & Kitchen, Baking, Pans"
        )
        assert graph.items["home_and_kitchen:0000099999"]["text"] == "A spoon."

    def test_reviews_and_metadata_of_2018(self, tmp_path: Path) -> None:
        folder = tmp_path / "amazon"
        write_jsonl(
            folder / "Luxury_Beauty_5.json",
            [
                {
                    "overall": 2.0, "verified": True, "reviewTime": "06 15, 2010",
                    "reviewerID": "A1Q6MUU0B2ZDQG", "asin": "B00004U9V2",
                    "style": {"Color:": " Blue"}, "unixReviewTime": 1276560000,
                }
            ],
        )  # fmt: skip
        write_jsonl(
            folder / "meta_Luxury_Beauty.json",
            [
                {
                    "category": ["Beauty", "Hands"], "description": ["Hand cream.", "Rich."],
                    "title": "Hand Therapy", "feature": [], "rank": "1,000 in Beauty",
                    "asin": "B00004U9V2",
                }
            ],
        )  # fmt: skip
        graph = load(folder, format="amazon-reviews")
        assert graph.one(target="luxury_beauty:B00004U9V2")["weight"] == 0.4
        assert graph.items["luxury_beauty:B00004U9V2"]["text"] == (
            "Hand Therapy\nHand cream. Rich.\nBeauty, Hands"
        )

    def test_reviews_and_metadata_of_2023(self, tmp_path: Path) -> None:
        folder = tmp_path / "amazon"
        write_jsonl(
            folder / "All_Beauty.jsonl",
            [
                {
                    "rating": 5.0, "title": "Such a lovely scent", "text": "...", "images": [],
                    "asin": "B00YQ6X8EO", "parent_asin": "B00YQ6X000", "user_id": "AGKHLEW2SOWHN",
                    "timestamp": 1588687728923, "helpful_vote": 0, "verified_purchase": True,
                }
            ],
        )  # fmt: skip
        write_jsonl(
            folder / "meta_All_Beauty.jsonl",
            [
                {
                    "main_category": "All Beauty", "title": "Lotion", "average_rating": 4.8,
                    "features": [], "description": [], "price": None, "store": "S",
                    "categories": ["Care"], "details": {}, "parent_asin": "B00YQ6X000",
                }
            ],
        )  # fmt: skip
        graph = load(folder, format="amazon-reviews", domain="beauty")
        # The variants of a product are one item; a review's title is not the item's.
        assert list(graph.items) == ["beauty:B00YQ6X000"]
        assert graph.items["beauty:B00YQ6X000"]["text"] == "Lotion\nCare"
        assert graph.one(source="AGKHLEW2SOWHN")["at"] == 1_588_687_728

    @pytest.mark.parametrize(
        ("name", "lines", "at"),
        [
            ("ratings_Books.csv", ["AH2L9G3DQHHAJ,0000000116,4.0,1019865600"], 1_019_865_600),
            ("Books.csv", ["0000000116,AH2L9G3DQHHAJ,4.0,1019865600"], 1_019_865_600),
            (
                "Books.train.csv",
                [
                    "user_id,parent_asin,rating,timestamp",
                    "AH2L9G3DQHHAJ,0000000116,4.0,1019865600123",
                ],
                1_019_865_600,
            ),
        ],
    )
    def test_bare_ratings_of_each_year(
        self, tmp_path: Path, name: str, lines: list[str], at: int
    ) -> None:
        graph = load(write_text(tmp_path / name, lines), format="amazon-reviews")
        assert graph.interacted.rows() == [
            ("AH2L9G3DQHHAJ", "books:0000000116", "rating", 0.8, 1, at)
        ]

    def test_what_is_no_amazon_file_is_told(self, tmp_path: Path) -> None:
        path = write_jsonl(tmp_path / "x.jsonl", [{"foo": 1}])
        with pytest.raises(BadSourceError, match="neither Amazon reviews nor metadata: it has foo"):
            load(path, format="amazon-reviews")
        path = write_text(tmp_path / "x.csv", ["1,2"])
        with pytest.raises(BadSourceError, match="user, item, rating and time were expected"):
            load(path, format="amazon-reviews")


class TestMovieLens:
    def test_100k(self, tmp_path: Path) -> None:
        folder = tmp_path / "ml-100k"
        write_text(folder / "u.data", ["196\t242\t4\t881250949", "186\t302\t3\t891717742"])
        write_text(folder / "u1.base", ["196\t242\t4\t881250949"])
        flags = "|".join("1" if n in (5, 18) else "0" for n in range(19))
        write_text(
            folder / "u.item",
            [f"242|Café (1997)|24-Jan-1997||http://x/|{flags}"],
            encoding="latin-1",
        )
        write_text(folder / "u.user", ["196|49|M|writer|55105"])
        graph = load(folder, format="movielens")
        assert graph.interacted.rows() == [
            ("186", "movies:302", "rating", 0.6, 1, 891_717_742),
            ("196", "movies:242", "rating", 0.8, 1, 881_250_949),
        ]
        assert graph.items["movies:242"]["text"] == "Café (1997)\nComedy, Western"

    @pytest.mark.parametrize("encoding", ["latin-1", "utf-8"])  # 1M, 10M
    def test_1m_and_10m(self, tmp_path: Path, encoding: str) -> None:
        folder = tmp_path / "ml"
        write_text(folder / "ratings.dat", ["1::73::4.5::978824268"])
        write_text(
            folder / "movies.dat",
            ["73::Misérables, Les (1995)::Drama|Musical", "74::Nothing (1996)::(no genres listed)"],
            encoding=encoding,
        )
        graph = load(folder, format="movielens", domain="films")
        assert graph.one(source="1")["weight"] == 0.9
        assert graph.items["films:73"]["text"] == "Misérables, Les (1995)\nDrama, Musical"
        assert graph.items["films:74"]["text"] == "Nothing (1996)"

    def test_20m_25m_and_latest(self, tmp_path: Path) -> None:
        folder = tmp_path / "ml-latest-small"
        write_text(
            folder / "ratings.csv", ["userId,movieId,rating,timestamp", "1,11,0.5,964982703"]
        )
        write_text(
            folder / "movies.csv",
            ["movieId,title,genres", '11,"American President, The (1995)",Comedy|Romance'],
        )
        write_text(folder / "tags.csv", ["userId,movieId,tag,timestamp", "2,11,funny,1445714994"])
        write_text(folder / "links.csv", ["movieId,imdbId,tmdbId", "11,0112346,9087"])
        graph = load(folder, format="movielens")
        assert graph.one(source="1")["weight"] == 0.1
        assert graph.tags == [("movies:11", "Comedy"), ("movies:11", "Romance")]
        assert graph.items["movies:11"]["title"] == "American President, The (1995)"


class TestRecBole:
    def test_a_log_and_a_catalogue(self, tmp_path: Path) -> None:
        folder = tmp_path / "ml-100k"
        write_text(
            folder / "ml-100k.inter",
            [
                "user_id:token\titem_id:token\trating:float\ttimestamp:float",
                "196\t242\t4\t881250949",
                "196\t242\t4",
            ],
        )
        write_text(
            folder / "ml-100k.item",
            [
                "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq",
                '242\tKolya "the" boy\t1996\tComedy Drama',
            ],
        )
        write_text(folder / "ml-100k.user", ["user_id:token\tage:token", "196\t49"])
        graph = load(folder, format="recbole")
        assert graph.interacted.rows() == [
            ("196", "ml-100k:242", "rating", 0.8, 1, 881_250_949),
        ]
        assert graph.summary.rejected == {"3 fields instead of 4": 1}
        assert graph.items["ml-100k:242"]["text"] == 'Kolya "the" boy\nComedy, Drama'

    def test_tags_of_several_words_have_commas_between(self, tmp_path: Path) -> None:
        path = write_text(
            tmp_path / "shop.item",
            ["item_id:token\ttitle:token_seq\tcategories:token_seq", "1\tPan\t'Home', 'Wide Pans'"],
        )
        assert load(path, format="recbole").tags == [("shop:1", "Home"), ("shop:1", "Wide Pans")]

    def test_a_column_under_another_name_is_mapped(self, tmp_path: Path) -> None:
        path = write_text(tmp_path / "x.inter", ["uid:token\titem_id:token", "7\t8"])
        with pytest.raises(BadSourceError, match="no column for user; it has uid, item_id"):
            load(path, format="recbole")
        assert load(path, format="recbole", columns={"user": "uid"}).users == ["7"]
        columns = {"user": "uid", "rating": "stars"}
        with pytest.raises(BadSourceError, match="--map rating=stars: no file of the source"):
            load(path, format="recbole", columns=columns)

    def test_a_map_is_refused_where_columns_are_known(self, tmp_path: Path) -> None:
        path = write_text(tmp_path / "ratings.csv", ["1,2,3,4"])
        for format in ("movielens", "amazon-reviews"):
            with pytest.raises(BadSourceError, match=f"the format {format} has no use for --map"):
                load(path, format=format, columns={"user": "x"})


def test_the_sample_is_bundled_and_complete(tmp_path: Path) -> None:
    with open_store(str(tmp_path / "g.duckdb")) as store:
        summary = ingest(open_source(format="sample"), store, work_dir=tmp_path)
        counts = store.counts()
        liked = store.query('SELECT count(*) AS n FROM "INTERACTED" WHERE weight >= 0.8')
    assert summary.rows_rejected == 0
    assert {one.scale for one in summary.rating_scales.values()} == {10}
    assert counts.nodes == {"User": 804, "Item": 2039, "Domain": 3, "Tag": 38}
    assert {name: (c.users, c.items, c.interactions) for name, c in counts.domains.items()} == {
        "movie": (790, 407, 15_987),
        "ova": (741, 349, 6_678),
        "tv": (804, 1_283, 62_661),
    }
    assert liked["n"][0] == 55_994
    with pytest.raises(BadSourceError, match="the format sample takes no files"):
        open_source([tmp_path], format="sample")
