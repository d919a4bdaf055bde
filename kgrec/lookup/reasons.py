"""Why an item: paths through the graph from what a user liked to what is recommended.

In:   a trained model, the tags of the graph, what a user liked, the items to explain.
Out:  an :class:`Explanation` each: reasons, the same as a ``networkx`` graph, one sentence.

Three kinds of evidence tie a liked item to another (:mod:`kgrec.lookup.evidence`): rare tags in
common, users who liked both (a count, never who; fewer than a given number are not mentioned at
all), and nearness of their embeddings. A liked item without which the model's score is lower counts
up to twice as much as one that the score does not need, so that the reason is the model's own and
not only a likely story. Only the few liked items that could come first are left out in turn, since
each is one more user to score. Popularity is named where nothing else holds. Nothing here ranks
items.

Shapes: H liked items   X items to explain   L items left out in turn
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from graph_store.schema import split_item_key
from kgrec.data.histories import Histories
from kgrec.errors import InputError
from kgrec.lookup.evidence import Evidence, Floats, Ties
from kgrec.lookup.facts import ItemTags
from kgrec.lookup.reason_words import ReasonWords, words_of
from kgrec.lookup.results import Explanation, Reason
from kgrec.trained import TrainedModel

__all__ = ["MIN_USERS", "Explainer", "check_min_users"]

MIN_USERS = 5
"""A path through fewer people than this is not shown: so few are chance, and could be guessed."""

_CONTENDERS = 3
"""Number of liked items, of those with the strongest ties of a kind, that could come first."""
_LEAVE_OUT_MOST = 8
"""Number of liked items that are left out in turn, at most. Of the drop in score that the most
influential item of a history makes, the first reasons reach .75 with 8, .80 with 16, .81 with all
items left out and .66 with none (`anime`, tv and ova to movie, 40 users, mean of 1,042 reasons)."""
_REASONS_A_KIND = 2
_TAGS_A_REASON = 3


def check_min_users(value: int) -> None:
    """Refuse a number of people that could tell what one person likes.

    Raises:
        InputError: No whole number, or below 2.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise InputError(f"min_users must be a whole number, got {value!r}")
    if value < 2:
        raise InputError(
            f"min_users must be at least 2, got {value}; a path through one person would tell "
            f"what they like"
        )


