"""Items that came after the training: recommended, found and explained as soon as a text is known.

In:   an opened run, and new items: key, title and text.
Out:  :class:`WithNewItems`, a model of the same kind that has them too; the run is not changed.

A new item's vectors are those of the liked items most similar in text, as for items that nobody
liked at the training. In a history it stands for the known item whose embedding is nearest.

Shapes: I items of the run   N new items   B users
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray

from graph_store.schema import split_item_key
from graph_store.snapshot import Snapshot
from kgrec.config import Settings
from kgrec.data.histories import Histories
from kgrec.data.interactions import Interactions
from kgrec.errors import InputError
from kgrec.lookup.list_files import read_columns
from kgrec.lookup.names import KeyIndex, not_found
from kgrec.ranking.candidates import Tails, tails_of
from kgrec.ranking.serving import ServingVectors
from kgrec.trained import TrainedModel
from kgrec.vectors import Vectors

__all__ = ["NewItem", "WithNewItems", "read_new_items"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class NewItem:
    """One item that the run does not know."""

    key: str
    """``domain:item_id``, of a domain that the run has."""
    text: str
    """What is known of it in words; the title may be part of it."""
    title: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.text, str) or not self.text.strip():
            raise InputError(f"the new item {self.key!r} has no text; give one, e.g. its title")


def read_new_items(path: Path) -> list[NewItem]:
    """The new items of a table: columns ``key`` and ``text``, ``title`` or both.

    Raises:
        NotFoundError: There is no such file.
        InputError: A column is missing, or an item has neither a text nor a title.
    """
    frame = read_columns(path, "key", ("title", "text"))
    if len(frame.columns) < 2:
        raise InputError(f"{path} has no column 'text' or 'title'; a new item is known by its text")
    found = []
    for row in frame.iter_rows(named=True):
        title, text = row.get("title"), row.get("text")
        found.append(NewItem(str(row["key"]), text or title or "", title))
    return found


class WithNewItems:
    """Keeps :class:`~kgrec.trained.TrainedModel`: a run, and items that came after its training.

    Args:
        model: The run.
        items: New items; those that the run knows are passed over, and told in the log.

    Raises:
        InputError: An item is there twice.
        NotFoundError: An item's domain is not of the run; names near matches.
    """

    def __init__(self, model: TrainedModel, items: Iterable[NewItem]) -> None:
        self._model = model
        known = KeyIndex(model.snapshot.item_keys)
        given = list(items)
        new = sorted((one for one in given if known.number(one.key) is None), key=lambda n: n.key)
        if len(new) < len(given):
            log.info("%s of %s new items are known to the run already", len(given) - len(new),
                     len(given))  # fmt: skip
        keys = [one.key for one in new]
        if len(set(keys)) < len(keys):
            twice = next(key for key, other in zip(keys, keys[1:], strict=False) if key == other)
            raise InputError(f"the new item {twice!r} is given twice; give it once")
        self._new = new
        domains = model.snapshot.domain_keys.tolist()
        for one in new:
            if (name := split_item_key(one.key)[0]) not in domains:
                raise not_found("domain", name, domains, where=f"the run {model.path}")
        self._domain = np.array([domains.index(split_item_key(key)[0]) for key in keys], np.int32)
        merged = np.concatenate([model.snapshot.item_keys, np.array(keys, dtype=np.str_)])
        self._order = np.argsort(merged, kind="stable")  # [I + N]
        self._place = np.argsort(self._order)  # [I + N] of the run's items, then of the new ones
        self._vectors: dict[int, Vectors] = {}
        self._tails: dict[int, Tails] = {}
        self._made = {
            int(domain): model.new_items(
                [one.text for one, of in zip(new, self._domain, strict=True) if of == domain],
                int(domain),
            )
            for domain in np.unique(self._domain)
        }

    @property
    def path(self) -> Path:
        return self._model.path

    @property
    def settings(self) -> Settings:
        return self._model.settings

    @property
    def manifest(self) -> dict[str, Any]:
        return self._model.manifest

    @cached_property
    def snapshot(self) -> Snapshot:
        """The graph of the run, and the new items without interactions, tags and properties."""
        old = self._model.snapshot
        place = self._place[: old.num_items].astype(np.int32)

        def merged(known: Sequence[str | None], new: Sequence[str | None]) -> list[str | None]:
            both = [*known, *new]
            return [both[at] for at in self._order]

        keys = [*old.item_keys.tolist(), *(one.key for one in self._new)]
        return replace(
            old,
            item_keys=np.array([keys[at] for at in self._order], dtype=np.str_),
            titles=merged(old.titles, [one.title for one in self._new]),
            texts=merged(old.texts, [one.text for one in self._new]),
            text_hashes=merged(old.text_hashes, [None] * len(self._new)),
            item_domain=np.concatenate([old.item_domain, self._domain])[self._order],
            item=place[old.item],
            item_tag=np.stack([place[old.item_tag[0]], old.item_tag[1]]),
            item_properties=self._without_values(old.item_properties),
        )

    def _without_values(self, properties: pl.DataFrame) -> pl.DataFrame:
        """``[I + N]`` properties of items, of which new ones have none."""
        if not properties.width:
            return properties
        none = pl.DataFrame(schema=properties.schema).clear(len(self._new))
        return pl.concat([properties, none])[self._order]

    @cached_property
    def interactions(self) -> Interactions:
        return Interactions.of(self.snapshot, positive_weight=self.settings.positive_weight)

    @cached_property
    def item_embeddings(self) -> NDArray[np.float32]:
        old = self._model.item_embeddings
        new = np.zeros((len(self._new), old.shape[1]), np.float32)
        for domain, (_, embeddings) in self._made.items():
            new[self._domain == domain] = embeddings
        return np.concatenate([old, new])[self._order]

    def item_vectors(self, domain: int) -> Vectors:
        if domain not in self._made:
            return self._model.item_vectors(domain)
        if domain not in self._vectors:
            known, new = self._model.item_vectors(domain), self._made[domain][0]
            both = Vectors(
                np.concatenate([known.dense, new.dense]),
                None
                if known.sparse is None or new.sparse is None
                else sp.csr_matrix(sp.vstack([known.sparse, new.sparse])),
            )
            self._vectors[domain] = both[self._order_of(domain)]
        return self._vectors[domain]

    def tails(self, domain: int) -> Tails | None:
        known = self._model.tails(domain)
        if known is None or domain not in self._made:
            return known
        if domain not in self._tails:
            lengths = tails_of(self._made[domain][0], known.lead).lengths
            both = np.concatenate([known.lengths, lengths])[self._order_of(domain)]
            self._tails[domain] = Tails(known.lead, both)
        return self._tails[domain]

    def serving_vectors(self, domain: int) -> ServingVectors:
        """Those of the run.

        Raises:
            InputError: The domain has new items, which have none.
        """
        if domain in self._made:
            raise InputError(
                f"items that came after the training have no serving vectors, and the domain "
                f"{self._model.snapshot.domain_keys[domain]} has some; open the run without them"
            )
        return self._model.serving_vectors(domain)

    def _order_of(self, domain: int) -> NDArray[np.int64]:
        """Rows of the run's items of a domain, followed by the new ones, by place in the whole."""
        old = self._model.snapshot
        number = np.concatenate(
            [old.items_of(domain), old.num_items + np.flatnonzero(self._domain == domain)]
        )
        return np.argsort(self._place[number])

    def user_vectors(self, users: Histories, domain: int) -> Vectors:
        return self._model.user_vectors(self._known(users), domain)

    def text_user_vectors(self, texts: list[str], domain: int) -> Vectors:
        return self._model.text_user_vectors(texts, domain)

    def user_embeddings(self, users: Histories) -> NDArray[np.float32]:
        return self._model.user_embeddings(self._known(users))

    def new_items(self, texts: list[str], domain: int) -> tuple[Vectors, NDArray[np.float32]]:
        return self._model.new_items(texts, domain)

    @cached_property
    def _stands_for(self) -> NDArray[np.int32]:
        """``[I + N]`` number in the run of each item, or of the known item nearest to it."""
        old = self._model.snapshot
        near = np.zeros(len(self._new), np.int64)
        for domain, (_, embeddings) in self._made.items():
            items = old.items_of(domain)
            alike = embeddings @ self._model.item_embeddings[items].T
            near[self._domain == domain] = items[alike.argmax(axis=1)]
        return np.concatenate([np.arange(old.num_items), near])[self._order].astype(np.int32)

    def _known(self, users: Histories) -> Histories:
        return Histories.of_sorted_events(
            self._stands_for[users.event_item], users.offsets,
            num_items=self._model.snapshot.num_items, time=users.event_time,
            kind=users.event_kind, has_order=users.has_order,
        )  # fmt: skip
