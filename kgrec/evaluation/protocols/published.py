"""Published protocols: the papers' own splits, each hidden item ranked among 999 drawn ones.

In:   a snapshot, the source's split beside it, a target domain and a seed.
Out:  a split with a row an interaction: one positive, and the negatives it is ranked with.

Ranks among drawn items say little about ranks in a catalogue (Krichene and Rendle, "On sampled
metrics for item recommendation", KDD 2020), so these figures are for the comparison with
published ones alone. Negatives are drawn once, uniformly and without repetition, among the
target items that the user is not known to have, and belong to the split's fingerprint.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph_store.snapshot import NO_TIME, Snapshot
from kgrec.data.interactions import POSITIVE_WEIGHT, Interactions
from kgrec.errors import InputError
from kgrec.evaluation.protocols.users import user_keys
from kgrec.evaluation.source_split import PARTS, SourceSplit
from kgrec.evaluation.split import Cases, Split
from kgrec.ranking.topk import blocks

__all__ = ["NEGATIVES", "leave_one_out", "source_cold"]

NEGATIVES = 999
"""Drawn items that a positive is ranked among."""

_BLOCK = 512


def source_cold(snapshot: Snapshot, source: SourceSplit, *, target: int, seed: int = 0) -> Split:
    """The cold-start split of CDRIB (Cao et al., ICDE 2022): cold users as the source names them.

    Valid and test may hold rows of the same users, who stay cold in both: nobody is shown by
    anything but training rows.

    Args:
        snapshot: The whole graph as columns.
        source: The split that the data set itself has.
        target: Number of the target domain.
        seed: Seed of all draws.

    Raises:
        InputError: Somebody who is tested or validated has training rows in the target domain.
    """
    in_target = snapshot.item_domain[snapshot.item] == target
    user = Interactions.of(snapshot).row_of_account[snapshot.user]
    asked = np.unique(user[in_target & (source.part != "train")])
    warm = np.unique(user[in_target & (source.part == "train")])
    both = np.intersect1d(asked, warm)
    if len(both):
        raise InputError(
            f"{len(both)} users of valid or test have training rows in "
            f"{snapshot.domain_keys[target]}; the published cold-start split has nobody of that "
            f"kind, so this set is of another protocol"
        )
    return _split(
        snapshot, source.part, target, seed, "published source split", test_sees_valid=False
    )


def leave_one_out(
    snapshot: Snapshot,
    source: SourceSplit,
    *,
    target: int,
    seed: int = 0,
    shuffle_ties: bool = False,
) -> Split:
    """The leave-one-out of ABXI (Bian et al., WWW 2025) on users' merged sequences.

    The last row of a user is tested and the one before it validated, each where it lies in
    the target; a test history holds the validation row. With ``shuffle_ties``, rows of one
    user and moment are put in an order by the seed first, since the source's own order of them
    is by item code and tells something about the answer.

    Args:
        snapshot: The whole graph as columns.
        source: Positions of the interactions in the source's sequences.
        target: Number of the target domain.
        seed: Seed of all draws.
        shuffle_ties: Whether interactions of one user and moment are put in an order by the seed.

    Raises:
        InputError: The source has no order, or there are ties to shuffle and no times.
    """
    if source.place is None:
        raise InputError("leave-one-out needs a position (seq_pos) for every interaction")
    if shuffle_ties and (snapshot.at == NO_TIME).any():
        raise InputError("ties can only be shuffled where every interaction has a time")
    user = Interactions.of(snapshot).row_of_account[snapshot.user]
    order = np.lexsort((source.place, user))
    if shuffle_ties:
        chance = np.random.default_rng([seed, 2]).random(len(user))
        order = np.lexsort((chance, snapshot.at, user))
    # Histories that are shown and trained on lie in the order by which rows are hidden, also
    # where times are equal.
    place = np.empty(len(user), dtype=np.int64)
    place[order] = np.arange(len(user))
    snapshot = replace(snapshot, order=place)
    size = np.bincount(user)
    end = np.cumsum(size)[user[order]]
    from_end = end - np.arange(len(user))  # 1 for a user's last row
    part = np.full(len(user), "train")
    part[order[from_end == 2]] = "valid"
    part[order[from_end == 1]] = "test"
    name = "published leave-one-out" + (", ties shuffled" if shuffle_ties else "")
    return _split(snapshot, part, target, seed, name, test_sees_valid=True)


def _split(
    snapshot: Snapshot,
    part: NDArray[np.str_],
    target: int,
    seed: int,
    protocol: str,
    *,
    test_sees_valid: bool,
) -> Split:
    """Train on ``train``, and show it; a test sees validation rows as well if so told."""
    train, valid, test = (part == name for name in PARTS)
    keys = user_keys(snapshot, Interactions.of(snapshot))
    chance = [np.random.default_rng([seed, number]) for number in (0, 1)]
    return Split(
        protocol=protocol,
        settings={"seed": seed, "negatives": NEGATIVES},
        target=target,
        train=snapshot.keep(train),
        validation=_cases(snapshot, keys, train, valid, train | valid, target, chance[0]),
        test=_cases(
            snapshot,
            keys,
            train | valid if test_sees_valid else train,
            test,
            train | valid | test,
            target,
            chance[1],
        ),
    )


def _cases(
    snapshot: Snapshot,
    keys: NDArray[np.str_],
    shown: NDArray[np.bool_],
    hidden: NDArray[np.bool_],
    never_drawn: NDArray[np.bool_],
    target: int,
    rng: np.random.Generator,
) -> Cases:
    """A row for each liked row of ``hidden`` in the target, in the snapshot's order; masks [E]."""
    before = Interactions.of(snapshot.keep(shown))
    after = Interactions.of(snapshot.keep(never_drawn))
    asked = hidden & (snapshot.item_domain[snapshot.item] == target)
    asked &= snapshot.weight >= np.float32(POSITIVE_WEIGHT)
    user, item = before.row_of_account[snapshot.user[asked]], snapshot.item[asked]
    shape = (len(item), snapshot.num_items)
    items = snapshot.items_of(target)
    negatives = _drawn(after.seen[user].tocsc()[:, items].tocsr(), NEGATIVES, rng)
    return Cases(
        users=keys[user],
        shown=before.histories(user),
        positives=_ones(item, np.arange(len(item) + 1), shape),
        known=before.seen[user],
        sampled=_ones(items[negatives.indices], negatives.indptr, shape),
    )