class Explainer:
    """Explains items for one user after another."""

    def __init__(self, model: TrainedModel) -> None:
        self._model = model
        self._evidence = Evidence(model)
        self._words = ReasonWords(model.snapshot)

    def explain(
        self,
        history: Histories,
        domain: int,
        items: NDArray[np.int64],
        scores: NDArray[np.float32],
        *,
        tags: ItemTags,
        had: NDArray[np.bool_],
        min_users: int = MIN_USERS,
        user: str | None = None,
        text: str | None = None,
    ) -> list[Explanation]:
        """One explanation per item of ``items [X]``, given the history of one user.

        Args:
            history: ``[1]`` the user's history.
            domain: Number of the target domain.
            items: ``[X]`` numbers of the items to explain.
            scores: ``[X]`` their scores.
            tags: Tags of all items.
            had: ``[X]`` whether the user has the item.
            min_users: Smallest number of people behind a path that is shown.
            user: Key of the user; None where a history or a text was given.
            text: The text, where one was given.

        Returns:
            ``[X]`` explanations, in the order of ``items``.
        """
        liked = history.items.indices.astype(np.int64)  # [H]
        ties = self._evidence.ties(liked, items, tags, had=had, min_users=min_users)
        lost = self._lost(history, liked, ties, domain, items)
        found = []
        for x, (item, score) in enumerate(zip(items.tolist(), scores.tolist(), strict=True)):
            reasons = [] if text is None else [self._by_words(text, item)]
            reasons += self._reasons(liked, item, x, ties, lost[:, x], tags)
            reasons = reasons or [self._by_popularity(item, domain, min_users)]
            key = self._words.key(item)
            found.append(
                Explanation(
                    user=user,
                    domain=str(self._model.snapshot.domain_keys[domain]),
                    item_id=split_item_key(key)[1],
                    key=key,
                    title=self._model.snapshot.titles[item],
                    score=score,
                    reasons=tuple(reasons),
                    because=self._words.because(reasons),
                    graph=self._words.graph(user, item, reasons),
                )
            )
        return found

    # --- the model's own part ---------------------------------------------------------

    def _lost(
        self,
        history: Histories,
        liked: NDArray[np.int64],
        ties: Ties,
        domain: int,
        items: NDArray[np.int64],
    ) -> Floats:
        """``[H, X]`` in [0, 1]: how much of a score is lost without a liked item; 0 if not tried.

        Tried are those that contend with others to come first for the most items.
        """
        lost = np.zeros((len(liked), len(items)), dtype=np.float32)
        how_often = _contenders(ties.tag) + _contenders(ties.users) + _contenders(ties.vector)
        left_out = np.argsort(-how_often, kind="stable")[:_LEAVE_OUT_MOST]
        left_out = left_out[how_often[left_out] > 0]  # [L]
        if not len(left_out):
            return lost
        # The whole history, then without each of these items; the rest stays in order.
        rows = history[np.zeros(1 + len(left_out), np.int64)]
        without = np.repeat(np.concatenate(([-1], liked[left_out])), rows.lengths)
        rows = rows.keep_events(rows.event_item != without)
        vectors = self._model.user_vectors(rows, domain)  # [1 + L]
        row_of = np.searchsorted(self._model.snapshot.items_of(domain), items)
        score = vectors.products(self._model.item_vectors(domain)[row_of])  # [1 + L, X]
        drop = np.clip(score[:1] - score[1:], 0.0, None)  # [L, X]
        most = drop.max(axis=0, keepdims=True)
        lost[left_out] = np.where(most > 0, drop / np.where(most > 0, most, 1.0), 0.0)
        return lost

    # --- reasons ----------------------------------------------------------------------

    def _reasons(
        self,
        liked: NDArray[np.int64],
        item: int,
        x: int,
        ties: Ties,
        lost: Floats,
        tags: ItemTags,
    ) -> list[Reason]:
        """Reasons for the item of column ``x``: the best of each kind before the second of any."""
        by = 0.5 + 0.5 * lost  # [H]
        kinds = [
            [self._by_tags(liked[h], item, float(ties.tag[h, x]), tags)
             for h in _best(ties.tag[:, x] * by, _REASONS_A_KIND)],
            [self._by_users(liked[h], float(ties.users[h, x]), int(ties.counts[h, x]))
             for h in _best(ties.users[:, x] * by, _REASONS_A_KIND)],
            [self._by_vectors(liked[h], float(ties.vector[h, x]))
             for h in _best(ties.vector[:, x] * by, 1)],
        ]  # fmt: skip
        return [found[n] for n in range(_REASONS_A_KIND) for found in kinds if n < len(found)]

    def _by_tags(self, liked: np.int64, item: int, strength: float, tags: ItemTags) -> Reason:
        shared = np.intersect1d(tags.matrix[liked].indices, tags.matrix[item].indices)
        rarest = shared[np.argsort(-tags.rarity[shared], kind="stable")][:_TAGS_A_REASON]
        names = tuple(tags.names[tag] for tag in rarest)
        path = f"liked {self._words.named(liked)} -HAS_TAG-> {', '.join(names)} <-HAS_TAG- this"
        return Reason("tag", strength, path, via=self._words.key(liked), tags=names)

    def _by_users(self, liked: np.int64, strength: float, count: int) -> Reason:
        path = f"liked {self._words.named(liked)} <-LIKED- {count:,} people -LIKED-> this"
        return Reason("people", strength, path, via=self._words.key(liked), people=count)

    def _by_vectors(self, liked: np.int64, strength: float) -> Reason:
        path = f"liked {self._words.named(liked)} -NEAR {strength:.2f}-> this"
        return Reason("vector", strength, path, via=self._words.key(liked))

    def _by_words(self, text: str, item: int) -> Reason:
        snapshot = self._model.snapshot
        words = words_of(snapshot.texts[item] or snapshot.titles[item] or "")
        shared = [word for word in dict.fromkeys(words_of(text)) if word in set(words)]
        given = ", ".join(shared)
        path = f"words {given} -IN_TEXT-> this" if shared else "words given -NEAR-> this"
        return Reason("words", len(shared) / max(1, len(set(words_of(text)))), path)

    def _by_popularity(self, item: int, domain: int, min_users: int) -> Reason:
        counts = self._evidence.popularity[self._model.snapshot.items_of(domain)]
        own = int(self._evidence.popularity[item])
        place = int((counts > own).sum()) + 1
        if own < min_users:
            return Reason("popular", 0.0, "no path; the model's own estimate")
        path = f"{own:,} people -LIKED-> this (place {place:,} of {len(counts):,})"
        return Reason("popular", 1.0 - (place - 1) / len(counts), path, people=own)


def _contenders(strength: Floats) -> NDArray[np.int64]:
    """``[H]`` for how many items a liked item's tie is near the strongest, and not alone so."""
    if len(strength) < 2:
        return np.zeros(len(strength), np.int64)
    count = min(_CONTENDERS, len(strength))
    among = np.argpartition(-strength, count - 1, axis=0)[:count]  # [3, X]
    near = np.take_along_axis(strength, among, axis=0)
    near = (near > 0) & (near >= near.max(axis=0) / 2)
    counted = near & (near.sum(axis=0) > 1)
    return np.bincount(among[counted], minlength=len(strength))


def _best(strength: Floats, count: int) -> Iterator[int]:
    """Places of the highest positive values, ties by place."""
    order = np.argsort(-strength, kind="stable")[:count]
    return (int(at) for at in order if strength[at] > 0)
