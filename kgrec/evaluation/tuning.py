"""Choose the settings of a recommender on validation users, by one rule for all.

In:   a way to make the recommender, the settings to try, a split.
Out:  the best settings, what each trial gave and took.

At most 20 trials or 30 minutes, whichever comes first; the trial that is running when time
is up is finished. Test users play no part.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from kgrec.data.interactions import Interactions
from kgrec.evaluation.evaluate import main_value
from kgrec.evaluation.split import Split
from kgrec.recommenders.base import OnProgress, Recommender, ignore_progress

__all__ = ["MAX_SECONDS", "MAX_TRIALS", "Trial", "Tuned", "tune"]

log = logging.getLogger(__name__)

MAX_TRIALS = 20
MAX_SECONDS = 30 * 60.0


@dataclass(frozen=True)
class Trial:
    """One try."""

    settings: dict[str, Any]
    value: float
    """NDCG@10 on validation users."""
    seconds: float


@dataclass(frozen=True)
class Tuned:
    """What tuning found."""

    settings: dict[str, Any]
    trials: list[Trial]
    complete: bool
    """Whether all settings could be tried in the time."""


def tune(
    make: Callable[..., Recommender],
    settings: Sequence[dict[str, Any]],
    split: Split,
    *,
    data: Interactions | None = None,
    seed: int = 0,
    max_seconds: float = MAX_SECONDS,
    on_progress: OnProgress = ignore_progress,
) -> Tuned:
    """Fit and score each of ``settings``; among equals the earlier one wins.

    Args:
        make: Called with the settings of a trial.
        settings: What to try, the default first.
        split: Only its training snapshot and validation users are used.
        data: The interactions of that snapshot where they are there already.
        seed: Seed of the fits.
        max_seconds: After these no new trial begins.
        on_progress: Called with the fraction that is done and what is being done.
    """
    settings = list(settings)[:MAX_TRIALS]
    if len(settings) == 1:
        return Tuned(dict(settings[0]), [], complete=True)
    data = data or Interactions.of(split.train)
    trials: list[Trial] = []
    begun = time.perf_counter()
    for number, chosen in enumerate(settings):
        if trials and time.perf_counter() - begun > max_seconds:
            break
        start = time.perf_counter()
        recommender = make(**chosen)
        recommender.fit(data, seed=seed, domains=[split.target])
        value = main_value(recommender, split.validation, train=split.train, target=split.target)
        trials.append(Trial(dict(chosen), value, time.perf_counter() - start))
        log.info("%s %s: %.4f in %.1f s", recommender.name, chosen, value, trials[-1].seconds)
        on_progress((number + 1) / len(settings), f"tuning {recommender.name}")
    best = max(trials, key=lambda trial: trial.value)  # max keeps the first of equals
    return Tuned(best.settings, trials, complete=len(trials) == len(settings))