def _drawn(taken: sp.csr_matrix, count: int, rng: np.random.Generator) -> sp.csr_matrix:
    """``count`` columns of each row that are not taken, all of them where there are no more.

    What is drawn for a row depends on no other row's columns.
    """
    found, counts = [], [np.zeros(1, np.int64)]
    for rows in blocks(taken.shape[0], _BLOCK):
        part = taken[rows]
        chance = rng.random(part.shape, dtype=np.float32)
        chance[part.nonzero()] = 2.0
        if count < chance.shape[1]:
            lowest = np.argpartition(chance, count, axis=1)[:, :count]
        else:
            lowest = np.broadcast_to(np.arange(chance.shape[1]), chance.shape)
        lowest = np.sort(lowest, axis=1)
        free = np.take_along_axis(chance, lowest, axis=1) < 1.0
        found.append(lowest[free])
        counts.append(free.sum(axis=1))
    indices = np.concatenate(found) if found else np.zeros(0, np.int64)
    return _ones(indices, np.cumsum(np.concatenate(counts)), taken.shape)


def _ones(
    indices: NDArray[np.integer], indptr: NDArray[np.integer], shape: tuple[int, int]
) -> sp.csr_matrix:
    return sp.csr_matrix((np.ones(len(indices), np.float32), indices, indptr), shape=shape)
