"""What lookups answer: small typed results that turn into frames and plain data.

Nothing here computes an answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

import networkx as nx
import polars as pl

__all__ = [
    "Explanation",
    "Reason",
    "Recommendation",
    "Recommendations",
    "SimilarItem",
    "SimilarItems",
]


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason for an item, as a path that a person can follow."""

    kind: str
    """``tag``, ``people``, ``vector``, ``words`` or ``popular``."""
    strength: float
    """In [0, 1], comparable within a kind only."""
    path: str
    """The path in words, e.g. ``liked tv:1 'Trigun' -HAS_TAG-> Space <-HAS_TAG- this``."""
    via: str | None = None
    """Key of the liked item the path starts from; None for popularity."""
    tags: tuple[str, ...] = ()
    """The shared tags of a ``tag`` reason, rarest first."""
    people: int | None = None
    """How many people stand behind a ``people`` or ``popular`` reason; never who."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data, without what does not apply."""
        values = {"kind": self.kind, "strength": round(self.strength, 4), "path": self.path,
                  "via": self.via, "tags": list(self.tags) or None,
                  "people": self.people}  # fmt: skip
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True)
class Explanation:
    """Why an item: reasons, best first, the same as a graph, and one sentence."""

    user: str | None
    """Key of the person; None where a history or a text was given."""
    domain: str
    item_id: str
    key: str
    title: str | None
    score: float
    reasons: tuple[Reason, ...]
    because: str
    """The reasons in plain words, to stand behind `because`."""
    graph: nx.MultiDiGraph[Any] = field(repr=False, compare=False)
    """Nodes ``(Label, key)`` as from ``GraphStore.neighbourhood``; edges keyed by what they say:
    relationship types, ``LIKED_TOGETHER`` with ``people``, ``NEAR`` with ``score``."""

    @property
    def sentence(self) -> str:
        """One sentence in plain English."""
        return f"{self.title or self.key} is here because {self.because}."

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "user": self.user,
            "domain": self.domain,
            "item_id": self.item_id,
            "title": self.title,
            "score": round(self.score, 6),
            "sentence": self.sentence,
            "reasons": [reason.to_dict() for reason in self.reasons],
        }


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One line of an answer."""

    user: str | None
    """As it came in; None where a history or a text was given."""
    domain: str
    item_id: str
    key: str
    title: str | None
    rank: int
    """1 is best."""
    score: float
    explanation: Explanation | None = None
    """Only where it was asked for."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        values: dict[str, Any] = {
            "user_id": self.user,
            "domain": self.domain,
            "item_id": self.item_id,
            "title": self.title,
            "rank": self.rank,
            "score": round(self.score, 6),
        }
        if self.explanation is not None:
            values["sentence"] = self.explanation.sentence
            values["reasons"] = [reason.to_dict() for reason in self.explanation.reasons]
        return values


class Recommendations(Sequence[Recommendation]):
    """The answers for one or many people, kept as columns; a line is made when it is looked at."""

    def __init__(
        self,
        table: pl.DataFrame,
        *,
        titles: Mapping[str, str | None],
        unknown: Sequence[str] = (),
        explanations: Mapping[int, Explanation] | None = None,
    ) -> None:
        self._table = table
        self._titles = titles
        self._explanations = explanations or {}
        self.unknown = list(unknown)
        """Ids that were asked for and that the graph does not know."""

    def to_frame(self) -> pl.DataFrame:
        """Columns ``user_id, domain, item_id, rank, score``; ids as they came in."""
        return self._table

    def to_dicts(self) -> list[dict[str, Any]]:
        """Plain data for JSON, one entry a line."""
        return [line.to_dict() for line in self]

    def __len__(self) -> int:
        return self._table.height

    @overload
    def __getitem__(self, at: int) -> Recommendation: ...
    @overload
    def __getitem__(self, at: slice) -> list[Recommendation]: ...
    def __getitem__(self, at: int | slice) -> Recommendation | list[Recommendation]:
        if isinstance(at, slice):
            return [self._line(row) for row in range(*at.indices(len(self)))]
        row = at + len(self) if at < 0 else at
        if not 0 <= row < len(self):
            raise IndexError(f"there are {len(self)} recommendations, got number {at}")
        return self._line(row)

    def __iter__(self) -> Iterator[Recommendation]:
        return (self._line(row) for row in range(len(self)))

    def __repr__(self) -> str:
        people = self._table["user_id"].n_unique()
        return f"<{len(self)} recommendations for {people} people, {len(self.unknown)} unknown>"

    def _line(self, row: int) -> Recommendation:
        user, domain, item_id, rank, score = self._table.row(row)
        key = f"{domain}:{item_id}"
        return Recommendation(
            user, domain, item_id, key, self._titles.get(key), rank, score,
            self._explanations.get(row),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class SimilarItem:
    """One item near another; ``score`` is the cosine in the one space of all domains."""

    domain: str
    item_id: str
    key: str
    title: str | None
    rank: int
    score: float

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {"domain": self.domain, "item_id": self.item_id, "title": self.title,
                "rank": self.rank, "score": round(self.score, 6)}  # fmt: skip


class SimilarItems(list[SimilarItem]):
    """Items near another, best first."""

    def to_frame(self) -> pl.DataFrame:
        """Columns ``domain, item_id, title, rank, score``."""
        return pl.DataFrame(
            [(one.domain, one.item_id, one.title, one.rank, one.score) for one in self],
            schema={"domain": pl.String, "item_id": pl.String, "title": pl.String,
                    "rank": pl.Int32, "score": pl.Float32},
            orient="row",
        )  # fmt: skip

    def to_dicts(self) -> list[dict[str, Any]]:
        """Plain data for JSON."""
        return [one.to_dict() for one in self]
