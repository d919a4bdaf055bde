"""Three users whose films were hidden: what they liked on TV, and ten films with reasons.

In:   a run over the live store, the whole graph, the split.
Out:  stories. The hidden films are looked at only to say which of the ten were in truth liked.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graph_store.snapshot import Snapshot
from kgrec.data.interactions import POSITIVE_WEIGHT
from kgrec.demo.hidden import SOURCE, TARGET, Report
from kgrec.evaluation.protocols.users import domain_number
from kgrec.evaluation.split import Split
from kgrec.lookup import Recommendations, Run

__all__ = ["Story", "Watched", "tell_stories"]

USERS, FILMS, SHOWN = 3, 10, 6
_FEWEST = 5
"""Liked shows, and hidden liked films, of a user who is told about."""


@dataclass(frozen=True, slots=True)
class Watched:
    """One thing a user liked."""

    key: str
    title: str
    tags: tuple[str, ...]


@dataclass(frozen=True)
class Story:
    """One user whose films were hidden."""

    user: str
    watched: list[Watched]
    """Some of what they liked on TV, the best liked first."""
    num_watched: int
    """How much they liked on TV."""
    films: Recommendations
    """Ten films with reasons."""
    liked: frozenset[str]
    """Keys of the films that they in truth liked; nothing but this story looks at them."""


def tell_stories(run: Run, full: Snapshot, split: Split, seed: int, report: Report) -> list[Story]:
    """Three users with enough to tell of, chosen by the seed.

    Args:
        run: The trained run.
        full: The graph with the hidden films.
        split: Test users.
        seed: Seed that chooses the three.
        report: Called with progress.
    """
    test = split.test
    shows = test.shown_items[:, full.items_of(domain_number(full, SOURCE))]
    enough = (np.diff(shows.indptr) >= _FEWEST) & (np.diff(test.positives.indptr) >= _FEWEST)
    eligible = np.flatnonzero(enough)
    chosen = np.random.default_rng(seed).permutation(eligible)[:USERS]
    stories = []
    for number, row in enumerate(np.sort(chosen).tolist(), start=1):
        user = str(test.users[row])
        watched = _watched(full, user)
        stories.append(
            Story(
                user=user,
                watched=watched[:SHOWN],
                num_watched=len(watched),
                films=run.recommend(user, domain=TARGET, k=FILMS, explain=True),
                liked=frozenset(full.item_keys[test.positives[row].indices].tolist()),
            )
        )
        report("recommending", number, len(chosen))
    return stories


def _watched(full: Snapshot, user: str) -> list[Watched]:
    """What a user liked in the source domain, by their rating and then by how many like it."""
    number = int(np.searchsorted(full.user_keys, user))
    mine = (full.user == number) & (full.weight >= np.float32(POSITIVE_WEIGHT))
    mine &= full.item_domain[full.item] == domain_number(full, SOURCE)
    items, weights = full.item[mine], full.weight[mine]
    popularity = np.bincount(full.item, minlength=full.num_items)[items]
    order = np.lexsort((items, -popularity, -weights))
    return [
        Watched(str(full.item_keys[item]), full.titles[item] or str(full.item_keys[item]),
                tuple(full.tag_keys[full.item_tag[1][full.item_tag[0] == item]].tolist()))
        for item in items[order]
    ]  # fmt: skip
