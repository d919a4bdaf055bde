"""How much each part of a score counts, by what it was worth to people who were held out.

In:   for every part: its spread over a catalogue, and how well it ranked alone for some people.
Out:  :class:`PartWeights`: a weight for each part, domain, and kind of person.

A part that ranks badly alone is mostly no help beside a good one, and which part that is differs
between graphs: where few people link two domains, walks and merged factors know nothing of a
newcomer, yet all of a person who has been here. So there is one set of weights for people new
to a domain and one for people known in it, and whoever has n items there is between the two.

    weight = share * (quality / best quality) ** sharpness / spread

Quality is a mean over people, drawn towards a prior as if ``PSEUDO_PEOPLE`` more had been
asked: of newcomers it is believed that popularity serves them, and anything else half as well,
or a third where nobody links the domain to another, until it has shown more. What two parts
bring no ranking by themselves can show: texts rank badly alone but tell what no other part does,
and a person's own likes speak for cold items alone. They pass for as good as the best part of
those that are judged, drawn to the prior likewise.
Constants were chosen on validation people (docs/decisions.md).

Shapes: B people   M domains   P parts
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["PARTS", "UNJUDGED", "UNLINKED", "UNPROVEN", "PartWeights", "part_weights"]

PARTS = ("learned", "mapped", "narrow", "merged", "ridge", "walk", "content", "popularity", "own")
"""All parts a score can have, in the order of its columns."""

UNJUDGED = ("content", "own")
"""Parts that a ranking by themselves cannot judge."""

PSEUDO_PEOPLE = 10.0
"""How many people the prior counts as."""

UNPROVEN = 0.5
"""What a part is believed to be worth to newcomers, popularity being 1."""

UNLINKED = 0.35
"""The same where nobody links their domain to another."""


@dataclass(frozen=True)
class PartWeights:
    """A weight for each part, by domain, of newcomers and of known people."""

    values: NDArray[np.float32]
    """``[2, M, P]``: newcomers first; parts in the order of ``PARTS``, 0 where one is missing."""

    def of(self, inside: NDArray[np.integer], domain: int) -> NDArray[np.float32]:
        """``[B, P]`` for people with ``inside [B]`` items in the domain.

        With n of them the weights of known people count n / (n + 1).
        """
        known = (inside / (inside + 1.0))[:, None]
        new_weights, known_weights = self.values[:, domain]
        return np.asarray((1 - known) * new_weights + known * known_weights, dtype=np.float32)


def part_weights(
    shares: NDArray[np.float64],
    spreads: NDArray[np.float64],
    worth: NDArray[np.float64],
    *,
    people: int,
    belief: float,
    sharpness: float,
) -> NDArray[np.float32]:
    """``[P]`` weights for one domain and one kind of person.

    Args:
        shares: ``[P]`` what a part counts where all rank equally well; 0 leaves it out.
        spreads: ``[P]`` standard deviation of a person's scores; a part without any is mute.
        worth: ``[P]`` mean NDCG of each part alone; not read for ``UNJUDGED``, nor where
            ``people`` is 0. All zero tells nothing, as if nobody had been asked.
        people: How many people that is the mean of.
        belief: What any part but popularity is held to be worth before anybody was asked,
            popularity being 1.
        sharpness: How fast a part loses its voice as it ranks worse than the best; 0: never.

    Example:
        >>> part_weights(np.ones(9), np.ones(9), np.ones(9), people=0, belief=1.0,
        ...              sharpness=3.0).tolist()
        [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    """
    popularity = PARTS.index("popularity")
    heard, unjudged = (shares > 0) & (spreads > 0), np.isin(PARTS, UNJUDGED)
    prior = np.full(len(PARTS), belief)
    prior[popularity] = 1.0
    quality = prior
    if people and worth[heard & ~unjudged].any():
        worth = np.where(unjudged, worth[heard & ~unjudged].max(), worth)
        prior = prior * worth[popularity]
        quality = (people * worth + PSEUDO_PEOPLE * prior) / (people + PSEUDO_PEOPLE)
    best = quality[heard].max(initial=0.0)
    weights = np.zeros(len(PARTS))
    if best > 0:
        weights[heard] = (shares * (quality / best) ** sharpness)[heard] / spreads[heard]
    return weights.astype(np.float32)
