"""Points in time of any form as Unix seconds, and a reason for each that has no sense.

In:   a column of numbers, of text (:mod:`loaders.dates`) or of a date type, and its unit.
Out:  whole Unix seconds, and the reason where a value cannot be used.

With the unit ``auto`` a number must be a Unix time between 1990 and now in seconds, milliseconds,
microseconds or nanoseconds, which its size tells, or a date without separators (``20230105``).
Anything else could be a year, an index or a missing value: it is refused, and the reason names
the option that takes it.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

import polars as pl

from loaders.dates import seconds_of_text

__all__ = ["BEFORE_1970", "DAY", "TIME_UNITS", "TimeUnit", "Times", "is_time_type", "read_times"]

TimeUnit = Literal["auto", "s", "ms", "us", "ns", "iso"]
"""``auto``: told by the size of a number; other text is a date. ``iso``: only dates are read."""
TIME_UNITS: tuple[str, ...] = get_args(TimeUnit)

DAY = 86_400
_FIRST = 631_152_000
"""1990-01-01: logs of behaviour are younger, and no year or index is as large."""
_UNITS = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_END_OF_SECONDS = 10**11
"""The year 5138; larger numbers are of another unit or dates without separators."""
_DATE = "a date such as 2023-01-05T12:00:00Z"
_BARE_YEAR = "time is a bare year (write a date, or --time-unit s if it counts seconds)"
_NO_TIME = "time is a number before 1990 (--time-unit s, ms, us or ns takes it nevertheless)"
_FUTURE = "time in the future"
BEFORE_1970 = "time before 1970"


class Times(NamedTuple):
    """One entry a value."""

    seconds: pl.Series
    """Unix seconds (int64); null where there is no time, and of no use where there is a fault."""
    faults: pl.Series | None
    """The reason why a value cannot be used; no value is no fault. None: nothing is at fault."""


def is_time_type(dtype: pl.DataType) -> bool:
    """Whether a column of this type can hold times."""
    return isinstance(dtype, pl.Date | pl.Datetime | pl.String | pl.Null) or dtype.is_numeric()


def read_times(values: pl.Series, unit: TimeUnit, *, latest: int, is_given: bool = False) -> Times:
    """Read a column of times.

    Args:
        values: The column, of a type for which :func:`is_time_type` is true.
        unit: Unit of numbers.
        latest: Unix seconds; what is later lies in the future.
        is_given: Whether a person named the unit: then numbers before 1990 are taken as well.

    Example:
        >>> times = read_times(pl.Series(["1672920000", "20230105", ""]), "auto", latest=2**31)
        >>> times.seconds.to_list()
        [1672920000, 1672876800, None]
    """
    if values.dtype.is_temporal():
        return _judge(values, _seconds(values), [], latest)
    if values.dtype == pl.String:
        values = values.str.strip_chars()
        values = values.set(values == "", None)
    numbers = values.cast(pl.Float64, strict=False)
    if not values.dtype.is_integer():
        numbers = numbers.set(~numbers.is_finite(), None)
    per_second = _PER_SECOND.get(unit, 1)
    # Nearly every column of numbers ends here: all of it is plausible in one unit.
    if unit != "iso" and numbers.null_count() == values.null_count():
        lowest, highest = numbers.min(), numbers.max()
        if lowest is None or _FIRST * per_second <= lowest and highest <= latest * per_second:  # type: ignore[operator]
            return Times((numbers / per_second).floor().cast(pl.Int64), None)
    if unit in _PER_SECOND:
        return _of_unit(values, numbers, unit, latest, is_given=is_given)
    return _of_any_form(values, numbers, unit, latest)


def _seconds(values: pl.Series) -> pl.Series:
    """Unix seconds of dates or times, without a unit between in which a far one would not fit."""
    stored = values.to_physical().cast(pl.Int64)
    if isinstance(values.dtype, pl.Datetime):
        return stored // _PER_SECOND[values.dtype.time_unit]
    return stored * DAY


def _of_unit(
    values: pl.Series, numbers: pl.Series, unit: str, latest: int, *, is_given: bool
) -> Times:
    number, per_second = pl.col("number"), _PER_SECOND[unit]
    faults = [(number.is_null(), f"time is no number of {_UNITS[unit]}")]
    faults += [
        (
            number.is_between(_FIRST * per, latest * per),
            f"time of another unit than {_UNITS[unit]} (--time-unit {other}?)",
        )
        for other, per in _PER_SECOND.items()
        if other != unit
    ]
    if not is_given:
        faults.append((number < _FIRST * per_second, _NO_TIME))
    seconds = (numbers / per_second).floor().cast(pl.Int64, strict=False)
    return _judge(values, seconds, faults, latest, numbers)


def _of_any_form(values: pl.Series, numbers: pl.Series, unit: str, latest: int) -> Times:
    number = pl.col("number")
    frame = pl.DataFrame({"number": numbers})
    seconds = pl.Series([None], dtype=pl.Int64).new_from_index(0, len(values))
    if unit == "auto":
        by_size = [
            pl.when(number.is_between(_FIRST * per, latest * per)).then((number / per).floor())
            for per in _PER_SECOND.values()
        ]
        seconds = frame.select(pl.coalesce(by_size).cast(pl.Int64)).to_series()
    left = (seconds.is_null() & values.is_not_null()).arg_true()
    texts = values.gather(left)
    if texts.dtype.is_float():  # 20230105.0
        texts = texts.cast(pl.Int64, strict=False)
    seconds = seconds.scatter(left, seconds_of_text(texts.cast(pl.String)))
    unread = pl.col("seconds").is_null()
    if unit == "iso":
        return _judge(values, seconds, [(unread, f"time is not {_DATE}")], latest, numbers)
    faults = [
        (unread & (number < 0), BEFORE_1970),
        (unread & number.is_null(), f"time is neither a Unix time nor {_DATE}"),
        (unread & number.is_between(1000, 2999) & (number == number.floor()), _BARE_YEAR),
        (unread & (number >= _FIRST), _FUTURE),
        (unread, _NO_TIME),
    ]
    return _judge(values, seconds, faults, latest, numbers)


def _judge(
    values: pl.Series,
    seconds: pl.Series,
    faults: list[tuple[pl.Expr, str]],
    latest: int,
    numbers: pl.Series | None = None,
) -> Times:
    """Give each value that is there the first fault that it has."""
    second = pl.col("seconds")
    faults = [*faults, (second > latest, _FUTURE), (second < 0, BEFORE_1970)]
    frame = pl.DataFrame(
        {
            "given": values.is_not_null(),
            "seconds": seconds,
            "number": seconds if numbers is None else numbers,
        }
    )
    reasons = [pl.when(pl.col("given") & fault).then(pl.lit(why)) for fault, why in faults]
    found = frame.select(pl.coalesce(reasons)).to_series()
    return Times(seconds, None if found.null_count() == len(found) else found)
