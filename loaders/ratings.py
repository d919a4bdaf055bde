"""The scale of ratings: which rating weighs 1, for each domain of a source.

In:   what a person gave (``--rating-scale``), what the format says, the highest rating of a domain.
Out:  one scale a domain and where it is from; the ratings that lie outside a scale known before.

Two domains of one file may rate differently: 5 of 5 films and 10 of 10 books both weigh 1. What a
person gave for a domain stands first, then what they gave for all, then what the format says; else
the scale is the smallest of 1, 5, 10, 100 that no rating of the domain exceeds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import polars as pl

from loaders.errors import BadSourceError

__all__ = [
    "ALL_DOMAINS",
    "LOWER_SCALES",
    "DomainScale",
    "RatingScales",
    "Rated",
    "doubts",
    "rating_scale",
]

ALL_DOMAINS = "*"
"""Stands for every domain that has no scale of its own."""

_SCALES = (1.0, 5.0, 10.0, 100.0)
LOWER_SCALES = _SCALES[:-1]
"""Ratings above one of these make a higher scale."""
_FEW = 0.01
"""Where a smaller fraction of the ratings makes a higher scale, they are probably mistakes."""


def rating_scale(highest: float) -> float:
    """The scale of a domain whose highest rating is this.

    Example:
        >>> rating_scale(4.5), rating_scale(10)
        (5.0, 10.0)
    """
    return next(scale for scale in _SCALES if highest <= scale)


@dataclass(frozen=True, slots=True)
class DomainScale:
    """Ratings of this size weigh 1 in a domain."""

    scale: float
    origin: Literal["given", "format", "inferred"]
    """``given`` by a person, said by the ``format``, or ``inferred`` from the highest rating."""
    ratings: int
    """Ratings of the domain; 0 for a domain that a person named and the source does not rate."""


@dataclass(frozen=True, slots=True)
class Rated:
    """The ratings of one domain of a source."""

    count: int
    highest: float
    above: tuple[int, ...] = (0,) * len(LOWER_SCALES)
    """How many of them exceed each of :data:`LOWER_SCALES`."""


@dataclass(frozen=True)
class RatingScales:
    """What is known of the scales before the ratings are read.

    Raises:
        BadSourceError: A scale is not above 0, or a domain's name cannot be one.
    """

    given: Mapping[str, float]
    """The scales that the user gave, by domain or under :data:`ALL_DOMAINS`."""
    format: float | None = None
    """Scale of every domain, as the format says."""

    def __post_init__(self) -> None:
        for domain, scale in self.given.items():
            if not domain.strip() or ":" in domain:
                raise BadSourceError(
                    f"rating_scale names the domain {domain!r}; a domain has a name without a "
                    f"colon: --rating-scale DOMAIN=N"
                )
            if not (scale > 0 and math.isfinite(scale)):
                of = "" if domain == ALL_DOMAINS else f" for {domain!r}"
                raise BadSourceError(
                    f"rating_scale must be above 0, got {scale:g}{of}; give --rating-scale N or "
                    f"--rating-scale DOMAIN=N"
                )

    @property
    def of_all(self) -> float | None:
        """The scale of domains that have none of their own; None: it is inferred."""
        return self.given.get(ALL_DOMAINS, self.format)

    def faults(self, domain: pl.Expr, rating: pl.Expr) -> list[tuple[pl.Expr, str]]:
        """Ratings that no scale allows, each with the reason."""
        own = {name: scale for name, scale in self.given.items() if name != ALL_DOMAINS}
        others = self.of_all or _SCALES[-1]
        outside = (rating < 0) | (rating > others)
        if not own:
            return [(outside, f"rating outside 0 to {others:g}")]
        faults = [
            (
                (domain == name) & ((rating < 0) | (rating > scale)),
                f"rating outside 0 to {scale:g}, the scale of {name}",
            )
            for name, scale in own.items()
        ]
        return [*faults, (~domain.is_in(list(own)) & outside, f"rating outside 0 to {others:g}")]

    def settle(self, rated: Mapping[str, Rated]) -> dict[str, DomainScale]:
        """The scale of each domain, from the number of its ratings and the highest of them.

        Example:
            >>> rated = {"films": Rated(2, 4.0), "books": Rated(3, 8.0)}
            >>> scales = RatingScales({"films": 5}).settle(rated)
            >>> scales["films"].scale, scales["books"].scale, scales["books"].origin
            (5, 10.0, 'inferred')
        """
        settled = {}
        for domain in sorted({*rated, *self.given} - {ALL_DOMAINS}):
            found = rated.get(domain, Rated(0, 0.0))
            ratings, top = found.count, found.highest
            given = self.given.get(domain, self.given.get(ALL_DOMAINS))
            if given is not None:
                settled[domain] = DomainScale(given, "given", ratings)
            elif self.format is not None:
                settled[domain] = DomainScale(self.format, "format", ratings)
            else:
                settled[domain] = DomainScale(rating_scale(top), "inferred", ratings)
        return settled


def doubts(
    scales: Mapping[str, DomainScale],
    rated: Mapping[str, Rated],
    earlier: Mapping[str, float],
) -> list[str]:
    """A sentence for each inferred scale that is probably not the one that was meant.

    Args:
        scales: The scale that is used for each domain.
        rated: The ratings that they were inferred from.
        earlier: The scales of the same domains in sources that were ingested before.

    Example:
        >>> doubts({"books": DomainScale(5, "inferred", 3)}, {"books": Rated(3, 5.0)}, {})
        []
    """
    sentences = []
    for domain, one in scales.items():
        if one.origin != "inferred" or domain not in rated:
            continue
        before = earlier.get(domain, one.scale)
        if before != one.scale:
            sentences.append(
                f"ratings of {domain} are read on the scale 0 to {one.scale:g}, inferred from this "
                f"source, and were on 0 to {before:g} in a source before it; if the scale is the "
                f"same, ingest it with --force --rating-scale {domain}={before:g}"
            )
            continue
        for lower, above in zip(LOWER_SCALES, rated[domain].above, strict=True):
            if 0 < above < _FEW * one.ratings:
                sentences.append(
                    f"{above:,} of {one.ratings:,} ratings of {domain} are above {lower:g}, so "
                    f"that the scale 0 to {one.scale:g} was inferred; if they are mistakes, ingest "
                    f"the source into a new store with --rating-scale {domain}={lower:g}"
                )
                break
    return sentences
