"""What training warns of: domains that nobody likes, and domains that no user links."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

import kgrec
from kgrec.data.gaps import gaps
from kgrec.data.interactions import Interactions
from tests.lookup.small import small_snapshot

DOMAINS = ["books", "films", "songs"]
BOOK, FILM, SONG = 0, 1, 2


def interactions(*likes: tuple[int, ...]) -> Interactions:
    """One item in each domain; a row of liked items for each user."""
    matrix = np.zeros((len(likes), 3), np.float32)
    for user, items in enumerate(likes):
        matrix[user, list(items)] = 1
    return Interactions(
        liked=sp.csr_matrix(matrix),
        seen=sp.csr_matrix(matrix),
        row_of_account=np.arange(len(likes)),
        item_domain=np.arange(3, dtype=np.int32),
        num_domains=3,
    )


def test_domains_with_likes_and_overlapping_users_are_fine() -> None:
    assert gaps(interactions((BOOK, FILM), (FILM, SONG), (BOOK,)), DOMAINS) == []


def test_a_domain_that_nobody_likes_is_named() -> None:
    (told,) = gaps(interactions((BOOK, FILM), (BOOK,)), DOMAINS)
    assert told.startswith("nobody likes anything in songs (no weight there is 0.8 or more)")


@pytest.mark.parametrize(
    ("likes", "named"),
    [
        ([(BOOK,), (FILM,), (SONG,)], "items in books, films, songs likes"),
        ([(BOOK, FILM), (SONG,)], "items in songs likes"),
    ],
)
def test_domains_without_overlapping_users_are_named(
    likes: list[tuple[int, ...]], named: str
) -> None:
    (told,) = gaps(interactions(*likes), DOMAINS)
    assert f"no user who likes {named} items in another domain" in told


def test_a_single_domain_with_likes_has_nothing_to_overlap_with() -> None:
    (told,) = gaps(interactions((BOOK,), (BOOK,)), DOMAINS)
    assert "nobody likes anything in films, songs" in told


def test_training_warns_before_it_begins(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is stopped by an encoder that is not there, so that nothing is trained."""
    snapshot = small_snapshot()
    likes = len(snapshot.user)
    alone = replace(
        snapshot,
        user=np.arange(likes, dtype=np.int32),
        user_keys=np.array([f"u{number}" for number in range(likes)]),
        same_as=np.zeros((2, 0), np.int32),
    )
    for graph, warned in ((alone, True), (snapshot, False)):
        caplog.clear()
        with pytest.raises(kgrec.KgrecError, match="nowhere"):
            kgrec.train(graph, tmp_path / "run", overrides={"text.name": str(tmp_path / "nowhere")})
        assert ("no user who likes items in" in caplog.text) is warned
