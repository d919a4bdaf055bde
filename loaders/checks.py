"""Every row is checked here: fields of whatever type in, records of one schema out.

In:   a frame of fields (:data:`loaders.records.FIELDS`) with ``line``, and the rules.
Out:  the records that can be used, and the rows that cannot with the first reason found.

All checks are polars expressions over whole batches; nothing here reads a file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import polars as pl

from loaders.records import RATING_SCALES, Role
from loaders.times import TimeUnit, fault_of_time, unix_seconds

__all__ = ["Checked", "Rules", "check"]


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for all rows of a file."""

    latest: int
    """Unix seconds; what is said to have happened later cannot be used."""
    domain: str | None = None
    """Of rows that name none."""
    platform: str | None = None
    kind: str | None = None
    time_unit: TimeUnit = "auto"
    rating_max: float | None = None
    """None: found out from the whole source, so that only the largest scale binds."""
    tag_separator: str = "|"


class Checked(NamedTuple):
    """Both halves keep ``line``."""

    good: pl.DataFrame
    bad: pl.DataFrame


def check(role: Role, fields: pl.DataFrame, rules: Rules) -> Checked:
    """Tell the rows that can be used from those that cannot.

    Example:
        >>> rows = pl.DataFrame({"line": [1, 2], "user": ["u1", ""], "item": ["a", "b"]})
        >>> good, bad = check("interactions", rows, Rules(latest=0, domain="books"))
        >>> good["item"].to_list(), bad["reason"].to_list()
        (['books:a'], ['no user id'])
    """
    faults, records = _CHECKS[role](fields, rules)
    judged = fields.with_columns(pl.coalesce(faults).alias("reason"))
    bad = judged.filter(pl.col("reason").is_not_null())
    usable = fields if bad.is_empty() else judged.filter(pl.col("reason").is_null())
    return Checked(usable.select("line", *records), bad)


def _interactions(fields: pl.DataFrame, rules: Rules) -> tuple[list[pl.Expr], list[pl.Expr]]:
    user, item, domain = _id(fields, "user"), _id(fields, "item"), _domain(fields, rules)
    rating = _rating(fields)
    scale = rules.rating_max or RATING_SCALES[-1]
    faults = [
        _reason(user.is_null(), "no user id"),
        _reason(item.is_null(), "no item id"),
        *_domain_faults(domain),
        _reason(_given(fields, "rating") & rating.is_null(), "rating is no number"),
        _reason((rating < 0) | (rating > scale), f"rating outside 0 to {scale:g}"),
        *_platform_faults(fields, "platform"),
    ]
    at = pl.lit(None, dtype=pl.Int64)
    if "time" in fields.columns:
        dtype = fields.schema["time"]
        faults.append(fault_of_time("time", dtype, rules.time_unit, latest=rules.latest))
        at = unix_seconds("time", dtype, rules.time_unit)
    otherwise = pl.when(rating.is_null()).then(pl.lit("interaction")).otherwise(pl.lit("rating"))
    kind = pl.coalesce(_id(fields, "kind"), pl.lit(rules.kind, dtype=pl.String), otherwise)
    event = _id(fields, "event_id")
    return faults, [
        _with_platform(user, fields, "platform", rules.platform).alias("user"),
        pl.concat_str(domain, pl.lit(":"), item).alias("item"),
        pl.concat_str(kind, pl.lit("#") + event, ignore_nulls=True).alias("kind"),
        rating.alias("rating"),
        at.alias("at"),
    ]


def _items(fields: pl.DataFrame, rules: Rules) -> tuple[list[pl.Expr], list[pl.Expr]]:
    item, domain = _id(fields, "item"), _domain(fields, rules)
    faults = [_reason(item.is_null(), "no item id"), *_domain_faults(domain)]
    return faults, [
        pl.concat_str(domain, pl.lit(":"), item).alias("item"),
        _text(fields, "title").alias("title"),
        _text(fields, "description").alias("description"),
        _tags(fields, rules.tag_separator).alias("tags"),
    ]


