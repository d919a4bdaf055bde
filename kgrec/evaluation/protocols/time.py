"""Time: what happened before a moment trains, what came after it tests.

In:   a snapshot with times, and a target domain.
Out:  a split at two moments: 80% of all rows lie before the first, 90% before the second.

Validation users are asked for what they liked between the two, test users for what they
liked after the second. Histories hold what a user liked before the moment in question, in
any domain; training ends at the first. An interaction that stands for several events of one user
and item has the time and the weight of the last of them: it counts as seen from the first event
on, and is trained on and shown only where the last one lies before the moment.
"""

from __future__ import annotations

import numpy as np

from graph_store.snapshot import NO_TIME, Snapshot
from kgrec.data.interactions import Interactions
from kgrec.errors import InputError
from kgrec.evaluation.protocols.users import cases_of, user_keys
from kgrec.evaluation.split import Cases, Split

__all__ = ["by_time"]


def by_time(snapshot: Snapshot, *, target: int) -> Split:
    """Cut the log at its 80% and 90% moments.

    Raises:
        InputError: A row has no time.
    """
    without = int((snapshot.at == NO_TIME).sum())
    if without or not len(snapshot.at):
        raise InputError(
            f"{without} of {len(snapshot.at)} interactions have no time; "
            f"the time protocol needs one for each"
        )
    first, second = np.quantile(snapshot.at, [0.8, 0.9], method="lower")
    interactions = Interactions.of(snapshot)
    keys = user_keys(snapshot, interactions)
    met = np.where(snapshot.first_at == NO_TIME, snapshot.at, snapshot.first_at)
    in_target = snapshot.item_domain[snapshot.item] == target

    def cases(start: int, end: int | None) -> Cases:
        shown = Interactions.of(snapshot.keep(snapshot.at < start))
        later = (snapshot.at >= start) & in_target
        if end is not None:
            later &= snapshot.at < end
        found = Interactions.of(snapshot.keep(later)).liked
        known = Interactions.of(snapshot.keep(met < start)).seen
        new = found - found.multiply(known)  # liked again is nothing new
        new.eliminate_zeros()
        has_history = np.diff(shown.liked.indptr) > 0
        return cases_of(keys, shown, new.tocsr(), np.flatnonzero(has_history), known=known)

    return Split(
        protocol="time",
        settings={"first": int(first), "second": int(second)},
        target=target,
        train=snapshot.keep(snapshot.at < first),
        validation=cases(int(first), int(second)),
        test=cases(int(second), None),
    )
