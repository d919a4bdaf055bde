"""Why an item: paths through the graph from what a user liked to what is recommended.

In:   a trained model, the facts of the graph, what a user liked, the items to explain.
Out:  an :class:`Explanation` each: reasons, the same as a ``networkx`` graph, one sentence.

Three kinds of evidence tie a liked item to another: rare tags in common, users who liked
both (a count, never who; fewer than ``MIN_USERS`` are not mentioned at all), and nearness in
their embeddings. Among liked items that are equally tied, the one that moves the
model's score most when it is left out comes first, so that the reason is the model's own and
not only a likely story. Popularity is named where nothing else holds. Nothing here ranks items.

Shapes: H liked items   X items to explain   T tags
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property

import networkx as nx
import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph_store.schema import Label, RelType, split_item_key
from kgrec.data.histories import Histories
from kgrec.lookup.facts import ItemTags
from kgrec.lookup.results import Explanation, Reason
from kgrec.trained import TrainedModel

__all__ = ["MIN_USERS", "Explainer"]

MIN_USERS = 3
"""Fewer users than this are chance, and too few to stay unrecognised in a count."""

_MIN_COSINE = 0.3
"""Items less alike than this are not called near."""
_LEAVE_OUT_MOST = 200
"""Longer histories are not tried with each item left out."""
_REASONS_A_KIND = 2
_TAGS_A_REASON = 3
_KIND_ORDER = ("tag", "people", "vector", "words", "popular")


class Explainer:
    """Explains items for one user after another against one reading of the tags."""

    def __init__(self, model: TrainedModel, tags: ItemTags) -> None:
        self._model = model
        self._tags = tags
        items = max(1, model.snapshot.num_items)
        self._rarity = np.log1p(items / np.maximum(tags.bearers, 1.0))  # [T]

    @cached_property
    def _likers(self) -> sp.csc_matrix:
        return sp.csc_matrix(self._model.interactions.liked)

    @cached_property
    def _popularity(self) -> NDArray[np.int64]:
        return np.asarray(self._model.interactions.liked.getnnz(axis=0), dtype=np.int64)

    def explain(
        self,
        history: Histories,
        domain: int,
        items: NDArray[np.int64],
        scores: NDArray[np.float32],
        *,
        user: str | None = None,
        text: str | None = None,
    ) -> list[Explanation]:
        """One explanation per item of ``items [X]``, given the history of one user.

        Args:
            history: ``[1]`` the user's history.
            domain: Number of the target domain.
            items: ``[X]`` numbers of the items to explain.
            scores: ``[X]`` their scores.
            user: Key of the user; None where a history or a text was given.
            text: The text, where one was given.

        Returns:
            ``[X]`` explanations, in the order of ``items``.
        """
        liked = history.items.indices.astype(np.int64)  # [H]
        influence = self._influence(history, liked, domain, items)  # [H, X]
        found = []
        for x, (item, score) in enumerate(zip(items.tolist(), scores.tolist(), strict=True)):
            reasons = self._reasons(liked, item, influence[:, x])
            if text is not None:
                reasons = [self._by_words(text, item)]
            reasons = reasons or [self._by_popularity(item, domain)]
            key = self._key(item)
            found.append(
                Explanation(
                    user=user,
                    domain=str(self._model.snapshot.domain_keys[domain]),
                    item_id=split_item_key(key)[1],
                    key=key,
                    title=self._model.snapshot.titles[item],
                    score=score,
                    reasons=tuple(reasons),
                    because=self._because(reasons),
                    graph=self._graph(user, item, reasons),
                )
            )
        return found

    # --- evidence -------------------------------------------------------------------

    def _influence(
        self,
        history: Histories,
        liked: NDArray[np.int64],
        domain: int,
        items: NDArray[np.int64],
    ) -> NDArray[np.float32]:
        """``[H, X]`` in [0, 1]: how much of an item's score hangs on each liked item."""
        even = np.ones((len(liked), len(items)), dtype=np.float32)
        if not 2 <= len(liked) <= _LEAVE_OUT_MOST or not len(items):
            return even
        # The whole history, then without each of its items; the rest stays in order.
        rows = history[np.zeros(1 + len(liked), np.int64)]
        left_out = np.repeat(np.concatenate(([-1], liked)), rows.lengths)
        rows = rows.keep_events(rows.event_item != left_out)
        vectors = self._model.user_vectors(rows, domain)  # [1 + H]
        row_of = np.searchsorted(self._model.snapshot.items_of(domain), items)
        score = vectors.products(self._model.item_vectors(domain)[row_of])  # [1 + H, X]
        lost = np.clip(score[:1] - score[1:], 0.0, None)  # [H, X]
        most = lost.max(axis=0, keepdims=True)
        return np.where(most > 0, lost / np.where(most > 0, most, 1.0), even).astype(np.float32)

    def _reasons(
        self, liked: NDArray[np.int64], item: int, influence: NDArray[np.float32]
    ) -> list[Reason]:
        other = liked != item  # no item is a reason for itself
        had_it = not bool(other.all())
        liked, influence = liked[other], influence[other]
        if not len(liked):
            return []
        weight = 0.5 + 0.5 * influence  # [H]
        found = [
            *self._by_tags(liked, item, weight),
            *self._by_users(liked, item, weight, without=int(had_it)),
            *self._by_vectors(liked, item, weight),
        ]
        # The best of every kind before the second best of any.
        place: dict[str, int] = {}
        order = []
        for reason in found:
            place[reason.kind] = place.get(reason.kind, -1) + 1
            order.append((place[reason.kind], _KIND_ORDER.index(reason.kind)))
        return [reason for _, reason in sorted(zip(order, found, strict=True), key=lambda p: p[0])]

    def _by_tags(
        self, liked: NDArray[np.int64], item: int, weight: NDArray[np.float32]
    ) -> list[Reason]:
        bears = self._tags.matrix[item].indices
        if not len(bears):
            return []
        theirs = self._tags.matrix[liked]  # [H, T]
        shared = np.asarray(theirs[:, bears].todense())  # [H, tags of item]
        common = shared @ self._rarity[bears]
        either = theirs @ self._rarity + self._rarity[bears].sum() - common
        strength = common / np.maximum(either, 1e-9)  # [H] weighted Jaccard, in [0, 1]
        reasons = []
        for at in _best(strength * weight, _REASONS_A_KIND):
            of_pair = bears[shared[at] > 0]
            rarest = of_pair[np.argsort(-self._rarity[of_pair], kind="stable")][:_TAGS_A_REASON]
            names = tuple(self._tags.names[tag] for tag in rarest)
            path = f"liked {self._named(liked[at])} -HAS_TAG-> {', '.join(names)} <-HAS_TAG- this"
            reasons.append(
                Reason("tag", float(strength[at]), path, via=self._key(liked[at]), tags=names)
            )
        return reasons

    def _by_users(
        self, liked: NDArray[np.int64], item: int, weight: NDArray[np.float32], *, without: int
    ) -> list[Reason]:
        """``without``: how many of those who liked both are the user who asks."""
        who = self._likers[:, item].indices
        both = np.asarray(self._model.interactions.liked[who].sum(axis=0)).ravel()[liked] - without
        alone = self._popularity[liked] * max(1, len(who))
        strength = np.where(both >= MIN_USERS, both / np.sqrt(np.maximum(alone, 1)), 0.0)  # [H]
        reasons = []
        for at in _best(strength * weight, _REASONS_A_KIND):
            count = round(float(both[at]))
            path = f"liked {self._named(liked[at])} <-LIKED- {count:,} people -LIKED-> this"
            reasons.append(
                Reason("people", min(1.0, float(strength[at])), path, via=self._key(liked[at]),
                       people=count)
            )  # fmt: skip
        return reasons

    def _by_vectors(
        self, liked: NDArray[np.int64], item: int, weight: NDArray[np.float32]
    ) -> list[Reason]:
        embeddings = self._model.item_embeddings
        cosine = embeddings[liked] @ embeddings[item]  # [H]
        strength = np.where(cosine >= _MIN_COSINE, cosine, 0.0)
        return [
            Reason("vector", min(1.0, float(strength[at])),
                   f"liked {self._named(liked[at])} -NEAR {strength[at]:.2f}-> this",
                   via=self._key(liked[at]))
            for at in _best(strength * weight, 1)
        ]  # fmt: skip

    def _by_words(self, text: str, item: int) -> Reason:
        snapshot = self._model.snapshot
        words = _words(snapshot.texts[item] or snapshot.titles[item] or "")
        shared = [word for word in dict.fromkeys(_words(text)) if word in set(words)]
        given = ", ".join(shared)
        path = f"words {given} -IN_TEXT-> this" if shared else "words given -NEAR-> this"
        return Reason("words", len(shared) / max(1, len(set(_words(text)))), path)

    def _by_popularity(self, item: int, domain: int) -> Reason:
        counts = self._popularity[self._model.snapshot.items_of(domain)]
        own = int(self._popularity[item])
        place = int((counts > own).sum()) + 1
        if own < MIN_USERS:
            return Reason("popular", 0.0, "no path; the model's own estimate")
        path = f"{own:,} people -LIKED-> this (place {place:,} of {len(counts):,})"
        return Reason("popular", 1.0 - (place - 1) / len(counts), path, people=own)

    # --- words and graph --------------------------------------------------------------

    def _because(self, reasons: Sequence[Reason]) -> str:
        best = {reason.kind: reason for reason in reversed(reasons)}
        parts = []
        if "tag" in best:
            reason = best["tag"]
            word = "tag" if len(reason.tags) == 1 else "tags"
            parts.append(f"it shares the {word} {_and(reason.tags)} with {self._of(reason)}")
        if "people" in best:
            reason = best["people"]
            parts.append(f"{reason.people:,} people who liked {self._of(reason)} liked it too")
        if not parts and "vector" in best:
            parts.append(f"it lies close to {self._of(best['vector'])} in words and graph")
        if "words" in best:
            parts.append("it is what the model finds closest to the words that were given")
        if "popular" in best:
            count = best["popular"].people
            parts.append(
                "no path leads to it and only the model's estimate speaks for it"
                if count is None
                else f"{count:,} people like it, and no path from what was liked leads to it"
            )
        return ", and ".join(parts)

    def _graph(
        self, user: str | None, item: int, reasons: Sequence[Reason]
    ) -> nx.MultiDiGraph[tuple[Label, str]]:
        graph: nx.MultiDiGraph[tuple[Label, str]] = nx.MultiDiGraph()
        this = (Label.ITEM, self._key(item))
        graph.add_node(this, title=self._model.snapshot.titles[item])
        for reason in reasons:
            if reason.via is None:
                continue
            liked = (Label.ITEM, reason.via)
            graph.add_node(liked, title=self._title_of(reason.via))
            if user is not None:
                graph.add_edge((Label.USER, user), liked, key=str(RelType.INTERACTED))
            for tag in reason.tags:
                graph.add_node((Label.TAG, tag), name=tag)
                graph.add_edge(liked, (Label.TAG, tag), key=str(RelType.HAS_TAG))
                graph.add_edge(this, (Label.TAG, tag), key=str(RelType.HAS_TAG))
            if reason.kind == "people":
                graph.add_edge(liked, this, key="LIKED_TOGETHER", people=reason.people)
            if reason.kind == "vector":
                graph.add_edge(liked, this, key="NEAR", score=reason.strength)
        return graph

    def _key(self, item: int | np.integer) -> str:
        return str(self._model.snapshot.item_keys[item])

    def _title_of(self, key: str) -> str | None:
        at = int(np.searchsorted(self._model.snapshot.item_keys, key))
        return self._model.snapshot.titles[at]

    def _named(self, item: int | np.integer) -> str:
        title = self._model.snapshot.titles[int(item)]
        return self._key(item) + (f" '{title}'" if title else "")

    def _of(self, reason: Reason) -> str:
        key = reason.via or ""
        return self._title_of(key) or key


def _best(strength: NDArray[np.floating], count: int) -> list[int]:
    """Places of the highest positive values, ties by place."""
    order = np.argsort(-strength, kind="stable")[:count]
    return [int(at) for at in order if strength[at] > 0]


def _and(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _words(text: str) -> list[str]:
    return [word for word in re.findall(r"\w+", text.casefold()) if len(word) > 3]
