"""Exact vectors of those whom a question is about: histories, texts and dislikes in one sum.

In:   a trained model and :class:`kgrec.lookup.asked.Asked`.
Out:  vectors whose products with items are scores. A score is an inner product, so a weighted sum
      of vectors scores as the weighted sum of what each would score.

Dislikes are the contrary of likes: from a user's vector is taken what would be added to it if the
disliked items were liked. So what everybody likes is not ranked lower for it.

Shapes: B users of a block
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from kgrec.data.histories import Histories
from kgrec.lookup.asked import Asked
from kgrec.lookup.history_options import windows
from kgrec.trained import TrainedModel
from kgrec.vectors import Vectors

__all__ = ["user_vectors"]

Part = tuple[NDArray[np.float32], Vectors]


def user_vectors(
    model: TrainedModel, asked: Asked, rows: NDArray[np.int64], domain: int
) -> Vectors:
    """``[B]`` vectors for recommendations from one domain.

    Args:
        model: The run.
        asked: Whom the question is about.
        rows: ``[B]`` which of them.
        domain: Number of the target domain.

    Raises:
        InputError: A half-life is asked for and no event has a time, or no item has a text that
            ``likes`` could be compared with.
    """
    asker, histories = asked.asker, asked.facts.histories[rows]
    parts: list[Part] = []
    by_text = np.zeros(len(rows), np.float32)
    if asker.likes is not None:
        by_text[:] = np.where(histories.lengths > 0, asker.likes_weight, 1.0)
        text = model.text_user_vectors([asker.likes], domain)
        parts.append((by_text, text[np.zeros(len(rows), np.int64)]))
    if not (by_text == 1.0).all() or not len(rows):
        parts += [(w * (1 - by_text), v) for w, v in _by_taste(model, asked, histories, domain)]
    if len(asked.dislikes) and asker.dislikes_weight:
        parts += _by_dislikes(model, asked, histories, domain)
    if len(parts) == 1:
        return parts[0][1]
    return Vectors.weighted_sum(parts)


def _by_taste(
    model: TrainedModel, asked: Asked, histories: Histories, domain: int
) -> Iterator[Part]:
    half_life = asked.asker.options.half_life
    if half_life is None:
        yield np.ones(len(histories), np.float32), model.user_vectors(histories, domain)
        return
    for weight, window in windows(histories, half_life):
        yield weight, model.user_vectors(window, domain)


def _by_dislikes(
    model: TrainedModel, asked: Asked, histories: Histories, domain: int
) -> list[Part]:
    lists = [asked.dislikes.tolist()] * len(histories)
    liked_too = Histories.of_lists(lists, histories.num_items).followed_by(histories)
    weight = np.full(len(histories), asked.asker.dislikes_weight, np.float32)
    return [
        (weight, model.user_vectors(histories, domain)),
        (-weight, model.user_vectors(liked_too, domain)),
    ]
