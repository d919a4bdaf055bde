"""Twins are found by users and by text, and never within one domain."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kgrec.evaluation.twins import find_twins
from tests.evaluation.planted import planted


def test_the_same_users_make_twins() -> None:
    base = planted(40)
    first_b = int(base.items_of(1)[0])
    # Item 0 of domain a and the first of b get the same five users and no others.
    keep = ~np.isin(base.item, [0, first_b, 1])
    users = np.repeat(np.arange(5), 3).astype(np.int32)
    items = np.tile(np.array([0, 1, first_b], np.int32), 5)
    user = np.concatenate([base.user[keep], users])
    item = np.concatenate([base.item[keep], items])
    order = np.lexsort((item, user))
    extra = {
        name: np.concatenate([getattr(base, name)[keep], np.ones(15, getattr(base, name).dtype)])
        for name in ("weight", "count", "at")
    }
    kind = np.zeros(len(user), np.int16)
    twins = find_twins(replace(base, user=user[order], item=item[order], kind=kind, **extra))
    assert twins[0, first_b] == twins[first_b, 0] == 1
    assert twins[0, 1] == 0, "the same users, but of one domain"


def test_the_same_text_makes_twins_whatever_its_case_and_punctuation() -> None:
    base = planted(20)
    texts = list(base.texts)
    first_b = int(base.items_of(1)[0])
    texts[3], texts[4], texts[first_b] = "Long Orbit!", "long orbit", "LONG  orbit"
    twins = find_twins(replace(base, texts=texts))
    assert twins[3, first_b] == twins[first_b, 4] == 1
    assert twins[3, 4] == 0
    assert find_twins(replace(base, texts=[None] * base.num_items))[3, first_b] == 0
