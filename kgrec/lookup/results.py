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
    "FIELDS",
    "REASON",
    "USER_ID",
    "Explanation",
    "Reason",
    "Recommendation",
    "Recommendations",
    "SimilarItem",
    "SimilarItems",
    "plain_rows",
]

FIELDS: dict[str, pl.DataType] = {
    "key": pl.String(),
    "item_id": pl.String(),
    "domain": pl.String(),
    "title": pl.String(),
    "rank": pl.Int32(),
    "score": pl.Float32(),
}
"""What every line of an answer holds, in this order, in Python, JSON, files and tables alike."""
USER_ID = "user_id"
"""Stands before :data:`FIELDS` where many users are asked for."""
REASON = "reason"
"""Stands behind them where reasons are asked for."""
_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason for an item, as a path that a reader can follow."""

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
    """How many users stand behind a ``people`` or ``popular`` reason; never who."""

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
    """Key of the user; None where a history or a text was given."""
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
            "user_id": self.user,
            "key": self.key,
            "item_id": self.item_id,
            "domain": self.domain,
            "title": self.title,
            "score": round(self.score, _DIGITS),
            "reason": self.sentence,
            "reasons": [reason.to_dict() for reason in self.reasons],
        }


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One line of an answer."""

    user: str | None
    """Key of the user; None where a history or a text was given."""
    key: str
    """The item's key, ``domain:item_id``."""
    item_id: str
    domain: str
    title: str | None
    rank: int
    """1 is best."""
    score: float
    explanation: Explanation | None = None
    """Only where it was asked for."""


class Recommendations(Sequence[Recommendation]):
    """The answers for one or many users, kept as columns; a line is made when it is looked at."""

    def __init__(
        self,
        table: pl.DataFrame,
        *,
        many: bool = False,
        unknown: Sequence[str] = (),
        explanations: Mapping[int, Explanation] | None = None,
    ) -> None:
        """Keep the columns.

        Args:
            table: ``user_id`` and :data:`FIELDS`.
            many: Whether many users were asked for, so that lines must say whose they are.
            unknown: Ids that were asked for and that the graph does not know.
            explanations: Explanations by line number, where reasons were asked for.
        """
        self._table = table.select(USER_ID, *FIELDS)
        self._many = many
        self._explanations = explanations
        self.unknown = list(unknown)
        """Ids that were asked for and that the graph does not know."""

    def to_frame(self) -> pl.DataFrame:
        """Columns ``key, item_id, domain, title, rank, score``.

        Where many users were asked for, ``user_id`` comes first; where reasons were asked for,
        ``reason`` comes last, one sentence.
        """
        frame = self._table.select([USER_ID] * self._many + list(FIELDS))
        if self._explanations is None:
            return frame
        told = [self._explanations[row].sentence for row in range(frame.height)]
        return frame.with_columns(pl.Series(REASON, told, dtype=pl.String))

    def to_dicts(self) -> list[dict[str, Any]]:
        """The rows of :meth:`to_frame` as plain data for JSON."""
        return plain_rows(self.to_frame())

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
        users = self._table[USER_ID].n_unique()
        return f"<{len(self)} recommendations for {users} users, {len(self.unknown)} unknown>"

    def _line(self, row: int) -> Recommendation:
        user, key, item_id, domain, title, rank, score = self._table.row(row)
        explanation = (self._explanations or {}).get(row)
        return Recommendation(user, key, item_id, domain, title, rank, score, explanation)


@dataclass(frozen=True, slots=True)
class SimilarItem:
    """One item near another; ``score`` is the cosine of their embeddings."""

    key: str
    """The item's key, ``domain:item_id``."""
    item_id: str
    domain: str
    title: str | None
    rank: int
    score: float


class SimilarItems(list[SimilarItem]):
    """Items near another, best first."""

    def to_frame(self) -> pl.DataFrame:
        """Columns ``key, item_id, domain, title, rank, score``."""
        return pl.DataFrame(
            [[getattr(one, name) for name in FIELDS] for one in self], schema=FIELDS, orient="row"
        )

    def to_dicts(self) -> list[dict[str, Any]]:
        """The rows of :meth:`to_frame` as plain data for JSON."""
        return plain_rows(self.to_frame())


def plain_rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Rows as plain data; scores with six digits, which is more than they are good for."""
    return frame.with_columns(pl.col("score").cast(pl.Float64).round(_DIGITS)).to_dicts()
