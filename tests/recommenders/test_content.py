"""Texts told apart within each domain."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from kgrec.data.histories import Histories
from kgrec.data.interactions import Interactions, item_matrix
from kgrec.recommenders.content import ContentSimilarity
from kgrec.solvers.whitening import NOISE_FLOOR, whitened
from kgrec.vectors import Vectors


def log_of(rows: list[list[int]], domain: NDArray[np.int32]) -> Interactions:
    liked = item_matrix(rows, len(domain))
    return Interactions(liked, liked, np.arange(len(rows)), domain, 2)


def centred(
    text: NDArray[np.float32], data: Interactions, *, width: int = 128
) -> ContentSimilarity:
    """As the ensemble has it: whitened, and relative to the mean of each domain."""
    model = ContentSimilarity(width=width, noise_floor=NOISE_FLOOR, centre=True)
    return model.fit(replace(data, item_text=text))


def users_of(rows: list[list[int]], num_items: int) -> Histories:
    return Histories.of_lists(rows, num_items)


def two_topics(each: int) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.int64]]:
    """Texts ``[4 each, 64]`` of two topics in two domains, what tells the domain being the most."""
    rng = np.random.default_rng(0)
    domain = np.repeat(np.array([0, 1], np.int32), 2 * each)
    topic = np.tile(np.repeat([0, 1], each), 2)
    text = rng.normal(0, 0.05, (4 * each, 64))
    text[np.arange(4 * each), domain] += 3.0
    text[np.arange(4 * each), 2 + topic] += 1.0
    return text.astype(np.float32), domain, topic


@pytest.mark.parametrize("each", [10, 200])
def test_one_topic_is_found_again_in_the_other_domain(each: int) -> None:
    """With fewer texts than directions as well, where whitening alone leaves all equally far."""
    text, domain, topic = two_topics(each)
    content = centred(text, log_of([list(range(4 * each))], domain), width=64)
    history = np.flatnonzero((domain == 0) & (topic == 1))[:5].tolist()
    user = content.user_vectors(users_of([history], len(domain)), 1)
    scores = user.products(Vectors(content.items))[0]
    there = domain == 1
    same, other = (scores[there & (topic == t)].mean() for t in (1, 0))
    assert same > other + scores[there].std()


def test_an_item_counts_by_its_likes_in_the_mean_of_its_domain() -> None:
    """By hand: item 0 is liked nine times, item 1 once, item 2 never."""
    text = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    domain = np.array([0, 0, 0, 1, 1, 1], np.int32)
    log = log_of([*([[0]] * 9), [1, 3]], domain)
    unit = whitened(text, width=4, floor=NOISE_FLOOR)
    expected = unit[:3] - (0.9 * unit[0] + 0.1 * unit[1])
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    found = centred(text, log, width=4).items
    np.testing.assert_allclose(found[:3], expected, rtol=1e-4, atol=1e-5)


def test_a_domain_in_which_nothing_is_liked_is_centred_all_the_same() -> None:
    text, domain, _ = two_topics(20)
    log = log_of([[int(i) for i in np.flatnonzero(domain == 0)]], domain)
    items = centred(text, log, width=64).items
    for d in (0, 1):
        assert np.linalg.norm(items[domain == d].mean(axis=0)) < 0.2


def test_what_says_nothing_is_zero_and_not_noise() -> None:
    """A domain with one text, items without a text, and a history of such."""
    text, domain, _ = two_topics(20)
    text[1 : 2 * 20] = text[0]  # one text for the whole first domain
    text[[50, 51]] = 0.0
    content = centred(text, log_of([[0, 1, 50], [2, 60]], domain), width=64)
    assert not content.items[domain == 0].any()
    assert not content.items[[50, 51]].any()
    assert not content.user_vectors(users_of([[0, 50], []], len(domain)), 1).dense.any()
    assert np.linalg.norm(content.items[61]) == pytest.approx(1.0, abs=1e-5)


def test_without_any_text_nothing_is_said() -> None:
    domain = np.array([0, 1], np.int32)
    content = centred(np.zeros((2, 4), np.float32), log_of([[0, 1]], domain))
    assert not content.items.any()
