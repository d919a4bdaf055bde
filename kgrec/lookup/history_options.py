"""What of a history counts: a window of time, kinds of events, and decay by a half-life.

In:   :class:`HistoryOptions`, and what is known of users.
Out:  the same facts with fewer events; and windows whose weighted mean is a decayed history.

A model reads a history as a set of items, so an event cannot weigh a half. Decay is therefore a
mean over windows: the histories of the last days, of the last weeks and so on are scored each, and
weighted such that the windows that hold an event weigh together what that event weighs. For a score
that is linear in the history this is the same as weighing the events. Nothing here scores.

Shapes: B users   E events
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from graph_store.snapshot import NO_TIME
from kgrec.data.histories import Histories
from kgrec.errors import InputError
from kgrec.lookup.facts import UserFacts
from kgrec.lookup.keys import keys_of
from kgrec.lookup.names import not_found

__all__ = ["HistoryOptions", "narrowed", "windows"]

log = logging.getLogger(__name__)

_DAY = 86_400
_AGES = np.array([0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5.0])
"""Bounds of ages in half-lives; the events between two of them weigh the same."""
_WEIGHTS = 2.0 ** -np.array([0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0])
"""Weight of an event by its age; that of the newest is 1."""


@dataclass(frozen=True)
class HistoryOptions:
    """Which events of a history count, and how much; the default takes all of them alike.

    Raises:
        InputError: A value is of the wrong type or out of range.
    """

    history_since: int | None = None
    """Unix seconds: only events at or after this time count."""
    half_life: float | None = None
    """Days after which an event counts half as much as the newest one; None: no decay."""
    history_kinds: Sequence[str] | None = None
    """Only events of these kinds count as history."""
    history_without: Sequence[str] | None = None
    """Items that have an event of one of these kinds do not count as history."""
    seen_kinds: Sequence[str] | None = None
    """Only items with an event of these kinds are left out as seen; None: those with any event."""

    def __post_init__(self) -> None:
        since = self.history_since
        if since is not None and (
            isinstance(since, bool) or not isinstance(since, int | np.integer)
        ):
            raise InputError(f"history_since must be whole Unix seconds, got {since!r}")
        half_life = self.half_life
        if half_life is not None and (
            isinstance(half_life, bool)
            or not isinstance(half_life, int | float | np.number)
            or not 0 < half_life < float("inf")
        ):
            raise InputError(f"half_life must be a number of days above 0, got {half_life!r}")
        for name in ("history_kinds", "history_without", "seen_kinds"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, tuple(keys_of(value, name)))


def narrowed(
    facts: UserFacts, options: HistoryOptions, kinds: Sequence[str], *, where: str
) -> UserFacts:
    """``facts`` with the events that count.

    Args:
        facts: Everything that is known of the users.
        options: Which events count.
        kinds: Names of the kinds, by number.
        where: The graph's name, for messages.

    Raises:
        InputError: A time is asked about and no event has one.
        NotFoundError: A kind that the graph does not have.
    """
    histories = facts.histories
    if options.history_since is not None:
        time = _times(histories, "history_since")
        histories = histories.keep_events(time >= options.history_since)
    if options.history_kinds is not None:
        histories = histories.keep_events(
            _of_kinds(histories, options.history_kinds, kinds, where=where)
        )
    if options.history_without is not None:
        other = facts.met.keep_events(
            _of_kinds(facts.met, options.history_without, kinds, where=where)
        )
        user = np.repeat(np.arange(len(histories)), histories.lengths)
        has = np.asarray(other.items[user, histories.event_item]).ravel() > 0
        histories = histories.keep_events(~has)
    met = facts.met
    if options.seen_kinds is not None:
        met = met.keep_events(_of_kinds(met, options.seen_kinds, kinds, where=where))
    return replace(facts, histories=histories, met=met)


def windows(
    histories: Histories, half_life: float
) -> Iterator[tuple[NDArray[np.float32], Histories]]:
    """Weights ``[B]`` and histories whose weighted sum is the history that decays.

    An event's age is the time before the user's newest event. Events of unknown time are as old as
    can be.

    Args:
        histories: ``[B]`` whole histories.
        half_life: Days after which an event weighs half.

    Raises:
        InputError: No event has a time.
    """
    time = _times(histories, "half_life")
    user = np.repeat(np.arange(len(histories)), histories.lengths)
    newest = np.full(len(histories), NO_TIME)
    np.maximum.at(newest, user, time)
    known = time != NO_TIME
    age = np.where(known, newest[user] - np.where(known, time, 0), 0) / (half_life * _DAY)
    bin_of = np.where(known, np.searchsorted(_AGES, age, side="right"), len(_AGES))
    first = np.full(len(histories), len(_AGES))
    np.minimum.at(first, user, bin_of)  # where no time is known, everything is of the same age
    bin_of = bin_of - first[user]
    used = np.unique(bin_of) if len(bin_of) else np.zeros(1, np.int64)
    for place, bound in enumerate(used.tolist()):
        after = _WEIGHTS[used[place + 1]] if place + 1 < len(used) else 0.0
        weight = np.full(len(histories), _WEIGHTS[bound] - after, np.float32)
        yield weight, histories.keep_events(bin_of <= bound)


def _times(histories: Histories, option: str) -> NDArray[np.int64]:
    """``[E]`` Unix seconds."""
    count = len(histories.event_item)
    time = histories.event_time
    unknown = count if time is None else int((time == NO_TIME).sum())
    if time is None or (count and unknown == count):
        if not count:
            return np.zeros(0, np.int64)
        raise InputError(
            f"{option} needs the times of events, and none of the {count:,} events of the history "
            f"has one; give times, or leave it out"
        )
    if unknown:
        log.warning(
            "%s of %s events have no time; for %s they count as the oldest ones",
            f"{unknown:,}", f"{count:,}", option,
        )  # fmt: skip
    return time


def _of_kinds(
    histories: Histories, names: Sequence[str], kinds: Sequence[str], *, where: str
) -> NDArray[np.bool_]:
    """``[E]`` whether an event is of one of the kinds."""
    for name in names:
        if name not in kinds:
            raise not_found("kind of event", name, sorted(kinds), where=where)
    numbers = [kinds.index(name) for name in names]
    if histories.event_kind is None:
        return np.zeros(len(histories.event_item), np.bool_)
    return np.isin(histories.event_kind, numbers)
