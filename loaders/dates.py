"""Dates and times that were written as text, as Unix seconds.

In:   a series of text without white space at its ends.
Out:  whole Unix seconds; null where the text is none of the forms below.

============================  =======================================================
ISO 8601                      ``2023-01-05T12:00:00Z``, ``2023-01-05 14:00:00.123 +02``,
                              ``2023/01/05``, ``20230105``, ``20230105120000``
RFC 2822 (mail, HTTP)         ``Thu, 05 Jan 2023 12:00:00 GMT``
C's ctime, Twitter            ``Thu Jan  5 12:00:00 +0000 2023``
============================  =======================================================

A zone is ``Z``, ``UTC``, ``GMT`` or an offset (``+02``, ``+0200``, ``+02:00``). A time without a
zone is UTC, a date without a time its first second. Forms in which day and month could be mixed up
(``05/01/2023``) and zones that are names (``CET``) are not read.
"""

from __future__ import annotations

import polars as pl

__all__ = ["seconds_of_text"]

_DAY = 86_400
_FARTHEST_ZONE = 14 * 3600
"""No clock on Earth is farther from UTC."""
_CLOCK = r"(?P<hour>\d{2}):?(?P<minute>\d{2})(?::?(?P<second>\d{2})(?:[.,]\d+)?)?"
_ZONE = r"(?P<zone>Z|UTC|UT|GMT|[+-]\d{2}(?::?\d{2})?)"
_YEAR, _DAY_OF_MONTH = r"(?P<year>\d{4})", r"(?P<day>\d{1,2})"
_NAME_OF_MONTH = r"(?P<month>[a-z]{3})"
_ISO = (
    rf"(?i)^{_YEAR}[-/]?(?P<month>\d{{2}})[-/]?(?P<day>\d{{2}})"
    rf"(?:[T ]? *{_CLOCK} *{_ZONE}?)?$"
)
_RFC_2822 = rf"(?i)^(?:[a-z]+, *)?{_DAY_OF_MONTH} +{_NAME_OF_MONTH} +{_YEAR} +{_CLOCK} *{_ZONE}?$"
_CTIME = rf"(?i)^[a-z]{{3}} +{_NAME_OF_MONTH} +{_DAY_OF_MONTH} +{_CLOCK}(?: +{_ZONE})? +{_YEAR}$"
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NUMBER_OF_MONTH = {name: str(number) for number, name in enumerate(_MONTHS, start=1)}


def seconds_of_text(texts: pl.Series) -> pl.Series:
    """Unix seconds (int64) of each text.

    Example:
        >>> seconds_of_text(pl.Series(["2023-01-05T12:00:00Z", "2023-01-05 14:00 +02", "2023"]))
        ... # doctest: +NORMALIZE_WHITESPACE
        shape: (3,)
        Series: '' [i64]
        [
            1672920000
            1672920000
            null
        ]
    """
    found = pl.Series(texts.name, [None], dtype=pl.Int64).new_from_index(0, len(texts))
    for form in (_ISO, _RFC_2822, _CTIME):
        # A column is nearly always of one form, so that later forms see few texts or none.
        left = (found.is_null() & texts.is_not_null()).arg_true()
        if left.is_empty():
            break
        found = found.scatter(left, _read(texts.gather(left), form))
    return found


def _read(texts: pl.Series, form: str) -> pl.Series:
    parts = texts.str.extract_groups(form).struct.unnest()
    year, month, day, hour, minute, second = (
        pl.col(name).cast(pl.Int64, strict=False)
        for name in ("year", "month", "day", "hour", "minute", "second")
    )
    if form != _ISO:
        month = (
            pl.col("month")
            .str.to_lowercase()
            .replace_strict(_NUMBER_OF_MONTH, default=None)
            .cast(pl.Int64)
        )
    first = pl.date(year, month.clip(1, 12), 1)
    days = first.cast(pl.Int32).cast(pl.Int64) + day - 1
    # The 31st of June would be a day of July.
    is_date = month.is_between(1, 12) & (days.cast(pl.Int32).cast(pl.Date).dt.month() == month)
    hour, minute, second = (part.fill_null(0) for part in (hour, minute, second))
    is_clock = (hour < 24) & (minute < 60) & (second <= 60)  # 60: a leap second
    east = _offset()
    is_zone = east.abs() <= _FARTHEST_ZONE
    seconds = days * _DAY + hour * 3600 + minute * 60 + second - east
    return parts.select(pl.when(is_date & is_clock & is_zone).then(seconds).alias("seconds"))[
        "seconds"
    ]


def _offset() -> pl.Expr:
    """Seconds east of Greenwich of the column ``zone``; 0 for names of UTC and for no zone."""
    zone = pl.col("zone")
    hours = zone.str.slice(1, 2).cast(pl.Int64, strict=False)
    minutes = pl.when(zone.str.len_bytes() > 3).then(
        zone.str.slice(-2).cast(pl.Int64, strict=False)
    )
    size = hours * 3600 + minutes.fill_null(0) * 60
    signed = pl.when(zone.str.starts_with("-")).then(-size).otherwise(size)
    return signed.fill_null(0)