def _links(fields: pl.DataFrame, rules: Rules) -> tuple[list[pl.Expr], list[pl.Expr]]:
    ends = [
        _with_platform(_id(fields, f"account_{end}"), fields, f"platform_{end}", None)
        for end in ("a", "b")
    ]
    faults = [
        _reason(ends[0].is_null() | ends[1].is_null(), "no account"),
        _reason(ends[0] == ends[1], "an account linked to itself"),
        *_platform_faults(fields, "platform_a"),
        *_platform_faults(fields, "platform_b"),
    ]
    # One direction, so that a link said twice, once the other way round, is one link.
    return faults, [
        pl.min_horizontal(ends).alias("source"),
        pl.max_horizontal(ends).alias("target"),
    ]


_CHECKS = {"interactions": _interactions, "items": _items, "links": _links}


def _reason(fault: pl.Expr, reason: str) -> pl.Expr:
    return pl.when(fault).then(pl.lit(reason))


def _id(fields: pl.DataFrame, column: str) -> pl.Expr:
    """An id as text; null where it is missing or blank. Whole floats lose their ``.0``."""
    dtype = fields.schema.get(column)
    if dtype is None:
        return pl.lit(None, dtype=pl.String)
    value = pl.col(column)
    if dtype.is_float():
        whole = value.is_finite() & (value == value.floor())
        return pl.when(whole).then(value.cast(pl.Int64, strict=False)).cast(pl.String)
    text = value.cast(pl.String)
    return pl.when(text.str.strip_chars() != "").then(text)


def _given(fields: pl.DataFrame, column: str) -> pl.Expr:
    dtype = fields.schema.get(column)
    if dtype is None:
        return pl.lit(False)
    if dtype == pl.String:
        return pl.col(column).str.strip_chars().fill_null("") != ""
    return pl.col(column).is_not_null()


def _rating(fields: pl.DataFrame) -> pl.Expr:
    dtype = fields.schema.get("rating")
    if dtype is None or not (dtype.is_numeric() or dtype == pl.String):
        return pl.lit(None, dtype=pl.Float64)
    value = pl.col("rating").str.strip_chars() if dtype == pl.String else pl.col("rating")
    number = value.cast(pl.Float64, strict=False)
    return pl.when(number.is_finite()).then(number)


def _domain(fields: pl.DataFrame, rules: Rules) -> pl.Expr:
    return pl.coalesce(_id(fields, "domain"), pl.lit(rules.domain, dtype=pl.String))


def _domain_faults(domain: pl.Expr) -> list[pl.Expr]:
    return [
        _reason(domain.is_null(), "no domain"),
        _reason(domain.str.contains(":", literal=True), "colon in the domain's name"),
    ]


def _platform_faults(fields: pl.DataFrame, column: str) -> list[pl.Expr]:
    if column not in fields.columns:
        return []
    colon = _id(fields, column).str.contains(":", literal=True)
    return [_reason(colon, "colon in the platform's name")]


def _with_platform(
    account: pl.Expr, fields: pl.DataFrame, column: str, otherwise: str | None
) -> pl.Expr:
    platform = pl.coalesce(_id(fields, column), pl.lit(otherwise, dtype=pl.String))
    key = pl.concat_str(platform + pl.lit(":"), account, ignore_nulls=True)
    return pl.when(account.is_not_null()).then(key)


def _text(fields: pl.DataFrame, column: str) -> pl.Expr:
    dtype = fields.schema.get(column)
    if dtype is None:
        return pl.lit(None, dtype=pl.String)
    if isinstance(dtype, pl.List):
        text = pl.col(column).cast(pl.List(pl.String)).list.drop_nulls().list.join(" ")
    else:
        text = pl.col(column).cast(pl.String)
    return pl.when(text.str.strip_chars() != "").then(text)


def _tags(fields: pl.DataFrame, separator: str) -> pl.Expr:
    dtype = fields.schema.get("tags")
    if dtype is None:
        return pl.lit(None, dtype=pl.List(pl.String))
    tags = pl.col("tags")
    if isinstance(dtype, pl.List) and isinstance(dtype.inner, pl.List):
        tags = tags.list.eval(pl.element().explode())
    elif not isinstance(dtype, pl.List):
        tags = tags.cast(pl.String).str.split(separator)
    stripped = pl.element().cast(pl.String).str.strip_chars()
    return tags.list.eval(stripped.filter(stripped != "").unique(maintain_order=True))
