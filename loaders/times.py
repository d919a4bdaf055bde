"""Points in time of any form as Unix seconds.

In:   a column of numbers (seconds, milliseconds), of ISO 8601 text, or of a date type.
Out:  whole Unix seconds and, where a value cannot be read, the reason.
"""

from __future__ import annotations

from typing import Literal, get_args

import polars as pl

__all__ = ["DAY", "TIME_UNITS", "TimeUnit", "fault_of_time", "unix_seconds"]

TimeUnit = Literal["auto", "s", "ms", "iso"]
"""``auto``: numbers are seconds, other text is ISO 8601."""
TIME_UNITS: tuple[str, ...] = get_args(TimeUnit)

DAY = 86_400
_FIRST_MS = 1e11
"""As seconds this is the year 5138, as milliseconds March 1973: no log holds both."""
_ISO_ZONED = "%Y-%m-%d %H:%M:%S%.f%z"
_ISO_PLAIN = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M")


def unix_seconds(column: str, dtype: pl.DataType, unit: TimeUnit) -> pl.Expr:
    """Unix seconds (int64); null where there is no time or it cannot be read."""
    value = pl.col(column)
    if isinstance(dtype, pl.Date | pl.Datetime):
        return value.cast(pl.Datetime("us")).dt.epoch("s")
    number, written = _number(column, dtype), _iso(column, dtype)
    if unit == "iso":
        return written
    seconds = (number / 1000 if unit == "ms" else number).floor().cast(pl.Int64, strict=False)
    return seconds if unit in ("s", "ms") else pl.coalesce(seconds, written)


def fault_of_time(column: str, dtype: pl.DataType, unit: TimeUnit, *, latest: int) -> pl.Expr:
    """The reason why a value cannot be used, null where it can; no value is no fault."""
    seconds = unix_seconds(column, dtype, unit)
    given = _given(column, dtype)
    unreadable = {
        "auto": "time is neither Unix seconds nor ISO 8601",
        "s": "time is no number of seconds",
        "ms": "time is no number of milliseconds",
        "iso": "time is not ISO 8601",
    }[unit]
    reasons = [pl.when(given & seconds.is_null()).then(pl.lit(unreadable))]
    if not isinstance(dtype, pl.Date | pl.Datetime):
        number = _number(column, dtype)
        if unit in ("auto", "s"):
            other = pl.lit("time of another unit than seconds (--time-unit ms?)")
            reasons.append(pl.when(number >= _FIRST_MS).then(other))
        if unit == "ms":
            other = pl.lit("time of another unit than milliseconds (--time-unit s?)")
            reasons.append(pl.when((number > 0) & (number < _FIRST_MS / 10)).then(other))
    reasons.append(pl.when(seconds > latest).then(pl.lit("time in the future")))
    reasons.append(pl.when(seconds < 0).then(pl.lit("time before 1970")))
    return pl.coalesce(reasons)


def _given(column: str, dtype: pl.DataType) -> pl.Expr:
    if dtype == pl.String:
        return pl.col(column).str.strip_chars().fill_null("") != ""
    return pl.col(column).is_not_null()


def _number(column: str, dtype: pl.DataType) -> pl.Expr:
    value = pl.col(column)
    if dtype == pl.String:
        value = value.str.strip_chars()
    number = value.cast(pl.Float64, strict=False)
    return pl.when(number.is_finite()).then(number)


def _iso(column: str, dtype: pl.DataType) -> pl.Expr:
    if dtype != pl.String:
        return pl.lit(None, dtype=pl.Int64)
    text = (
        pl.col(column)
        .str.strip_chars()
        .str.replace(r"^(\d{4}-\d{2}-\d{2})[Tt]", "$1 ")
        .str.replace(r"[Zz]$", "+00:00")
    )
    moments = [text.str.to_datetime(_ISO_ZONED, strict=False, time_unit="us", time_zone="UTC")]
    moments += [
        text.str.to_datetime(form, strict=False, time_unit="us").dt.replace_time_zone("UTC")
        for form in _ISO_PLAIN
    ]
    moments.append(text.str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us", "UTC")))
    return pl.coalesce(moments).dt.epoch("s")
