"""A store's value is a path or a Neo4j URL; else one sentence that holds nothing of a password."""

from __future__ import annotations

import pytest

from graph_store.errors import BadStoreUrlError
from graph_store.neo4j.settings import read_settings
from graph_store.neo4j.store import Neo4jStore
from graph_store.store_url import check_path, is_neo4j_url


def test_a_url_says_all_or_leaves_it_to_the_environment() -> None:
    env = {"NEO4J_USER": "eve", "NEO4J_PASSWORD": "env", "NEO4J_DATABASE": "films"}
    full = read_settings("neo4j+s://ann:p%40%3A@db.example:7777/books", env)
    assert (full.uri, full.user, full.password, full.database) == (
        "neo4j+s://db.example:7777",
        "ann",
        "p@:",
        "books",
    )
    bare = read_settings("bolt://db.example", env)
    assert (bare.uri, bare.user, bare.password, bare.database) == (
        "bolt://db.example",
        "eve",
        "env",
        "films",
    )
    assert read_settings("bolt://h?database=b", {}).database == "b"
    assert "p@:" not in repr(full)
    assert "p@:" not in full.shown


@pytest.mark.parametrize(
    ("written", "password"),
    [("a%2Fb%23c%3Fd%40e%25f", "a/b#c?d@e%f"), ("a:b", "a:b"), ("100%", "100%"), ("[x]", "[x]"),
     ("p\u2100q", "p\u2100q"), ("a b", "a b")],
)  # fmt: skip
def test_a_password_is_what_was_encoded(written: str, password: str) -> None:
    settings = read_settings(f"NEO4J://ann:{written}@[::1]:7687/db/", {})
    assert (settings.password, settings.uri) == (password, "neo4j://[::1]:7687")
    assert settings.database == "db"


@pytest.mark.parametrize(
    "url",
    ["bolt://", "bolt://h/a/b", "bolt://h?db=x", "bolt://h:port", "bolt://h:65536", "bolt://h#x",
     "bolt://u:p@", "graph.duckdb", "h:7687", "neo4j//h", "http://h"],
)  # fmt: skip
def test_a_url_that_says_nothing_usable_is_refused(url: str) -> None:
    with pytest.raises(BadStoreUrlError):
        read_settings(url, {})


def test_a_url_of_the_environment_is_told_without_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for url in ("neo4j//neo4j:topsecret@h", "neo4j://neo4j:topsecret/@h", "topsecret@h"):
        monkeypatch.setenv("NEO4J_URI", url)
        with pytest.raises(BadStoreUrlError) as caught:
            Neo4jStore.from_env()
        assert "topsecret" not in str(caught.value)


@pytest.mark.parametrize("sign", ["/", "#", "?", "@"])
def test_a_sign_that_must_be_encoded_is_told_with_its_code(sign: str) -> None:
    url = f"neo4j://neo4j:top{sign}secret@db.example:7687/films"
    with pytest.raises(
        BadStoreUrlError, match="/ as %2F, # as %23, \\? as %3F, @ as %40"
    ) as caught:
        read_settings(url, {})
    assert "top" not in str(caught.value)
    assert "secret" not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    "path",
    ["graph.duckdb", "data/me@work/g.duckdb", "neo4j/g.duckdb", "bolt.duckdb", "a:b.duckdb",
     "C:\\Users\\me@work\\g.duckdb", "D:/me@work/g.duckdb", "~/g.duckdb", "../g"],
)  # fmt: skip
def test_a_path_stays_a_path(path: str) -> None:
    check_path(path)
    assert not is_neo4j_url(path)


@pytest.mark.parametrize(
    ("value", "says"),
    [("", "empty"), ("  ", "empty"), ("mysql://h/db", "begins with mysql://"),
     ("neo4j//h", "write neo4j://"), ("Bolt:/h", "write neo4j://"), ("neo4j+s:h", "write neo4j://"),
     ("ann:pw@h", "colon before an @"), ("/x/ann:pw@h", "colon before an @")],
)  # fmt: skip
def test_what_is_neither_is_refused_with_what_to_write(value: str, says: str) -> None:
    with pytest.raises(BadStoreUrlError, match=says) as caught:
        check_path(value)
    assert "pw" not in str(caught.value)


def test_the_time_limit_of_connecting_comes_from_the_environment() -> None:
    assert read_settings("bolt://h", {}).connect_timeout == 15
    assert read_settings("bolt://h", {"KGREC_CONNECT_TIMEOUT": "2.5"}).connect_timeout == 2.5


@pytest.mark.parametrize("given", ["0", "-1", "nan", "inf", "soon"])
def test_a_time_limit_that_is_none_is_refused(given: str) -> None:
    with pytest.raises(BadStoreUrlError, match="must be a number of seconds above 0, got"):
        read_settings("bolt://h", {"KGREC_CONNECT_TIMEOUT": given})
