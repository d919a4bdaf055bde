"""Every row is checked here: fields of whatever type in, records of one schema out.

In:   a frame of fields (:data:`loaders.records.FIELDS`) with ``line``, and the rules.
Out:  the records that can be used, the rows that cannot with the first reason found, and what
      was done to values that were not taken as they stand.

All checks are polars expressions over whole batches; nothing here reads a file. The types of the
columns were checked before (:mod:`loaders.column_types`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import polars as pl

from loaders.catalogue import read_catalogue
from loaders.ids import NO_EXACT_NUMBER
from loaders.item_properties import field_of, property_fields, read_values
from loaders.ratings import RatingScales
from loaders.records import Role
from loaders.row_ids import faults_of_ids, read_ids
from loaders.times import TimeUnit, read_times

__all__ = ["Checked", "Rules", "check"]

Fault = tuple[pl.Expr, str | pl.Expr]
"""Which rows have it (null: not), and the reason."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for all rows of a file."""

    latest: int
    """Unix seconds; what is said to have happened later cannot be used."""
    domain: str | None = None
    """Domain of rows that name none."""
    platform: str | None = None
    kind: str | None = None
    time_unit: TimeUnit = "auto"
    time_unit_is_given: bool = False
    """Whether a person named the unit, so that numbers before 1990 are taken."""
    scales: RatingScales = field(default_factory=lambda: RatingScales({}))
    tag_separator: str = "|"


class Checked(NamedTuple):
    """Both frames keep ``line``."""

    good: pl.DataFrame
    bad: pl.DataFrame
    remarks: Counter[str]
    """How many values were changed, by what was done to them; of bad rows as well."""


def check(role: Role, fields: pl.DataFrame, rules: Rules) -> Checked:
    """Tell the rows that can be used from those that cannot.

    Args:
        role: Whether rows are interactions, items or links.
        fields: The columns that were read.
        rules: What is allowed for each.

    Example:
        >>> rows = pl.DataFrame({"line": [1, 2], "user": ["u1", ""], "item": ["a", "b "]})
        >>> good, bad, remarks = check("interactions", rows, Rules(latest=0, domain="books"))
        >>> good["item"].to_list(), bad["reason"].to_list(), list(remarks.values())
        (['books:a'], ['no user id'], [1])
    """
    frame, remarks = read_ids(role, fields)
    more, faults, records = _CHECKS[role](frame, rules, remarks)
    frame = frame.with_columns(more)
    found = [*faults_of_ids(role, fields), *faults]
    at_fault = frame.select(
        pl.any_horizontal(fault for fault, _ in found).fill_null(value=False)
    ).to_series()
    if not at_fault.any():
        return Checked(frame.select("line", *records), _as_it_was(fields.clear(), []), remarks)
    reason = pl.coalesce(
        pl.when(fault).then(pl.lit(why) if isinstance(why, str) else why) for fault, why in found
    )
    bad = frame.filter(at_fault).select(reason).to_series()
    good = frame.filter(~at_fault).select("line", *records)
    return Checked(good, _as_it_was(fields.filter(at_fault), bad.to_list()), remarks)


def _interactions(
    frame: pl.DataFrame, rules: Rules, remarks: Counter[str]
) -> tuple[list[pl.Series], list[Fault], list[pl.Expr]]:
    user, item = _id(frame, "user"), _id(frame, "item")
    domain, rating, at = _domain(frame, rules), pl.col("rating~"), pl.col("at~")
    more = [_rating(frame).alias("rating~")]
    faults: list[Fault] = [
        (user.is_null(), "no user id"),
        (item.is_null(), "no item id"),
        *_domain_faults(domain),
        (_given(frame, "rating") & rating.is_null(), "rating is no number"),
        *rules.scales.faults(domain, rating),
        *_platform_faults(frame, "platform"),
    ]
    if "time" in frame.columns:
        times = read_times(
            frame["time"], rules.time_unit, latest=rules.latest, is_given=rules.time_unit_is_given
        )
        more.append(times.seconds.alias("at~"))
        if times.faults is not None:
            more.append(times.faults.alias("fault~"))
            faults.append((pl.col("fault~").is_not_null(), pl.col("fault~")))
    else:
        at = pl.lit(None, dtype=pl.Int64)
    otherwise = pl.when(rating.is_null()).then(pl.lit("interaction")).otherwise(pl.lit("rating"))
    kind = pl.coalesce(_id(frame, "kind"), pl.lit(rules.kind, dtype=pl.String), otherwise)
    order = pl.lit(None, dtype=pl.Int64)
    if "order" in frame.columns:
        more.append(_order(frame["order"]).alias("order~"))
        order = pl.col("order~")
        faults.append((order.is_null(), "no order (a whole number belongs there)"))
    return more, faults, [
        _with_platform(user, frame, "platform", rules.platform).alias("user"),
        pl.concat_str(domain, pl.lit(":"), item).alias("item"),
        kind.alias("kind"),
        rating.alias("rating"),
        at.alias("at"),
        order.alias("order"),
        _id(frame, "event_id").alias("event"),
    ]  # fmt: skip


