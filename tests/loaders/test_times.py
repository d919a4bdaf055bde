"""Times of any form become Unix seconds; what has no sense is never stored as 1970."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from loaders.times import TimeUnit, read_times
from tests.loaders.worlds import load, write_text

NOON = 1_672_920_000
"""2023-01-05 12:00 UTC."""
LATEST = 2 * 10**9
NO_TIME = "time is a number before 1990 (--time-unit s, ms, us or ns takes it nevertheless)"
BARE_YEAR = "time is a bare year (write a date, or --time-unit s if it counts seconds)"
UNREAD = "time is neither a Unix time nor a date such as 2023-01-05T12:00:00Z"


@pytest.mark.parametrize(
    ("value", "unit", "seconds"),
    [
        ("1672920000", "auto", NOON),
        ("1672920000.9", "s", NOON),
        ("1672920000123", "ms", NOON),
        ("1672920000123", "auto", NOON),
        ("1672920000123456", "auto", NOON),
        ("1672920000123456", "us", NOON),
        ("1672920000000000000", "auto", NOON),
        ("1672920000000000000", "ns", NOON),
        ("2023-01-05T12:00:00Z", "auto", NOON),
        (" 2023-01-05T12:00:00Z\u3000", "auto", NOON),
        ("2023-01-05T14:00:00+02:00", "auto", NOON),
        ("2023-01-05 14:00:00+0200", "auto", NOON),
        ("2023-01-05 14:00:00+02", "auto", NOON),
        ("2023-01-05 14:00:00 +0200", "auto", NOON),
        ("2023-01-05 10:30 -01:30", "iso", NOON),
        ("2023-01-05 12:00:00 UTC", "auto", NOON),
        ("2023-01-05 12:00:00", "auto", NOON),
        ("2023-01-05T12:00:00.123456789Z", "auto", NOON),
        ("2023-01-05 12:00:00,5", "auto", NOON),
        ("20230105T120000Z", "auto", NOON),
        ("20230105120000", "auto", NOON),
        ("Thu, 05 Jan 2023 12:00:00 GMT", "auto", NOON),
        ("5 Jan 2023 14:00:00 +0200", "auto", NOON),
        ("Thu Jan 05 12:00:00 +0000 2023", "auto", NOON),
        ("Thu Jan  5 12:00:00 2023", "auto", NOON),
        ("20230105", "auto", NOON - 43_200),
        ("20230105", "iso", NOON - 43_200),
        ("2023/01/05", "auto", NOON - 43_200),
        ("2023-01-05", "auto", NOON - 43_200),
        ("2024-02-29", "auto", 1_709_164_800),
        (NOON, "auto", NOON),
        (20230105, "auto", NOON - 43_200),
        (20230105.0, "auto", NOON - 43_200),
        (1_672_920_000_123, "ms", NOON),
        (float(NOON), "s", NOON),
        (datetime(2023, 1, 5, 12), "auto", NOON),
        (datetime(2023, 1, 5, 12, tzinfo=UTC), "s", NOON),
        (date(2023, 1, 5), "auto", NOON - 43_200),
        (None, "auto", None),
        ("", "ms", None),
    ],
)
def test_times_of_every_form_become_unix_seconds(
    value: object, unit: TimeUnit, seconds: int | None
) -> None:
    times = read_times(pl.Series([value]), unit, latest=LATEST)
    assert times.faults is None
    assert times.seconds.to_list() == [seconds]


@pytest.mark.parametrize(
    ("value", "unit", "reason"),
    [
        ("2023", "auto", BARE_YEAR),
        (2023, "auto", BARE_YEAR),
        ("0", "auto", NO_TIME),
        ("20230199", "auto", NO_TIME),
        (12345, "auto", NO_TIME),
        (300, "s", NO_TIME),  # the unit is the format's: nobody said that such a number is a time
        ("1600000000", "ms", "time of another unit than milliseconds (--time-unit s?)"),
        ("1600000000123", "s", "time of another unit than seconds (--time-unit ms?)"),
        ("1600000000123456", "ms", "time of another unit than milliseconds (--time-unit us?)"),
        ("1600000000", "iso", "time is not a date such as 2023-01-05T12:00:00Z"),
        ("2020-09-13", "s", "time is no number of seconds"),
        ("2023-13-13", "auto", UNREAD),
        ("2023-02-29", "auto", UNREAD),
        ("2023-01-05T25:00:00", "auto", UNREAD),
        ("2023-01-05 12:00:00 CET", "auto", UNREAD),
        ("2023-01-05T12:00:00+99:00", "auto", UNREAD),
        ("05/01/2023", "auto", UNREAD),  # January or May?
        ("-5", "auto", "time before 1970"),
        ("nan", "auto", UNREAD),
        ("inf", "s", "time is no number of seconds"),
        ("5000000000", "auto", "time in the future"),
        ("2099-01-01", "auto", "time in the future"),
        (datetime(2099, 1, 1), "auto", "time in the future"),
        ("1969-12-31", "auto", "time before 1970"),
    ],
)
def test_a_time_without_sense_is_told(value: object, unit: TimeUnit, reason: str) -> None:
    times = read_times(pl.Series([value]), unit, latest=LATEST)
    assert times.faults is not None
    assert times.faults.to_list() == [reason]


def test_each_row_of_a_mixed_column_is_judged_by_itself() -> None:
    column = pl.Series([str(NOON), "2023", None, "2023-01-05", "Thu, 05 Jan 2023 12:00:00 GMT"])
    times = read_times(column, "auto", latest=LATEST)
    assert times.faults is not None
    assert times.faults.to_list() == [None, BARE_YEAR, None, None, None]
    assert times.seconds.to_list() == [NOON, None, None, NOON - 43_200, NOON]


def test_a_unit_that_a_person_names_takes_small_numbers_and_the_summary_shows_them(
    tmp_path: Path,
) -> None:
    path = write_text(tmp_path / "log.csv", ["user,item,time", "a,1,300", "b,1,2023"])
    graph = load(path, domain="d", store=tmp_path / "auto.duckdb")
    assert graph.summary.rejected == {NO_TIME: 1, BARE_YEAR: 1}
    graph = load(path, domain="d", time_unit="s", store=tmp_path / "s.duckdb")
    assert graph.interacted["at"].to_list() == [300, 2023]
    assert graph.summary.times == [300, 2023]
