"""Fits the components of the ensemble.

In:   interactions and the settings of the components.
Out:  fitted recommenders by name.

:mod:`kgrec.ensemble.measuring` then measures how each ranks alone, and
:mod:`kgrec.ensemble.weighing` gives each a weight.
"""

from __future__ import annotations

from collections.abc import Mapping

from kgrec.data.interactions import Interactions
from kgrec.ensemble.settings import Component
from kgrec.recommenders import registry
from kgrec.recommenders.base import VectorRecommender

__all__ = ["fit_components"]


def fit_components(
    data: Interactions,
    settings: Mapping[str, Component],
    *,
    seed: int,
    before: Mapping[str, VectorRecommender] | None = None,
) -> dict[str, VectorRecommender]:
    """Fit the recommenders of all components; under a minute for a million likes.

    Args:
        data: What they learn from, text vectors of the encoder as trained included.
        settings: The settings of all components, by name.
        seed: The seed of all fits.
        before: The same components fitted on nearly the same data: factors go on from there, which
            is quicker, and end close to those that were weighed.

    Returns:
        A fitted recommender for each name of ``settings``.

    Raises:
        InputError: ``data`` lacks something that a recommender needs: texts, or an order.
        TrainingError: Factors of a component became NaN.
    """
    if before is not None:
        return {name: before[name].refit(data, seed=seed) for name in settings}
    return {
        name: registry.entry(given.model).load()(given.settings).fit(data, seed=seed)  # type: ignore[misc]
        for name, given in settings.items()
    }
