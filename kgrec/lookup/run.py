"""A trained run that answers questions: the main class of the public API.

In:   a run folder, and a store if answers shall follow the live graph.
Out:  recommendations, similar items and explanations as small typed results.

Whom a question is about is read in :mod:`kgrec.lookup.asked`, lists are made in
:mod:`kgrec.lookup.rankings`. Nothing here trains, writes or prints.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import polars as pl

from graph_store.schema import split_item_key
from graph_store.store import GraphStore, NodeFilter
from kgrec.errors import InputError
from kgrec.lookup.asked import Asked, AskedReader, Asker
from kgrec.lookup.facts import Facts, SnapshotFacts
from kgrec.lookup.filters import allowed_items
from kgrec.lookup.history_options import HistoryOptions
from kgrec.lookup.history_queries import HistoryQuery
from kgrec.lookup.items import ItemNames
from kgrec.lookup.keys import GivenHistory, Key, Keys, key_of
from kgrec.lookup.list_options import ListOptions
from kgrec.lookup.names import not_found
from kgrec.lookup.new_items import NewItem, WithNewItems
from kgrec.lookup.rankings import Candidates, Lines, OnProgress, make_lists
from kgrec.lookup.reasons import MIN_USERS, Explainer, check_min_users
from kgrec.lookup.results import (
    FIELDS,
    USER_ID,
    Explanation,
    Recommendations,
    SimilarItem,
    SimilarItems,
)
from kgrec.lookup.rule_making import RuleMaker
from kgrec.lookup.score_scales import ScoreScales
from kgrec.lookup.store_facts import StoreFacts
from kgrec.lookup.user_vectors import user_vectors
from kgrec.ranking.topk import top_k_of_products
from kgrec.trained import TrainedModel
from kgrec.vectors import Vectors

__all__ = ["Run", "load"]


def load(
    path: str | Path,
    store: str | Path | GraphStore | None = None,
    *,
    label_prefix: str = "",
    wait: float | None = None,
    new_items: Iterable[NewItem] | None = None,
) -> Run:
    """Open a run folder for lookups.

    Args:
        path: What ``kgrec train --out`` wrote.
        store: A store, or its path or URL: histories and tags are then read from the live
            graph instead of the graph as it was at training. A store opened here is opened
            for reading and closed with the run; one that was passed in stays open.
        label_prefix: Label prefix of a Neo4j store that is opened here.
        wait: Seconds for which its server is waited for where it does not answer.
        new_items: Items that came after the training, known by their texts: they are recommended
            and found like the others. The run folder is not changed.

    Raises:
        RunError: The folder is no finished run, or is of another version.
    """
    from kgrec.runs import open_run

    model: TrainedModel = open_run(Path(path))
    if new_items is not None:
        model = WithNewItems(model, new_items)
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
        self._asked = AskedReader(model, self._facts, self._items, where=self._where, store=store)
        self._rules = RuleMaker(model, self._facts)
        self._scales = ScoreScales(model)

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
        history: Keys | GivenHistory | HistoryQuery | None = None,
        likes: str | None = None,
        dislikes: Keys | None = None,
        likes_weight: float = 0.5,
        dislikes_weight: float = 0.5,
        history_since: int | None = None,
        half_life: float | None = None,
        history_kinds: Sequence[str] | None = None,
        history_without: Sequence[str] | None = None,
        seen_kinds: Sequence[str] | None = None,
        domain: str | Sequence[str] | None = None,
        k: int = 10,
        page: int = 1,
        diversity: float = 0.0,
        max_per_tag: int | None = None,
        max_per_series: int | None = None,
        min_new: float = 0.0,
        new_since: int | None = None,
        min_long_tail: float = 0.0,
        where: NodeFilter | None = None,
        include_seen: bool = False,
        explain: bool = False,
        min_users: int = MIN_USERS,
        on_progress: OnProgress | None = None,
    ) -> Recommendations:
        """Recommend the ``k`` best items of a domain, or of several in one list.

        Whom for is said by ``users`` alone, or by one or more of ``user``, ``history`` and
        ``likes``, which then count together.

        Args:
            user: Key of one user; an unknown one is an error. A whole number is the key of its
                digits, since ids become text when they are ingested.
            users: Keys of many; unknown ones are listed in the result's ``unknown``.
            history: Items somebody liked, oldest first, by key (or by title, where only one item
                has it); a :class:`GivenHistory` with times and kinds; or a :class:`HistoryQuery`
                of the live graph. Beside ``user``: what happened since the graph was written.
            likes: What somebody likes, in their own words.
            dislikes: Items that are disliked, by key or title: they are not recommended, and what
                is like them is ranked lower.
            likes_weight: Weight of ``likes`` beside a history, from 0 to 1.
            dislikes_weight: How far ``dislikes`` lower what is like them, from 0 (not at all) to 1.
            history_since: Unix seconds; only events from then on count as history.
            half_life: Days after which an event of the history counts half as much as the newest.
            history_kinds: Only events of these kinds, such as ``purchase``, count as history.
            history_without: Items with an event of one of these kinds do not count as history.
            seen_kinds: Only items with an event of these kinds are left out as seen; None: items
                with any event.
            domain: Name of the target domain, or of several; may be left out where there is only
                one. Scores of several domains are compared as
                :mod:`kgrec.lookup.score_scales` says; the score of a line is that of its domain.
            k: Number of items for each user; fewer where filters and limits leave fewer.
            page: 1 for the best ``k`` items, 2 for the next ``k``, and so on.
            diversity: From 0 to 1: weight of being unlike the items above on the page.
            max_per_tag: Largest number of items of a page with the same tag.
            max_per_series: Largest number of items of a page from the same series
                (:mod:`kgrec.lookup.series`).
            min_new: From 0 to 1: smallest fraction of a page that is new.
            new_since: Unix seconds: new is what nobody interacted with before; None: with what
                nobody did at all.
            min_long_tail: From 0 to 1: smallest fraction of a page that is not among the most
                popular items, which have two thirds of the likes of their domain.
            where: Only items that satisfy these conditions.
            include_seen: Whether items that the user already has may be recommended.
            explain: Whether each line gets reasons.
            min_users: Smallest number of people behind a reason that is shown, 2 or more.
            on_progress: Called after each block of users.

        Returns:
            Lines of user, item, rank and score, the lines of a user together and best first;
            `to_frame` gives them as a table.

        Raises:
            InputError: It is not said whom for, or a value is of the wrong type or out of range.
            NotFoundError: An unknown user, item, tag, kind or domain; names near matches, but
                never another user.
        """
        domains = self._domains_asked(domain)
        options = ListOptions(
            k, page, diversity, max_per_tag, max_per_series, min_new, new_since, min_long_tail
        )
        check_min_users(min_users)
        counted = HistoryOptions(
            history_since, half_life, history_kinds, history_without, seen_kinds
        )
        asked = self._asked.read(
            Asker(user, users, history, likes, dislikes, likes_weight, dislikes_weight, counted)
        )
        self._check_filter(where, domains)
        candidates = [self._candidates(where, one, among=len(domains)) for one in domains]
        allowed = np.concatenate([one.items[one.allowed] for one in candidates])
        lines = make_lists(
            self.model, asked, candidates, self._rules.rules(options, allowed),
            with_tags=self._rules.with_tags, include_seen=include_seen, on_progress=on_progress,
        )  # fmt: skip
        return Recommendations(
            self._table(asked, lines),
            many=users is not None,
            unknown=asked.unknown,
            explanations=self._explanations(asked, lines, min_users) if explain else None,
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
        ListOptions(k)
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
        history: Keys | GivenHistory | HistoryQuery | None = None,
        likes: str | None = None,
        min_users: int = MIN_USERS,
    ) -> Explanation:
        """Explain why ``item`` would be recommended.

        One or more of ``user``, ``history`` and ``likes`` are given, and count together.

        Args:
            item: Key of the item, or its title where only one item has it.
            user: Key of one user; an unknown one is an error.
            history: Items somebody liked, oldest first, by key (or by title, where only one item
                has it); a :class:`GivenHistory` with times and kinds; or a :class:`HistoryQuery`.
            likes: What somebody likes, in their own words.
            min_users: Smallest number of people behind a reason that is shown, 2 or more.

        Returns:
            Reasons, best first, with one sentence and a graph of the paths.

        Raises:
            InputError: None of the three, or a value out of range.
            NotFoundError: An unknown user or item; names near items, but never another user.
        """
        check_min_users(min_users)
        asked = self._asked.read(Asker(user, None, history, likes))
        number = self._items.number(key_of(item, "item"), self._where)
        domain = int(self.model.snapshot.item_domain[number])
        vectors = user_vectors(self.model, asked, np.array([0]), domain)
        row = np.searchsorted(self.model.snapshot.items_of(domain), number)
        score = vectors.products(self.model.item_vectors(domain)[row : row + 1])[:, 0]
        zero = np.zeros(1, dtype=np.int64)
        line = Lines(zero, zero + 1, np.array([number]), score)
        return self._explanations(asked, line, min_users)[0]

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

    @cached_property
    def _explainer(self) -> Explainer:
        return Explainer(self.model)

    def _check_filter(self, where: NodeFilter | None, domains: Sequence[int]) -> None:
        if where is not None and not isinstance(where, NodeFilter):
            raise InputError(f"where must be a NodeFilter, got {type(where).__name__}")
        names = [self.domains[number] for number in domains]
        if where is not None and where.domain is not None and [where.domain] != names:
            raise InputError(
                f"the filter is for domain {where.domain!r}, the question for "
                f"{' and '.join(map(repr, names))}; leave the filter's domain out"
            )

    def _candidates(self, where: NodeFilter | None, domain: int, *, among: int) -> Candidates:
        """The items of one of ``among`` domains, and which may be recommended."""
        items = self.model.snapshot.items_of(domain)
        allowed = allowed_items(where, self._facts, self._items.index, items)
        scale = self._scales.of(domain) if among > 1 else (0.0, 1.0)
        vectors, tails = self.model.item_vectors(domain), self.model.tails(domain)
        return Candidates(domain, items, vectors, allowed, tails, scale)

    def _domains_asked(self, domain: str | Sequence[str] | None) -> list[int]:
        """Numbers of the domains, each once, in the order given."""
        if domain is None or isinstance(domain, str) or not isinstance(domain, Iterable):
            return [self._domain(domain)]
        names = list(domain)
        if not names:
            raise InputError("domain must name one domain or more, got an empty list")
        return list(dict.fromkeys(self._domain(name) for name in names))

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

    def _table(self, asked: Asked, lines: Lines) -> pl.DataFrame:
        names = pl.Series(USER_ID, asked.names, dtype=pl.String)
        return self._items.table[lines.item].select(
            names[lines.user_row],
            pl.all(),
            pl.Series("rank", lines.rank, dtype=FIELDS["rank"]),
            pl.Series("score", lines.score, dtype=FIELDS["score"]),
        )

    def _explanations(self, asked: Asked, lines: Lines, min_users: int) -> dict[int, Explanation]:
        """Explanations by line number."""
        liked = asked.facts.histories[np.unique(lines.user_row)].event_item
        tags = self._facts.item_tags(np.unique(np.concatenate([liked, lines.item])))
        domain_of = self.model.snapshot.item_domain[lines.item]
        found: dict[int, Explanation] = {}
        pairs = zip(lines.user_row.tolist(), domain_of.tolist(), strict=True)
        for row, domain in dict.fromkeys(pairs):
            at = np.flatnonzero((lines.user_row == row) & (domain_of == domain))
            had = asked.facts.seen[row].indices
            told = self._explainer.explain(
                asked.facts.histories[[row]], domain, lines.item[at], lines.score[at],
                tags=tags, had=np.isin(lines.item[at], had), min_users=min_users,
                user=asked.names[row], text=asked.asker.likes,
            )  # fmt: skip
            found.update(zip(at.tolist(), told, strict=True))
        return found
