"""A trained run that answers questions: the main class of the public API.

In:   a run folder, and a store if answers shall follow the live graph.
Out:  recommendations, similar items and explanations as small typed results.

Users are scored in blocks, so memory does not grow with how many are asked for. Nothing
here trains, writes or prints.

Shapes: B users of a block   I_d items of the domain   N lines of an answer
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from graph_store.schema import split_item_key
from graph_store.snapshot import NO_TIME
from graph_store.store import GraphStore, NodeFilter
from kgrec.data.histories import Histories
from kgrec.errors import InputError
from kgrec.lookup.facts import Facts, SnapshotFacts, UserFacts
from kgrec.lookup.filters import allowed_items
from kgrec.lookup.items import ItemNames
from kgrec.lookup.keys import GivenHistory, Key, Keys, key_of, keys_of
from kgrec.lookup.names import not_found, unknown_user
from kgrec.lookup.reasons import Explainer
from kgrec.lookup.results import (
    FIELDS,
    USER_ID,
    Explanation,
    Recommendations,
    SimilarItem,
    SimilarItems,
)
from kgrec.lookup.store_facts import StoreFacts
from kgrec.ranking.topk import NO_ITEM, blocks, top_k_of_products
from kgrec.trained import TrainedModel
from kgrec.vectors import Vectors

__all__ = ["Run", "load"]

log = logging.getLogger(__name__)

_BLOCK_USERS = 1024
"""Users scored at once."""

OnProgress = Callable[[int, int], None]
"""Called with the number of users that are done and the number of all users."""


def load(
    path: str | Path,
    store: str | Path | GraphStore | None = None,
    *,
    label_prefix: str = "",
    wait: float | None = None,
) -> Run:
    """Open a run folder for lookups.

    Args:
        path: What ``kgrec train --out`` wrote.
        store: A store, or its path or URL: histories and tags are then read from the live
            graph instead of the graph as it was at training. A store opened here is opened
            for reading and closed with the run; one that was passed in stays open.
        label_prefix: Label prefix of a Neo4j store that is opened here.
        wait: Seconds for which its server is waited for where it does not answer.

    Raises:
        RunError: The folder is no finished run, or is of another version.
    """
    from kgrec.runs import open_run

    model = open_run(Path(path))
    if not isinstance(store, str | Path):
        return Run(model, store=store)
    from graph_store.open_store import open_store

    return Run(
        model,
        store=open_store(str(store), read_only=True, label_prefix=label_prefix, wait=wait),
        owns_store=True,
    )


class Run:
    """A trained run that recommends, finds similar items and explains; :func:`load` opens one.

    Use it as a context manager, or call :meth:`close`, where it was opened with a store.

    Args:
        model: An opened run folder.
        store: Store whose current graph is read for histories, conditions and reasons; None: the
            snapshot of the run.
        owns_store: Whether :meth:`close` closes the store.
    """

    def __init__(
        self, model: TrainedModel, *, store: GraphStore | None = None, owns_store: bool = False
    ) -> None:
        self.model = model
        self._store = store
        self._owns_store = owns_store
        self._items = ItemNames(model.snapshot)
        self._facts: Facts = (
            SnapshotFacts(model)
            if store is None
            else StoreFacts(model, store, positive_weight=model.settings.positive_weight)
        )

    @property
    def domains(self) -> list[str]:
        """Names of the domains, sorted."""
        return [str(key) for key in self.model.snapshot.domain_keys]

    # --- questions ------------------------------------------------------------------

    def recommend(
        self,
        user: Key | None = None,
        *,
        users: Keys | None = None,
        history: Keys | GivenHistory | None = None,
        likes: str | None = None,
        domain: str | None = None,
        k: int = 10,
        where: NodeFilter | None = None,
        include_seen: bool = False,
        explain: bool = False,
        on_progress: OnProgress | None = None,
    ) -> Recommendations:
        """Recommend the ``k`` best items of ``domain``.

        Exactly one of ``user``, ``users``, ``history`` and ``likes`` is given.

        Args:
            user: Key of one user; an unknown one is an error. A whole number is the key of its
                digits, since ids become text when they are ingested.
            users: Keys of many; unknown ones are listed in the result's ``unknown``.
            history: Items somebody liked, oldest first, by key (or by title, where only one item
                has it); or a :class:`GivenHistory` with times and kinds.
            likes: What somebody likes, in their own words.
            domain: Name of the target domain; may be left out where there is only one.
            k: Number of items for each user; fewer where filters leave fewer.
            where: Only items that satisfy these conditions.
            include_seen: Whether items that the user already has may be recommended.
            explain: Whether each line gets reasons.
            on_progress: Called after each block of users.

        Returns:
            Lines of user, item, rank and score, the lines of a user together and best first;
            `to_frame` gives them as a table.

        Raises:
            InputError: Not exactly one of the four, or ``k`` below 1.
            NotFoundError: An unknown user, item, tag or domain; names near matches, but never
                another user.
        """
        number = self._domain(domain)
        _check_count(k)
        user_keys, facts = self._users_asked(user, users, history, likes)
        self._check_filter(where, number)
        items = self.model.snapshot.items_of(number)  # [I_d]
        mask = allowed_items(where, self._facts, self._items.index, items)
        items, vectors = items[mask], self.model.item_vectors(number)[mask]
        columns: list[tuple[NDArray[np.int64], ...]] = []
        scores: list[NDArray[np.float32]] = []
        asked = np.flatnonzero(facts.known)
        for rows, block in self._blocks(facts, asked, number, likes, on_progress):
            seen = None if include_seen else facts.seen[rows][:, items]
            best, score = top_k_of_products(block, vectors, min(k, len(items)), exclude=seen)
            row, place = np.nonzero(best != NO_ITEM)
            columns.append((rows[row], place + 1, items[best[row, place]]))
            scores.append(score[row, place])
        user_row, rank, item = (
            np.concatenate([c[at] for c in columns]) if columns else np.empty(0, np.int64)
            for at in range(3)
        )
        score = np.concatenate(scores) if scores else np.empty(0, np.float32)
        unknown = [user_keys[at] or "" for at in np.flatnonzero(~facts.known)]
        table = self._table(user_keys, user_row, item, rank, score)
        return Recommendations(
            table,
            many=users is not None,
            unknown=unknown,
            explanations=self._explanations(user_keys, facts, number, user_row, item, score, likes)
            if explain
            else None,
        )

    def similar(self, item: Key, *, domain: str | None = None, k: int = 10) -> SimilarItems:
        """The ``k`` items nearest to ``item``, of one domain or of all.

        Args:
            item: Key of an item, or its whole title where only one item has it.
            domain: Name of the only domain to search; None searches all.
            k: Largest number of items, 1 or more.

        Returns:
            The items with the highest cosine of embeddings, best first.

        Raises:
            NotFoundError: An unknown item or domain; names near matches.
        """
        _check_count(k)
        number = self._items.number(key_of(item, "item"), self._where)
        embeddings = self.model.item_embeddings
        inside = np.ones(len(embeddings), dtype=np.bool_)
        if domain is not None:
            inside = self.model.snapshot.item_domain == self._domain(domain)
        others = np.flatnonzero(inside & (np.arange(len(embeddings)) != number))
        best, score = top_k_of_products(
            Vectors(embeddings[number][None]), Vectors(embeddings[others]), min(k, len(others))
        )
        keys = self.model.snapshot.item_keys[others[best[0]]].tolist()
        lines = zip(keys, map(split_item_key, keys), score[0].tolist(), strict=True)
        return SimilarItems(
            SimilarItem(key, item_id, its_domain, self._items.title_of[key], rank, cosine)
            for rank, (key, (its_domain, item_id), cosine) in enumerate(lines, start=1)
        )

    def explain(
        self,
        item: Key,
        *,
        user: Key | None = None,
        history: Keys | GivenHistory | None = None,
        likes: str | None = None,
    ) -> Explanation:
        """Explain why ``item`` would be recommended.

        Exactly one of ``user``, ``history`` and ``likes`` is given.

        Args:
            item: Key of the item, or its title where only one item has it.
            user: Key of one user; an unknown one is an error.
            history: Items somebody liked, oldest first, by key (or by title, where only one item
                has it); or a :class:`GivenHistory` with times and kinds.
            likes: What somebody likes, in their own words.

        Returns:
            Reasons, best first, with one sentence and a graph of the paths.

        Raises:
            InputError: Not exactly one of the three.
            NotFoundError: An unknown user or item; names near items, but never another user.
        """
        _check_one_is_given({"user": user, "history": history, "likes": likes})
        number = self._items.number(key_of(item, "item"), self._where)
        domain = int(self.model.snapshot.item_domain[number])
        user_keys, facts = self._users_asked(user, None, history, likes)
        ((_, vectors),) = self._blocks(facts, np.array([0]), domain, likes, None)
        row = np.searchsorted(self.model.snapshot.items_of(domain), number)
        score = vectors.products(self.model.item_vectors(domain)[row : row + 1])[:, 0]
        zero = np.zeros(1, dtype=np.int64)
        return self._explanations(user_keys, facts, domain, zero, np.array([number]), score, likes)[
            0
        ]

    # --- life -----------------------------------------------------------------------

    def close(self) -> None:
        """Close the store if it was opened by :func:`load`."""
        if self._owns_store and self._store is not None:
            self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # --- parts ----------------------------------------------------------------------

    @property
    def _where(self) -> str:
        return f"the run {self.model.path}"

    @cached_property
    def _domain_numbers(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.domains)}

    def _check_filter(self, where: NodeFilter | None, domain: int) -> None:
        if where is not None and not isinstance(where, NodeFilter):
            raise InputError(f"where must be a NodeFilter, got {type(where).__name__}")
        if where is not None and where.domain not in (None, self.domains[domain]):
            raise InputError(
                f"the filter is for domain {where.domain!r}, the question for "
                f"{self.domains[domain]!r}; leave the filter's domain out"
            )

    def _domain(self, domain: str | None) -> int:
        if domain is None:
            if len(self.domains) == 1:
                return 0
            raise InputError(
                f"which domain? {self._where} has {len(self.domains)}; "
                f"name one of {', '.join(self.domains)}"
            )
        if not isinstance(domain, str):
            raise InputError(
                f"domain must be a name, got {domain!r} of type {type(domain).__name__}"
            )
        if domain not in self._domain_numbers:
            raise not_found("domain", domain, self.domains, where=self._where)
        return self._domain_numbers[domain]

    def _users_asked(
        self,
        user: Key | None,
        users: Keys | None,
        history: Keys | GivenHistory | None,
        likes: str | None,
    ) -> tuple[list[str | None], UserFacts]:
        """Names as they came in, and what is known of each."""
        _check_one_is_given({"user": user, "users": users, "history": history, "likes": likes})
        width = self.model.snapshot.num_items
        if user is not None:
            key = key_of(user, "user")
            facts = self._facts.of_users([key])
            if not facts.known[0]:
                raise unknown_user(key, where=self._facts.where)
            return [key], facts
        if users is not None:
            keys = keys_of(users, "users")
            return [*keys], self._facts.of_users(keys)
        known = np.ones(1, dtype=np.bool_)
        if history is not None:
            row = self._history(history)
            return [None], UserFacts(row, row.items, known)
        if not isinstance(likes, str):
            raise InputError(f"likes must be a text, got {type(likes).__name__}")
        if not likes.strip():
            raise InputError("likes must say something, got an empty text")
        empty = Histories.of_lists([[]], width)
        return [None], UserFacts(empty, empty.items, known)

    def _history(self, history: Keys | GivenHistory) -> Histories:
        """One history by item numbers, in the order given; where there are times, by them."""
        given = history
        if not isinstance(given, GivenHistory):
            given = GivenHistory(keys_of(given, "history"))
        if not given.items:
            raise InputError("history must be a list of one item or more, got an empty one")
        items = np.array([self._items.number(one, self._where) for one in given.items])
        time = kind = None
        if given.times is not None:
            time = np.array([NO_TIME if at is None else at for at in given.times], np.int64)
        if given.kinds is not None:
            numbers = {kind: number for number, kind in enumerate(self.model.snapshot.kinds)}
            kind = np.array([numbers.get(one or "", -1) for one in given.kinds], np.int16)
        shape = (1, self.model.snapshot.num_items)
        rows = np.zeros(len(items), np.int64)
        return Histories.of_events(rows, items, shape=shape, time=time, kind=kind)

    def _blocks(
        self,
        facts: UserFacts,
        asked: NDArray[np.int64],
        domain: int,
        likes: str | None,
        on_progress: OnProgress | None,
    ) -> Iterator[tuple[NDArray[np.int64], Vectors]]:
        """Row numbers and vectors ``[B]`` of the users ``asked`` for, block by block."""
        if likes is not None:
            yield asked, self.model.text_user_vectors([likes], domain)
            return
        for part in blocks(len(asked), _BLOCK_USERS):
            rows = asked[part]
            yield rows, self.model.user_vectors(facts.histories[rows], domain)
            if on_progress is not None:
                on_progress(part.stop, len(asked))

    def _table(
        self,
        user_keys: list[str | None],
        user_row: NDArray[np.int64],
        item: NDArray[np.int64],
        rank: NDArray[np.int64],
        score: NDArray[np.float32],
    ) -> pl.DataFrame:
        names = pl.Series(USER_ID, user_keys, dtype=pl.String)
        return pl.DataFrame(
            [
                names.gather(user_row),
                self._items.keys.gather(item).alias("key"),
                self._items.ids.gather(item).alias("item_id"),
                self._items.domains.gather(item).alias("domain"),
                self._items.titles.gather(item).alias("title"),
                pl.Series("rank", rank, dtype=FIELDS["rank"]),
                pl.Series("score", score, dtype=FIELDS["score"]),
            ]
        )

    def _explanations(
        self,
        user_keys: list[str | None],
        facts: UserFacts,
        domain: int,
        user_row: NDArray[np.int64],
        item: NDArray[np.int64],
        score: NDArray[np.float32],
        likes: str | None,
    ) -> dict[int, Explanation]:
        """Explanations by line number.

        Args:
            user_keys: ``[B]`` keys of the users asked for.
            facts: What is known of them.
            domain: Number of the domain.
            user_row: ``[N]`` row of each line's user; lines of a user stand together.
            item: ``[N]`` item numbers.
            score: ``[N]``.
            likes: The text, where one was given instead of users.
        """
        asked = [facts.histories.items[np.unique(user_row)].indices, item]
        tags = self._facts.item_tags(np.unique(np.concatenate(asked).astype(np.int64)))
        explainer = Explainer(self.model, tags)
        found: dict[int, Explanation] = {}
        for one in dict.fromkeys(user_row.tolist()):
            lines = np.flatnonzero(user_row == one)
            history = facts.histories[[one]]
            told = explainer.explain(
                history, domain, item[lines], score[lines], user=user_keys[one], text=likes
            )
            found.update(zip(lines.tolist(), told, strict=True))
        return found


def _check_one_is_given(given: Mapping[str, object]) -> None:
    """Exactly one of the arguments that say for whom is given."""
    *names, last = given
    found = [name for name, value in given.items() if value is not None]
    if len(found) != 1:
        raise InputError(
            f"give exactly one of {', '.join(names)} and {last}, "
            f"got {' and '.join(found) or 'none'}"
        )


def _check_count(k: int) -> None:
    if isinstance(k, bool) or not isinstance(k, int | np.integer):
        raise InputError(f"k must be a whole number, got {k!r}")
    if k < 1:
        raise InputError(f"k must be at least 1, got {k}")