def _items(
    frame: pl.DataFrame, rules: Rules, remarks: Counter[str]
) -> tuple[list[pl.Series], list[Fault], list[pl.Expr]]:
    item, domain = _id(frame, "item"), _domain(frame, rules)
    columns, done = read_catalogue(frame, rules.tag_separator)
    remarks.update(done)
    more = [column.alias(f"{column.name}~") for column in columns]
    faults: list[Fault] = [(item.is_null(), "no item id"), *_domain_faults(domain)]
    for name, kind in property_fields(frame.columns).items():
        read = read_values(frame[field_of(name, kind)], kind)
        reason = f"{name}:fault~"
        more += [read.values.alias(f"{name}~"), read.faults.alias(reason)]
        why = pl.concat_str(pl.lit(f"item property {name} "), pl.col(reason))
        faults.append((pl.col(reason).is_not_null(), why))
    return more, faults, [
        pl.concat_str(domain, pl.lit(":"), item).alias("item"),
        *(pl.col(c.name).alias(c.name[:-1]) for c in more if ":" not in c.name),
    ]  # fmt: skip


def _links(
    frame: pl.DataFrame, rules: Rules, remarks: Counter[str]
) -> tuple[list[pl.Series], list[Fault], list[pl.Expr]]:
    ends = [
        _with_platform(_id(frame, f"account_{end}"), frame, f"platform_{end}", None)
        for end in ("a", "b")
    ]
    faults: list[Fault] = [
        (ends[0].is_null() | ends[1].is_null(), "no account"),
        (ends[0] == ends[1], "an account linked to itself"),
        *_platform_faults(frame, "platform_a"),
        *_platform_faults(frame, "platform_b"),
    ]
    # One direction, so that a link said twice, once the other way round, is one link.
    return [], faults, [
        pl.min_horizontal(ends).alias("source"),
        pl.max_horizontal(ends).alias("target"),
    ]  # fmt: skip


_Check = Callable[
    [pl.DataFrame, Rules, Counter[str]], tuple[list[pl.Series], list[Fault], list[pl.Expr]]
]
"""Columns that are read beside the ids, the faults, and the records as expressions over all."""
_CHECKS: dict[Role, _Check] = {"interactions": _interactions, "items": _items, "links": _links}


def _as_it_was(fields: pl.DataFrame, reasons: list[str]) -> pl.DataFrame:
    shown = fields.with_columns(
        pl.col(pl.String).replace(NO_EXACT_NUMBER, "NaN, infinite or not exact")
    )
    return shown.with_columns(pl.Series("reason", reasons, dtype=pl.String))


def _id(frame: pl.DataFrame, field: str) -> pl.Expr:
    name = f"{field}~"
    return pl.col(name) if name in frame.columns else pl.lit(None, dtype=pl.String)


def _given(frame: pl.DataFrame, column: str) -> pl.Expr:
    dtype = frame.schema.get(column)
    if dtype is None:
        return pl.lit(value=False)
    if dtype == pl.String:
        return pl.col(column).str.strip_chars().fill_null("") != ""
    return pl.col(column).is_not_null()


def _rating(frame: pl.DataFrame) -> pl.Series:
    """Finite numbers; null where there is none."""
    if "rating" not in frame.columns:
        return pl.Series([None], dtype=pl.Float64).new_from_index(0, len(frame))
    values = frame["rating"]
    if values.dtype == pl.String:
        values = values.str.strip_chars()
    numbers = values.cast(pl.Float64, strict=False)
    return numbers if values.dtype.is_integer() else numbers.set(~numbers.is_finite(), None)


def _order(values: pl.Series) -> pl.Series:
    """Whole numbers, 7.0 among them; null where there is none."""
    if values.dtype.is_integer():
        return values.cast(pl.Int64, strict=False)
    if values.dtype == pl.String:
        values = values.str.strip_chars()
    numbers = values.cast(pl.Float64, strict=False)
    whole = numbers.set(numbers != numbers.floor(), None).cast(pl.Int64, strict=False)
    if values.dtype != pl.String:
        return whole
    return values.cast(pl.Int64, strict=False).fill_null(whole)  # a long number stays exact


def _domain(frame: pl.DataFrame, rules: Rules) -> pl.Expr:
    if "domain" not in frame.columns:
        return pl.lit(rules.domain, dtype=pl.String)
    return pl.coalesce(pl.col("domain~"), pl.lit(rules.domain, dtype=pl.String))


def _domain_faults(domain: pl.Expr) -> list[Fault]:
    return [
        (domain.is_null(), "no domain"),
        (domain.str.contains(":", literal=True), "colon in the domain's name"),
    ]


def _platform_faults(frame: pl.DataFrame, column: str) -> list[Fault]:
    if column not in frame.columns:
        return []
    colon = _id(frame, column).str.contains(":", literal=True)
    return [(colon, "colon in the platform's name")]


def _with_platform(
    account: pl.Expr, frame: pl.DataFrame, column: str, otherwise: str | None
) -> pl.Expr:
    if column not in frame.columns and otherwise is None:
        return account
    platform = pl.coalesce(_id(frame, column), pl.lit(otherwise, dtype=pl.String))
    key = pl.concat_str(platform + pl.lit(":"), account, ignore_nulls=True)
    return pl.when(account.is_not_null()).then(key)
